package failover

import (
	"slices"
	"time"
)

// match gives a generation that has not been on air the clock of another input, if the
// first segment that can be compared has the same timestamps and boundaries. That need not
// be its first one: of two encoders that start together, one may send its audio first and
// the other its video.
func (c *Channel) match(now time.Time, s *segment) {
	g := s.generation
	if !g.unmatched || g.rank <= continued || c.onAir(g) {
		return
	}
	for _, in := range c.inputs {
		ref := in.latest
		if in == g.input || ref == nil || ref.modulus != g.modulus || !c.near(ref.expected(now)-s.end) || c.datesContradict(g, ref, s) {
			continue
		}
		same, known := coincides(in, ref, s)
		if !known {
			continue
		}
		g.unmatched = false
		if same {
			g.move(ref.offset - g.offset)
			c.alignments++
			g.basis, g.rank, g.aligned = AlignTimestamp, matched, c.alignments
			return
		}
	}
}

// reconsider looks again at the place of a generation that was taken for one whose clock starts over. Where it
// began while two encoders took turns on the input, that may have been the other one's, and now that one of them is
// alone it shows whether the clock is that of another input. And where other renditions go on as if nothing had been,
// and it keeps the rhythm that it had on their clock, it never left that.
func (c *Channel) reconsider(now time.Time, s *segment) {
	g := s.generation
	in := g.input
	if g != in.latest || TicksAt(now) < in.contested {
		return
	}
	own := in.own(g)
	left := own != nil && s.start-g.start >= soleAfter*s.rendition.length && !own.sameClock(g) && own.goesOn()
	if !g.contested && !left || c.onAir(g) {
		return
	}
	for _, ref := range c.references(g) {
		if ref == own && !left || ref != own && !g.contested || ref.modulus != g.modulus ||
			abs(ref.expected(now)-s.end) > (s.end-s.start)*3/4 || c.datesContradict(g, ref, s) {
			continue
		}
		if same, _ := coincides(ref.input, ref, s); same || ref == own {
			g.move(ref.offset - g.offset)
			c.alignments++
			g.basis, g.rank, g.aligned = AlignTimestamp, matched, c.alignments
			if ref == own {
				g.basis, g.rank = own.basis, continued
			}
			in.clockRestarts, in.countRestarts = false, false
			break
		}
	}
	g.contested = false
}

// goesOn reports whether a generation is still delivered, in some rendition, although another one has begun.
func (g *generation) goesOn() bool {
	return slices.ContainsFunc(g.members, func(r *rendition) bool { return r.streakOf == g && r.counts() && !r.stale() })
}

// onAir reports whether some endpoint's last slot is on the generation's clock.
func (c *Channel) onAir(g *generation) bool {
	return slices.ContainsFunc(c.endpoints, func(e *endpoint) bool {
		return e.started && e.cursor.input == g.input.name && e.cursor.clock.same(g.clock())
	})
}

// coincides reports whether a boundary of the segment is also one of the other input, and
// whether that is known: the other input may not have delivered any of the rendition yet.
func coincides(in *input, ref *generation, s *segment) (same, known bool) {
	r := in.rendition(s.rendition.path)
	if r == nil {
		return false, false
	}
	slack := s.slack()
	for _, o := range r.behind(s.start + ref.offset - 2*r.length) {
		if o.state != sound || o.generation != ref {
			continue
		}
		known = true
		if o.start > s.end+slack {
			break
		}
		if abs(o.start-s.start) <= slack || abs(o.end-s.end) <= slack ||
			abs(o.end-s.start) <= slack || abs(o.start-s.end) <= slack {
			return true, true
		}
	}
	return false, known
}
