package channel

import "time"

// A node that goes on in place of the one that decided says so first. Another one may come to it at the same
// moment, as one knows later of the same upload: both would publish a slot of their own under the same number. So it
// waits until the others would have said that one of them does, and the first by name does.

// claimTime is for how long, besides the way to the others and back.
const claimTime = 10 * time.Millisecond

// claims reports whether this node decides what comes next by itself, or has claimed that and nobody objects. The
// lock is held.
func (n *nodes) claims(e *endpoint, peers []peer) bool {
	last, self := e.chain.last, n.group.Node()
	if node, writer := e.decider(); last.ID == "" || node == last.Node && writer == last.Writer && node == self && writer == n.writer {
		return true
	}
	others, slowest := false, time.Duration(0)
	for _, p := range peers {
		if p.ready {
			others, slowest = true, max(slowest, p.Delay)
		}
	}
	if !others {
		return true
	}
	mine := passMessage{Endpoint: e.config.Name, After: last.ID, Node: self, Writer: n.writer}
	if e.passed != mine {
		e.passed, e.claimed = mine, time.Now()
		n.group.Send(message{Pass: &mine}.encode())
		return false
	}
	return time.Since(e.claimed) >= claimTime+2*slowest
}

// precedes reports whether what is known of who decides next stands against what a node claims.
func (n *nodes) precedes(known, claim passMessage) bool {
	if known.After != claim.After || known.Node >= claim.Node {
		return false
	}
	if known.Node == n.group.Node() {
		return known.Writer == n.writer
	}
	for _, p := range n.readPeers(n.group.Status()) {
		if p.ready && p.Node == known.Node && p.state.Writer == known.Writer {
			return true
		}
	}
	return false
}
