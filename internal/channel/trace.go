package channel

import "github.com/liveorigin/caddy-live-origin/failover"

// Tracer records what reaches the core, so that it can be replayed.
type Tracer interface {
	// Trace takes the next record, in order, from the goroutine that tells the
	// observer. The record must not be changed.
	Trace(r failover.Record)
	// Lost says that records are missing here, because the tracer was too slow.
	Lost()
}

// remains is what a restored core has to know about a slot.
func remains(s failover.Slot) *failover.Slot {
	s.Switch = nil
	renditions := make([]failover.SlotRendition, len(s.Renditions))
	for i, r := range s.Renditions {
		r.Parts = partsUnless(r.Gap(), lastObject(r))
		renditions[i] = r
	}
	s.Renditions = renditions
	return &s
}
