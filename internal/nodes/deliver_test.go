//go:build unix

package nodes

import (
	"bytes"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/nodes/natstest"
	"github.com/liveorigin/caddy-live-origin/store"
)

// TestMessagesComeOnceInOrder: each of three nodes hears what the two others send.
func TestMessagesComeOnceInOrder(t *testing.T) {
	all := openNodes(t, natstest.Start(t, 3).URLs(), "a", "b", "c")
	const count = 500
	for i := range count {
		for _, n := range all {
			n.say()
		}
		if i%50 == 0 {
			time.Sleep(time.Millisecond)
		}
	}
	for _, n := range all {
		for _, from := range all {
			if from != n {
				n.inOrder(t, n.Node(), from.Node(), 1, count)
			}
		}
		if n.count(n.Node()) > 0 {
			t.Errorf("%s hears itself", n.Node())
		}
	}
}

// TestOneServerIsEnough: all three connections are on it.
func TestOneServerIsEnough(t *testing.T) {
	all := openNodes(t, natstest.Start(t, 1).URLs(), "a", "b")
	for range 20 {
		all[0].say()
	}
	all[1].inOrder(t, "b", "a", 1, 20)
}

// TestConnectionsAreOnDifferentServers: the death of one costs nothing.
func TestConnectionsAreOnDifferentServers(t *testing.T) {
	all := openNodes(t, natstest.Start(t, 2).URLs(), "a", "b", "c")
	for _, n := range all {
		eventually(t, "both connections are up", func() bool { return n.links[factsA].up.Load() && n.links[factsB].up.Load() })
		if a, b := n.links[factsA].nc.ConnectedUrl(), n.links[factsB].nc.ConnectedUrl(); a == b {
			t.Errorf("%s: both are on %s", n.Node(), a)
		}
	}
}

func TestLargeMessages(t *testing.T) {
	all := openNodes(t, natstest.Start(t, 1).URLs(), "a", "b")
	var want [][]byte
	for _, size := range []int{0, 1, maxPiece - 1, maxPiece, maxPiece + 1, 3*maxPiece + 5, maxMessage, 7} {
		m := noise(size)
		want = append(want, m)
		all[0].group.Send(m)
	}
	all[0].group.Send(make([]byte, maxMessage+1)) // refused
	all[0].say()
	want = append(want, []byte("message 1"))
	eventually(t, "all have come", func() bool { return all[1].count("a") >= len(want) })
	if got := all[1].messages["a"]; !slices.EqualFunc(got, want, bytes.Equal) {
		t.Error("they differ")
	}
}

// TestMemberJoinsMidStream: it begins with what is said next, and misses nothing from there.
func TestMemberJoinsMidStream(t *testing.T) {
	urls := natstest.Start(t, 1).URLs()
	all := openNodes(t, urls, "a", "b")
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			case <-time.After(2 * time.Millisecond):
				all[0].say()
			}
		}
	}()
	time.Sleep(300 * time.Millisecond)
	late := openNode(t, "c", urls)
	time.Sleep(300 * time.Millisecond)
	close(stop)
	<-stopped
	last := fmt.Sprintf("message %d", all[0].sent)
	eventually(t, "the last message", func() bool {
		late.listener.mu.Lock()
		defer late.listener.mu.Unlock()
		m := late.messages["a"]
		return len(m) > 0 && string(m[len(m)-1]) == last
	})
	var first int
	if _, err := fmt.Sscanf(string(late.messages["a"][0]), "message %d", &first); err != nil {
		t.Fatal(err)
	}
	if first < 20 {
		t.Errorf("it was told history: from %d", first)
	}
	late.inOrder(t, "c", "a", first, all[0].sent)
	all[1].inOrder(t, "b", "a", 1, all[0].sent)
}

// TestPublisherJoinsLater: nothing that it says is missed, from its first message.
func TestPublisherJoinsLater(t *testing.T) {
	urls := natstest.Start(t, 1).URLs()
	a := openNode(t, "a", urls)
	for i := range 3 {
		b := openNode(t, fmt.Sprintf("b%d", i), urls)
		for range 10 {
			b.say()
		}
		a.inOrder(t, "a", b.Node(), 1, 10)
	}
}

// TestLeaveAndJoinAgain: the others see it at once, and numbers go on.
func TestLeaveAndJoinAgain(t *testing.T) {
	all := openNodes(t, natstest.Start(t, 1).URLs(), "a", "b")
	a, b := all[0], all[1]
	a.say()
	b.inOrder(t, "b", "a", 1, 1)
	a.group.Leave()
	a.listener.mu.Lock()
	a.left = true
	a.listener.mu.Unlock()
	eventually(t, "b sees that a has left", func() bool { return b.alive() == 0 })
	if _, err := a.group.Ask(t.Context(), "b", nil); err == nil {
		t.Error("b answers without a handler")
	}
	b.say()
	time.Sleep(200 * time.Millisecond)
	if a.late > 0 {
		t.Errorf("%d calls after Leave", a.late)
	}
	again := &listener{}
	g, err := a.Join("news/hd.1", again)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Join("news/hd.1", again); err == nil {
		t.Error("joined twice")
	}
	if _, err := a.Join("../x", again); err == nil {
		t.Error("joined an invalid name")
	}
	a.group = g
	a.say()
	b.say()
	b.inOrder(t, "b", "a", 1, 2)
	again.inOrder(t, "a", "b", 2, 2)
}

