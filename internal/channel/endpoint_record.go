package channel

import (
	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/output"
)

// record is one entry of an endpoint's journal. The first one only names the epoch
// of the endpoint; every other one is a slot.
type record struct {
	// Epoch is part of all segment names, so that no name is ever used twice, even if
	// numbers repeat. Every record has it, as older ones are forgotten.
	Epoch string       `json:"life,omitempty"`
	Slot  *output.Slot `json:"slot,omitempty"`
	Seam  *seam        `json:"seam,omitempty"`
	// Switch is the decision that came with the slot.
	Switch *failover.Switch `json:"switch,omitempty"`
	// Link is the record's place in the history that several nodes share; nil on a node
	// that has none beside it.
	Link *link `json:"link,omitempty"`
	// Decided is the slot as the core knows it. Nodes tell each other; in a journal, the seam
	// stands for it.
	Decided *failover.Slot `json:"decided,omitempty"`
}
