package channel

import (
	"slices"
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/media"
	"github.com/liveorigin/caddy-live-origin/internal/output"
)

// seam is what a slot's record holds in addition to the slot: where its media ends, so that
// a restarted process can go on without a discontinuity. Only the last slot's is of use, so
// it is not kept in memory.
type seam struct {
	Clock failover.Timing `json:"clock"`
	// Dated is how far the slot's dates are ahead of the channel's clock, Due when the
	// slot was expected.
	Dated      failover.Ticks  `json:"dated,omitempty"`
	Due        time.Time       `json:"due,omitzero"`
	Renditions []renditionSeam `json:"renditions"`
}

type renditionSeam struct {
	Path      string         `json:"path"`
	End       failover.Ticks `json:"end"`
	Signature string         `json:"signature,omitempty"`
	Frame     failover.Ticks `json:"frame,omitempty"`
	Gap       bool           `json:"gap,omitempty"`
	// Last is the last object of the rendition that the core has used.
	Last     string             `json:"last,omitempty"`
	Counters media.CounterState `json:"counters,omitempty"`
}

// seam describes the end of a slot that was just made.
func (e *endpoint) seam(s failover.Slot) *seam {
	out := &seam{Clock: s.Clock, Dated: s.Dated, Due: s.Due}
	for _, r := range s.Renditions {
		out.Renditions = append(out.Renditions, renditionSeam{
			Path: r.Path, End: r.End, Signature: r.Signature, Frame: r.Frame, Gap: r.Gap(), Last: lastObject(r),
			Counters: e.edges[output.RenditionID(r.Path)].counters,
		})
	}
	return out
}

// each reports whether the other seam has a like one for each rendition of this one.
func (s *seam) each(other *seam, like func(r, o renditionSeam) bool) bool {
	for _, r := range s.Renditions {
		if !slices.ContainsFunc(other.Renditions, func(o renditionSeam) bool { return o.Path == r.Path && like(r, o) }) {
			return false
		}
	}
	return true
}

// resume tells the core where the last slot of an earlier process ended, and goes on
// with its continuity counters and initialization sections.
func (e *endpoint) resume(last *output.Slot, end *seam) {
	s := e.slotOf(last, end)
	e.goOn(last, end)
	e.decided = &s
	e.clock.notBefore(s.Published)
	e.core.Take(e.now(), failover.Restored{Slot: s})
}

// slotOf is what a core has to know about a slot that a journal holds.
func (e *endpoint) slotOf(last *output.Slot, end *seam) failover.Slot {
	s := failover.Slot{
		Endpoint: e.config.Name, MSN: last.MSN, Input: last.Input, Sources: last.Sources, Start: last.Start, End: last.End,
		Discontinuity: last.Discontinuity, DiscontinuityNumber: last.DiscontinuityNumber, TargetDuration: last.TargetDuration,
		Published: last.Published,
	}
	if end != nil {
		s.Clock, s.Dated, s.Due = end.Clock, end.Dated, end.Due
		s.Start -= end.Dated
		s.End -= end.Dated
		for _, r := range end.Renditions {
			s.Renditions = append(s.Renditions, failover.SlotRendition{
				Path: r.Path, End: r.End, Signature: r.Signature, Frame: r.Frame, Last: r.Last,
				Parts: partsUnless(r.Gap, r.Last),
			})
		}
	}
	return s
}

// goOn continues the counters and initialization sections of a slot that was not made here.
func (e *endpoint) goOn(last *output.Slot, end *seam) {
	if end != nil {
		for _, r := range end.Renditions {
			if r.Counters != nil {
				e.edges[output.RenditionID(r.Path)] = edge{counters: r.Counters}
			}
		}
	}
	for i := range last.Renditions {
		if m := last.Renditions[i].Map; m != nil {
			id := last.Renditions[i].ID
			e.edges[id] = edge{counters: e.edges[id].counters, section: m}
		}
	}
}

// partsUnless stands in for the parts of a rendition: all that matters is whether there are
// any, and which one was the last.
func partsUnless(gap bool, last string) []failover.Part {
	if gap {
		return nil
	}
	return []failover.Part{{Object: last}}
}

// lastObject is the last object of a rendition that the core has used.
func lastObject(r failover.SlotRendition) string {
	if n := len(r.Parts); n > 0 {
		return r.Parts[n-1].Object
	}
	return r.Last
}

// precedes reports whether a slot continues this one without a discontinuity.
func (r *record) precedes(s *failover.Slot) bool {
	return !s.Discontinuity && r.Seam != nil && r.Seam.Clock == s.Clock && r.Slot.End-r.Seam.Dated == s.Start
}

// alike reports whether two slots end alike, so that what follows one of them can follow the other. A gap ends with
// its slot, and not where the media would: whatever comes can follow it.
func alike(a, b *record) bool {
	return a.Seam != nil && b.Seam != nil && a.Slot.End == b.Slot.End && a.Seam.Clock == b.Seam.Clock &&
		a.Seam.each(b.Seam, func(r, o renditionSeam) bool {
			return (r.End == o.End || r.Gap || o.Gap) && r.Signature == o.Signature
		})
}

// isBefore reports whether the media of a later record is on the same clock as this one's, and of the same kind, as
// it is where inputs are locked: that some is missing between them is no discontinuity.
func (r *record) isBefore(later *record) bool {
	return r.Seam != nil && later.Seam != nil && r.Seam.Clock == later.Seam.Clock &&
		r.Slot.End-r.Seam.Dated <= later.Slot.Start-later.Seam.Dated &&
		r.Seam.each(later.Seam, func(r, o renditionSeam) bool { return r.Signature == o.Signature })
}

// goesOnIn reports whether the media of the next record continues this one's, with or without a tag.
func (r *record) goesOnIn(next *record) bool {
	return r.Seam != nil && next.Seam != nil && r.Seam.Clock == next.Seam.Clock &&
		r.Slot.End-r.Seam.Dated == next.Slot.Start-next.Seam.Dated &&
		r.Seam.each(next.Seam, func(r, o renditionSeam) bool { return r.Signature == o.Signature })
}
