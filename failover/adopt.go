package failover

// takeClock makes the clock of a slot that somebody else decided the channel's own: the
// same media has the same place wherever it arrived, and the first slot says which. What
// has not arrived here is put there when it does.
func (c *Channel) takeClock(s Slot) {
	if s.Missing != nil {
		return // a gap says nothing of media
	}
	g := c.slotGeneration(s)
	switch {
	case g == nil:
		c.restoredClock(s)
	case g.modulus == s.Clock.Modulus && !g.clock().same(s.Clock):
		c.shift(g.clock(), s.Clock.Offset-g.offset)
	}
}

// slotGeneration is the generation of the media of a slot, nil if it has not arrived here.
func (c *Channel) slotGeneration(s Slot) *generation {
	for _, r := range s.Renditions {
		if len(r.Parts) == 0 {
			continue
		}
		if found := c.locate(s, r); found != nil && !found.rendition.text {
			return found.generation
		}
	}
	return nil
}

// shift moves what is known of the inputs with this timing on the channel's clock.
func (c *Channel) shift(of Timing, by Ticks) {
	moved := map[*generation]bool{}
	move := func(g *generation) {
		if g == nil || moved[g] || !g.clock().same(of) {
			return
		}
		moved[g] = true
		g.offset += by
		g.pdtShift -= by
	}
	for _, in := range c.inputs {
		move(in.latest)
		move(in.previous)
		for _, r := range in.renditions {
			for _, s := range r.segments {
				move(s.generation)
			}
			if moved[in.latest] {
				r.lateness -= by
			}
			r.extend(0, len(r.segments))
		}
	}
	c.pace.lead += by
}
