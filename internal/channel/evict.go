package channel

import (
	"context"
	"fmt"
	"sort"
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
)

// Spare is when the oldest slot ended that is kept for a startover window only:
// what a store that is full gives up first. It is false if there is none; live
// playlists and what they listed a moment ago are never spare.
func (c *Channel) Spare() (time.Time, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.mostSpare(time.Now())
	if e == nil {
		return time.Time{}, false
	}
	return e.slots[0].End.Time(), true
}

// Evict gives up the oldest of the slots that are kept for a startover window only,
// up to some seconds of them. It reports whether there was one.
func (c *Channel) Evict() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	e := c.mostSpare(now)
	if e == nil {
		return false
	}
	until := e.slots[0].End + evictedAtOnce*failover.ClockRate
	n, spare := 1, e.spare(now)
	for n < spare && e.slots[n].End <= until {
		n++
	}
	e.evicted = e.slots[n-1].End
	e.forget(n)
	return true
}

// evictedAtOnce is how many seconds of an endpoint go together: the journal is
// shortened each time.
const evictedAtOnce = 10

// mostSpare is the endpoint with the oldest spare slot, nil if there is none.
func (c *Channel) mostSpare(now time.Time) *endpoint {
	var oldest *endpoint
	for _, e := range c.endpoints {
		if e.spare(now) > 0 && (oldest == nil || e.slots[0].End < oldest.slots[0].End) {
			oldest = e
		}
	}
	return oldest
}

// spare is how many slots at the head are kept for the startover window only.
func (e *endpoint) spare(now time.Time) int {
	if e.config.StartoverWindow <= 0 {
		return 0
	}
	return sort.Search(len(e.left), func(i int) bool { return now.Sub(e.left[i]) < e.availability() })
}

// forget drops the first n slots.
func (e *endpoint) forget(n int) {
	e.releaseAll(e.slots[:n])
	e.slots, e.left = e.slots[n:], e.left[n:]
	e.first += uint64(n)
	if err := e.journal.Forget(context.Background(), e.first); err != nil {
		e.channel.outbox.trouble(e.channel.name, fmt.Errorf("shorten journal: %w", err))
	}
	e.view.Store(e.view.Load().without(e.slots, e.held.sections, e.evicted))
}
