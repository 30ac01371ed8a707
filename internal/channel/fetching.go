package channel

import (
	"context"
	"errors"
	"fmt"

	"github.com/liveorigin/caddy-live-origin/internal/output"
	"github.com/liveorigin/caddy-live-origin/store"
)

// How a node gets the bytes of what it has taken over of others' histories and arrivals: in the background,
// before whoever has them is gone.

// fetchInTurn brings an object to this node, once it is its turn.
func (n *nodes) fetchInTurn(key string) error {
	n.fetching <- struct{}{}
	defer func() { <-n.fetching }()
	return n.fetchOne(context.Background(), key, -1, "")
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
func (n *nodes) fetchLater(endpoint string, list []record) {
	var objects []wanted
	for _, r := range list {
		for i := range r.Slot.Renditions {
			for _, key := range r.Slot.Renditions[i].Keys() {
				objects = append(objects, wanted{key, endpoint, r.Slot.MSN})
			}
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lacking.objects = append(n.lacking.objects, objects...)
	if !n.lacking.fetching {
		n.lacking.fetching = true
		go n.fetchLacking()
	}
}

// lacking are the objects that a node lists and may lack, and whether they are being fetched.
type lacking struct {
	objects  []wanted
	fetching bool
}

// wanted is an object of a slot.
type wanted struct {
	key, endpoint string
	number        uint64
}

// next is the newest one, and false if there is none.
func (l *lacking) next() (w wanted, ok bool) {
	if last := len(l.objects) - 1; last >= 0 {
		w, l.objects = l.objects[last], l.objects[:last]
		return w, true
	}
	*l = lacking{}
	return w, false
}

// errNowhere: whoever had it is gone, before another node could fetch it.
var errNowhere = errors.New("no node that is there has its media: viewers get 404 for it")

// fetchLacking does so, the newest first.
func (n *nodes) fetchLacking() {
	for n.ledger.ctx.Err() == nil {
		n.mu.Lock()
		w, ok := n.lacking.next()
		n.mu.Unlock()
		if !ok {
			return
		}
		if n.channel.objects.get(w.key) == nil {
			continue
		}
		if err := n.fetchInTurn(w.key); errors.Is(err, store.ErrNotFound) {
			n.channel.outbox.trouble(fmt.Errorf("endpoint %s: slot %d is listed, and %w", w.endpoint, w.number, errNowhere))
		} // after any other error, whoever wants it will ask again
	}
}
