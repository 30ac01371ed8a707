package failover

// takeClock makes the clock of a slot that somebody else decided the channel's own: the
// same media has the same place wherever it arrived, and the first slot says which. What
// has not arrived here is put there when it does.
func (c *Channel) takeClock(in *input, s Slot) {
	if s.Missing != nil {
		return // a gap says nothing of media
	}
	g := slotGeneration(in, s)
	switch {
	case g == nil:
		c.restoredClock(s)
	case g.modulus == s.Clock.Modulus && g.offset != s.Clock.Offset:
		c.shift(g.clock(), s.Clock.Offset-g.offset)
	}
}

// slotGeneration is the generation of the media of a slot, nil if it has not arrived here.
func slotGeneration(in *input, s Slot) *generation {
	for _, r := range s.Renditions {
		if len(r.Parts) == 0 {
			continue
		}
		if found := locate(in, r); found != nil && !found.rendition.text {
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
