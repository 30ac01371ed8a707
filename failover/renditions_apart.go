package failover

import "fmt"

// apartAfter is how many segments in a row each of two renditions has on a clock of its own before that is said.
const apartAfter = 3

// tellApart says that a rendition and another one of its input, which are both delivered, have timestamps that
// nothing relates: no slot can have both, and viewers get gaps in one of them.
func (r *rendition) tellApart(now Ticks) {
	own := r.newest(apartAfter)
	if own == nil || TicksAt(own[0].arrived) < r.input.contested {
		return // or there were two encoders, which was told
	}
	for _, o := range r.input.renditions {
		if o == r || !o.alive(now) {
			continue
		}
		other := o.newest(apartAfter)
		if other == nil || own[0].generation.sameClock(other[0].generation) || own[0].generation.input != other[0].generation.input {
			continue
		}
		// In turns: after a break one may just come sooner than the other.
		if own[apartAfter-1].arrived.Before(other[0].arrived) || other[apartAfter-1].arrived.Before(own[0].arrived) {
			continue
		}
		r.input.notice(Noticed{
			Rendition: r.path, Segment: own[apartAfter-1].path, What: NoticeRenditionsApart,
			Detail: fmt.Sprintf("its timestamps have nothing to do with those of %s, so that viewers get gaps in one of the two; they need the same ones, and the same container", o.path),
		})
		return
	}
}

// newest are the last segments of the rendition, so many, the oldest first; nil if they are not all sound and of one
// generation.
func (r *rendition) newest(n int) []*segment {
	if !r.counts() || len(r.segments) < n {
		return nil
	}
	list := r.segments[len(r.segments)-n:]
	for _, s := range list {
		if s.state != sound || !s.placed || s.generation != list[0].generation {
			return nil
		}
	}
	return list
}
