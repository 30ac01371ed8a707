package failover

import "time"

// mark is how far an endpoint has used one rendition of its active input.
type mark struct {
	segment *segment // the last one used; nil before the first
	end     Ticks    // where its media ended, on the channel's clock
	gap     bool     // the last slot had none of this rendition
}

// of reports whether the mark lies in this rendition of this input.
func (m mark) of(r *rendition) bool { return m.segment != nil && m.segment.rendition == r }

// signature is that of the media the mark lies behind, empty if there is none.
func (m mark) signature() string {
	if m.segment == nil {
		return ""
	}
	return m.segment.media.Signature
}

// candidate is what one input has, at this moment, for an endpoint's next slot.
type candidate struct {
	input      *input
	generation *generation
	start, end Ticks // on the channel's clock; estimates while not whole
	shares     []share
	missing    []Missing

	// whole: every rendition that the input announces is complete.
	whole bool
	// pictured: at least the reference rendition is complete.
	pictured bool
	// dead: the input can never deliver this slot; reason says why.
	dead   bool
	reason Reason
	// fresh: the media does not go on where the endpoint's last slot from this
	// input ended, but begins a new generation.
	fresh bool
	// seamless: with this slot viewers see no discontinuity.
	seamless bool
	// count is how many input segments of the reference rendition it joins.
	count         int
	complete      int // renditions with media
	due, deadline time.Time
}

// share is what one rendition of the input contributes to a candidate.
type share struct {
	path  string
	parts []*segment
	// absent: it is not complete.
	absent bool
}

// of returns the share of a rendition, which is empty if there is none.
func (c *candidate) of(path string) share {
	for i := range c.shares {
		if c.shares[i].path == path {
			return c.shares[i]
		}
	}
	return share{path: path}
}

// build collects what the input has for the slot that begins at the position
// at. limit is the most segments to join, 0 for as many as the endpoint's
// segment duration asks for.
func (e *endpoint) build(in *input, at Ticks, limit int, now time.Time) *candidate {
	ref := e.reference(in)
	if ref == nil || in.latest == nil || ref.length <= 0 {
		return nil
	}
	c := &candidate{input: in, generation: in.latest, shares: make([]share, 0, len(in.renditions))}
	n := e.joined(in, ref)
	if limit > 0 {
		n = min(n, limit)
	}
	list := e.upcoming(ref, at)
	c.start = at
	if len(list) > 0 {
		c.start = list[0].channelStart()
		c.generation = list[0].generation
	}
	closed := e.join(c, ref, list, n)
	c.fresh = e.cursor.input == in && e.cursor.generation != c.generation
	if c.fresh {
		c.reason = ReasonNewGeneration
	}
	if e.started && len(list) > 0 && c.start-at >= ref.length-e.slack(list[0]) {
		// What it has lies behind this slot: it can't deliver the slot itself.
		c.dead = true
	}
	c.due = (c.end + e.lateness(in)).Time()
	c.deadline = e.deadline(c.due)
	c.whole = c.pictured && !c.dead
	e.addOthers(c, ref, closed, now)
	c.seamless = e.seamless(c)
	return c
}

// joined is how many input segments make one of the endpoint's: the nearest
// multiple, at least one. Where renditions have segments of different lengths,
// it is a multiple of the longest.
func (e *endpoint) joined(in *input, ref *rendition) int {
	if ref == nil || ref.length <= 0 {
		return 1
	}
	longest := ref.length
	for _, a := range e.serves(in) {
		if r := in.rendition(a.Path); r != nil {
			longest = max(longest, r.length)
		}
	}
	quantum := max(1, (longest+ref.length/2)/ref.length)
	unit := quantum * ref.length
	multiple := max(1, (TicksOf(e.config.SegmentDuration)+unit/2)/unit)
	return int(min(multiple*quantum, maxJoined))
}

// maxJoined bounds what an encoder with absurdly short segments can ask for: 30 s
// of segments of half a second.
const maxJoined = 60

