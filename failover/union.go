package failover

import (
	"cmp"
	"slices"
)

// The union of inputs is an input that has what any of them has: where their media is
// equal, in timestamps, boundaries and configuration, a segment of one can stand in for
// the same segment of another. It is made for one question, and queried like any input.

// unionOf is what the inputs on the endpoint's clock have together around the position; nil
// if fewer than two have anything.
func (q *question) unionOf(at Ticks) *input {
	if !q.started || q.ahead {
		return nil
	}
	return q.unite(min(at, q.cursor.end), q.cursor.clock)
}

// unite is what the inputs on a clock have together from a position on.
func (q *question) unite(from Ticks, clock Timing) *input {
	var members []*input
	for _, in := range q.channel.inputs {
		if in.latest != nil && TicksAt(q.now) >= in.contested && in.reaches(clock, from) {
			members = append(members, in)
		}
	}
	if len(members) < 2 {
		return nil
	}
	// The active input comes first: what it has is not replaced.
	slices.SortStableFunc(members, func(a, b *input) int {
		return cmp.Compare(btoi(b.name == q.active), btoi(a.name == q.active))
	})
	u := newInput(q.channel, "")
	u.members = members
	u.latest = &generation{
		input: u, offset: clock.Offset, modulus: clock.Modulus, samples: map[*rendition]*samples{},
	}
	for _, in := range members {
		u.up = u.up || in.up
		if u.heard.IsZero() || in.heard.Before(u.heard) {
			u.heard = in.heard
		}
		if in.lastSound.After(u.lastSound) {
			u.lastSound = in.lastSound
		}
		for _, a := range q.serves(in) {
			if u.announcement(a.Path) == nil {
				u.announced = append(u.announced, a)
			}
		}
	}
	u.served = u.announced
	for _, a := range u.announced {
		if r := q.merge(u, a, from, q.marks[a.Path].signature); r != nil {
			u.renditions, u.byPath[a.Path] = append(u.renditions, r), r
		}
	}
	return u
}

