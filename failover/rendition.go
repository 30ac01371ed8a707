package failover

import (
	"slices"
	"sort"
	"time"
)

// rendition is the timeline of one rendition of one input: what its playlists
// listed, in order, with what arrived for it.
type rendition struct {
	input *input
	path  string // its name, also for the endpoints
	// upload is the path that its playlist comes from now: a different one after a renaming.
	upload string
	// announced is how the multivariant playlist names it, nil if it does not.
	announced *Announced
	segments  []*segment // in order of (run, number)
	run       uint64
	began     Ticks    // when the run was seen to start
	known     Ticks    // since when the rendition is
	why       evidence // that it did
	edge      uint64   // highest number listed in this run
	floor     uint64   // numbers of this run below it are forgotten
	first     uint64   // number of the first sound segment of this run, if arriving
	arriving  bool
	listed    bool     // any playlist with a segment came
	ended     bool     // the last playlist had EXT-X-ENDLIST
	target    Ticks    // EXT-X-TARGETDURATION
	playlist  Playlist // the last one
	video     bool     // a sound segment had video
	probed    Kind     // what its segments say it is for
	text      bool     // its segments do not carry their position
	// forgotten: it has listed nothing new for a long time. lastListed is when it last did,
	// regular since when it has done so without a pause.
	forgotten           bool
	lastListed, regular Ticks
	// atOnce is how many segments its last playlist listed first, as far as that is what encoders do of which some
	// playlists are lost.
	atOnce Ticks
	// entries is how many segments the newest playlist of this run has, begins the number of
	// the first one.
	entries int
	begins  uint64
	// resumed is the number with which the encoder went on when it was started again within this run, 0 if it
	// was not, as far as its playlists show.
	resumed   uint64
	leftovers leftovers
	sendings  sendings
	lastSound time.Time
	lies      bool  // EXTINF of the last segment was wrong by a quarter
	measured  bool  // length is that of sound media
	length    Ticks // typical length of a segment
	varies    Ticks // how much longer some are
	lateness  Ticks // see generation.lateness, carried over into a new generation
	// streakStart and streakEnd bound the unbroken media up to now, on the generation's
	// clock.
	streakStart, streakEnd Ticks
	streakOf               *generation
	// ordinal is the place among those of its kind that a multivariant playlist gave it, from 1 on, also when
	// none names it any more.
	ordinal int
	// defective is where the last segment with each defect ended, on the channel's clock.
	defective map[Defect]Ticks
}

// kind is what was announced, or else what was found in its media: video is a variant,
// audio alongside video an audio rendition, and what its segments say takes precedence over
// a guess.
func (r *rendition) kind() Kind {
	if r.announced != nil {
		return r.announced.Kind
	}
	switch {
	case r.text:
		return Subtitles
	case r.video:
		return Variant
	case r.probed != Variant:
		return r.probed
	case !r.arriving:
		return Variant
	}
	for _, o := range r.input.renditions {
		if o.video && !o.forgotten {
			return Audio
		}
	}
	return Variant
}

// counts reports whether the rendition counts for its input's lateness: text never does.
func (r *rendition) counts() bool {
	switch {
	case r.text:
		return false
	case r.announced != nil:
		return r.announced.Kind != Subtitles
	}
	return r.probed != Subtitles
}

// stale reports whether the rendition has delivered nothing for three of its segments
// while its input did.
func (r *rendition) stale() bool {
	last := r.lastSound
	if last.IsZero() {
		last = r.began.Time()
	}
	return TicksOf(r.input.lastSound.Sub(last)) > liveSlots*max(r.length, ClockRate)
}

