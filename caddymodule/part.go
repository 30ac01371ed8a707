package caddymodule

import "time"

// earlyMargin is how far an input's media may lie ahead of the channel's clock before it is
// taken for media that is sent ahead of its time.
const earlyMargin = 10 * time.Second

// overPart reports whether the input would take what the other inputs of its channel are
// guaranteed. What an input has delivered and is not published yet takes room that nothing
// can free: each input is guaranteed a part for that, half of an even division of the
// channel's share, and may have more only as long as the others' parts stay free. Room that
// startover windows can give up counts as free, but not for media ahead of its time.
func (c *sharedChannel) overPart(input string, free int64) bool {
	shares := c.store.shares()
	if shares.capacity == 0 {
		return false
	}
	share, inputs := shares.of(c), c.busyInputs()
	part := share / int64(2*max(len(inputs), 1))
	if len(inputs) < 2 || c.channel.PendingOf(input) < part {
		return false
	}
	owed := int64(0)
	for other, pending := range c.channel.Pending(inputs) {
		if other != input {
			owed += max(0, part-pending-c.inflight(other, 0))
		}
	}
	room := max(share-c.held(), free-c.owed(shares))
	if c.channel.Ahead(input) < earlyMargin {
		room += c.channel.SpareBytes()
	}
	return room < owed
}

// busyInputs are those that have uploaded something lately.
func (c *sharedChannel) busyInputs() []string {
	u := &c.unfinished
	u.mu.Lock()
	defer u.mu.Unlock()
	var busy []string
	for input, at := range u.last {
		if time.Since(at) < idleAfter {
			busy = append(busy, input)
		}
	}
	return busy
}

// begins notes that an input has begun an upload.
func (c *sharedChannel) begins(input string, now time.Time) {
	c.lastUpload.Store(now.UnixNano())
	u := &c.unfinished
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.last == nil {
		u.last = map[string]time.Time{}
	}
	u.last[input] = now
}
