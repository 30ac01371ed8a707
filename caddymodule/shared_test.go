package caddymodule

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/liveorigin/caddy-live-origin/store"
	"github.com/liveorigin/caddy-live-origin/store/memory"
	"github.com/liveorigin/caddy-live-origin/store/nats"
)

func init() { caddy.RegisterModule(new(sharedEngine)) }

// sharedEngine makes this process one of several nodes, as far as it can tell: what it hears
// of the others is what the test says.
type sharedEngine struct{}

func (*sharedEngine) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: storeNamespace + ".shared_test", New: func() caddy.Module { return new(sharedEngine) }}
}

func (*sharedEngine) UnmarshalCaddyfile(d *caddyfile.Dispenser) error { d.Next(); return nil }
func (*sharedEngine) Identity() string                                { return "shared_test" }

func (*sharedEngine) Open(context.Context) (store.Store, error) {
	others.mu.Lock()
	gate := others.gate
	others.mu.Unlock()
	if gate != nil {
		<-gate
	}
	return &sharedFake{Store: memory.Open(64 << 20), all: memory.Open(64 << 20)}, nil
}

// others are what the engine hears.
var others struct {
	mu sync.Mutex
	// gate, if there is one, is closed when the engine may open.
	gate   chan struct{}
	status store.GroupStatus
	member store.Member
}

// hear makes the node hear this of the others.
func hear(t *testing.T, status store.GroupStatus) {
	t.Helper()
	others.mu.Lock()
	others.status = status
	member := others.member
	others.mu.Unlock()
	if member != nil {
		member.Changed(status)
	}
}

// twoNodes is a node that hears another one.
func twoNodes() store.GroupStatus {
	return store.GroupStatus{
		Contact: store.InContact, Since: time.Now().Add(-time.Hour),
		Peers: []store.Peer{{
			Node: "n2", Alive: true, Since: time.Now().Add(-time.Minute), Delay: 2 * time.Millisecond, Ahead: -40 * time.Millisecond,
			State: []byte(`{"format":1,"ready":true,"hears":["b"]}`),
		}},
	}
}

// aloneNode is one that hears nobody any more.
func aloneNode() store.GroupStatus {
	s := twoNodes()
	s.Contact, s.Peers[0].Alive = store.Alone, false
	return s
}

type sharedFake struct {
	*memory.Store
	all *memory.Store
}

func (s *sharedFake) Local() store.Store { return s.Store }

func (s *sharedFake) Journal(ctx context.Context, name string) (store.Journal, error) {
	return s.all.Journal(ctx, name)
}

func (s *sharedFake) Join(_ string, m store.Member) (store.Group, error) {
	others.mu.Lock()
	defer others.mu.Unlock()
	others.member = m
	return sharedGroup{}, nil
}

func (s *sharedFake) Stats() nats.Stats {
	return nats.Stats{
		Connections:     map[string]bool{"facts a": true, "facts b": false, "bulk": true},
		ConnectionsLost: 3, MessagesDropped: 4, FetchesFailed: 5,
		Fetched: map[string]nats.Fetched{"nats": {Objects: 6, Bytes: 7000}, "http": {Objects: 8, Bytes: 9000}},
	}
}

type sharedGroup struct{}

func (sharedGroup) Node() string { return "n1" }
func (sharedGroup) Send([]byte)  {}
func (sharedGroup) Ask(context.Context, string, []byte) ([]byte, error) {
	return nil, store.ErrNotFound
}
func (sharedGroup) Fetch(context.Context, string, int64, string) error { return store.ErrNotFound }

func (sharedGroup) Status() store.GroupStatus {
	others.mu.Lock()
	defer others.mu.Unlock()
	return others.status
}

func (sharedGroup) Woke() time.Time { return time.Time{} }

func (sharedGroup) Received(time.Time) bool { return true }

func (sharedGroup) Leave() {
	others.mu.Lock()
	defer others.mu.Unlock()
	others.member = nil
}

// Interface guards
var (
	_ Engine       = (*sharedEngine)(nil)
	_ store.Shared = (*sharedFake)(nil)
	_ store.Group  = sharedGroup{}
)
