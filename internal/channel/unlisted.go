package channel

import (
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
)

// unlisted are an input's media objects that no playlist has listed yet. An encoder
// sends the playlist a moment later, or it never does; so they have an end, and limits
// of their own. It is guarded by Channel.mu.
type unlisted struct {
	queue []loneObject // the oldest first; some may be listed by now
	bytes int64
}

type loneObject struct {
	path, key string
	size      int64
}

const (
	// maxUnlisted is how many objects an input may have that no playlist lists: five
	// minutes of segments of 2 s, of 20 renditions, fit into it.
	maxUnlisted = 4096
	// maxInits is how many initialization sections an input may have.
	maxInits = 256
	// sweepInterval is how often what waits is looked through when nothing arrives.
	sweepInterval = 30 * time.Second
)

// keepUnlisted enters an object that has just arrived, and lets go of the oldest ones
// if there are too many. The lock is held.
func (c *Channel) keepUnlisted(in *input, input, path, key string, size int64) {
	u := &in.unlisted
	u.queue = append(u.queue, loneObject{path: path, key: key, size: size})
	u.bytes += size
	if !u.over(in.config.Load()) {
		return
	}
	c.pruneUnlisted(in, input)
	dropped := 0
	for u.over(in.config.Load()) && len(u.queue) > 1 {
		c.dropOldestUnlisted(in, input)
		dropped++
	}
	if dropped > 0 {
		c.overLimit(input, LimitUnlisted, "", "more than %d objects, or %d bytes (max_unlisted_size), that no playlist lists: the oldest are dropped",
			maxUnlisted, in.config.Load().maxUnlistedSize())
	}
}

// DropUnlisted makes room at the cost of the input that has most of what no playlist
// lists: the oldest of that is dropped. An input that holds no more than its part, half of
// what it had if all inputs shared the channel's share of the store, is left alone: what it
// has sent waits for its playlist. It reports whether there was something.
func (c *Channel) DropUnlisted(share int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	part := share / int64(2*max(len(c.inputs), 1))
	var most *input
	var of string
	for name, in := range c.inputs {
		if in.unlisted.bytes > part {
			c.pruneUnlisted(in, name)
		}
		if in.unlisted.bytes > part && (most == nil || in.unlisted.bytes > most.unlisted.bytes) {
			most, of = in, name
		}
	}
	if most == nil {
		return false
	}
	c.dropOldestUnlisted(most, of)
	c.overLimit(of, LimitRoom, "", "objects that no playlist lists take the room that the channel needs: the oldest are dropped")
	return true
}

func (u *unlisted) over(config *InputConfig) bool {
	return len(u.queue) > maxUnlisted || u.bytes > config.maxUnlistedSize()
}

// maxUnlistedSize is how many bytes an input may have that no playlist lists.
func (ic *InputConfig) maxUnlistedSize() int64 {
	if ic.MaxUnlistedSize > 0 {
		return ic.MaxUnlistedSize
	}
	return 4 * max(ic.MaxSegmentSize, 1<<20)
}

// pruneUnlisted forgets those that were listed, or that are gone.
func (c *Channel) pruneUnlisted(in *input, input string) {
	u := &in.unlisted
	kept := u.queue[:0]
	u.bytes = 0
	for _, o := range u.queue {
		if c.isUnlisted(in, input, o) {
			kept = append(kept, o)
			u.bytes += o.size
		}
	}
	clear(u.queue[len(kept):])
	u.queue = kept
}

func (c *Channel) isUnlisted(in *input, input string, o loneObject) bool {
	object := c.objects.get(o.key)
	if object == nil {
		return false
	}
	if in.withheld(o) {
		_, listed := c.core.Locate(input, o.path, "")
		return !listed
	}
	if object.info == nil {
		return false // every endpoint is through with it
	}
	_, listed := c.core.Locate(input, o.path, o.key)
	return !listed
}

// withheld reports whether the object is a fragment that waits for its initialization
// section, or a segment that is held until the configuration of its run is known: the
// core has not heard of it.
func (in *input) withheld(o loneObject) bool {
	f := in.binder.waiting[o.path]
	return f != nil && f.key == o.key || in.held[o.path].key == o.key
}

func (c *Channel) dropOldestUnlisted(in *input, input string) {
	u := &in.unlisted
	oldest := u.queue[0]
	u.queue = u.queue[1:]
	u.bytes -= oldest.size
	c.dropUnlisted(in, input, oldest)
}

func (c *Channel) dropUnlisted(in *input, input string, o loneObject) {
	if in.withheld(o) {
		if in.held[o.path].key == o.key {
			delete(in.held, o.path)
		} else {
			delete(in.binder.waiting, o.path)
		}
		c.dropFragment(o.key)
		return
	}
	// For the core it is as if something unsound had come in its place.
	c.step(failover.Object{Input: input, Path: o.path, Fault: failover.ReasonUnlisted})
}

// sweepUnlisted drops what has waited for too long: the core does so whenever it is
// told the time. The lock is held.
func (c *Channel) sweepUnlisted() {
	for name, in := range c.inputs {
		c.bindWaiting(in)
		c.freeHeld(in, name)
		c.pruneUnlisted(in, name)
		in.forgetSilent(time.Now())
	}
}

// sweepAt is when to look again; zero if nothing waits.
func (c *Channel) sweepAt(now time.Time) time.Time {
	for _, in := range c.inputs {
		if len(in.unlisted.queue) > 0 || len(in.binder.waiting) > 0 {
			return now.Add(sweepInterval)
		}
	}
	return time.Time{}
}

// boundInits lets go of the oldest initialization section that no playlist names, if
// there are too many.
func (c *Channel) boundInits(b *binder, input string) {
	if len(b.inits) <= maxInits {
		return
	}
	named := map[string]bool{}
	for _, maps := range b.maps {
		for _, path := range maps {
			named[path] = true
		}
	}
	oldest := ""
	for path, s := range b.inits {
		if !named[path] && (oldest == "" || s.arrived.Before(b.inits[oldest].arrived)) {
			oldest = path
		}
	}
	if oldest == "" {
		return
	}
	key := b.inits[oldest].part.Key
	delete(b.inits, oldest)
	c.objects.release(key)
	c.trouble(c.standing.say(standingEntry{Init: &standingInit{Input: input, Path: oldest}}))
}
