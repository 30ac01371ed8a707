package channel

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"

	"github.com/liveorigin/caddy-live-origin/store"
)

// Where the journals of a node that starts end, and how far viewers have come as far as it knows: of
// nodes that start together, one that has been away for an hour must not begin where it stood then.

// journalEnd is the last slot of an endpoint's journal.
type journalEnd struct {
	link               *link
	msn, discontinuity uint64
}

// journalIn opens one of the channel's journals, in this node's own store or in that of all nodes, and
// returns the revision of its last record as well.
func (n *nodes) journalIn(ctx context.Context, st store.Store, name string) (journal store.Journal, last uint64, err error) {
	if journal, err = st.Journal(ctx, n.channel.name+name); err != nil {
		return nil, 0, err
	}
	last, err = journal.Last(ctx)
	return journal, last, err
}

// endOf reads it. Revision is the journal's last one.
func endOf(ctx context.Context, journal store.Journal, revision uint64) (end journalEnd, err error) {
	err = journal.Read(ctx, max(revision, 1)-1, func(_ uint64, text []byte) error {
		var r struct {
			Link *link `json:"link"`
			Slot struct {
				MSN                 uint64 `json:"msn"`
				DiscontinuityNumber uint64 `json:"discontinuity_number"`
			} `json:"slot"`
		}
		if err := json.Unmarshal(text, &r); err != nil {
			return fmt.Errorf("decode: %w", err)
		}
		end = journalEnd{r.Link, r.Slot.MSN, r.Slot.DiscontinuityNumber}
		return nil
	})
	return end, err
}

// readEnds notes where this node's own journals end. Other nodes are told as long as it starts.
func (n *nodes) readEnds(ctx context.Context, endpoints []EndpointConfig) {
	for _, e := range endpoints {
		end, err := n.ownEnd(ctx, e.Name)
		if err != nil {
			n.channel.outbox.trouble(fmt.Errorf("endpoint %s: read the end of the journal: %w", e.Name, err))
			continue
		}
		n.mu.Lock()
		n.ends[e.Name] = end
		n.mu.Unlock()
		n.noteSeen(e.Name, end)
	}
}

func (n *nodes) ownEnd(ctx context.Context, endpoint string) (journalEnd, error) {
	journal, last, err := n.journalIn(ctx, n.channel.journals, "/"+endpoint)
	if err != nil {
		return journalEnd{}, err
	}
	return endOf(ctx, journal, last)
}

// noteSeen notes what viewers of an endpoint have got, from whichever node.
func (n *nodes) noteSeen(endpoint string, end journalEnd) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if end.msn > n.seen[endpoint].msn {
		n.seen[endpoint] = end
	}
}

// endStates are what other nodes are told of them. n.mu is held.
func (n *nodes) endStates() map[string]endpointState {
	states := map[string]endpointState{}
	for name, end := range n.ends {
		if end.link != nil {
			states[name] = endpointState{Link: *end.link, MSN: end.msn}
		}
	}
	return states
}

// lead is by how many slots the journals of another node that starts are ahead of this one's.
func (n *nodes) lead(p peer) (slots int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for name, end := range n.ends {
		slots += int64(p.state.Endpoints[name].MSN) - int64(end.msn)
	}
	return slots
}

// goBeyond asks for numbers that viewers have not seen, where the history that this node has taken over
// ends before those which they have: whoever began it did not know how far they had come. One slot may
// be on its way. The lock is held.
func (n *nodes) goBeyond() {
	n.mu.Lock()
	seen := maps.Clone(n.seen)
	n.mu.Unlock()
	for name, last := range seen {
		e := n.channel.endpoints[name]
		if e == nil {
			continue
		}
		if at := n.ends[name]; last.msn > at.msn+1 {
			e.askFor(last.discontinuity+1, last.msn+1)
		}
	}
}
