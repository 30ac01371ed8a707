package failover

import "slices"

// takeClock adopts the clock of a slot that another node decided: the same media has the
// same place wherever it arrived, and the first slot sets it. Media that has not arrived
// here yet is put there when it does.
func (c *Channel) takeClock(s Slot) {
	if s.Missing != nil {
		return // a gap says nothing of media
	}
	g := c.slotGeneration(s)
	if g == nil {
		c.restoredClock(s)
		return
	}
	c.takeClockOf(g, s.Clock)
}

// takeClockOf moves a generation to where it lies by the clock of a slot that holds media of it.
func (c *Channel) takeClockOf(g *generation, clock Timing) {
	if g.modulus == clock.Modulus && !g.clock().same(clock) {
		// As timestamps wrap, either of the two may have begun to count a turn later.
		c.shift(g.clock(), nearest(clock.Offset-g.offset, g.modulus, 0))
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

// shift moves what is known of the inputs with this timing on the channel's clock.
func (c *Channel) shift(of Timing, by Ticks) {
	var list []*generation
	add := func(g *generation) {
		if g != nil && g.clock().same(of) && !slices.Contains(list, g) {
			list = append(list, g)
		}
	}
	for _, in := range c.inputs {
		add(in.latest)
		add(in.previous)
		for _, r := range in.renditions {
			for _, s := range r.segments {
				add(s.generation)
			}
		}
	}
	for _, g := range list {
		g.move(by)
	}
	c.pace.lead += by
}

// move puts the generation elsewhere on the channel's clock, with all that has its place
// by it.
func (g *generation) move(by Ticks) {
	g.offset += by
	g.pdtShift -= by
	for _, r := range g.input.renditions {
		if g == g.input.latest {
			r.lateness -= by
		}
		r.extend(0, len(r.segments))
	}
	for _, p := range g.input.channel.pairs {
		if p.ga == g || p.gb == g {
			p.steady, p.drift, p.reported = false, 0, 0 // how far they are apart is measured anew
		}
	}
}
