package nodes

import (
	"maps"
	"slices"
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

// Received implements store.Group. Others say with each beat what they have sent, and what this
// node said to itself after the moment comes back behind their beats.
func (g *Group) Received(moment time.Time) bool {
	streams, heard := g.sinceEcho(moment)
	return heard && !slices.ContainsFunc(streams, (*stream).behind)
}

// sinceEcho reports whether something that this node said to itself after the moment has come back,
// and what the member hears: also of those that count as dead, as all do for a node that wakes.
func (g *Group) sinceEcho(moment time.Time) (streams []*stream, heard bool) {
	g.n.mu.Lock()
	defer g.n.mu.Unlock()
	for _, c := range g.n.links[:bulk] {
		heard = heard || c.echo.After(moment)
	}
	return slices.Collect(maps.Values(g.streams)), heard
}

// behind reports whether the publisher has sent more than the member has received.
func (s *stream) behind() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.lives) > 1 || s.lives[0].next <= s.lives[0].high
}
