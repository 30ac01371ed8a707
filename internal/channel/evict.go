package channel

import (
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
)

// Spare is when the oldest slot ended that is kept for a startover window only:
// what a store that is full gives up first. It is false if there is none; live
// playlists and what they listed a moment ago are never spare.
func (c *Channel) Spare() (time.Time, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, end := c.mostSpare(time.Now())
	if e == nil {
		return time.Time{}, false
	}
	return end.Time(), true
}

// Evict gives up the oldest of the slots that are kept for a startover window only,
// up to some seconds of them. It reports whether there was one.
func (c *Channel) Evict() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	e, _ := c.mostSpare(now)
	if e == nil {
		return false
	}
	e.forget(e.window.Evict(now))
	return true
}

// mostSpare is the endpoint with the oldest spare slot, and where that ended; nil if
// there is none.
func (c *Channel) mostSpare(now time.Time) (oldest *endpoint, at failover.Ticks) {
	for _, e := range c.endpoints {
		if end, ok := e.window.Spare(now); ok && (oldest == nil || end < at) {
			oldest, at = e, end
		}
	}
	return oldest, at
}
