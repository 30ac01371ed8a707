package nodes

import (
	"sync/atomic"
	"time"
)

// longStall is how long a process has to stand still for the others to go on without it: what it
// knows of them is old.
const longStall = time.Second

// pulse tells, without a lock, when the loop ran last, and when it ran again after a long stall.
// Both are monotonic times since began: a clock that is set is no stall.
type pulse struct {
	began     time.Time
	ran, woke atomic.Int64
}

// beat is told by the loop.
func (p *pulse) beat(now time.Time) {
	at := int64(now.Sub(p.began))
	if at-p.ran.Swap(at) > int64(longStall) {
		p.woke.Store(at)
	}
}

// wokeAt is when the process ran again after a long stall: now, if the loop has not noticed yet;
// zero if that never was.
func (p *pulse) wokeAt(now time.Time) time.Time {
	if int64(now.Sub(p.began))-p.ran.Load() > int64(longStall) {
		return now
	}
	if woke := p.woke.Load(); woke != 0 {
		return p.began.Add(time.Duration(woke))
	}
	return time.Time{}
}

// Woke implements store.Group.
func (g *Group) Woke() time.Time { return g.n.pulse.wokeAt(time.Now()) }
