package nodes

// Counters are what has happened since Open.
type Counters struct {
	// ConnectionsLost is how often one of the connections lost its server.
	ConnectionsLost uint64
	// MessagesDropped did not fit into a queue. Others ask for what they miss.
	MessagesDropped uint64
}

// Counters returns them.
func (n *Nodes) Counters() Counters {
	n.teller.mu.Lock()
	defer n.teller.mu.Unlock()
	return Counters{
		ConnectionsLost: n.teller.counts[ConnectionLost],
		MessagesDropped: n.teller.counts[QueueFull],
	}
}

// Connections says which of the connections, by their names, are on a server.
func (n *Nodes) Connections() map[string]bool {
	up := map[string]bool{}
	for _, c := range n.links {
		up[c.name()] = c.up.Load()
	}
	return up
}
