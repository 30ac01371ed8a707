//go:build unix

package nats_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/liveorigin/caddy-live-origin/internal/nodes/natstest"
	"github.com/liveorigin/caddy-live-origin/store"
	"github.com/liveorigin/caddy-live-origin/store/memory"
	"github.com/liveorigin/caddy-live-origin/store/nats"
)

// TestFetchWithoutRoom: what a node needs now it gets although its own tier is full, and what it only wants to have
// it does not.
func TestFetchWithoutRoom(t *testing.T) {
	transports(t, func(t *testing.T, c *natstest.Cluster, address func() string) {
		local := memory.Open(64 << 10)
		stores := openNodes(t, c, nats.Options{PeerAddress: address()}, nats.Options{Local: local})
		join(t, stores[0])
		g := join(t, stores[1])
		awaitAlive(t, g, 1)
		ctx := context.Background()
		const size, count = 9 << 20, 10 // more than is kept
		for n := range count {
			key := fmt.Sprint("channel/", n, ".ts")
			put(t, stores[0], key, content(size+n))
			if err := g.Fetch(ctx, key, size+int64(n), "a"); !errors.Is(err, store.ErrFull) {
				t.Fatalf("%d: not urgent: %v", n, err)
			}
			if err := g.Fetch(store.Urgent(ctx), key, size+int64(n), "a"); err != nil {
				t.Fatal(err)
			}
			wantObject(t, stores[1], key, content(size+n))
		}
		wantObject(t, stores[1], fmt.Sprint("channel/", count-3, ".ts"), content(size+count-3)) // it is kept
		if o, err := stores[1].Open(ctx, "channel/0.ts"); !errors.Is(err, store.ErrFull) {
			t.Errorf("the oldest: %v, %v", o, err)
		}
		if err := stores[1].Delete(ctx, fmt.Sprint("channel/", count-1, ".ts")); err != nil {
			t.Fatal(err)
		}
		if o, err := stores[1].Open(ctx, fmt.Sprint("channel/", count-1, ".ts")); !errors.Is(err, store.ErrFull) {
			t.Errorf("what was deleted: %v, %v", o, err)
		}
		if u := local.Usage(); u.Objects != 0 {
			t.Errorf("%+v", u)
		}
	})
}
