package channel

import "time"

// Which node decides the first slot of an endpoint. Nobody has decided before, so all that hear an
// encoder could: they go by their order. Nodes that are far from the servers come last, as what they
// say arrives late, and while it is under way others would begin as well, with another slot under
// the same number.

const (
	// firstAfter is how long one node after the other waits for the first slot.
	firstAfter = time.Second
	// A node that takes farFrom or longer to the servers and back, and farTimes as long as another
	// one, is far away.
	farFrom, farTimes = 20 * time.Millisecond, 3
)

// far reports whether a node with this distance from the servers is far away for one with another.
func far(distance, than time.Duration) bool {
	return distance >= farFrom && than > 0 && farTimes*than <= distance
}

// firstPatience is how long this node leaves the first slot to others, from when it could decide it.
// Where only nodes that are far away hear encoders, these come first: the others have to wait for all
// that comes from there.
func (n *nodes) firstPatience(e *endpoint, distance time.Duration, peers []peer) (wait time.Duration) {
	nearest, slowest := distance, time.Duration(0)
	for _, p := range peers {
		if !p.ready {
			continue
		}
		slowest = max(slowest, p.Delay)
		if p.Distance > 0 && (nearest == 0 || p.Distance < nearest) {
			nearest = p.Distance
		}
	}
	here := far(distance, nearest)
	heard := n.heardNearby(e, here, nearest, peers)
	if here && !heard {
		wait = inheritAfter + 2*slowest // until those that are near would have said that they do
	}
	for _, p := range peers {
		there := far(p.Distance, nearest)
		precedes := here == heard
		if here == there {
			precedes = p.Node < n.group.Node()
		}
		if p.ready && precedes {
			wait += firstAfter + 2*slowest
		}
	}
	return wait
}

// heardNearby reports whether a node that is not far away hears an encoder. For one that is far away
// itself (here), it counts as soon as it may be so; for the others, once those have had the time to
// know of it.
func (n *nodes) heardNearby(e *endpoint, here bool, nearest time.Duration, peers []peer) bool {
	heard := !here && n.hearing() >= settling
	for _, p := range peers {
		switch {
		case !p.ready || far(p.Distance, nearest):
		case here:
			heard = heard || len(p.state.Hears) > 0 || p.Heard.Before(e.offer.since)
		default:
			heard = heard || p.state.Hearing >= settling
		}
	}
	return heard
}
