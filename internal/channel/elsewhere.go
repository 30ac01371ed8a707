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
	desk *desk
}

const (
	// openTimeout is how long what a slot names is waited for, openPause how long between
	// two attempts: the node that has it may be out of contact for a moment.
	openTimeout = 3 * time.Second
	openPause   = 100 * time.Millisecond
	// openRoom is what is made room for where it is not known how large an object is: more than
	// most segments have.
	openRoom = 8 << 20
)

const (
	// awaitTimeout is how long a playlist or a segment is waited for that another node has
	// already, awaitPause how often to look, and awaitAtMost how many requests may do so: names
	// can be guessed.
	awaitTimeout = 500 * time.Millisecond
	awaitPause   = 10 * time.Millisecond
	awaitAtMost  = 64
)

// Await waits for a media playlist or a segment that is about to come: a viewer who has a playlist of
// another node may be some milliseconds ahead of this one. It returns false at once if the name can't
// be one of these, or no other node is there, and else reports whether something may be there now.
func (c *Channel) Await(ctx context.Context, endpoint, name string) bool {
	if c.nodes == nil || !c.View(endpoint).Soon(name) {
		return false
	}
	if _, there := c.nodes.nearest(); !there {
		return false
	}
	defer c.nodes.awaited.Add(-1)
	if c.nodes.awaited.Add(1) > awaitAtMost {
		return false
	}
	for began := time.Now(); time.Since(began) < awaitTimeout && ctx.Err() == nil; {
		time.Sleep(awaitPause)
		if !c.View(endpoint).Soon(name) {
			return true
		}
	}
	return false
}

// Open implements store.Objects.
func (e *elsewhere) Open(ctx context.Context, key string) (store.Object, error) {
	object, err := e.Store.Open(ctx, key)
	if errors.Is(err, store.ErrFull) && e.desk.objects.get(key) != nil {
		defer e.desk.nodes.makeRoom("", openRoom)()
		object, err = e.Store.Open(store.Urgent(ctx), key)
	}
	if !errors.Is(err, store.ErrNotFound) || e.desk.objects.get(key) == nil {
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
		if !errors.Is(err, store.ErrNotFound) || e.desk.objects.get(key) == nil {
			return object, err
		}
	}
}
