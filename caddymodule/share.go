package caddymodule

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// idleAfter is how long a channel keeps its share without an upload. Channels that
// stand by don't keep others from using the store.
const idleAfter = 10 * time.Minute

// shares are how much of a store its channels are guaranteed, in bytes. Beyond that they
// may use what others leave, and give it back when those need it.
type shares struct {
	capacity int64 // 0 for no limit
	equal    int64 // of a channel without a capacity of its own
}

// limitedEngine is an engine whose options say how much it takes, in bytes; 0 for no
// limit.
type limitedEngine interface{ limit() int64 }

func (m *MemoryStore) limit() int64 { return cmp.Or(m.Capacity, defaultCapacity) }
func (f *FileStore) limit() int64   { return f.MaxSize }

func (n *NATSStore) limit() int64 {
	if n.MaxSize > 0 {
		return n.MaxSize
	}
	if n.local == nil { // neither read nor provisioned
		return new(MemoryStore).limit()
	}
	return limitOf(n.local)
}

// limitOf is that of any engine.
func limitOf(e Engine) int64 {
	if limited, ok := e.(limitedEngine); ok {
		return limited.limit()
	}
	return 0
}

// checkCapacities refuses to guarantee channels more than their store has. They are those of all
// handlers so far.
func (a *App) checkCapacities(e Engine) error {
	id, all := e.Identity(), guarantees{}
	for _, u := range a.channels {
		if u.key.store == id {
			all[u.key.name] = u.spec.Capacity
		}
	}
	return all.check(limitOf(e))
}

// guarantees are the capacities of a store's channels, 0 for those that share the rest.
type guarantees map[string]int64

// check refuses more than the store has, which is limit; 0 for no limit.
func (g guarantees) check(limit int64) error {
	sum := int64(0)
	var sharing []string
	for channel, capacity := range g {
		sum += capacity
		if capacity == 0 {
			sharing = append(sharing, channel)
		}
	}
	switch left := limit - sum; {
	case limit == 0:
		return nil
	case left < 0:
		return fmt.Errorf("the channels are guaranteed %s of the store, which has %s: %s too much",
			showSize(sum), showSize(limit), showSize(-left))
	case left < leastCapacity*int64(len(sharing)):
		// Their uploads would be refused, however much of the store is empty.
		slices.Sort(sharing)
		return fmt.Errorf("the channels with a capacity are guaranteed %s of the store, which has %s: that leaves nothing for %s",
			showSize(sum), showSize(limit), strings.Join(sharing, ", "))
	}
	return nil
}

// checkFits refuses to take a segment that the store has no room for, if it was asked for: a
// default that is too large for a small store does no harm.
func (in *Input) checkFits(limit int64) error {
	if limit > 0 && in.MaxSegmentSize > limit {
		return fmt.Errorf("max_segment_size: must be at most the store's %s, but is %s",
			showSize(limit), beside(in.MaxSegmentSize, showSize, limit))
	}
	return nil
}

// sharesFor is how long a division holds: making one takes a look at every channel.
const sharesFor = time.Second

// shares divides what the store has: channels with a capacity get that, and what is left is
// divided equally among those that receive uploads.
func (s *sharedStore) shares() shares {
	s.dividing.Lock()
	defer s.dividing.Unlock()
	if !s.divided.IsZero() && time.Since(s.divided) < sharesFor {
		return s.division
	}
	s.divided, s.division = time.Now(), s.divide()
	return s.division
}

func (s *sharedStore) divide() shares {
	usage := s.store.Usage()
	capacity := usage.Capacity
	if usage.Free >= 0 && (capacity == 0 || usage.Bytes+usage.Free < capacity) {
		capacity = usage.Bytes + usage.Free // others use the disk, too
	}
	if capacity <= 0 {
		return shares{}
	}
	left, sharing := capacity, int64(0)
	live.eachChannel(func(c *sharedChannel) {
		switch {
		case c.store != s:
		case c.capacity.Load() > 0:
			left -= c.capacity.Load()
		case c.busy():
			sharing++
		}
	})
	return shares{capacity: capacity, equal: max(left, 0) / max(sharing, 1)}
}

// of is the share of a channel.
func (s shares) of(c *sharedChannel) int64 {
	if own := c.capacity.Load(); own > 0 {
		return min(own, s.capacity)
	}
	return s.equal
}

// busy reports whether there has been an upload to the channel lately.
func (c *sharedChannel) busy() bool {
	return time.Since(time.Unix(0, c.lastUpload.Load())) < idleAfter
}

// crowds reports whether the channel has used up its share, not counting what it can give
// back at once, and would take from what others have not used of theirs.
func (c *sharedChannel) crowds(free int64) bool {
	shares := c.store.shares()
	held := c.held()
	if shares.capacity == 0 || held < shares.of(c) {
		return false
	}
	spare := c.channel.SpareBytes()
	if held-spare < shares.of(c) {
		return false
	}
	return free+spare < c.owed(shares)
}

// owed is what other channels have not used of their shares.
func (c *sharedChannel) owed(shares shares) int64 {
	owed := int64(0)
	live.eachChannel(func(o *sharedChannel) {
		if o.store == c.store && o != c && o.busy() {
			owed += max(0, shares.of(o)-o.held())
		}
	})
	return owed
}

// inputShare is how much an input may have under way: half of the channel's share.
func (c *sharedChannel) inputShare() int64 {
	shares := c.store.shares()
	if shares.capacity == 0 {
		return 0
	}
	return max(shares.of(c)/2, minRoomStep)
}

// unfinished counts the bytes of uploads that are not committed, by input, and knows when
// the last one began.
type unfinished struct {
	mu    sync.Mutex
	bytes counts[string]
	last  map[string]time.Time
}

// held is how much of the store the channel takes, including what is under way.
func (c *sharedChannel) held() int64 {
	u := &c.unfinished
	u.mu.Lock()
	defer u.mu.Unlock()
	sum := c.channel.Held()
	for _, n := range u.bytes.of {
		sum += n
	}
	return sum
}

// inflight adds to what the input has under way, and returns the sum.
func (c *sharedChannel) inflight(input string, n int64) int64 {
	u := &c.unfinished
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.bytes.add(input, n)
}
