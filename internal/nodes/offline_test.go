package nodes

import (
	"context"
	"testing"
	"time"

	"github.com/liveorigin/caddy-live-origin/store"
)

// offline is a node without connections, which is a member of group "g".
func offline(t testing.TB) *Nodes {
	t.Helper()
	o, err := Options{Servers: []string{"nats://127.0.0.1:1"}, Prefix: "test", Node: "me"}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	n := newNodes(o)
	t.Cleanup(func() { close(n.done) })
	for i := range n.links {
		n.links[i] = &connection{n: n, index: i, queue: newQueue(), sent: map[string]uint64{}}
	}
	g := &Group{
		n: n, name: "g", member: silentMember{}, joined: time.Now(), news: make(chan struct{}, 1),
		peers: map[string]*groupPeer{}, streams: map[string]*stream{},
	}
	g.ctx, g.cancel = context.WithCancel(t.Context())
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.add(g); err != nil {
		t.Fatal(err)
	}
	return n
}

type silentMember struct{}

func (silentMember) Receive(string, []byte)    {}
func (silentMember) Lost(string, int)          {}
func (silentMember) State() []byte             { return nil }
func (silentMember) Changed(store.GroupStatus) {}
func (silentMember) Answer(context.Context, string, []byte) ([]byte, error) {
	return nil, store.ErrNotFound
}
