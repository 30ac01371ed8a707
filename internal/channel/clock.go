package channel

import (
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
)

// clock is the channel's time. It only elapses: it begins with the wall clock's time and
// does not follow when that is set, so that no deadline moves.
type clock struct {
	opened time.Time     // with the monotonic reading
	skew   time.Duration // what an earlier life was ahead of the wall clock
	ahead  time.Duration // of this, the wall clock, as the core knows it
}

// clockStep is how far the wall clock has to be set to be told of: less is NTP's daily
// work.
const clockStep = 500 * time.Millisecond

func (c *clock) now() time.Time { return c.opened.Add(c.skew + time.Since(c.opened)) }

// notBefore makes the time go on behind one that was written down in an earlier life.
func (c *clock) notBefore(t time.Time) {
	if behind := t.Sub(c.now()); behind > 0 {
		c.skew += behind
	}
}

// tellClock tells the core when the wall clock was set. The lock is held.
func (c *Channel) tellClock(now time.Time) {
	ahead := time.Now().Round(0).Sub(now.Round(0))
	if d := ahead - c.clock.ahead; d < -clockStep || d > clockStep {
		c.clock.ahead = ahead
		c.carryOut(now, c.core.Take(now, failover.Clock{Ahead: ahead}))
	}
}

func (c *Channel) now() time.Time { return c.clock.now() }
