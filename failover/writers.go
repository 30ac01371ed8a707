package failover

import (
	"slices"
	"strings"
	"time"
)

// Two encoders on one input path are told from one that restarts: their runs alternate (run.go), or
// they send the same from two addresses. An address alone says nothing, as one encoder may have
// several.

// sending is a playlist of a rendition, as far as it tells its encoder.
type sending struct {
	from string
	last uint64 // the highest number that it lists
	at   Ticks
	// again: what it lists had come from another address.
	again bool
}

// sendings are the last playlists of a rendition, the newest first.
type sendings [6]sending

// note enters a playlist. It returns the two addresses if they take turns, and have sent the same at
// least twice within so long: once may be an upload that an encoder tried again on another way.
func (list *sendings) note(s sending, within Ticks) (one, other string, both bool) {
	copy(list[1:], list[:])
	repeated, turns := 0, 0
	for i, before := range list[1:] {
		if before.from == "" || s.at-before.at > within {
			clear(list[i+1:])
			break
		}
		if before.from != s.from {
			s.again = s.again || s.last <= before.last
			other = before.from
		}
	}
	list[0] = s
	for i := range list {
		if list[i].again {
			repeated++
		}
		if i > 0 && list[i].from != "" && list[i].from != list[i-1].from {
			turns++
		}
	}
	return s.from, other, other != "" && repeated > 1 && turns > 1
}

// who names the addresses that the last playlists came from, if there are several.
func (list *sendings) who() string {
	var from []string
	for _, s := range list {
		if s.from != "" && !slices.Contains(from, s.from) {
			from = append(from, s.from)
		}
	}
	if len(from) < 2 {
		return ""
	}
	slices.Sort(from)
	return ", from " + strings.Join(from, " and ")
}

// heardFrom looks whether another encoder sends the same rendition.
func (r *rendition) heardFrom(now Ticks, p Playlist) {
	if p.From == "" || len(p.Segments) == 0 {
		return
	}
	alone := r.input.alone()
	s := sending{from: p.From, last: p.Segments[len(p.Segments)-1].Number, at: now}
	if one, other, both := r.sendings.note(s, alone); both {
		r.input.contest(now, r, alone, "two encoders write to this input, from "+min(one, other)+" and "+max(one, other))
	}
}

// alone is for how long one encoder has to have been alone for there to be no other.
func (in *input) alone() Ticks { return soleAfter * max(in.length(), ClockRate) }

// contest notes that two encoders write to the input: until one of them has been alone for a while,
// nobody knows whose media is whose.
func (in *input) contest(now Ticks, r *rendition, alone Ticks, detail string) {
	if now >= in.contested {
		in.channel.emit(Noticed{Time: in.channel.now, Input: in.name, Rendition: r.path, What: NoticeTwoWriters, Detail: detail})
	}
	in.contested = now + alone
}

// reunite puts a segment into the generation of the picture if two encoders took turns on the input when either's
// began. Each of them broke off what the other one had begun, and each rendition was left in the generation in which
// its own turns ended: with one encoder alone, it shows by the timestamps that they belong together.
func (in *input) reunite(now time.Time, r *rendition, s *segment) {
	ref := in.reference()
	if ref == nil || ref == r || TicksAt(now) < in.contested {
		return
	}
	last := ref.lastPlaced()
	if last == nil || last.run != ref.run {
		return
	}
	g := last.generation
	if g == s.generation || !g.contested && !s.generation.contested || g.modulus != s.media.Modulus {
		return
	}
	start := nearest(s.media.Start, g.modulus, last.end)
	if abs(start-last.end) > in.reach() {
		return
	}
	s.generation, s.start, s.end = g, start, start+s.media.End-s.media.Start
	if in.latest != g {
		in.previous, in.latest = in.latest, g
	}
}
