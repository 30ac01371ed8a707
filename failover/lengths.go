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

// longestOf is how long so many segments in a row have been, of the last ones.
func (r *rendition) longestOf(n int) Ticks {
	most := Ticks(0)
	for i := len(r.segments) - 1; i >= max(n-1, len(r.segments)-history) && r.segments[i].run == r.run; i-- {
		first, last := r.segments[i-n+1], r.segments[i]
		if first.anchor() && last.anchor() && first.generation == last.generation && last.number-first.number == uint64(n-1) {
			most = max(most, last.end-first.start)
		}
	}
	return min(most, longestClaim)
}

// steady reports whether the last segments of the run have the usual length, within some ticks, but for one
// now and then: the first of an encoder is often a short one, and so is the last before it is stopped.
func (r *rendition) steady(within Ticks) bool {
	differ, of := 0, 0
	for i := len(r.segments) - 1; i >= 0 && of < history && r.segments[i].run == r.run; i-- {
		s := r.segments[i]
		if s.state != sound {
			continue
		}
		of++
		if abs(s.end-s.start-r.length) > within {
			differ++
		}
	}
	return differ <= max(1, of/4)
}

// mostIn is how much media of the rendition a slot of that length may hold, of segments of one length that
// go where they end. With a grid of its own, it now and then has one more in a slot; where the leading
// rendition's segments differ in length, so do slots, and that they hold a number of these is a coincidence.
func (r *rendition) mostIn(leader *rendition, slot, length Ticks) Ticks {
	if length <= 0 {
		return 0
	}
	n := max(1, (slot+length/2)/length)
	if abs(n*length-slot) <= n*(3*r.frame()/2) && (leader.steady(r.rounding()) || r.cutLike(leader)) {
		return n * length
	}
	return (slot/length+1)*length + r.varies
}