// list merges a playlist into the timeline.
func (r *rendition) list(now time.Time, p Playlist) {
	r.playlist = p
	p.Segments = r.withoutRepeats(newest(p.Segments))
	if len(p.Segments) == 0 {
		return
	}
	r.target = min(TicksOf(p.TargetDuration), longestClaim)
	at := TicksAt(now)
	switch how, why := r.compare(at, p); {
	case how == staleVersion:
		return
	case how == newRun:
		r.begin(at, why)
	case !r.listed && r.began == 0:
		r.began, r.known = at, at
	}
	if r.resumes(p.Segments) {
		r.resumed = p.Segments[0].Number
	}
	last := p.Segments[len(p.Segments)-1].Number
	fresh := !r.listed || last > r.edge
	switch {
	case !r.listed:
		r.atOnce = 1
	case fresh:
		r.atOnce = Ticks(min(last-r.edge, listedAtOnce))
	}
	r.ended, r.listed = p.EndList, true
	r.input.served = nil // it may be the first playlist that lists anything
	list := p.Segments
	if !fresh || list[0].Number <= r.edge {
		// What has long been known costs nothing.
		known := sort.Search(len(list), func(i int) bool { return list[i].Number > r.edge })
		if r.edge > 0 && known > relisted {
			list = list[known-relisted:]
		}
	}
	from := len(r.segments)
	for _, l := range list {
		from = min(from, r.add(l))
	}
	r.edge = max(r.edge, last)
	r.measure() // where its first segment belongs depends on how long segments are
	r.input.channel.bindListed(now, r.segments[r.search(r.run, list[0].Number):])
	if fresh {
		if at-r.lastListed > downSegments*max(r.length, ClockRate) {
			r.regular = at
		}
		r.lastListed, r.forgotten = at, false
		r.entries, r.begins = len(p.Segments), p.Segments[0].Number
		r.dropCopies()
		r.input.forgetOthers(at, r)
	}
	r.layoutRange(from, len(r.segments))
}

// find returns the segment of the current run with this number.
func (r *rendition) find(number uint64) *segment { return r.at(r.run, number) }

// at returns the segment with this place in the timeline.
func (r *rendition) at(run, number uint64) *segment {
	i := r.search(run, number)
	if i < len(r.segments) && r.segments[i].run == run && r.segments[i].number == number {
		return r.segments[i]
	}
	return nil
}

func (r *rendition) search(run, number uint64) int {
	if n := len(r.segments); n > 0 {
		if last := r.segments[n-1]; last.run < run || last.run == run && last.number < number {
			return n
		}
	}
	return sort.Search(len(r.segments), func(i int) bool {
		s := r.segments[i]
		return s.run > run || s.run == run && s.number >= number
	})
}

// index is where the segment lies in the timeline.
func (r *rendition) index(s *segment) int { return r.search(s.run, s.number) }

// behind returns the segments from the first one that may end after the position, in order
// of the timeline. It may begin with some that do not.
func (r *rendition) behind(at Ticks) []*segment {
	i := sort.Search(len(r.segments), func(i int) bool { return r.segments[i].reach > at })
	return r.segments[i:]
}

// add enters one listed segment, or completes what is known about it. It returns the index.
func (r *rendition) add(l ListedSegment) int {
	if l.Number < r.floor {
		return len(r.segments)
	}
	i := r.search(r.run, l.Number)
	var s *segment
	if i < len(r.segments) && r.segments[i].run == r.run && r.segments[i].number == l.Number {
		s = r.segments[i]
	} else {
		s = &segment{rendition: r, run: r.run, number: l.Number, path: l.Path}
		r.segments = slices.Insert(r.segments, i, s)
		r.input.expect(s)
	}
	if s.path != l.Path && s.state != sound {
		// Listed again under another name. What has already arrived is kept.
		r.input.forget(s)
		s.path = l.Path
		r.input.expect(s)
	}
	if s.state != sound {
		s.claimed = min(max(l.Duration, 0), longestSegment)
		s.broken = l.Discontinuity
	}
	s.cue = s.cue || l.Cue
	if l.Tags != nil {
		s.tags = l.Tags
	}
	if l.Gap && s.state == pending {
		s.state, s.fault = unsound, ReasonGap
	}
	if !l.ProgramDateTime.IsZero() {
		s.pdt = r.input.believeDate(TicksAt(l.ProgramDateTime))
	}
	return i
}

// withoutRepeats leaves out entries that name the same object as the one before, unless that was sent twice: the
// encoder then gave two segments one name, as with names to the second of the clock, and the second one still
// waits for a playlist that lists it.
func (r *rendition) withoutRepeats(list []ListedSegment) []ListedSegment {
	repeats := func(i int) bool {
		l := list[i]
		if i > 0 && list[i-1].Path != l.Path || l.Discontinuity || r.find(l.Number) != nil {
			return false
		}
		// The one before may have left the list.
		at := r.search(r.run, l.Number) - 1
		if at < 0 || r.segments[at].run != r.run || r.segments[at].path != l.Path {
			return i > 0
		}
		return r.input.resent(r.segments[at]) != otherCopy
	}
	kept := list
	for i := range list {
		switch again := repeats(i); {
		case again && len(kept) == len(list):
			kept = slices.Clone(list[:i])
		case !again && len(kept) < len(list):
			kept = append(kept, list[i])
		}
	}
	return kept
}

