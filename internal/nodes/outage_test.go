//go:build unix

package nodes

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/nodes/natstest"
	"github.com/liveorigin/caddy-live-origin/store"
)

// speak has nodes say something every few milliseconds until the returned function is
// called.
func speak(all ...*node) (stop func()) {
	quit, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-quit:
				return
			case <-time.After(5 * time.Millisecond):
				for _, n := range all {
					n.say()
				}
			}
		}
	}()
	return func() {
		close(quit)
		<-ended
	}
}

func checkAll(t *testing.T, all []*node) {
	t.Helper()
	for _, n := range all {
		for _, from := range all {
			if from != n {
				n.inOrder(t, n.Node(), from.Node(), 1, from.sent)
			}
		}
	}
}

// TestServersAreKilled: one after the other, under load. Nothing is lost.
func TestServersAreKilled(t *testing.T) {
	servers := natstest.Start(t, 3)
	all := openNodes(t, servers.URLs(), "a", "b", "c")
	stop := speak(all...)
	for i := range 3 {
		time.Sleep(200 * time.Millisecond)
		servers.Kill(i)
		time.Sleep(500 * time.Millisecond)
		servers.Restart(i)
		time.Sleep(time.Second)
	}
	stop()
	checkAll(t, all)
}

// TestServersHang: one after the other, under load. Nothing is lost, and what a server hands
// on when it wakes changes nothing.
func TestServersHang(t *testing.T) {
	servers := natstest.Start(t, 3)
	all := openNodes(t, servers.URLs(), "a", "b", "c")
	stop := speak(all...)
	for i := range 3 {
		servers.Stop(i)
		time.Sleep(time.Second)
		for _, n := range all {
			eventually(t, n.Node()+" is in contact", func() bool {
				contact, _ := n.Contact()
				return contact == store.InContact
			})
			for _, c := range n.links {
				eventually(t, n.Node()+"'s "+c.name()+" has moved", func() bool {
					return c.up.Load() && c.nc.ConnectedUrl() != servers.URLs()[i]
				})
			}
		}
		servers.Continue(i)
		time.Sleep(300 * time.Millisecond)
	}
	stop()
	checkAll(t, all)
}

// TestAllServersAreAway: each node is alone, and when they meet again, all is told.
func TestAllServersAreAway(t *testing.T) {
	for _, away := range []struct {
		how        string
		stop, wake func(*natstest.Cluster, int)
	}{
		{"killed", (*natstest.Cluster).Kill, (*natstest.Cluster).Restart},
		{"stopped", (*natstest.Cluster).Stop, (*natstest.Cluster).Continue},
	} {
		t.Run(away.how, func(t *testing.T) {
			servers := natstest.Start(t, 3)
			all := openNodes(t, servers.URLs(), "a", "b", "c")
			stop := speak(all...)
			for i := range 3 {
				away.stop(servers, i)
			}
			time.Sleep(5 * time.Second)
			for _, n := range all {
				if contact, _ := n.Contact(); contact != store.Alone {
					t.Errorf("%s is %s", n.Node(), contact)
				}
				if n.alive() > 0 {
					t.Errorf("%s sees others", n.Node())
				}
			}
			for i := range 3 {
				away.wake(servers, i)
			}
			awaitPeers(t, all...)
			time.Sleep(200 * time.Millisecond)
			stop()
			checkAll(t, all)
		})
	}
}

// TestOpenWithoutServers: they come later.
func TestOpenWithoutServers(t *testing.T) {
	servers := natstest.Start(t, 3)
	for i := range 3 {
		servers.Kill(i)
	}
	all := []*node{openNode(t, "a", servers.URLs()), openNode(t, "b", servers.URLs())}
	for _, n := range all {
		if contact, _ := n.Contact(); contact == store.InContact {
			t.Errorf("%s is in contact", n.Node())
		}
	}
	all[1].say() // it has joined last: a misses nothing of it
	for i := range 3 {
		servers.Restart(i)
	}
	awaitPeers(t, all...)
	all[1].say()
	all[0].say()
	all[0].inOrder(t, "a", "b", 1, 2)
	all[1].inOrder(t, "b", "a", 1, 1)
}

// TestOneOfThreeIsLeft: the nodes go on over it.
func TestOneOfThreeIsLeft(t *testing.T) {
	servers := natstest.Start(t, 3)
	all := openNodes(t, servers.URLs(), "a", "b", "c")
	stop := speak(all...)
	servers.Kill(0)
	servers.Stop(1)
	time.Sleep(2 * time.Second)
	awaitPeers(t, all...)
	stop()
	checkAll(t, all)
}

