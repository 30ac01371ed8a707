package failover

import "time"

// salvage publishes what there is of slots that were given up: the earliest run
// of segments from any input, or the renditions that are there. waiting is true
// while what belongs to it may be about to arrive.
func (e *endpoint) salvage(now time.Time) (published, waiting bool) {
	best := e.earliest(e.active, now)
	for _, in := range e.channel.inputs {
		if in == e.active {
			continue
		}
		if c := e.earliest(in, now); c != nil && (best == nil || earlier(c, best)) {
			best = c
		}
	}
	if best == nil {
		return false, false
	}
	if best.count < e.joined(best.input, e.reference(best.input)) || !best.whole {
		// What makes up for an outage comes in a burst: the rest of a slot is
		// given the time that it would have in a slot of its own.
		if ripe := best.arrived().Add(e.grace()); now.Before(ripe) && best.input.up {
			e.wakeAt(ripe)
			return false, true
		}
	}
	if !e.visible(best, now) {
		return false, true
	}
	e.publish(best, e.instead(best, now), now)
	return true, false
}

// arrived is when the last of the candidate's segments came.
func (c *candidate) arrived() time.Time {
	var last time.Time
	for i := range c.shares {
		for _, s := range c.shares[i].parts {
			if s.state == sound && s.arrived.After(last) {
				last = s.arrived
			}
		}
	}
	return last
}

// instead is what the active input has in the place of a salvaged candidate: the
// same stretch, with the times of the slot that was given up.
func (e *endpoint) instead(c *candidate, now time.Time) *candidate {
	was := e.build(e.active, c.start, max(c.count, 1), now)
	if was == nil || e.givenUp == nil {
		return e.givenUp
	}
	was.due, was.deadline = e.givenUp.due, e.givenUp.deadline
	return was
}

// earlier orders what can be salvaged: by time, and where both begin at about
// the same place whole before partial, then without a discontinuity.
func earlier(a, b *candidate) bool {
	switch {
	case abs(a.start-b.start) >= max(a.input.length(), 1)/2:
		return a.start < b.start
	case a.whole != b.whole:
		return a.whole
	case a.seamless != b.seamless:
		return a.seamless
	}
	return a.complete > b.complete
}

// earliest finds the first media of the input in the time that was given up.
func (e *endpoint) earliest(in *input, now time.Time) *candidate {
	ref := e.reference(in)
	if ref == nil || in.latest == nil {
		return nil
	}
	list := ref.segments
	if m := e.marks[ref.path]; m.of(ref) {
		list = ref.after(m)
	}
	for _, s := range list {
		if s.state != sound || s.passed || s.channelStart() < e.cursor.end-e.slack(s) {
			continue
		}
		if s.channelStart() >= e.at-e.slack(s) {
			return nil
		}
		if c := e.run(in, s.channelStart(), now); c != nil {
			return c
		}
		if c := e.partial(in, s.channelStart(), now); c != nil {
			return c
		}
	}
	return nil
}

// run is the longest run of whole segments of the input that begins at the
// position and ends within the time that was given up.
func (e *endpoint) run(in *input, at Ticks, now time.Time) *candidate {
	for n := e.joined(in, e.reference(in)); n > 0; n-- {
		c := e.build(in, at, n, now)
		if c != nil && c.whole && c.count > 0 && (n == 1 || c.end <= e.at+in.length()/2) {
			return c
		}
	}
	return nil
}

// partial is the slot at the position with a gap in the renditions that are
// missing; nil if the reference rendition itself is missing.
func (e *endpoint) partial(in *input, at Ticks, now time.Time) *candidate {
	c := e.build(in, at, 1, now)
	if c == nil || !c.pictured || c.dead || c.count == 0 {
		return nil
	}
	for n := e.joined(in, e.reference(in)); n > 1; n-- {
		longer := e.build(in, at, n, now)
		if longer.pictured && !longer.dead && sameAbsent(longer, c) && !e.wastes(longer) &&
			(!e.started || longer.end <= e.at+in.length()/2) {
			return longer
		}
	}
	return c
}

// wastes reports whether a rendition that the candidate leaves out has media
// within it at some input.
func (e *endpoint) wastes(c *candidate) bool {
	for _, s := range c.shares {
		if s.absent && !e.nobodyHas(s.path, c) {
			return true
		}
	}
	return false
}

// sameAbsent reports whether two candidates of one input leave out the same
// renditions. Both have the shares of all that the input serves.
func sameAbsent(a, b *candidate) bool {
	for _, s := range a.shares {
		if s.absent != b.of(s.path).absent {
			return false
		}
	}
	return true
}