// believeDate is the date, 0 if it is too far from the clock to mean anything.
func (in *input) believeDate(date Ticks) Ticks {
	if date != 0 && abs(date-in.channel.wall()) <= datesBelieved {
		return date
	}
	in.notice(Noticed{What: NoticeDatesIgnored, Detail: "EXT-X-PROGRAM-DATE-TIME is more than a day away from the clock"})
	return 0
}

// measure updates the typical length of a segment: the median of the last ones,
// as measured, or as claimed where nothing arrived yet.
func (r *rendition) measure() {
	var lengths [9]Ticks
	n, measured := 0, false
	run := uint64(0)
	for i := len(r.segments) - 1; i >= max(0, len(r.segments)-relisted) && n < len(lengths); i-- {
		s := r.segments[i]
		if s.state != sound || s.end <= s.start {
			continue
		}
		length := s.end - s.start
		if n > 0 && s.run != run && abs(length-lengths[0]) > length/4 {
			break // an encoder that was restarted may have been told another length
		}
		lengths[n], measured, run = length, true, s.run
		n++
	}
	for i := len(r.segments) - 1; i >= max(0, len(r.segments)-relisted) && n < len(lengths) && !measured; i-- {
		if s := r.segments[i]; s.claimed > 0 {
			lengths[n] = min(s.claimed, longestClaim)
			n++
		}
	}
	if n == 0 {
		if !r.measured {
			r.length = max(r.length, r.target)
		}
		return
	}
	r.length, r.measured = median(lengths[:n]), measured
	if n < 3 {
		// The first segment of an encoder is often a short one.
		r.length = max(r.length, r.target)
	}
	r.varies = r.variation()
}

// expected is how long a segment that has not arrived will be: what EXTINF
// claims, unless this encoder's claims are wrong.
func (r *rendition) expected(s *segment) Ticks {
	if r.measured && (r.lies || s.claimed < r.length/2 || s.claimed > 2*r.length) {
		return r.length
	}
	return min(s.claimed, longestClaim)
}

// after returns the segments after a place in the timeline, in order.
func (r *rendition) after(run, number uint64) []*segment {
	i := r.search(run, number)
	if i < len(r.segments) && r.segments[i].run == run && r.segments[i].number == number {
		i++
	}
	return r.segments[i:]
}

// follows reports whether b comes directly after a, by the encoder's own numbers or by its
// media.
func follows(a, b *segment) bool {
	if a.run != b.run {
		return false
	}
	if b.number == a.number+1 {
		return true
	}
	if a.state != sound || b.state != sound || a.generation != b.generation {
		return false
	}
	slack := max(a.media.Frame, 1)
	if a.source() != b.source() {
		slack = max(a.slack(), b.slack()) // in a union, another encoder's media goes on by proof
	}
	return abs(b.start-a.end) <= slack
}

// holds reports whether the rendition has sound media between two positions of
// the channel's clock.
func (r *rendition) holds(from, to Ticks) bool {
	for _, s := range r.behind(from) {
		if s.state != sound {
			continue
		}
		if s.channelStart() >= to {
			return false
		}
		if s.channelEnd() > from {
			return true
		}
	}
	return false
}

// streak follows the media backwards from its end for as long as it has no hole.
func (r *rendition) streak(s *segment) {
	i := r.index(s)
	if i == len(r.segments)-1 && i > 0 && r.streakOf == s.generation {
		if p := r.segments[i-1]; p.state == sound && p.end == r.streakEnd && follows(p, s) {
			r.streakEnd = s.end
			return
		}
	}
	i = len(r.segments) - 1
	for i >= 0 && r.segments[i].state != sound {
		i--
	}
	if i < 0 {
		return
	}
	last := r.segments[i]
	for steps := 0; i > 0 && steps < 4*relisted && r.segments[i-1].state == sound && r.segments[i-1].generation == last.generation &&
		follows(r.segments[i-1], r.segments[i]); steps++ {
		i--
	}
	start := r.segments[i].start
	if r.streakOf == last.generation && r.streakStart < start && start <= r.streakEnd {
		start = r.streakStart // what came before is forgotten, but was whole
	}
	r.streakOf, r.streakStart, r.streakEnd = last.generation, start, last.end
}