// upcoming lists the reference segments that the slot at the position may be
// made of, the first one first.
func (e *endpoint) upcoming(ref *rendition, at Ticks) []*segment {
	list := ref.segments
	m := e.marks[ref.path]
	continued := m.of(ref)
	if continued {
		list = ref.after(m)
	}
	for i, s := range list {
		if s.passed {
			continue // for an endpoint that was away: its bytes are gone
		}
		if !s.placed {
			if s.state == pending && continued {
				// A break of the media that has not arrived yet: what is behind
				// it must wait for it.
				return nil
			}
			continue
		}
		if !e.started {
			if s.state == sound {
				return list[i:]
			}
			continue
		}
		if continued && i == 0 && at == e.cursor.end &&
			!m.gap && s.generation == m.segment.generation && follows(m.segment, s) {
			return list
		}
		if s.channelStart() >= at-e.slack(s) {
			return list[i:]
		}
	}
	return nil
}

// slack is how much earlier than the end of the last slot a segment may begin.
// Only equal timestamps make that a matter of measurement; else it would be media
// that viewers have seen already.
func (e *endpoint) slack(s *segment) Ticks {
	if g := e.cursor.generation; g != nil && s.placed && !g.sameClock(s.generation) {
		return 0
	}
	return s.slack()
}

// join fills the reference rendition of the candidate with up to n segments. It
// reports whether the slot is closed: complete, or cut short by the end of the
// generation.
func (e *endpoint) join(c *candidate, ref *rendition, list []*segment, n int) (closed bool) {
	c.end = c.start
	c.pictured = true
	used := make([]*segment, 0, min(n, len(list)))
	miss := func(m Missing) {
		c.pictured = false
		c.missing = append(c.missing, m)
	}
	tail := func(count int) {
		c.end += Ticks(count) * ref.length
		miss(Missing{Rendition: ref.path, Why: "not_listed"})
	}
	for i, s := range list {
		if len(used) == n {
			break
		}
		if i > 0 {
			if s.broken || s.cue || s.placed && s.generation != c.generation || !s.placed {
				closed = true
				break
			}
			if !follows(used[i-1], s) {
				// Numbers that no playlist listed.
				if holes := int(min((s.channelStart()-c.end+ref.length/2)/ref.length, Ticks(n-len(used)))); holes > 0 {
					tail(holes)
					closed = true
					break
				}
			}
			if e.target > 0 && (c.end-c.start+s.end-s.start) > Ticks(e.target)*ClockRate+ClockRate/2-1 {
				closed = true
				break
			}
		}
		used = append(used, s)
		c.end = max(c.end, s.channelEnd())
		if s.state != sound || s.gone() {
			miss(s.missing())
			if s.run < ref.run {
				// The encoder has begun anew and will never send it.
				c.dead, c.reason = true, ReasonNewGeneration
			}
		}
	}
	c.count = len(used)
	c.shares = append(c.shares, share{path: ref.path, parts: used})
	if len(used) == n || closed {
		return true
	}
	if ref.ended || e.brokeOff(c, ref) {
		// No more will come in this generation.
		if len(used) == 0 {
			c.dead, c.reason = true, ReasonEnded
			tail(n)
		}
		return true
	}
	tail(n - len(used))
	return false
}

// brokeOff reports whether the rendition has gone on with another run, so that
// nothing more can come in the generation of the candidate.
func (e *endpoint) brokeOff(c *candidate, ref *rendition) bool {
	used := c.of(ref.path).parts
	if len(used) == 0 {
		return false
	}
	return used[len(used)-1].run < ref.run
}

