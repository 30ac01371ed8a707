package failover

// How many of an input's segments make a slot, and of which it is made.

// joined is how many input segments make one of the endpoint's: the nearest
// multiple, at least one, that fits the target duration. Where other renditions have
// longer segments, it is so many that each slot has one of each; text has no say.
func (e *endpoint) joined(in *input, ref *rendition) int {
	if ref == nil || ref.length <= 0 {
		return 1
	}
	longest := ref.length
	for _, a := range e.serves(in) {
		if r := in.rendition(a.Path); r != nil && r.counts() && !r.stale() && r.measured {
			longest = max(longest, min(r.length, longestClaim))
		}
	}
	quantum := 1
	if longest > ref.length+ref.length/4 {
		quantum = int((longest + ref.length*9/10) / ref.length)
	}
	unit := Ticks(quantum) * ref.length
	multiple := max(1, int((TicksOf(e.config.SegmentDuration)+unit/2)/unit))
	n := min(multiple*quantum, maxJoined)
	for n > quantum && e.target > 0 && e.exceeds(in, ref, Ticks(n)*ref.length) {
		n--
	}
	for n > 1 && e.target > 0 && rounded(Ticks(n)*ref.length) > e.target {
		n--
	}
	return n
}

// exceeds reports whether another rendition of the input may have more media in a slot of that length
// than the target duration allows: it would fall behind from slot to slot.
func (e *endpoint) exceeds(in *input, ref *rendition, slot Ticks) bool {
	for _, a := range e.serves(in) {
		r := in.rendition(a.Path)
		if r == nil || r == ref || !r.counts() || r.stale() || !r.measured {
			continue
		}
		if rounded(r.mostIn(ref, slot, r.length)) > e.target {
			return true
		}
	}
	return false
}

// join fills the leading rendition of the option. It reports whether the slot is closed:
// complete, or cut short by the end of the generation.
func (e *endpoint) join(o *option, ref *rendition, list []*segment) (closed bool) {
	n := o.wanted
	o.end = o.start
	o.level = picture
	used := make([]*segment, 0, min(n, len(list)))
	miss := func(m Missing) {
		o.level = nothing
		o.missing = append(o.missing, m)
	}
	tail := func(count int) {
		o.end += Ticks(count) * ref.length
		miss(Missing{Rendition: ref.path, Why: ReasonNotListed})
	}
	for i, s := range list {
		if len(used) == n {
			break
		}
		if i > 0 {
			if s.broken || s.cue || s.placed && s.generation != o.generation || !s.placed || s.isGap() != used[i-1].isGap() {
				closed = true
				break
			}
			if !follows(used[i-1], s) {
				// Numbers that no playlist listed.
				if holes := int(min((s.channelStart()-o.end+ref.length/2)/ref.length, Ticks(n-len(used)))); holes > 0 {
					tail(holes)
					o.omitted = o.omitted || ref.omits(s)
					closed = true
					break
				}
				if len(ref.input.members) > 0 {
					closed = true // another input cuts elsewhere: what it has goes on in a slot of its own
					break
				}
			}
			if e.target > 0 && rounded(max(o.end-o.start+s.end-s.start, s.channelEnd()-o.start)) > e.target {
				closed = true
				break
			}
		}
		used = append(used, s)
		o.end = max(o.end, s.channelEnd())
		switch {
		case s.state != sound || s.gone():
			miss(s.missing())
			if s.run < ref.run {
				// The encoder has restarted and will never send it.
				o.never = ReasonNewGeneration
			}
			o.omitted = o.omitted || ref.abandoned(s)
		case e.tooLong(s):
			miss(Missing{Rendition: ref.path, Segment: s.path, Why: ReasonTooLong})
		}
	}
	o.count = len(used)
	o.shares = append(o.shares, share{path: ref.path, parts: used})
	if len(used) == n || closed {
		return true
	}
	if e.target > 0 && len(used) > 0 && rounded(o.end-o.start+ref.length) > e.target {
		return true // the next one will not fit
	}
	if ref.ended || len(used) > 0 && used[len(used)-1].run < ref.run {
		// No more will come in this generation.
		if len(used) == 0 {
			o.never = ReasonEnded
			tail(n)
		}
		return true
	}
	tail(n - len(used))
	o.spare, o.open = ref.varies, true
	return false
}

// isGap reports whether the encoder itself says that it has nothing here. Such segments are slots of their
// own, so that viewers get all that is around them.
func (s *segment) isGap() bool { return s.state == unsound && s.fault == ReasonGap }

// tooLong reports whether the segment is longer than an endpoint that has begun can take. Audio of
// video segments that may just be used is cut at its own frames.
func (e *endpoint) tooLong(s *segment) bool {
	return e.started && e.target > 0 && rounded(s.end-s.start) > longestUnsound*e.target
}

// rounded is a length in seconds, as EXTINF is compared with EXT-X-TARGETDURATION (RFC
// 8216 4.3.3.1).
func rounded(length Ticks) int { return int((length + ClockRate/2) / ClockRate) }