// TestSlowMemberHoldsUpNobody: a slow group waits for itself, and gets all in the end.
func TestSlowMemberHoldsUpNobody(t *testing.T) {
	all := openNodes(t, natstest.Start(t, 1).URLs(), "a", "b")
	a, b := all[0], all[1]
	b.slow = 20 * time.Millisecond
	fast := &listener{}
	if _, err := b.Join("other", fast); err != nil {
		t.Fatal(err)
	}
	other, err := a.Join("other", &listener{})
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		a.say()
	}
	other.Send([]byte("message 1"))
	fast.inOrder(t, "b", "a", 1, 1)
	if b.count("a") == 100 {
		t.Error("the slow one is not slow")
	}
	b.inOrder(t, "b", "a", 1, 100)
}

// TestDroppedMessagesAreBroughtBack: in order, from who has them, however many holes there are.
func TestDroppedMessagesAreBroughtBack(t *testing.T) {
	all := openNodes(t, natstest.Start(t, 1).URLs(), "a", "b", "c")
	for _, n := range all[1:] {
		for _, s := range n.group.heard { // the library drops what is over it
			if err := s.SetPendingLimits(2, -1); err != nil {
				t.Fatal(err)
			}
		}
	}
	const count = 10_000
	for range count {
		all[0].say()
	}
	for _, n := range all[1:] {
		n.inOrder(t, n.Node(), "a", 1, count)
	}
	dropped := 0
	for _, s := range all[1].group.heard {
		d, err := s.Dropped()
		if err != nil {
			t.Fatal(err)
		}
		dropped += d
	}
	t.Logf("%d of %d copies were dropped", dropped, 4*count)
}

// TestForeignMessagesAreIgnored: what is no message of a node, or of another version, is told.
func TestForeignMessagesAreIgnored(t *testing.T) {
	servers := natstest.Start(t, 1)
	var told atomic.Int32
	a := openNode(t, "a", servers.URLs(), func(o *Options) {
		o.Event = func(e Event) {
			if e.Kind == UnknownFormat {
				told.Add(1)
			}
		}
	})
	b := openNode(t, "b", servers.URLs())
	awaitPeers(t, a, b)
	for _, garbage := range [][]byte{nil, []byte("hello"), {2, 1, 2, 3}, {formatVersion}} {
		for _, subject := range []string{a.subjectBeat(), a.subjectTo("a"), a.subjectBulk("a"), a.subjectGroup("news/hd.1")} {
			if err := b.links[bulk].nc.Publish(subject, garbage); err != nil {
				t.Fatal(err)
			}
		}
	}
	eventually(t, "it is told", func() bool { return told.Load() > 0 })
	b.say()
	a.inOrder(t, "a", "b", 1, 1)
}

// TestStatus: peers, their states, their clocks, and how far they are.
func TestStatus(t *testing.T) {
	all := openNodes(t, natstest.Start(t, 1).URLs(), "a", "b")
	a, b := all[0], all[1]
	large := bytes.Repeat([]byte("x"), maxState)
	for _, state := range [][]byte{[]byte("one"), large, {}} {
		a.listener.mu.Lock()
		a.state = state
		a.listener.mu.Unlock()
		eventually(t, "the state of a", func() bool { return bytes.Equal(b.group.Status().Peers[0].State, state) })
	}
	eventually(t, "a delay", func() bool { return b.group.Status().Peers[0].Delay > 0 })
	s := b.group.Status()
	if s.Contact != store.InContact || s.Since.IsZero() {
		t.Errorf("contact: %v since %v", s.Contact, s.Since)
	}
	if p := s.Peers[0]; p.Node != "a" || p.Delay > time.Second || p.Ahead.Abs() > p.Delay+50*time.Millisecond {
		t.Errorf("peer: %+v", p)
	}
	if p := b.Peers(); len(p) != 1 || !p[0].Alive {
		t.Errorf("peers: %+v", p)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "b sees that a is gone", func() bool { return b.alive() == 0 })
	eventually(t, "b was told", func() bool {
		b.listener.mu.Lock()
		defer b.listener.mu.Unlock()
		last := b.changes[len(b.changes)-1]
		return len(last.Peers) == 1 && !last.Peers[0].Alive
	})
}
