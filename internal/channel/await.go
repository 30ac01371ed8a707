package channel

import (
	"context"
	"sync"
	"time"

	"github.com/liveorigin/caddy-live-origin/store"
)

// A node follows a decision once it has the media. If the node that decided is gone before
// that, what it decided is void, and the living decide again, with what they have.

// awaitMedia is how long media is waited for that another node lists already. After that it is
// listed here as well, if that node is still there: it may be far away.
const awaitMedia = time.Second

// absent is an object that this node lacks, with the size that it has at least.
type absent struct {
	key  string
	size int64
}

// missing lists what this node lacks of a record. The lock is held.
func (n *nodes) missing(r record) (list []absent) {
	for i := range r.Slot.Renditions {
		rendition := &r.Slot.Renditions[i]
		for _, key := range rendition.Keys() {
			object, err := n.channel.journals.Open(store.Urgent(context.Background()), key)
			if err != nil {
				list = append(list, absent{key, extent(rendition, key)})
				continue
			}
			_ = object.Close()
		}
	}
	return list
}

// awaits reports whether the next record of an endpoint waits for its media. The lock may be
// held.
func (n *nodes) awaits(endpoint string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.awaiting[endpoint]
}

// await fetches what is missing, and then follows.
func (n *nodes) await(from, endpoint string, r record, missing []absent) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.awaiting[endpoint] {
		return // what comes after it is caught up with
	}
	n.awaiting[endpoint] = true
	go func() {
		ctx, cancel := context.WithTimeout(store.Urgent(context.Background()), awaitMedia)
		defer cancel()
		whole := n.fetchAll(ctx, missing, r.Slot.Input, from)
		n.mu.Lock()
		delete(n.awaiting, endpoint)
		n.mu.Unlock()
		if !whole && !n.alive(from) {
			return
		}
		n.locked(func() {
			if e := n.channel.endpoints[endpoint]; e != nil && e.chain.relate(*r.Link) == follows {
				n.commit(e, r)
				n.fetchLater(endpoint, []record{r})
			}
		})
	}()
}

// fetchAll reports whether all objects are here.
func (n *nodes) fetchAll(ctx context.Context, missing []absent, input, from string) bool {
	var all sync.WaitGroup
	errs := make([]error, len(missing))
	for i, one := range missing {
		all.Go(func() {
			defer n.makeRoom(input, one.size)()
			errs[i] = n.group.Fetch(ctx, one.key, -1, from)
		})
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return false
		}
	}
	return true
}

// alive reports whether a node is heard.
func (n *nodes) alive(node string) bool {
	for _, p := range n.group.Status().Peers {
		if p.Node == node {
			return p.Alive
		}
	}
	return false
}
