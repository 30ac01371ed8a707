package channel

import (
	"context"
	"errors"
	"time"

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
