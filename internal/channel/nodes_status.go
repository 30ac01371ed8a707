package channel

import (
	"slices"
	"time"

	"github.com/liveorigin/caddy-live-origin/store"
)

// NodesStatus says which nodes run a channel, and what each of them does.
type NodesStatus struct {
	// Contact is how this node is connected with the others, and Since when.
	Contact store.Contact `json:"contact"`
	Since   time.Time     `json:"since,omitzero"`
	// Unwritten is for how long the journal of all nodes has not taken what this node decided,
	// in seconds; 0 if it has all of it. Nothing waits for that.
	Unwritten float64 `json:"unwritten_seconds"`
	// Nodes are all of them, this one first.
	Nodes []NodeStatus `json:"nodes"`
}

// NodeStatus is one of the nodes.
type NodeStatus struct {
	Node string `json:"node"`
	Self bool   `json:"self,omitempty"`
	// Alive: it was heard just now; Since when that is so, or not so.
	Alive bool      `json:"alive"`
	Since time.Time `json:"since,omitzero"`
	// Ready: it has what the others have, and answers viewers.
	Ready bool `json:"ready"`
	// Hears are the inputs that encoders send to it. What a node that is not alive said is
	// not repeated.
	Hears []string `json:"hears,omitempty"`
	// Decides are the endpoints for which it decides, as far as it knows.
	Decides []string `json:"decides,omitempty"`
	// Behind is how many slots of an endpoint it lacks, at most.
	Behind uint64 `json:"behind,omitempty"`
	// Delay is how long its messages are under way, in seconds; Ahead how far its clock is
	// ahead of this node's.
	Delay float64 `json:"delay_seconds,omitempty"`
	Ahead float64 `json:"clock_ahead_seconds,omitempty"`
}

func (n *nodes) describe() *NodesStatus {
	status := n.group.Status()
	own := n.state()
	out := &NodesStatus{Contact: status.Contact, Since: status.Since, Unwritten: n.ledger.unwritten().Seconds()}
	out.Nodes = append(out.Nodes, NodeStatus{Node: n.group.Node(), Self: true, Alive: true, Since: n.joined, Ready: own.Ready, Hears: own.Hears})
	states := []nodeState{own}
	for _, p := range status.Peers {
		var state nodeState
		if p.Alive {
			state, _ = n.states.of(p)
		}
		states = append(states, state)
		out.Nodes = append(out.Nodes, NodeStatus{
			Node: p.Node, Alive: p.Alive, Since: p.Since, Ready: state.Ready, Hears: state.Hears,
			Delay: p.Delay.Seconds(), Ahead: p.Ahead.Seconds(),
		})
	}
	last := map[string]uint64{}
	for _, s := range states {
		for name, e := range s.Endpoints {
			last[name] = max(last[name], e.MSN)
		}
	}
	for i, s := range states {
		at := &out.Nodes[i]
		for name, e := range s.Endpoints {
			if s.Writer != "" && e.Link.Writer == s.Writer {
				at.Decides = append(at.Decides, name)
			}
			if e.MSN > 0 {
				at.Behind = max(at.Behind, last[name]-e.MSN)
			}
		}
		slices.Sort(at.Decides)
	}
	return out
}
