package channel

import (
	"errors"

	"github.com/liveorigin/caddy-live-origin/internal/output"
	"github.com/liveorigin/caddy-live-origin/store"
)

// How a node gets the bytes of what it has taken over of others' histories and arrivals: in the background,
// before whoever has them is gone.

// fetchInTurn brings an object to this node, once it is its turn.
func (n *nodes) fetchInTurn(key string) error {
	n.fetching <- struct{}{}
	defer func() { <-n.fetching }()
	return n.fetchOne(key, -1, "")
}

// fetchMedia brings to this node what it has taken over without the bytes: first what viewers have not got
// yet, the oldest first, since nodes that are restarted one after the other would lose it, and then the
// windows, the newest first, as many as there is room for.
func (n *nodes) fetchMedia() {
	c := n.channel
	var keys []string
	var windows [][]*output.Slot // of a startover window of days, there are hundreds of thousands
	n.locked(func() {
		keys = c.arrivals.unused(c.objects)
		for _, e := range c.endpoints {
			windows = append(windows, e.window.Slots())
		}
	})
	for _, slots := range windows {
		for i := len(slots) - 1; i >= 0; i-- {
			for r := range slots[i].Renditions {
				keys = append(keys, slots[i].Renditions[r].Keys()...)
			}
		}
	}
	for _, key := range keys {
		if n.ledger.ctx.Err() != nil {
			return
		}
		if c.objects.get(key) == nil {
			continue
		}
		if err := n.fetchInTurn(key); errors.Is(err, store.ErrFull) {
			return // what is older than that is about to be given up
		} // after any other error, whoever wants it will ask again
	}
}

// fetchLater brings the media of slots to this node that it may not have had when it took them over. Whether
// it is here is looked up when it is fetched: the lock may be held.
func (n *nodes) fetchLater(list []record) {
	var keys []string
	for _, r := range list {
		for i := range r.Slot.Renditions {
			keys = append(keys, r.Slot.Renditions[i].Keys()...)
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lacking.keys = append(n.lacking.keys, keys...)
	if !n.lacking.fetching {
		n.lacking.fetching = true
		go n.fetchLacking()
	}
}

// lacking are the objects that a node lists and may lack, and whether they are being fetched.
type lacking struct {
	keys     []string
	fetching bool
}

// next is the newest one, empty if there is none.
func (l *lacking) next() (key string) {
	if last := len(l.keys) - 1; last >= 0 {
		key, l.keys = l.keys[last], l.keys[:last]
		return key
	}
	*l = lacking{}
	return ""
}

// fetchLacking does so, the newest first.
func (n *nodes) fetchLacking() {
	for n.ledger.ctx.Err() == nil {
		n.mu.Lock()
		key := n.lacking.next()
		n.mu.Unlock()
		if key == "" {
			return
		}
		if n.channel.objects.get(key) != nil {
			_ = n.fetchInTurn(key) // if it fails, whoever wants it will ask again
		}
	}
}
