package channel

import (
	"time"
)

// clock is the channel's time. It only moves forward: it starts at the wall clock's time
// and does not follow when that is set, so that no deadline moves.
type clock struct {
	opened time.Time     // with the monotonic reading
	skew   time.Duration // how far an earlier process was ahead of the wall clock
	ahead  time.Duration // of this, the wall clock, as the core knows it
}

// clockStep is by how much the wall clock has to be set to matter: less is NTP's everyday
// work.
const clockStep = 500 * time.Millisecond

func (c *clock) now() time.Time { return c.opened.Add(c.skew + time.Since(c.opened)) }

// notBefore makes the time continue after one that an earlier process recorded.
func (c *clock) notBefore(t time.Time) {
	if behind := t.Sub(c.now()); behind > 0 {
		c.skew += behind
	}
}
