package failover

// Whether what there is of a rendition is all that it has within a slot: it may be cut elsewhere than the picture.

// rounding is how much the ends of segments may differ that are cut at the same place:
// encoders cut audio at its own frames. A sample of text may be as long as its segment.
func (r *rendition) rounding() Ticks {
	if !r.counts() {
		return r.length / 20
	}
	return max(3*r.frame(), r.length/20)
}

// covers reports whether the segments are all that the rendition has within the slot. next
// is the one after them, if known.
func (q *question) covers(o *option, r *rendition, parts []*segment, next *segment, closed bool) bool {
	like := r.cutLike(o.leader())
	if len(parts) == 0 {
		if like {
			return false
		}
		// None ends here, but the slot lies within one that has arrived or is on its way.
		m, ok := q.marks[r.path]
		switch {
		case !ok || m.gap && m.end != m.media:
			return false
		case next != nil && next.state == sound:
			return abs(next.channelStart()-m.end) <= r.rounding()
		}
		if !m.of(r) || m.run != r.run {
			return false
		}
		// What is on its way need not be waited for: it goes into the slot in which it ends.
		last := r.at(m.run, m.number)
		return last != nil && m.end+min(r.length, last.end-last.start)-o.end > max(r.length/4, r.rounding())
	}
	if first := parts[0]; first.channelStart() > o.start+max(r.length/2, 1) {
		return false
	}
	last := parts[len(parts)-1]
	// All that ends in this slot is there: the next one shows it, or another one of the usual
	// length would not end here.
	if next != nil && follows(last, next) {
		return true
	}
	reaches := o.end-last.channelEnd() <= r.rounding()
	if reaches || !like && o.end-last.channelEnd()+r.rounding() < r.length {
		return true
	}
	// More is to come, unless it was cut short like the slot itself.
	return closed && (r.ended || r.left(last) && !like)
}

// beyond is how much later than the slot the last segment ends that the rendition has in it, whether that has come
// or not: where it is cut elsewhere than the picture, that may reach into the next slot.
func (q *question) beyond(o *option, r *rendition, parts []*segment) Ticks {
	if !q.started || r == nil || !r.counts() || r.length <= 0 {
		return 0
	}
	end := q.marks[r.path].end
	if n := len(parts); n > 0 {
		end = parts[n-1].channelEnd()
	} else if !q.marks[r.path].of(r) {
		return 0
	}
	if left := o.end + r.length/4 - end; left > 0 {
		end += left / r.length * r.length // what else ends there
	}
	if over := end - o.end; over > r.rounding() {
		return min(over, r.length/4)
	}
	return 0
}

// unbroken reports whether the segments follow one another.
func unbroken(parts []*segment) bool {
	for i := 1; i < len(parts); i++ {
		if !follows(parts[i-1], parts[i]) {
			return false
		}
	}
	return true
}

// cutLike reports whether a rendition is cut where the leading one is: its last segments begin and end with
// segments of that one. Then it has one that ends with the slot, whatever their lengths are.
func (r *rendition) cutLike(leader *rendition) bool {
	n := 0
	for i := len(r.segments) - 1; i >= 0 && r.segments[i].run == r.run && n < compareDepth; i-- {
		s := r.segments[i]
		if s.state != sound || !s.placed {
			continue
		}
		like, known := leader.cutsLike(s)
		switch {
		case !known:
		case !like:
			return false
		default:
			n++
		}
	}
	return n > 0
}

// cutsLike reports whether the rendition has a segment that begins and ends where another one's does, and
// whether that is known.
func (r *rendition) cutsLike(s *segment) (like, known bool) {
	within := s.rendition.rounding()
	for _, o := range r.behind(s.channelMiddle()) {
		if o.placed && o.channelEnd() > s.channelMiddle() {
			like = abs(o.channelStart()-s.channelStart()) <= within && abs(o.channelEnd()-s.channelEnd()) <= within
			return like, o.state == sound
		}
	}
	return false, false
}
