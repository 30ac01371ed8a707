package channel

import (
	"time"

	"github.com/liveorigin/caddy-live-origin/store"
)

const (
	// wakingTime is how long a node that stood still takes at most until it counts as ready
	// again, and wakingPause how long it listens at least.
	wakingTime, wakingPause = 3 * time.Second, 100 * time.Millisecond
	// wakingStep is how often an upload that waits for it looks.
	wakingStep = 20 * time.Millisecond
)

// Ready reports whether what the channel serves is what it should: false as long as this node has
// not taken over what the others have, when it starts, and when it stood still or was cut off meanwhile, or
// as long as its viewers would see numbers fall.
func (c *Channel) Ready() bool {
	return c.nodes == nil || c.nodes.ready.Load() && !c.nodes.lagging.Load() && c.nodes.passed() && c.nodes.awake()
}

// awake reports whether the node has not stood still, or has caught up since.
func (n *nodes) awake() bool {
	woke := n.group.Woke()
	if woke.IsZero() || woke.UnixNano() == n.caughtUp.Load() {
		return true
	}
	if !n.hasCaughtUp(woke) {
		return false
	}
	n.caughtUp.Store(woke.UnixNano())
	return true
}

// waitAwake holds an upload that has ended after the node stood still, until the node has caught up.
// A load balancer has sent it to another node meanwhile, and all that follows. If what got stuck here
// were taken among that, it would look as if the encoder had restarted.
func (n *nodes) waitAwake() {
	for until := time.Now().Add(wakingTime); !n.awake() && time.Now().Before(until); {
		time.Sleep(wakingStep)
	}
}

func (n *nodes) hasCaughtUp(woke time.Time) bool {
	status, since := n.group.Status(), time.Since(woke)
	switch {
	case since > wakingTime, status.Contact == store.Alone:
		return true
	case since < wakingPause, status.Contact != store.InContact, !n.group.Received(woke):
		return false
	}
	peers := n.readPeers(status)
	for _, p := range peers {
		if p.ready && p.Heard.Before(woke) && since < settling {
			return false
		}
	}
	caughtUp := true
	n.locked(func() {
		for _, e := range n.channel.endpoints {
			behind, apart := n.compare(e, peers)
			caughtUp = caughtUp && !behind && !apart
		}
	})
	return caughtUp
}
