package failover

// takeClock adopts the clock of a slot that another node decided: the same media has the
// same place wherever it arrived, and the first slot sets it. Media that has not arrived
// here yet is put there when it does.
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

// slotGeneration is the generation of a slot's media, nil if it has not arrived here.
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

// shift moves what is known about inputs with this timing on the channel's clock.
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
