package channel

import "time"

// A node that comes back after it was cut off has to catch up before it answers viewers, as one that
// starts: what it has is minutes old, and they would see all that has passed since go by.

// laggingSlots is by how many slots all others are ahead of a node that lags, and lagEvery how often it
// looks.
const (
	laggingSlots = 5
	lagEvery     = time.Second
)

// noteLag notes whether all the others that are ready are far ahead of this node. The lock need not be held.
func (n *nodes) noteLag(own map[string]endpointState) {
	n.mu.Lock()
	if due := time.Since(n.lagSeen) >= lagEvery || n.lagging.Load(); !due || !n.ready.Load() {
		n.mu.Unlock()
		return
	}
	n.lagSeen = time.Now()
	n.mu.Unlock()
	least, others := int64(0), 0
	for _, p := range n.readPeers(n.group.Status()) {
		if !p.ready {
			continue
		}
		n.noteElsewhere(p, own)
		lag := int64(0)
		for name, at := range own {
			if at.MSN > 0 {
				lag = max(lag, int64(p.state.Endpoints[name].MSN)-int64(at.MSN))
			}
		}
		if others++; others == 1 || lag < least {
			least = lag
		}
	}
	n.lagging.Store(least >= laggingSlots)
}
