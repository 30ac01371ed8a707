package channel

import (
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
)

// How much the channel takes of a store that it shares with others, and what it gives up
// when the store is full.

// perObject is what an object takes in addition to its bytes, including what the channel
// and the core know about it.
const perObject = 2 << 10

// Room makes room in the store for an object of an input that another node has, and returns what gives it
// back: once the object is here, it takes the room itself.
type Room func(input string, size int64) (release func())

// UseRoom says how room is made for what comes from other nodes. For what encoders send to this one,
// whoever receives it has done so before.
func (c *Channel) UseRoom(room Room) {
	if c.nodes != nil {
		c.nodes.room.Store(&room)
	}
}

// Held is how much the channel's objects take, in bytes.
func (c *Channel) Held() int64 { return c.objects.held.Load() }

// Pending is how much the objects of inputs take that may still become part of a slot, in
// bytes.
func (c *Channel) Pending(inputs []string) map[string]int64 {
	c.objects.mu.Lock()
	defer c.objects.mu.Unlock()
	pending := map[string]int64{}
	for _, input := range inputs {
		pending[input] = c.objects.pending[input]
	}
	return pending
}

// PendingOf is that of one input.
func (c *Channel) PendingOf(input string) int64 {
	c.objects.mu.Lock()
	defer c.objects.mu.Unlock()
	return c.objects.pending[input]
}

// Ahead is how far an input's media lies ahead of the channel's clock.
func (c *Channel) Ahead(input string) time.Duration {
	c.mu.Lock()
	defer c.unlock()
	return c.core.Ahead(c.now(), input)
}

// SpareBytes is how much of it is kept for startover windows only, in bytes.
func (c *Channel) SpareBytes() int64 {
	c.mu.Lock()
	defer c.unlock()
	now, spare := time.Now(), int64(0)
	for _, e := range c.endpoints {
		bytes, segments := e.window.SpareSize(now)
		spare += bytes + segments*perObject
	}
	return spare
}

// Spare is the end of the oldest slot that is kept for a startover window only, which is
// what a full store gives up first. It returns false if there is none; live playlists and
// what they listed a moment ago are never spare.
func (c *Channel) Spare() (time.Time, bool) {
	c.mu.Lock()
	defer c.unlock()
	e, end := mostSpare(c.endpoints, time.Now())
	if e == nil {
		return time.Time{}, false
	}
	return end.Time(), true
}

// Evict gives up the oldest of the slots that are kept for a startover window only,
// up to some seconds of them. It reports whether there was one.
func (c *Channel) Evict() bool {
	c.mu.Lock()
	defer c.unlock()
	now := time.Now()
	e, _ := mostSpare(c.endpoints, now)
	if e == nil {
		return false
	}
	e.forget(e.window.Evict(now))
	return true
}

// mostSpare is the endpoint with the oldest spare slot, and where that ends; nil if there
// is none.
func mostSpare(endpoints map[string]*endpoint, now time.Time) (oldest *endpoint, at failover.Ticks) {
	for _, e := range endpoints {
		if end, ok := e.window.Spare(now); ok && (oldest == nil || end < at) {
			oldest, at = e, end
		}
	}
	return oldest, at
}

// DropUnlisted makes room at the cost of the input that has most of what no playlist
// lists: the oldest of that is dropped. An input that holds no more than its part, which is
// half of an equal division of the channel's share of the store among all inputs, is left
// alone: what it has sent waits for its playlist. It reports whether there was anything.
func (c *Channel) DropUnlisted(share int64) bool {
	c.mu.Lock()
	defer c.unlock()
	part := share / int64(2*max(len(c.inputs), 1))
	var most *input
	for _, in := range c.inputs {
		if in.unlisted.bytes > part {
			in.pruneUnlisted()
		}
		if in.unlisted.bytes > part && (most == nil || in.unlisted.bytes > most.unlisted.bytes) {
			most = in
		}
	}
	if most == nil {
		return false
	}
	most.dropOldestUnlisted()
	most.overLimit(LimitRoom, "", "objects that no playlist lists take the room that the channel needs: the oldest are dropped")
	return true
}

// Deleted reports whether one of some objects is gone, other than for those who are
// still reading it.
func (c *Channel) Deleted(keys []string) bool {
	for _, key := range keys {
		if c.objects.get(key) == nil {
			return true
		}
	}
	return false
}
