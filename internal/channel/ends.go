package channel

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/liveorigin/caddy-live-origin/store"
)

// Where the journals of a node that starts end: of nodes that start together, one that has been away for an
// hour must not begin where it stood then.

// journalEnd is the last slot of an endpoint's journal.
type journalEnd struct {
	link *link
	viewed
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
			Link *link  `json:"link"`
			Slot viewed `json:"slot"`
		}
		if err := json.Unmarshal(text, &r); err != nil {
			return fmt.Errorf("decode: %w", err)
		}
		end = journalEnd{r.Link, r.Slot}
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
		n.noteSeen(e.Name, end.viewed)
	}
}

func (n *nodes) ownEnd(ctx context.Context, endpoint string) (journalEnd, error) {
	journal, last, err := n.journalIn(ctx, n.channel.journals, "/"+endpoint)
	if err != nil {
		return journalEnd{}, err
	}
	return endOf(ctx, journal, last)
}

// firstSlot is the number of the oldest slot that this node has of an endpoint; 0 if it has none.
func (n *nodes) firstSlot(endpoint string) (number uint64) {
	n.locked(func() {
		if e := n.channel.endpoints[endpoint]; e != nil && len(e.window.Slots()) > 0 {
			number = e.window.Slots()[0].MSN
		}
	})
	return number
}

// noteFirst notes that for a node whose journal this one takes over.
func (n *nodes) noteFirst(endpoint string, number uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.firsts[endpoint] = number
}

// hadBefore reports whether a slot is older than what the node had whose journal this one has taken over. Its media
// is gone then, unless this node has it: journals remember more than windows hold.
func (n *nodes) hadBefore(endpoint string, number uint64) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return number < n.firsts[endpoint]
}

// endStates are what other nodes are told of them. n.mu is held.
func (n *nodes) endStates() map[string]endpointState {
	states := map[string]endpointState{}
	for name, end := range n.ends {
		if end.link != nil {
			states[name] = endpointState{Link: *end.link, viewed: end.viewed}
		}
	}
	return states
}

// lead is by how many slots the journals of another node that starts are ahead of this one's.
func (n *nodes) lead(p peer) (slots int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for name, end := range n.ends {
		slots += int64(p.state.Endpoints[name].MSN) - int64(end.MSN)
	}
	return slots
}
