package channel

import (
	"sync"

	"github.com/liveorigin/caddy-live-origin/failover"
)

// Tracer records what reaches the core, so that it can be replayed.
type Tracer interface {
	// Trace takes the next record, in order, one at a time, and says what has to come after it.
	// The record must not be changed.
	Trace(r failover.Record) Following
}

// Following is what a Tracer needs next.
type Following int

const (
	// Records: the next one.
	Records Following = iota
	// CheckpointHere: what a replay needs to begin here. Nothing is missing before it.
	CheckpointHere
	// CheckpointAnew: the same, behind records that are missing.
	CheckpointAnew
)

// tracesSize is how many records may wait for a slow tracer. Behind those that are dropped there
// is a checkpoint, as a replay can't go on across a hole.
const tracesSize = 4096

// traces hands records to the tracer.
type traces struct {
	records    queue[failover.Record]
	checkpoint func(continues bool)

	// missing: records were dropped, and the checkpoint behind them has not come yet. Only hand
	// uses it.
	missing bool

	mu     sync.Mutex
	tracer Tracer
}

func newTraces(checkpoint func(continues bool)) *traces {
	t := &traces{checkpoint: checkpoint}
	t.records = queue[failover.Record]{hand: t.hand, limit: tracesSize}
	return t
}

func (t *traces) traceTo(tracer Tracer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tracer = tracer
}

func (t *traces) hand(records []failover.Record, dropped int) {
	t.mu.Lock()
	tracer := t.tracer
	t.mu.Unlock()
	if tracer == nil {
		return
	}
	for _, r := range records {
		if t.missing && r.Open == nil {
			continue
		}
		t.missing = false
		switch tracer.Trace(r) {
		case CheckpointHere:
			t.checkpoint(true)
		case CheckpointAnew:
			t.checkpoint(false)
		case Records:
		}
	}
	if dropped > 0 {
		t.missing = true
		t.checkpoint(false)
	}
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
