package failover

import (
	"math"
	"time"
)

// publish puts the candidate on the endpoint's timeline. was is what the active
// input had for the slot.
func (e *endpoint) publish(c, was *candidate, now time.Time) {
	first := !e.started
	if first {
		e.begins(c, now)
	}
	slot := Slot{
		Endpoint:       e.config.Name,
		MSN:            e.msn,
		Input:          c.input.name,
		Start:          c.start,
		End:            c.end,
		Discontinuity:  !c.seamless,
		TargetDuration: e.target,
		Clock:          Clock{Offset: c.generation.offset, Modulus: c.generation.modulus},
		Due:            c.due,
		Deadline:       c.deadline,
		Published:      now,
	}
	if was != nil {
		slot.Due, slot.Deadline = was.due, was.deadline
	}
	if slot.Discontinuity {
		e.breaks++
	}
	slot.DiscontinuityNumber = e.breaks
	if !first && e.at > e.cursor.end {
		slot.Lost = max(0, c.start-e.cursor.end)
	}
	slot.Renditions = e.renditions(c)
	if e.active != c.input {
		slot.Switch = e.explain(c, was, now)
		e.lastSwitch = slot.Switch
	}

	c.generation.used = true
	e.active = c.input
	if e.active.name == e.wanted && !e.pinned {
		e.wanted = ""
	}
	e.cursor = cursor{input: c.input, generation: c.generation, end: c.end}
	if first || c.end > e.at-c.input.length()/2 {
		e.at = c.end
	}
	e.msn++
	e.published++
	e.started, e.ended = true, false
	e.channel.emit(Published{Slot: slot})
}

// publishGap puts a slot without media on the endpoint's timeline, from the
// position up to e.at. Its length is that of the media that viewers miss, so what
// comes behind it needs no discontinuity if it has the same clock.
func (e *endpoint) publishGap(a *candidate, from Ticks, now time.Time) {
	slot := Slot{
		Endpoint: e.config.Name, MSN: e.msn, Input: e.active.name, Start: from, End: e.at,
		DiscontinuityNumber: e.breaks, TargetDuration: e.target, Lost: e.at - from,
		Clock: e.cursor.clock(),
		Due:   a.due, Deadline: a.deadline, Published: now,
	}
	for _, path := range e.renditionPaths() {
		m := e.marks[path]
		m.end, m.gap = e.at, true
		e.marks[path] = m
		slot.Renditions = append(slot.Renditions, SlotRendition{
			Path: path, Duration: e.at - from, End: e.at, Signature: m.signature(),
		})
	}
	e.cursor.end = e.at
	e.msn++
	e.published++
	e.channel.emit(Published{Slot: slot})
}

// begins fixes what stays the same for the life of the endpoint.
func (e *endpoint) begins(c *candidate, now time.Time) {
	if e.msn == 0 {
		e.msn = uint64(max(now.Unix(), 1))
	}
	if e.target == 0 {
		e.target = e.targetDuration(c)
	}
}

// targetDuration is the EXT-X-TARGETDURATION that no slot will exceed, rounded
// (RFC 8216 4.3.3.1): the endpoint's segment duration, or what joining the
// inputs' segments gives where that is longer.
func (e *endpoint) targetDuration(c *candidate) int {
	longest := max(TicksOf(e.config.SegmentDuration), c.end-c.start)
	for _, in := range e.channel.inputs {
		ref := e.reference(in)
		if ref == nil || ref.length <= 0 {
			continue
		}
		longest = max(longest, Ticks(e.joined(in, ref))*ref.length, min(ref.target, maxTarget))
	}
	return max(1, int(math.Round(longest.Seconds())))
}

// renditions lists what the slot holds, in the order of the endpoint, and moves
// the marks.
func (e *endpoint) renditions(c *candidate) []SlotRendition {
	var list []SlotRendition
	for _, path := range e.renditionPaths() {
		had := c.of(path)
		parts := had.parts
		if had.absent {
			parts = nil
		}
		r := SlotRendition{Path: path}
		for _, s := range parts {
			r.Parts = append(r.Parts, Part{Object: s.object, Duration: s.end - s.start, Tags: s.tags})
		}
		m := e.marks[path]
		if len(parts) == 0 {
			r.Duration = c.end - c.start
			r.End, r.Signature = c.end, m.signature()
			m.end, m.gap = c.end, true
			if e.nobodyHas(path, c) {
				e.missedSlots[path]++
			}
		} else {
			last := parts[len(parts)-1]
			r.Duration = last.end - parts[0].start
			r.End, r.Signature, r.Frame = last.channelEnd(), last.media.Signature, last.media.Frame
			m = mark{segment: last, end: last.channelEnd()}
			delete(e.missedSlots, path)
		}
		e.marks[path] = m
		list = append(list, r)
	}
	return list
}

// nobodyHas reports whether no input has any media of the rendition within the
// slot.
func (e *endpoint) nobodyHas(path string, c *candidate) bool {
	for _, in := range e.channel.inputs {
		if r := in.rendition(path); r != nil && r.holds(c.start, c.end) {
			return false
		}
	}
	return true
}

// explain says why the active input changes.
func (e *endpoint) explain(c, was *candidate, now time.Time) *Switch {
	s := &Switch{
		Time: now, Endpoint: e.config.Name, MSN: e.msn, To: c.input.name,
		Reason: ReasonStart, Seamless: c.seamless,
	}
	if was == nil || e.active == nil {
		return s
	}
	s.From = e.active.name
	s.Missing = was.missing
	s.Due, s.Deadline = was.due, was.deadline
	s.Late = now.Sub(was.due)
	s.Reason = was.why()
	if p := e.channel.pair(e.active, c.input); p != nil {
		s.Pair, s.PairDetail = p.state, p.detail
	}
	return s
}

// why names the reason for which the candidate was not good enough.
func (c *candidate) why() Reason {
	if c.reason != "" {
		return c.reason
	}
	for _, m := range c.missing {
		switch m.Why {
		case "not_listed", "not_arrived", "gap":
		default:
			return Reason(m.Why)
		}
	}
	if !c.input.up {
		return ReasonDown
	}
	return ReasonMissing
}
