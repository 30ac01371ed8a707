package failover

import "time"

// byNumber: equal media sequence numbers mean equal content. Where one of the two has counted from its
// beginning again, that would be a coincidence: unless it keeps its rhythm by them, as when both were started
// together.
func (c *Channel) byNumber(now time.Time, g *generation, s *segment, take takeOffset) {
	g.input.countRestarts = g.input.countRestarts || s.rendition.countedBefore(s)
	for _, in := range c.inputs {
		if in == g.input || in.latest == nil {
			continue
		}
		r := in.rendition(s.rendition.path)
		if r == nil {
			continue
		}
		o := r.find(s.number)
		if o == nil || o.state != sound || o.generation != in.latest {
			continue
		}
		late := TicksAt(now) - in.latest.lateness() - (o.channelStart() + s.end - s.start)
		if g.input.countRestarts || in.countRestarts {
			if late += in.latest.lateness() - s.rendition.lateness; abs(late) > (s.end-s.start)/2 {
				continue
			}
		}
		if c.near(late) {
			take(o.channelStart()-s.start, AlignSequence, numbered)
			return
		}
	}
}

// countedBefore reports whether an earlier run of the rendition had come further than to the segment's number.
func (r *rendition) countedBefore(s *segment) bool {
	for i := r.index(s) - 1; i >= 0; i-- {
		if o := r.segments[i]; o.run != s.run {
			return o.number > s.number
		}
	}
	return false
}
