package failover

// By how much the segments of an encoder differ in length.

// longest are the lengths of the two longest of the run's last sound segments; of how many.
func (r *rendition) longest() (first, second Ticks, of int) {
	for i := len(r.segments) - 1; i >= 0 && of < history && r.segments[i].run == r.run; i-- {
		s := r.segments[i]
		if s.state != sound {
			continue
		}
		of++
		switch length := min(s.end-s.start, longestClaim); {
		case length > first:
			first, second = length, first
		case length > second:
			second = length
		}
	}
	return first, second, of
}

// variation is by how much segments are longer than the usual one now and then: of encoders that cut
// at key frames that come when they like. A single one says nothing about the next.
func (r *rendition) variation() Ticks {
	_, second, _ := r.longest()
	if over := second - r.length; over > r.length/4 {
		return over
	}
	return 0
}

// mayVary is by how much the next segment may be longer than the usual one, where nothing can be undone
// once it is taken for lost: as the longest one was, and twice the usual length as long as next to nothing
// is known of the run.
func (r *rendition) mayVary() Ticks {
	longest, _, n := r.longest()
	if n < knownLengths {
		longest = max(longest, 2*r.length)
	}
	return max(r.varies, longest-r.length)
}
