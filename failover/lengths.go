package failover

// By how much the segments of an encoder differ in length.

// variation is by how much segments are longer than the usual one now and then: of encoders that cut
// at key frames that come when they like. A single one says nothing about the next.
func (r *rendition) variation() Ticks {
	longest, second, n := Ticks(0), Ticks(0), 0
	for i := len(r.segments) - 1; i >= 0 && n < history; i-- {
		s := r.segments[i]
		if s.state != sound || s.run != r.run {
			continue
		}
		n++
		if length := s.end - s.start; length > longest {
			longest, second = length, longest
		} else {
			second = max(second, length)
		}
	}
	over := min(second, longestClaim) - r.length
	if over <= r.length/4 {
		return 0
	}
	return over
}

// mayVary is by how much the next segment may be longer than the usual one, where nothing can be undone
// once it is taken for lost: as the longest one was, and twice the usual length as long as next to nothing
// is known of the run.
func (r *rendition) mayVary() Ticks {
	longest, n := Ticks(0), 0
	for i := len(r.segments) - 1; i >= 0 && n < history && r.segments[i].run == r.run; i-- {
		if s := r.segments[i]; s.state == sound {
			longest = max(longest, min(s.end-s.start, longestClaim))
			n++
		}
	}
	if n < knownLengths {
		longest = max(longest, 2*r.length)
	}
	return max(r.varies, longest-r.length)
}
