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
