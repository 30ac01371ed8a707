package failover

import "time"

// pass releases what no endpoint can use any more and forgets what is long past.
func (c *Channel) pass(now time.Time) {
	for _, in := range c.inputs {
		for _, r := range in.renditions {
			c.passSegments(r)
			r.trim(now, c.remembered(r))
		}
	}
	if c.sweeping || now.Sub(c.swept) >= waitingAge/4 {
		c.swept, c.sweeping = now, false
		for _, in := range c.inputs {
			c.sweeping = in.sweep(now) || c.sweeping
		}
	}
}

func (c *Channel) passSegments(r *rendition) {
	if len(r.segments) == 0 {
		return
	}
	last := r.segments[len(r.segments)-1]
	for _, s := range r.segments {
		if s.passed {
			continue
		}
		if !c.done(s) && !c.overdue(s, last) {
			if s.state == sound {
				return
			}
			continue
		}
		s.passed = true
		c.release(s.object)
	}
}

// done reports whether every endpoint has left the segment behind.
func (c *Channel) done(s *segment) bool {
	for _, e := range c.endpoints {
		if !e.started {
			return false
		}
		m := e.marks[s.rendition.path]
		if m.of(s.rendition) && (s.run < m.run || s.run == m.run && s.number <= m.number) {
			continue
		}
		left := e.cursor.end
		if from, ahead := e.aheadFrom(TicksAt(c.now)); ahead {
			left = min(left, from)
		}
		if !s.placed || s.channelEnd() > left-e.hold(s.rendition) {
			return false
		}
	}
	return len(c.endpoints) > 0
}

// hold is how far behind the timeline's end a segment may still be of use: audio on a grid
// of its own may not have fitted, and text goes into a later slot if it comes too late for
// its own.
func (e *endpoint) hold(r *rendition) Ticks {
	switch {
	case r.video:
		return 0
	case r.counts():
		return r.length + r.varies
	}
	return liveSlots * max(Ticks(e.target)*ClockRate, shortestSlot)
}

// overdue reports whether the segment is older than what the operator wants to
// keep of unused media.
func (c *Channel) overdue(s, last *segment) bool {
	if s.placed && last.placed {
		// By the channel's clock: those of two generations can't be compared. What lies behind
		// the last one, by a clock that was set back, is judged by how much there is.
		if age := last.channelEnd() - s.channelEnd(); age >= 0 || s.run == last.run {
			return age > TicksOf(c.config.MaxBacklog)
		}
	}
	if s.run < last.run {
		return len(s.rendition.segments) > 4*history && s.run+1 < last.run
	}
	// It has no place: nothing of the rendition ever arrived, or its text belongs to no
	// video. Its number tells how old it is.
	r, age := s.rendition, last.number-s.number
	if list := r.playlist.Segments; len(list) > 0 && s.number >= list[0].Number {
		return false
	}
	return age > 4*history &&
		Ticks(min(age, 1<<20))*max(r.length, shortestSlot) > TicksOf(c.config.MaxBacklog)
}

// remembered is how many used segments of a rendition are kept: at least those of the last slots in
// which a defect may have lasted.
func (c *Channel) remembered(r *rendition) int {
	n := history
	if r.length <= 0 {
		return n
	}
	for _, e := range c.endpoints {
		slots := (lastingSlots + 1) * Ticks(e.target) * ClockRate
		n = max(n, int(min(slots/r.length, (lastingSlots+1)*maxJoined)))
	}
	return n
}

// trim forgets the oldest used segments, but for some. What has not arrived by then never will; but
// a playlist also lists what was sent before the origin was there to take it.
func (r *rendition) trim(now time.Time, remembered int) {
	used := 0
	for used < len(r.segments) && r.segments[used].passed {
		used++
	}
	n := used - remembered
	if n <= 0 {
		return
	}
	for _, s := range r.segments[:n] {
		if s.run == r.run {
			r.floor = max(r.floor, s.number+1)
		}
		if s.state == pending && s.run == r.run && r.arriving && s.number > r.first {
			r.input.missed(now, s)
		}
		r.input.forget(s)
	}
	clear(r.segments[:n])
	r.segments = r.segments[n:]
}
