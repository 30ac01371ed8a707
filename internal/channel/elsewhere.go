package channel

import (
	"context"
	"errors"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/output"
	"github.com/liveorigin/caddy-live-origin/store"
)

// elsewhere is a store whose objects may still be on their way from another node: what a slot
// names is waited for.
type elsewhere struct {
	store.Store
	objects *objects
}

const (
	// openTimeout is how long what a slot names is waited for, openPause how long between
	// two attempts: the node that has it may be out of contact for a moment.
	openTimeout = 3 * time.Second
	openPause   = 100 * time.Millisecond
)

const (
	// awaitTimeout is how long a segment is waited for that another node lists already,
	// awaitPause how often to look.
	awaitTimeout = 500 * time.Millisecond
	awaitPause   = 10 * time.Millisecond
)

// Await returns a segment that is about to come: a viewer who has a playlist of another node may
// be some milliseconds ahead of this one. It returns nil if there is no such segment, or no
// other node.
func (c *Channel) Await(ctx context.Context, endpoint, name string) *output.Segment {
	if c.nodes == nil {
		return nil
	}
	for began := time.Now(); time.Since(began) < awaitTimeout && ctx.Err() == nil; time.Sleep(awaitPause) {
		v := c.View(endpoint)
		if v == nil {
			return nil
		}
		if segment := v.Segment(name); segment != nil {
			return segment
		}
		if !v.Soon(name) {
			return nil
		}
	}
	return nil
}

// Open implements store.Objects.
func (e *elsewhere) Open(ctx context.Context, key string) (store.Object, error) {
	object, err := e.Store.Open(ctx, key)
	if !errors.Is(err, store.ErrNotFound) || e.objects.get(key) == nil {
		return object, err
	}
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	for {
		select {
		case <-ctx.Done():
			return nil, store.ErrNotFound
		case <-time.After(openPause):
		}
		object, err = e.Store.Open(ctx, key)
		if !errors.Is(err, store.ErrNotFound) || e.objects.get(key) == nil {
			return object, err
		}
	}
}
