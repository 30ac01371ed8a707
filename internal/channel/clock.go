package channel

import (
	"time"
)

// clock is the channel's time. It only elapses: it begins with the wall clock's time and
// does not follow when that is set, so that no deadline moves.
type clock struct {
	opened time.Time     // with the monotonic reading
	skew   time.Duration // what an earlier process was ahead of the wall clock
	ahead  time.Duration // of this, the wall clock, as the core knows it
}

// clockStep is how far the wall clock has to be set to be told of: less is NTP's daily
// work.
const clockStep = 500 * time.Millisecond

func (c *clock) now() time.Time { return c.opened.Add(c.skew + time.Since(c.opened)) }

// notBefore makes the time go on behind one that was written down in an earlier process.
func (c *clock) notBefore(t time.Time) {
	if behind := t.Sub(c.now()); behind > 0 {
		c.skew += behind
	}
}
