package channel

import (
	"encoding/json"
	"fmt"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/compact"
	"github.com/liveorigin/caddy-live-origin/internal/output"
)

// record is one entry of an endpoint's journal. The first one only names the epoch
// of the endpoint; every other one is a slot.
type record struct {
	// Format is the version of a record that several nodes share: the oldest one that has all
	// that is in it. 0 is that of a single node, whose journals nobody else reads.
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

	// unread is the text of the seam, as long as the next record has not been read.
	unread []byte
}

// recordFormat is the newest version of records that this node writes. It reads its own and earlier
// ones.
const recordFormat = 3

// formatOf is the version of a record of the slot: the second one has parts with other continuity
// counters, the third one some with other cue times. Until then, the store had copies of such objects.
func formatOf(s *output.Slot) int {
	format := 1
	for i := range s.Renditions {
		for _, p := range s.Renditions[i].Parts {
			switch {
			case p.CueShift != 0:
				return 3
			case p.Counters != "":
				format = 2
			}
		}
	}
	return format
}

// commonFormat is the newest version of records that all nodes that are there read. Until a node is upgraded,
// slots have nothing that it can't read: viewers get the same from all nodes, with jumps of the continuity
// counters, and cues that are shown at the time that their encoder wrote.
func (n *nodes) commonFormat() int {
	format := recordFormat
	if n == nil {
		return format
	}
	for _, p := range n.readPeers(n.group.Status()) {
		if p.Alive && p.state.Format > 0 {
			format = min(format, max(p.state.Records, 1))
		}
	}
	return format
}

// readable says whether the node understands the record.
func (r *record) readable() error {
	if r.Format > recordFormat {
		return fmt.Errorf("a record has format %d, and this node reads up to %d: a newer version wrote it, so upgrade this node", r.Format, recordFormat)
	}
	return nil
}

// read reads what nearly all records of a journal consist of, given the one before: there
// may be hundreds of thousands, and the channel is not there before they have been read. It
// is false if there is more to it. The seam, of which only the last one counts, is left
// unread.
func (r *record) read(text []byte, before *record) bool {
	fields := compact.NewReader(text)
	fields.Object(func(name []byte) {
		switch string(name) {
		case "format":
			r.Format = int(fields.Int())
		case "life":
			r.Epoch = fields.String(before.Epoch)
		case "slot":
			r.Slot = output.ReadSlot(fields, before.Slot)
		case "seam":
			r.unread = fields.Raw()
		default:
			fields.Refuse()
		}
	})
	return fields.Done()
}

// readSeam reads the seam, if that has been left.
func readSeam(text []byte) (*seam, error) {
	var s seam
	if err := json.Unmarshal(text, &s); err != nil {
		return nil, fmt.Errorf("decode the end of the last slot: %w", err)
	}
	return &s, nil
}
