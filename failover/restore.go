package failover

import "time"

// Restore tells an endpoint of the last slot that was published in an earlier
// life of the process: numbers go on behind it, media that ends before it is not
// published again, and media that goes on from it needs no discontinuity. It is
// called before the first Step, and facts from before the slot may be told once more
// until Resumed. Unknown endpoints are ignored.
func (c *Channel) Restore(endpoint string, last Slot) {
	e := c.endpoint(endpoint)
	if e == nil {
		return
	}
	e.started = true
	e.msn = last.MSN + 1
	e.breaks = last.DiscontinuityNumber
	e.target = last.TargetDuration
	e.at = last.End
	e.recalled = last.Published
	e.active = c.input(last.Input)
	if e.active == nil {
		e.active = c.inputs[0]
	}
	g := c.restoredClock(last)
	e.cursor = cursor{generation: g, end: last.End}
	for _, r := range last.Renditions {
		e.marks[r.Path] = mark{
			// It is in no timeline: only what it says of its media counts.
			segment: &segment{
				state: sound, generation: g,
				media: &Media{Signature: r.Signature, Frame: r.Frame},
			},
			end: r.End, gap: r.Gap(),
		}
	}
}

// restoredClock is a generation that stands for the media of slots with the clock of
// this one.
func (c *Channel) restoredClock(s Slot) *generation {
	last := s.End - s.Clock.Offset
	for _, g := range c.restored {
		if g.offset == s.Clock.Offset && g.modulus == s.Clock.Modulus {
			g.last = max(g.last, last)
			if s.Published.After(g.until) {
				g.until, g.late = s.Published, TicksAt(s.Published)-s.End
			}
			return g
		}
	}
	g := &generation{
		input: &input{channel: c}, offset: s.Clock.Offset, modulus: s.Clock.Modulus, last: last, used: true,
		until: s.Published, late: TicksAt(s.Published) - s.End,
	}
	c.restored = append(c.restored, g)
	return g
}

// Recall tells what an encoder announced in an earlier life of the process. It is
// called before the first Step.
func (c *Channel) Recall(m Multivariant) {
	if in := c.input(m.Input); in != nil {
		in.announce(m)
	}
}

// resume gives everybody the time that passed while the process was away.
func (c *Channel) resume(now time.Time) {
	for _, e := range c.endpoints {
		e.resumed, e.recalled = now, time.Time{}
	}
	for _, in := range c.inputs {
		if in.up {
			in.lastSound = now
		}
	}
}
