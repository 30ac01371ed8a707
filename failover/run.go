package failover

import "time"

// A run is one start of an encoder, as one rendition shows it: its numbers keep counting
// and no name comes twice. This file is the one place that tells the same run from a new
// one; what endpoints still need of the old one is no evidence.

// relation says how a playlist relates to what the rendition knows.
type relation uint8

const (
	sameRun      relation = iota
	staleVersion          // an older version of what is known, arriving late
	newRun                // the encoder restarted
)

// evidence is why a playlist was taken for that of a new run; empty for the same one.
type evidence string

const (
	numbersJumped  evidence = "numbers jump further ahead than the time that passed"
	numbersBack    evidence = "numbers begin again"
	otherNames     evidence = "known numbers have other names"
	otherBytes     evidence = "known names were sent again with other bytes"
	otherCopies    evidence = "all that is listed was sent again with other bytes"
	sentAgain      evidence = "known names were sent again much later"
	entriesBetween evidence = "numbers are back and go on from there"
	earlierGoesOn  evidence = "the run before goes on under the same names"
	afterEnd       evidence = "numbers begin again behind EXT-X-ENDLIST"
)

// compare tells whether the playlist belongs to the rendition's run: from its numbers and
// names, and from the bytes that came under names that are already known.
func (r *rendition) compare(now Ticks, p Playlist) (relation, evidence) {
	if !r.listed {
		return sameRun, ""
	}
	list := newest(p.Segments)
	first, last := list[0].Number, list[len(list)-1].Number
	known, renamed, replaced, again, earlier, news := 0, 0, 0, 0, 0, false
	recent := list[max(0, len(list)-relisted):]
	for i, l := range recent {
		s := r.find(l.Number)
		if s == nil {
			// Below the floor it may have been known once.
			news = news || known > 0 && l.Number < r.edge && l.Number >= r.floor
			if l.Number > r.edge && r.belongsToEarlier(l) {
				earlier++
			}
			continue
		}
		known++
		if s.path != l.Path {
			renamed++
		}
		if i+1 < len(recent) && recent[i+1].Path == l.Path {
			continue // what came once more is the next one's
		}
		switch r.input.resent(s) {
		case otherCopy:
			replaced++
		case lateCopy:
			again++
		}
	}
	back := last < r.edge
	// An encoder that restarted has made a segment since the one before has listed its last,
	// and its first playlists are short. What comes earlier is an old version that something on
	// the way held, unless two encoders are known to write here.
	old := r.alive(now) && now >= r.input.contested && (now-r.lastListed <= r.length || len(list) >= r.entries || first == r.begins)
	switch {
	case known == 0 && first > r.edge && r.unreachable(now, first):
		return newRun, numbersJumped
	case earlier > 1 && r.outpaces(now, last):
		return newRun, earlierGoesOn
	case renamed > 0 && (back || r.ended) || renamed > 1 && renamed == known:
		return newRun, otherNames
	case replaced > 0 && back:
		return newRun, otherBytes
	case replaced > 0 && replaced+again == known:
		return newRun, otherCopies
	case again > 0 && (back || again == known) && !r.alive(now):
		return newRun, sentAgain
	case !back:
		return sameRun, ""
	case news:
		return newRun, entriesBetween
	case known > 0:
		return staleVersion, ""
	case old && !r.continues(list[len(list)-1].Path) && !r.goesOn(now, last):
		return staleVersion, ""
	case r.ended:
		return newRun, afterEnd
	case last+1 >= r.floor && r.floor > 0 && r.edge-last <= uint64(len(list)):
		// Just before what is remembered: an old version rather than a restart.
		return staleVersion, ""
	}
	return newRun, numbersBack
}

// leftovers are the newest of playlists that look like old versions, which nothing of the run
// confirms.
type leftovers struct {
	last uint64
	from Ticks // when the first one of a burst came
}

// goesOn reports whether what looks like old versions goes on at the pace of an encoder: there are
// two of them, then.
func (r *rendition) goesOn(now Ticks, last uint64) bool {
	before := r.leftovers
	switch since := now - before.from; {
	case before.last == 0 && before.from == 0 || since > 2*r.length:
		r.leftovers = leftovers{last, now}
	case since < r.length/2:
		r.leftovers.last = max(before.last, last)
	case last > before.last:
		return true
	}
	return false
}

