package channel

import "github.com/liveorigin/caddy-live-origin/store"

// NodeEventKind says what has changed among the nodes that run a channel.
type NodeEventKind string

const (
	// NodeLost: another node is gone. NodeBack: it is there (again).
	NodeLost NodeEventKind = "lost"
	NodeBack NodeEventKind = "back"
	// NodeAlone: this node hears nobody and goes on by itself. NodeTogether: that is over.
	NodeAlone    NodeEventKind = "alone"
	NodeTogether NodeEventKind = "together"
	// HistoryAdopted: while nodes did not hear of each other, both went on; this node goes over to
	// what the other one has.
	HistoryAdopted NodeEventKind = "history_adopted"
	// MessagesLost: Count messages of another node could not be brought back. What they said
	// is missing here, unless other nodes or inputs have it.
	MessagesLost NodeEventKind = "messages_lost"
	// UploadMissed: another node took an upload that this one does not have.
	UploadMissed NodeEventKind = "upload_missed"
)

// NodeEvent is what has changed among the nodes that run a channel.
type NodeEvent struct {
	Kind NodeEventKind
	// Node is the other node; empty for NodeAlone and NodeTogether.
	Node string
	// Stopped, for NodeLost: it said that it was about to stop.
	Stopped bool
	// Endpoint and Records, for HistoryAdopted: how many records of this node don't count any
	// more.
	Endpoint string
	Records  int
	// Count is for MessagesLost.
	Count int
	// Input, Path and Err, for UploadMissed: what it was, and why it is not here.
	Input, Path string
	Err         error
}

// tellChanges tells the observer what is different from the last status, and reports whether another node
// is there that was not.
func (n *nodes) tellChanges(status store.GroupStatus) (back bool) {
	n.mu.Lock()
	var events []NodeEvent
	if alone := status.Contact == store.Alone; alone != n.alone && (alone || status.Contact == store.InContact) {
		n.alone = alone
		kind := NodeTogether
		if alone {
			kind = NodeAlone
		}
		events = append(events, NodeEvent{Kind: kind})
	}
	for _, p := range status.Peers {
		if was, seen := n.known[p.Node]; seen && was == p.Alive || !seen && !p.Alive {
			continue
		}
		n.known[p.Node] = p.Alive
		kind := NodeLost
		if p.Alive {
			kind, back = NodeBack, true
		}
		events = append(events, NodeEvent{Kind: kind, Node: p.Node, Stopped: kind == NodeLost && n.leaving[p.Node]})
		delete(n.leaving, p.Node)
	}
	n.mu.Unlock()
	for _, e := range events {
		n.channel.outbox.node(e)
	}
	return back
}

func (o *outbox) node(e NodeEvent) {
	o.events.put(func(observer Observer) { observer.Node(o.channel, e) })
}