// TestCloseWhileServersHang is bounded in time.
func TestCloseWhileServersHang(t *testing.T) {
	servers := natstest.Start(t, 3)
	all := openNodes(t, servers.URLs(), "a", "b")
	for i := range 3 {
		servers.Stop(i)
	}
	start := time.Now()
	for range 100 { // more than the sockets take
		all[0].group.Send(make([]byte, maxPiece))
	}
	if took := time.Since(start); took > patience/4 {
		t.Errorf("Send waits: %v", took)
	}
	start = time.Now()
	for _, n := range all {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	}
	if took := time.Since(start); took > patience {
		t.Errorf("it took %v", took)
	}
	if _, err := all[0].Join("late", &listener{}); err == nil {
		t.Error("joined after Close")
	}
}

// TestGroupsComeAndGo: with much to say and to ask, while servers hang. A quiet group misses
// nothing for that.
func TestGroupsComeAndGo(t *testing.T) {
	servers := natstest.Start(t, 3)
	all := openNodes(t, servers.URLs(), "a", "b", "c")
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
	defer cancel()
	answer := func(context.Context, string, []byte) ([]byte, error) { return make([]byte, 2*smallAnswer), nil }
	var coming sync.WaitGroup
	for _, n := range all {
		n.answer = answer
		for i := range 2 {
			coming.Go(func() { comeAndGo(ctx, t, n, fmt.Sprintf("group-%d", i), answer) })
		}
	}
	for i := 0; ctx.Err() == nil; i++ {
		servers.Stop(i % 3)
		time.Sleep(500 * time.Millisecond)
		servers.Continue(i % 3)
		time.Sleep(300 * time.Millisecond)
		for _, n := range all {
			n.say()
		}
	}
	coming.Wait()
	checkAll(t, all)
}

func comeAndGo(ctx context.Context, t *testing.T, n *node, name string, answer handler) {
	for ctx.Err() == nil {
		g, err := n.Join(name, &listener{answer: answer})
		if err != nil {
			t.Error(err)
			return
		}
		for i := range 20 {
			g.Send(make([]byte, i*20_000))
			g.Status()
		}
		asking, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
		_, _ = g.Ask(asking, "", nil) // whether somebody is there is chance
		_, _ = n.group.Ask(asking, "", nil)
		cancel()
		g.Leave()
	}
}

// TestLostMessages: what nobody holds any more is told, and it goes on.
func TestLostMessages(t *testing.T) {
	servers := natstest.Start(t, 1)
	small := func(o *Options) { o.RingBytes = 10 * (overhead + 9) }
	a, b := openNode(t, "a", servers.URLs(), small), openNode(t, "b", servers.URLs())
	awaitPeers(t, a, b)
	servers.Kill(0)
	eventually(t, "a is out of contact", func() bool {
		contact, _ := a.Contact()
		return contact != store.InContact
	})
	for range 100 {
		a.say()
	}
	servers.Restart(0)
	eventually(t, "b has the last", func() bool {
		b.listener.mu.Lock()
		defer b.listener.mu.Unlock()
		m := b.messages["a"]
		return len(m) > 0 && string(m[len(m)-1]) == "message 100"
	})
	if got, lost := b.count("a"), b.lostOf("a"); got == 0 || got+lost != 100 {
		t.Errorf("%d came, %d are lost", got, lost)
	}
}

// TestPeerBringsWhatThePublisherTookAlong: a node that missed the last messages of one that
// died gets them from another.
func TestPeerBringsWhatThePublisherTookAlong(t *testing.T) {
	all := openNodes(t, natstest.Start(t, 1).URLs(), "a", "b", "c")
	a, b, c := all[0], all[1], all[2]
	a.say()
	b.inOrder(t, "b", "a", 1, 1)
	c.inOrder(t, "c", "a", 1, 1)
	// What c hears of a next is only that there were more.
	for i := 2; i <= 20; i++ {
		a.sent++
		f := frame{kind: kindSay, node: "a", epoch: a.epoch, number: uint64(i),
			head: say{group: "news/hd.1", pieces: 1}.encode(), body: fmt.Appendf(nil, "message %d", i)}
		b.hearMessage(f)
	}
	c.Nodes.mu.Lock()
	s := c.group.streams["a"]
	c.Nodes.mu.Unlock()
	s.heard(a.epoch, 20, 1)
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	c.inOrder(t, "c", "a", 1, 20)
}
