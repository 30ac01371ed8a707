package channel

import (
	"slices"

	"github.com/liveorigin/caddy-live-origin/failover"
)

// Slots may be joined of several input segments. Where nodes meet, a slot of the history that a node has joined may
// begin with segments which its viewers have got already: its last slot was longer than that of the others. Where inputs
// are locked, that needs no discontinuity: viewers of this node get the rest, under a name of its own. A slot that they
// have got whole is left out, and the next one is published in two, so that the numbers are the same again.

// reaches reports whether the media of this record, in all renditions, ends where that of another one begins or later,
// on the same clock and of the same kind, as it is where inputs are locked.
func (r *record) reaches(other *record) bool {
	return r.Seam != nil && other.Seam != nil && r.Seam.Clock == other.Seam.Clock &&
		r.Slot.End-r.Seam.Dated >= other.Slot.Start-other.Seam.Dated &&
		r.Seam.each(other.Seam, func(r, o renditionSeam) bool { return !r.Gap && r.Signature == o.Signature })
}

// contains reports whether viewers who have got this record have got all of the other one.
func (r *record) contains(other *record) bool {
	return r.reaches(other) && other.Slot.End-other.Seam.Dated <= r.Slot.End-r.Seam.Dated
}

// joined reports whether it is made of several segments, as those after it are then, which can be divided.
func (r *record) joined() bool {
	return r.Decided != nil && slices.ContainsFunc(r.Decided.Renditions, func(r failover.SlotRendition) bool { return len(r.Parts) > 1 })
}

// unseen is what viewers of this node have not got of a record of the history that the endpoint has joined, as the
// slots that they get instead: none if they have got all of it. It is false where there is nothing of that kind, or
// the segments are not here.
func (e *endpoint) unseen(r *record) (own []failover.Slot, ok bool) {
	slots := e.window.Slots()
	if len(slots) == 0 || r.Slot.Discontinuity || r.Slot.DiscontinuityNumber != slots[len(slots)-1].DiscontinuityNumber || !e.left.reaches(r) {
		return nil, false
	}
	if e.left.contains(r) {
		return nil, e.left.joined()
	}
	skipped := int(r.Slot.MSN - slots[len(slots)-1].MSN - 1)
	if from := e.left.Slot.End - e.left.Seam.Dated; skipped == 0 && r.Slot.Start-r.Seam.Dated == from {
		return nil, false // it simply goes on
	}
	rest, ok := e.rest(r)
	if !ok {
		return nil, false
	}
	if before := e.chain.at(r.Link.Number - uint64(skipped)); skipped == 0 || before == nil || before.Slot.MSN != r.Slot.MSN-uint64(skipped) {
		return []failover.Slot{rest}, true
	}
	return divide(rest, skipped+1), true
}

// rest is a slot without the segments that viewers of this node have got.
func (e *endpoint) rest(r *record) (rest failover.Slot, ok bool) {
	if r.Decided == nil {
		return rest, false // it is told of by a journal, and not which segments it is made of
	}
	rest = *r.Decided
	rest.Start, rest.Lost, rest.Passed, rest.Renditions = e.left.Slot.End-e.left.Seam.Dated, 0, nil, nil
	for _, all := range r.Decided.Renditions {
		if len(all.Parts) == 0 {
			all.Duration = rest.End - rest.Start
			rest.Renditions = append(rest.Renditions, all)
			continue
		}
		seen, there := e.left.Seam.of(all.Path)
		if !there || !cutAt(&all, seen) || !e.has(all.Parts) {
			return rest, false
		}
		rest.Renditions = append(rest.Renditions, all)
	}
	return rest, true
}

// of is the end of a rendition.
func (s *seam) of(path string) (end renditionSeam, there bool) {
	for _, r := range s.Renditions {
		if r.Path == path {
			return r, true
		}
	}
	return end, false
}

// has reports whether all of these segments are here.
func (e *endpoint) has(parts []failover.Part) bool {
	for _, p := range parts {
		if ob := e.objects.get(p.Object); ob == nil || ob.info == nil {
			return false
		}
	}
	return true
}

// cutAt leaves out the segments of a rendition up to where viewers have seen it. It is false if that is not between
// two of them, or nothing is left.
func cutAt(r *failover.SlotRendition, seen renditionSeam) bool {
	at, frame := r.End, max(r.Frame, seen.Frame)
	for i := len(r.Parts) - 1; i >= 0; i-- {
		at -= r.Parts[i].Duration
		if at > seen.End+frame {
			continue
		}
		r.Parts = r.Parts[i:]
		r.Duration = r.End - at
		return at >= seen.End-frame
	}
	return false
}

// divide makes several slots of one, if it has as many segments in all renditions.
func divide(s failover.Slot, count int) []failover.Slot {
	var ends []failover.Ticks
	parts := 0
	for _, r := range s.Renditions {
		if len(r.Parts) == 0 {
			continue
		}
		if len(r.Parts) < count || parts > 0 && len(r.Parts) != parts {
			return []failover.Slot{s}
		}
		if parts = len(r.Parts); ends == nil || r.End == s.End {
			ends = endsOf(r)
		}
	}
	if parts == 0 {
		return []failover.Slot{s}
	}
	slots := make([]failover.Slot, count)
	start := s.Start
	for i := range slots {
		from, to := i, i+1
		slots[i] = s
		slots[i].MSN -= uint64(count - 1 - i)
		slots[i].Start, slots[i].End, slots[i].Renditions = start, ends[i], nil
		if i == count-1 {
			slots[i].End, to = s.End, parts
		} else {
			slots[i].Switch = nil
		}
		start = slots[i].End
		for _, r := range s.Renditions {
			if len(r.Parts) > 0 {
				r.End, r.Parts = endsOf(r)[to-1], r.Parts[from:to]
				r.Duration = 0
				for _, p := range r.Parts {
					r.Duration += p.Duration
				}
			} else {
				r.Duration = slots[i].End - slots[i].Start
			}
			slots[i].Renditions = append(slots[i].Renditions, r)
		}
	}
	return slots
}

// endsOf is where each segment of a rendition ends.
func endsOf(r failover.SlotRendition) []failover.Ticks {
	ends := make([]failover.Ticks, len(r.Parts))
	at := r.End
	for i := len(r.Parts) - 1; i >= 0; i-- {
		ends[i] = at
		at -= r.Parts[i].Duration
	}
	return ends
}

// showUnseen publishes these slots in place of a record.
func (e *endpoint) showUnseen(r record, slots []failover.Slot) {
	for i, decided := range slots {
		own := r
		own.Slot, own.Decided, own.Switch = e.makeSlot(decided), nil, decided.Switch
		own.Slot.Writer = e.writer // its name must not be that of the whole one
		own.Seam = e.seam(decided)
		if before := e.chain.at(r.Link.Number - uint64(len(slots)-1-i)); before != nil {
			own.Link = before.Link
		}
		e.makeContiguous(own.Slot, e.keep(own))
		e.window.Add(own.Slot)
		e.apart = own.Slot.MSN
	}
}
