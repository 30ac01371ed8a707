//go:build unix

package nodes

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/nodes/natstest"
	"github.com/liveorigin/caddy-live-origin/store"
)

// TestNetworkStalls: for a moment nothing gets through to a node, nor from it. Its servers are not to
// blame: it looks for another one with one connection, and with the other it is back as soon as
// the network is.
func TestNetworkStalls(t *testing.T) {
	for _, delay := range []time.Duration{time.Millisecond, 50 * time.Millisecond} {
		t.Run(delay.String()+" away", func(t *testing.T) {
			servers := natstest.Start(t, 3)
			way := natstest.Far(t, delay, 0)
			var mu sync.Mutex
			var moved []string
			near := openNode(t, "near", servers.URLs())
			far := openNode(t, "far", way.ToAll(servers.URLs()), func(o *Options) {
				told := o.Event
				o.Event = func(e Event) {
					told(e)
					if e.Kind == ConnectionLost {
						mu.Lock()
						moved = append(moved, e.Connection)
						mu.Unlock()
					}
				}
			})
			awaitPeers(t, near, far)
			eventually(t, "all connections of the node are up", func() bool {
				return !slices.ContainsFunc(far.links[:], func(c *connection) bool { return !c.up.Load() })
			})
			mu.Lock()
			moved = nil
			mu.Unlock()

			way.Halt(1500 * time.Millisecond)
			eventually(t, "the node has no contact", func() bool {
				contact, _ := far.Contact()
				return contact != store.InContact
			})
			awaitPeers(t, near, far)
			stop := speak(near, far)
			time.Sleep(time.Second)
			stop()
			checkAll(t, []*node{near, far})
			mu.Lock()
			defer mu.Unlock()
			if slices.Contains(moved, "facts a") && slices.Contains(moved, "facts b") {
				t.Errorf("both connections moved: %q", moved)
			}
		})
	}
}

// TestANodeKnowsWhenOthersMayHaveGivenItUp: what it decides while it is assured that the others
// listen, they hear before they go on without it.
func TestANodeKnowsWhenOthersMayHaveGivenItUp(t *testing.T) {
	for _, delay := range []time.Duration{time.Millisecond, 50 * time.Millisecond} {
		t.Run(delay.String()+" away", func(t *testing.T) {
			servers := natstest.Start(t, 3)
			way := natstest.Far(t, delay, 0)
			near, far := openNode(t, "near", servers.URLs()), openNode(t, "far", way.ToAll(servers.URLs()))
			awaitPeers(t, near, far)
			for round := range 3 {
				eventually(t, "the node is assured", func() bool {
					mine := far.group.Status()
					return mine.Contact == store.InContact && time.Now().Before(mine.Assured)
				})
				way.Halt(time.Second)
				eventually(t, "the node is given up", func() bool {
					moment := time.Now()
					mine := far.group.Status()
					if mine.Contact != store.InContact || !moment.Before(mine.Assured) {
						return slices.ContainsFunc(near.group.Status().Peers, func(p store.Peer) bool { return !p.Alive })
					}
					for _, p := range near.group.Status().Peers {
						if !p.Alive && p.Since.Before(moment) {
							t.Errorf("round %d: it is assured for another %v, and was given up", round, mine.Assured.Sub(moment))
						}
					}
					return false
				})
				awaitPeers(t, near, far)
			}
		})
	}
}