// continues reports whether the media that came under a name goes on where the run's newest segment ended, and has not
// been listed yet: an old version of a playlist lists what is older than that.
func (r *rendition) continues(path string) bool {
	w, ok := r.input.waiting[path]
	if !ok || w.Media == nil || w.Media.Untimed || len(r.segments) == 0 {
		return false
	}
	s := r.segments[len(r.segments)-1]
	if s.state != sound || s.run != r.run {
		return false
	}
	start := nearest(w.Media.Start, w.Media.Modulus, s.end)
	return abs(start-s.end) <= s.overlap()
}

// belongsToEarlier reports whether an entry is from the run before this one: delivered
// then, and not sent again.
func (r *rendition) belongsToEarlier(l ListedSegment) bool {
	if r.run == 0 {
		return false
	}
	s := r.at(r.run-1, l.Number)
	_, again := r.input.waiting[l.Path]
	return s != nil && s.path == l.Path && s.delivered() && !again
}

// outpaces reports whether an encoder that cuts segments in real time has not come to this number yet since
// it listed its last one. Where it has, what it did not send again was lost on the way.
func (r *rendition) outpaces(now Ticks, number uint64) bool {
	return r.length <= 0 || number > r.edge && Ticks(number-r.edge) > 1+(now-r.lastListed)/r.length
}

// unreachable reports whether an encoder that kept running since its last playlist can't
// have reached this number: it would have had to run at twice real time.
func (r *rendition) unreachable(now Ticks, number uint64) bool {
	hole := number - r.edge
	if hole > longestHole || r.length <= 0 {
		return hole > longestHole
	}
	return Ticks(hole) > relisted/2+2*(now-r.lastListed)/r.length
}

// newest is the part of a playlist that is read.
func newest(list []ListedSegment) []ListedSegment {
	return list[max(0, len(list)-longestList):]
}

// copying is what waits under the name of a segment that has its own object.
type copying uint8

const (
	noCopy    copying = iota
	otherCopy         // with other bytes: its encoder has restarted
	lateCopy          // with the same ones, but later than an encoder would send it again
)

func (in *input) resent(s *segment) copying {
	w, ok := in.waiting[s.path]
	switch {
	case !ok || w.Media == nil || !s.delivered():
		return noCopy
	case !s.same(w.Object):
		return otherCopy
	case s.old(w.arrived):
		return lateCopy
	}
	return noCopy
}

// dropCopies releases what came once more while the run goes on, as far as compare looks.
func (r *rendition) dropCopies() {
	if len(r.input.waiting) == 0 {
		return
	}
	list := r.playlist.Segments
	for _, l := range list[max(0, len(list)-relisted):] {
		if s := r.find(l.Number); s != nil && s.path == l.Path && r.input.resent(s) == lateCopy {
			r.input.channel.release(r.input.waiting[s.path].ID)
			delete(r.input.waiting, s.path)
		}
	}
}

// alive reports whether the run still goes on, by when it last listed something, and how much.
func (r *rendition) alive(now Ticks) bool {
	return r.listed && now-r.lastListed <= max(r.length, ClockRate)*(2*max(r.atOnce, 1)+1)/2
}

// old reports whether the segment came so long before that no encoder would retry sending
// it.
func (s *segment) old(now time.Time) bool {
	return TicksOf(now.Sub(s.arrived)) > s.rendition.length*3/2
}

// same reports whether the object has the same bytes as the segment's.
func (s *segment) same(o Object) bool {
	if s.hash != "" && o.Hash != "" {
		return s.hash == o.Hash
	}
	return o.Media != nil && s.media != nil && s.size == o.Size && s.media.same(o.Media)
}

// begin starts a new run. If that happens again before one encoder has been alone for three
// segments, there are two encoders.
func (r *rendition) begin(now Ticks, why evidence) {
	in := r.input
	r.run++
	r.floor, r.edge, r.arriving = 0, 0, false
	r.listed = false
	r.leftovers, r.resumed = leftovers{}, 0
	r.why = why
	alone := in.alone()
	if why == otherCopies {
		// Two that count by the same clock overwrite each other's segments, and it shows once
		// that has happened to all that their playlists list.
		alone += Ticks(min(r.entries, relisted)) * r.length
	}
	if why == earlierGoesOn || r.run > 1 && now-r.began < alone && r.began != 0 {
		in.contest(now, r, alone, "two encoders seem to write to this input"+r.sendings.who()+": "+string(why)+", time after time")
	}
	r.began = now
}
