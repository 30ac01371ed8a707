package channel

import (
	"fmt"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/output"
)

// record is one entry of an endpoint's journal. The first one only names the epoch
// of the endpoint; every other one is a slot.
type record struct {
	// Format is the version of records that several nodes share; 0 is that of a single node,
	// whose journals nobody else reads.
	Format int `json:"format,omitempty"`
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

// recordFormat is the version of records that this node writes. It reads its own and earlier
// ones.
const recordFormat = 1

// readable says whether the node understands the record.
func (r *record) readable() error {
	if r.Format > recordFormat {
		return fmt.Errorf("a record has format %d, and this node reads up to %d: a newer version wrote it, so upgrade this node", r.Format, recordFormat)
	}
	return nil
}