// addOthers fills the remaining renditions: the segments whose middle lies within
// the slot.
func (e *endpoint) addOthers(c *candidate, ref *rendition, closed bool, now time.Time) {
	served := e.serves(c.input)
	if c.pictured {
		c.complete = 1
	} else {
		c.shares[0].absent = true // join has put it there
	}
	for _, a := range served {
		if a.Path == ref.path {
			continue
		}
		r := c.input.rendition(a.Path)
		parts, missing := e.collect(c, r, a.Path, closed)
		if missing == nil {
			c.shares = append(c.shares, share{path: a.Path, parts: parts})
			c.complete++
			continue
		}
		c.shares = append(c.shares, share{path: a.Path, absent: true})
		c.missing = append(c.missing, missing...)
		if e.missedSlots[a.Path] >= patienceSlots {
			// It is no longer waited for, but gets the chance to come back.
			if at := c.due.Add(e.grace() / 8); now.Before(at) {
				e.wakeAt(at)
				c.whole = false
			}
			continue
		}
		c.whole = false
	}
	if c.input.announced == nil && !e.settled(c.input, now) {
		// An encoder that has sent no multivariant playlist may still be about
		// to: what looks like its only rendition may be one of several.
		c.whole = false
	}
}

// patienceSlots is for how many slots in a row a rendition that no input
// delivers is waited for.
const patienceSlots = 3

// collect gathers one rendition of the slot, or says what is missing.
func (e *endpoint) collect(c *candidate, r *rendition, path string, closed bool) ([]*segment, []Missing) {
	if r == nil || !r.listed {
		return nil, []Missing{{Rendition: path, Why: "not_listed"}}
	}
	list := r.segments
	if m := e.marks[path]; m.of(r) {
		list = r.after(m)
	}
	var parts []*segment
	var missing []Missing
	for _, s := range list {
		if s.passed {
			continue
		}
		if !s.placed || s.generation != c.generation {
			if len(parts) > 0 {
				break
			}
			continue
		}
		middle := s.channelMiddle()
		if middle < c.start {
			continue
		}
		if middle >= c.end {
			break
		}
		parts = append(parts, s)
		if s.state != sound || s.gone() {
			missing = append(missing, s.missing())
		}
	}
	half := r.length / 2
	complete := len(parts) > 0 && parts[0].channelStart() <= c.start+half
	for i := 1; complete && i < len(parts); i++ {
		complete = follows(parts[i-1], parts[i])
	}
	if last := len(parts) - 1; complete && parts[last].channelEnd() < c.end-half {
		// More is to come, unless it was cut short like the slot itself.
		complete = closed && (r.ended || r.left(parts[last]))
	}
	if !complete && missing == nil {
		missing = []Missing{{Rendition: path, Why: "not_listed"}}
	}
	return parts, missing
}

// left reports whether the rendition goes on in another generation behind the
// segment.
func (r *rendition) left(s *segment) bool {
	rest := r.after(mark{segment: s})
	return len(rest) > 0 && (rest[0].run != s.run || rest[0].broken ||
		rest[0].placed && rest[0].generation != s.generation)
}

// seamless reports whether the candidate continues the endpoint's last slot, by
// proof: in every rendition the same clock, the same configuration, and media
// that begins within half a frame of where the last ended.
func (e *endpoint) seamless(c *candidate) bool {
	if !e.started {
		return true
	}
	if e.cursor.generation == nil || !e.cursor.generation.sameClock(c.generation) {
		return false
	}
	for i := range c.shares {
		parts := c.shares[i].parts
		m, ok := e.marks[c.shares[i].path]
		if len(parts) > 0 && parts[0].broken {
			// The encoder itself says that its media breaks here.
			return false
		}
		if !ok || len(parts) == 0 {
			continue
		}
		first := parts[0]
		if m.segment == nil || first.state != sound {
			if abs(first.channelStart()-m.end) > first.rendition.length/2 {
				return false
			}
			continue
		}
		if m.segment.generation == first.generation && follows(m.segment, first) && !m.gap {
			continue
		}
		slack := first.slack()
		if m.gap {
			// The gap's length is only known to within the segments around it.
			slack = first.rendition.length / 2
		}
		if abs(first.channelStart()-m.end) > slack || m.segment.media.Signature != first.media.Signature {
			return false
		}
	}
	return true
}
