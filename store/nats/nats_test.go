//go:build unix

package nats_test

import (
	"context"
	"fmt"
	"hash/fnv"
	"sync/atomic"
	"testing"

	"github.com/liveorigin/caddy-live-origin/internal/nodes"
	"github.com/liveorigin/caddy-live-origin/internal/nodes/natstest"
	"github.com/liveorigin/caddy-live-origin/store"
	"github.com/liveorigin/caddy-live-origin/store/file"
	"github.com/liveorigin/caddy-live-origin/store/memory"
	"github.com/liveorigin/caddy-live-origin/store/nats"
	"github.com/liveorigin/caddy-live-origin/store/storetest"
)

// prefixes are the number of origins that were opened.
var prefixes atomic.Int64

func newPrefix() string { return fmt.Sprint("test-", prefixes.Add(1)) }

// open opens a node's store, which the test closes.
func open(t testing.TB, c *natstest.Cluster, o nats.Options) *nats.Store {
	t.Helper()
	if o.Servers == nil {
		o.Servers = c.URLs()
	}
	if o.Node == "" {
		o.Node = "a"
	}
	if o.Local == nil {
		o.Local = memory.Open(0)
	}
	if o.Event == nil {
		o.Event = func(e nodes.Event) { t.Logf("node %s: %v", o.Node, e) }
	}
	st, err := nats.Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// openNodes opens the stores of nodes a, b, ... of one origin, and closes them at the end.
func openNodes(t testing.TB, c *natstest.Cluster, options ...nats.Options) []*nats.Store {
	t.Helper()
	prefix := newPrefix()
	var stores []*nats.Store
	for i, o := range options {
		o.Prefix, o.Node = prefix, string(rune('a'+i))
		st := open(t, c, o)
		t.Cleanup(func() { _ = st.Close() })
		stores = append(stores, st)
	}
	return stores
}

func TestConformance(t *testing.T) {
	c := natstest.Start(t, 3)
	quiet := func(nodes.Event) {}
	storetest.Run(t, func(t *testing.T, capacity int64) store.Store {
		return open(t, c, nats.Options{Prefix: newPrefix(), Local: memory.Open(capacity), Event: quiet})
	})
	storetest.RunDurable(t, func(t *testing.T, dir string) store.Store {
		local, err := file.Open(file.Options{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		name := fnv.New64()
		_, _ = name.Write([]byte(dir))
		return open(t, c, nats.Options{Prefix: fmt.Sprintf("dir-%x", name.Sum64()), Local: local, Event: quiet})
	})
}
