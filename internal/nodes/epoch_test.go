//go:build unix

package nodes

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/nodes/natstest"
)

// TestTwoNodesWithOneName: both are told, and the others listen to one of them.
func TestTwoNodesWithOneName(t *testing.T) {
	urls := natstest.Start(t, 1).URLs()
	var told [2]atomic.Int32
	var twins []*node
	for i := range told {
		twins = append(twins, openNode(t, "a", urls, func(o *Options) {
			before := o.Event
			o.Event = func(e Event) {
				before(e)
				if e.Kind == NameTaken {
					told[i].Add(1)
				}
			}
		}))
	}
	b := openNode(t, "b", urls)
	eventually(t, "both are told", func() bool { return told[0].Load() > 0 && told[1].Load() > 0 })
	for range 5 {
		twins[1].say()
	}
	b.inOrder(t, "b", "a", 1, 5)
	if n := b.alive(); n != 1 {
		t.Errorf("b sees %d others", n)
	}
}

// TestClockWasAhead: a node that comes back with a clock that was set back is heard all the
// same, also if the servers are away when it starts.
func TestClockWasAhead(t *testing.T) {
	for _, away := range []bool{false, true} {
		t.Run(fmt.Sprintf("away %v", away), func(t *testing.T) {
			servers := natstest.Start(t, 1)
			a := openNode(t, "a", servers.URLs())
			b := openNode(t, "b", servers.URLs())
			awaitPeers(t, a, b)
			if err := b.Close(); err != nil {
				t.Fatal(err)
			}
			ahead := time.Now().Add(time.Hour).UnixNano()
			a.Nodes.mu.Lock()
			a.Nodes.peers["b"].epoch = ahead
			a.Nodes.mu.Unlock()
			if away {
				servers.Kill(0)
			}
			b = openNode(t, "b", servers.URLs())
			if away {
				servers.Restart(0)
			}
			awaitPeers(t, a, b)
			b.say()
			a.inOrder(t, "a", "b", 1, 1)
		})
	}
}

// TestHungServerSpeaksAgain: what it hands on of an epoch that is over does nothing.
func TestHungServerSpeaksAgain(t *testing.T) {
	all := openNodes(t, natstest.Start(t, 1).URLs(), "a", "b")
	a, b := all[0], all[1]
	for range 3 {
		b.say()
	}
	a.inOrder(t, "a", "b", 1, 3)
	for number := range uint64(10) {
		old := frame{kind: kindSay, node: "b", epoch: b.epoch - 1, number: number + 1,
			head: say{group: "news/hd.1", pieces: 1}.encode(), body: []byte("old")}
		a.hearMessage(old)
		old.kind, old.head = kindBeat, head(beat{})
		a.hear(a.links[factsA], old)
		old.kind, old.head = kindBye, nil
		a.hearBye(old)
	}
	b.say()
	a.inOrder(t, "a", "b", 1, 4)
	if a.alive() != 1 {
		t.Error("b is away")
	}
}

// TestNewEpochFinishesTheOldOne: messages of the epoch before come first, then those of the
// next, and what nobody has is told.
func TestNewEpochFinishesTheOldOne(t *testing.T) {
	a := openNode(t, "a", natstest.Start(t, 1).URLs())
	message := func(epoch int64, number uint64) {
		a.hearMessage(frame{kind: kindSay, node: "x", epoch: epoch, number: number,
			head: say{group: "news/hd.1", pieces: 1}.encode(), body: fmt.Appendf(nil, "message %d", epoch*10+int64(number))})
	}
	message(1, 1)
	message(1, 3) // 2 is missing
	message(2, 1)
	message(2, 2)
	eventually(t, "all have come", func() bool { return a.count("x") == 4 })
	a.listener.mu.Lock()
	defer a.listener.mu.Unlock()
	for i, want := range []string{"message 11", "message 13", "message 21", "message 22"} {
		if got := string(a.messages["x"][i]); got != want {
			t.Errorf("%d: %s, want %s", i, got, want)
		}
	}
	if a.lost["x"] != 1 {
		t.Errorf("lost: %d", a.lost["x"])
	}
}
