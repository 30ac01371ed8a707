package channel

import "time"

// How far viewers of an endpoint have come, from whichever node. A node that was apart from the others may have
// published more than they have. If it is restarted before they have passed that, what it takes over from them
// ends before what its viewers have got, and numbers must not fall: it does not answer until they have. The
// others keep for it how far it had come, as it may have nothing that tells it.

// passingTime is how long a node waits for that at most: encoders may be gone, and viewers of other nodes
// have what it has.
const passingTime = time.Minute

// viewed is a slot that viewers of an endpoint have got: the last one of a node, or of any.
type viewed struct {
	MSN                 uint64 `json:"msn,omitempty"`
	DiscontinuityNumber uint64 `json:"discontinuity_number,omitempty"`
}

func (v viewed) max(o viewed) viewed {
	return viewed{max(v.MSN, o.MSN), max(v.DiscontinuityNumber, o.DiscontinuityNumber)}
}

// noteSeen notes what viewers of an endpoint have got.
func (n *nodes) noteSeen(endpoint string, at viewed) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.seen[endpoint] = n.seen[endpoint].max(at)
}

// notePeers notes what viewers of other nodes have got of an endpoint.
func (n *nodes) notePeers(peers []peer, endpoint string) {
	for _, p := range peers {
		at := p.state.Endpoints[endpoint]
		n.noteSeen(endpoint, at.viewed)
		if at.Seen != nil {
			n.noteSeen(endpoint, *at.Seen)
		}
	}
}

// noteElsewhere notes what viewers of another node have got of endpoints that this one does not have: it may get
// them (back) when the other one has lost them.
func (n *nodes) noteElsewhere(p peer, own map[string]endpointState) {
	for name, at := range p.state.Endpoints {
		if _, mine := own[name]; !mine {
			n.noteSeen(name, at.viewed)
		}
	}
}

// ahead is where viewers are that have got more than this, nil if none have. n.mu is held.
func (n *nodes) ahead(endpoint string, at viewed) *viewed {
	seen := n.seen[endpoint]
	if at.MSN == 0 || seen.MSN <= at.MSN && seen.DiscontinuityNumber <= at.DiscontinuityNumber {
		return nil
	}
	return &seen
}

// goBeyond asks for numbers that viewers have not seen, where what the nodes go on with ends before those which
// they have: whoever began it did not know how far they had come. One slot may be on its way. Until viewers of
// this node can have what they had, it does not answer. The lock is held.
func (n *nodes) goBeyond(e *endpoint, peers []peer) {
	name := e.config.Name
	n.notePeers(peers, name)
	n.mu.Lock()
	seen, end := n.seen[name], n.ends[name].viewed
	n.passing[name], n.passingSince = seen.MSN, time.Now()
	n.mu.Unlock()
	n.passes.Store(true)
	for _, p := range peers {
		if p.ready { // what it has published since comes from there
			end = end.max(p.state.Endpoints[name].viewed)
		}
	}
	if slots := e.window.Slots(); len(slots) > 0 {
		last := slots[len(slots)-1]
		end = end.max(viewed{last.MSN, last.DiscontinuityNumber})
	}
	switch {
	case seen.MSN > end.MSN+1:
		e.askFor(seen.DiscontinuityNumber+1, seen.MSN+1)
	case end.MSN > 0 && seen.DiscontinuityNumber > end.DiscontinuityNumber:
		e.askFor(seen.DiscontinuityNumber, 0)
	}
}

// passed reports whether viewers of this node see no number fall.
func (n *nodes) passed() bool {
	if !n.passes.Load() {
		return true
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if time.Since(n.passingSince) > passingTime {
		clear(n.passing)
	}
	for name, number := range n.passing {
		view := n.channel.View(name)
		switch {
		case view == nil || len(view.Slots()) == 0:
			continue // it has nothing to answer with yet
		case view.Slots()[len(view.Slots())-1].MSN < number:
			return false
		}
		delete(n.passing, name)
	}
	n.passes.Store(len(n.passing) > 0)
	return true
}