// reaches reports whether the input is on a clock, or has media on it behind a position: it may have
// begun another generation since, which a delayed endpoint has not come to yet.
func (in *input) reaches(clock Timing, at Ticks) bool {
	if in.latest.clock().same(clock) {
		return true
	}
	for _, r := range in.renditions {
		for _, s := range r.behind(at) {
			if s.placed {
				if s.generation.clock().same(clock) {
					return true
				}
				break
			}
		}
	}
	return false
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// merge makes the timeline of one rendition from those of the members, from a position
// on, as far as a slot may reach. Text is taken from the first member that has any there:
// cues of two encoders can't be told apart.
func (q *question) merge(u *input, a Announced, from Ticks, signature string) *rendition {
	var like *rendition
	var list []*segment
	until := max(from, q.at) + 2*longestClaim
	for _, in := range u.members {
		r := in.rendition(a.Path)
		if r == nil || !r.listed {
			continue
		}
		if like == nil || like.text && !like.holds(from, 1<<62) {
			like, list = r, nil
		} else if like.text || r.text {
			continue
		}
		for _, s := range r.behind(from - 2*r.length) {
			if s.placed && s.channelStart() > until {
				break // with a long delay there is much more
			}
			if !q.started && s.placed && s.channelMiddle() < from {
				continue // the endpoint begins with what comes after it
			}
			if s.state != sound || !s.placed || s.passed || !s.generation.clock().same(u.latest.clock()) {
				continue
			}
			if signature == "" && !r.text {
				signature = s.media.Signature
			}
			if r.text || s.media.Signature == signature {
				list = append(list, s)
			}
		}
	}
	if like == nil {
		return nil
	}
	r := *like
	r.input, r.announced, r.run, r.ended, r.segments = u, u.announcement(a.Path), 0, false, nil
	r.resumed = 0 // it has numbers of its own
	r.arriving = len(list) > 0
	// A stable order: of equal segments that of the first member comes first.
	slices.SortStableFunc(list, func(a, b *segment) int { return cmp.Compare(a.channelStart(), b.channelStart()) })
	for _, s := range list {
		r.take(q, s)
	}
	r.extend(0, len(r.segments))
	return &r
}

// take adds a segment of a member to the timeline of a union, unless that already has the
// media in equal quality. Numbers continue where the media does.
func (r *rendition) take(q *question, s *segment) {
	number := uint64(1)
	if n := len(r.segments); n > 0 {
		last := r.segments[n-1]
		slack := max(s.slack(), last.slack())
		apart := s.channelStart() - last.channelEnd()
		if abs(s.channelStart()-last.channelStart()) <= slack {
			if now, before := len(q.switching(s)), len(q.switching(last)); now < before || now == before && s.input() == r.input.members[0] {
				r.segments = r.segments[:n-1]
				r.take(q, s)
			}
			return
		}
		if apart < -slack {
			return
		}
		number = last.number + 1
		if apart > slack {
			number++
		}
	}
	g := r.input.latest
	copied := *s
	copied.origin, copied.run, copied.number, copied.generation = s, 0, number, g
	copied.start, copied.end = s.channelStart()-g.offset, s.channelEnd()-g.offset
	r.segments = append(r.segments, &copied)
}

func (s *segment) input() *input { return s.rendition.input }

// united is the best that the inputs have together at the position; nil if that is no more
// than one of them has on its own.
func (q *question) united(at Ticks) *option {
	u := q.unionOf(at)
	if u == nil {
		return nil
	}
	return q.build(u, at, 0, q.leader(u, at))
}

// unitedPicture is the best that they have together, short of all; nil if they lack the
// video.
func (q *question) unitedPicture(at Ticks) *option {
	u := q.unionOf(at)
	if u == nil {
		return nil
	}
	if o := q.pictured(u, at); o != nil && !o.behind {
		return o
	}
	return nil
}

// completed is the first slot that the inputs have together where one of them has the picture alone; the option
// itself if that is no more.
func (q *question) completed(o *option) *option {
	if o == nil || o.level == whole {
		return o
	}
	u := q.unite(o.start, o.generation.clock())
	if u == nil {
		return o
	}
	u.latest.pdtShift, u.latest.hasPDT = o.generation.pdtShift, o.generation.hasPDT
	if together := q.pictured(u, 0); together != nil && abs(together.start-o.start) < o.leader().length/2 && together.better(o) {
		return together
	}
	return o
}

// complements reports whether an input may yet have something that the active one is
// missing for the slot, and that can stand in for it.
func (q *question) complements(o, a *option) bool {
	if o.generation == nil || !o.generation.clock().same(q.cursor.clock) {
		return false
	}
	return slices.ContainsFunc(a.missing, func(m Missing) bool {
		r := o.input.rendition(m.Rendition)
		return r != nil && r.arriving && !r.stale()
	})
}

// sources lists the inputs whose media the option holds, the active one first.
func (o *option) sources() []string {
	if len(o.input.members) == 0 {
		return []string{o.input.name}
	}
	var list []string
	for _, in := range o.input.members {
		for i := range o.shares {
			if slices.ContainsFunc(o.shares[i].parts, func(s *segment) bool { return s.source() == in }) {
				list = append(list, in.name)
				break
			}
		}
	}
	return list
}

// source is the input that delivered the segment, also as part of a union.
func (s *segment) source() *input {
	if s.origin != nil {
		return s.origin.input()
	}
	return s.input()
}

// borrowed lists what the option has from inputs other than the active one.
func (o *option) borrowed(active string) []Borrowed {
	var list []Borrowed
	for i := range o.shares {
		for _, s := range o.shares[i].parts {
			if in := s.source(); in.name != active {
				list = append(list, Borrowed{Rendition: o.shares[i].path, Segment: s.path, Input: in.name})
			}
		}
	}
	return list
}
