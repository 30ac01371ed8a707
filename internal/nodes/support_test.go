//go:build unix

package nodes

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/liveorigin/caddy-live-origin/store"
)

// patience is how long a test waits for what should take a moment, on a busy machine.
const patience = 20 * time.Second

// listener is a member that remembers.
type listener struct {
	answer func(ctx context.Context, from string, question []byte) ([]byte, error)

	mu       sync.Mutex
	messages map[string][][]byte
	times    map[string][]time.Time
	lost     map[string]int
	changes  []store.GroupStatus
	state    []byte
	left     bool
	late     int // calls after Leave
	slow     time.Duration
}

func (l *listener) Receive(from string, message []byte) {
	l.mu.Lock()
	slow := l.slow
	l.mu.Unlock()
	time.Sleep(slow)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.note()
	if l.messages == nil {
		l.messages, l.times = map[string][][]byte{}, map[string][]time.Time{}
	}
	l.messages[from] = append(l.messages[from], message)
	l.times[from] = append(l.times[from], time.Now())
}

func (l *listener) Lost(from string, count int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.note()
	if l.lost == nil {
		l.lost = map[string]int{}
	}
	l.lost[from] += count
}

func (l *listener) Answer(ctx context.Context, from string, question []byte) ([]byte, error) {
	if l.answer == nil {
		return nil, store.ErrNotFound
	}
	return l.answer(ctx, from, question)
}

func (l *listener) State() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.note()
	return l.state
}

func (l *listener) Changed(s store.GroupStatus) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.note()
	l.changes = append(l.changes, s)
}

func (l *listener) note() {
	if l.left {
		l.late++
	}
}

func (l *listener) count(from string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.messages[from])
}

func (l *listener) lostOf(from string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lost[from]
}

// inOrder checks that exactly the messages from first to last have come, in order.
func (l *listener) inOrder(t *testing.T, who, from string, first, last int) {
	t.Helper()
	eventually(t, fmt.Sprintf("%s has all messages of %s", who, from), func() bool { return l.count(from) >= last-first+1 })
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.messages[from]); n != last-first+1 {
		t.Errorf("%s has %d messages of %s, want %d", who, n, from, last-first+1)
	}
	for i, m := range l.messages[from] {
		if want := fmt.Sprintf("message %d", first+i); string(m) != want {
			t.Fatalf("%s: message %d of %s is %q, want %q", who, i, from, m, want)
		}
	}
	if l.lost[from] > 0 {
		t.Errorf("%s has lost %d messages of %s", who, l.lost[from], from)
	}
}

// node is a node with one member.
type node struct {
	*Nodes
	*listener
	group *Group
	sent  int
	// stalls is how often the machine had no time for the node.
	stalls *atomic.Int64
}

// say sends the next message of the node.
func (n *node) say() {
	n.sent++
	n.group.Send(fmt.Appendf(nil, "message %d", n.sent))
}

func openNode(t testing.TB, name string, urls []string, change ...func(*Options)) *node {
	t.Helper()
	o := Options{Servers: urls, Prefix: "test.origin", Node: name, Event: func(e Event) { t.Logf("%s: %v", name, e) }}
	quieted := make(chan struct{})
	told := o.Event
	stalls := new(atomic.Int64)
	o.Event = func(e Event) {
		if e.Kind == Stalled {
			stalls.Add(1)
		}
		select {
		case <-quieted: // the test is over
		default:
			told(e)
		}
	}
	for _, c := range change {
		c(&o)
	}
	n, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		close(quieted)
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	node := &node{Nodes: n, listener: &listener{}, stalls: stalls}
	if node.group, err = n.Join("news/hd.1", node.listener); err != nil {
		t.Fatal(err)
	}
	return node
}

// openNodes opens some, and waits until all know of all.
func openNodes(t testing.TB, urls []string, names ...string) []*node {
	t.Helper()
	var all []*node
	for _, name := range names {
		all = append(all, openNode(t, name, urls))
	}
	awaitPeers(t, all...)
	return all
}

func awaitPeers(t testing.TB, all ...*node) {
	t.Helper()
	for _, n := range all {
		eventually(t, n.Node()+" knows the others", func() bool { return n.alive() == len(all)-1 })
	}
}

func (n *node) alive() int {
	count := 0
	for _, p := range n.group.Status().Peers {
		if p.Alive {
			count++
		}
	}
	return count
}

func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// noise is so many random bytes.
func noise(size int) []byte {
	b := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{byte(size)}).Read(b) // it can't fail
	return b
}

// Node names the node, where both of what it is made of have one.
func (n *node) Node() string { return n.Nodes.Node() }
