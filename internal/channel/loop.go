package channel

import (
	"fmt"
	"slices"
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
)

// How facts reach the core, and what happens to its decisions.

// step passes a fact to the core and carries out what it decides. The lock is held.
func (c *Channel) step(f failover.Fact) {
	if c.recalling {
		// What arrived is told afterwards, as of when it did: time must not be ahead of that.
		c.stepAt(time.Time{}, f)
		return
	}
	now := c.now()
	c.tellClock(now)
	c.stepAt(now, f)
}

// tell passes a fact to the core on which nothing is decided by itself: others follow at once.
func (c *Channel) tell(now time.Time, f failover.Fact) []failover.Effect {
	c.telling = true
	defer func() { c.telling = false }()
	return c.core.Take(now, f)
}

// stepAt does so as of another time: the core takes the fact, and what it decides is kept
// in the endpoint's journal before it is committed.
func (c *Channel) stepAt(now time.Time, f failover.Fact) {
	if _, ok := f.(failover.Selection); !ok {
		c.stepped = true
	}
	effects := c.core.Take(now, f)
	c.waiting = false
	for _, ec := range c.config.Endpoints {
		e := c.endpoints[ec.Name]
		for !c.prepared {
			d := c.core.Decide(now, ec.Name)
			if d.Slot == nil {
				break
			}
			if !d.Slot.Unlisted {
				if c.nodes != nil && !c.nodes.mayDecide(e, d.Slot.Start) {
					c.waiting = true
					break
				}
				*d.Slot = e.publish(*d.Slot)
				c.decisions.remember(d.Slot.Switch)
			}
			c.traceCommit(now, *d.Slot, true)
			effects = append(effects, c.core.Commit(now, *d.Slot)...)
		}
	}
	c.activity.Follow(c.core, now, f, effects)
	c.carryOut(now, effects)
}

// arrive passes a sound object to the core, and notes it first. The lock is held.
func (c *Channel) arrive(object failover.Object) {
	now := c.now()
	c.tellClock(now)
	c.outbox.trouble(c.arrivals.noteObject(now, &object, c.objects))
	c.stepAt(now, object)
}

// list passes a media playlist to the core, and notes it first. The lock is held.
func (c *Channel) list(playlist failover.Playlist) {
	now := c.now()
	c.tellClock(now)
	var known *listing
	if in := c.inputs[playlist.Input]; in != nil {
		known = in.lists[playlist.Path]
	}
	playlist.Rendition = c.core.Continued(playlist.Input, playlist.Path)
	c.outbox.trouble(c.arrivals.noteListing(now, playlist, known))
	c.stepAt(now, playlist)
}

// tellClock tells the core when the wall clock was set. The lock is held.
func (c *Channel) tellClock(now time.Time) {
	ahead := time.Now().Round(0).Sub(now.Round(0))
	if d := ahead - c.clock.ahead; d < -clockStep || d > clockStep {
		c.clock.ahead = ahead
		c.carryOut(now, c.tell(now, failover.Clock{Ahead: ahead}))
	}
}

// carryOut does what the core wants done apart from publishing.
func (c *Channel) carryOut(now time.Time, effects []failover.Effect) {
	for _, effect := range effects {
		switch e := effect.(type) {
		case failover.InputChanged:
			if in := c.inputs[e.Input]; in != nil {
				in.up = e.Up
			}
		case failover.Ended:
			if ep := c.endpoints[e.Endpoint]; ep != nil {
				ep.end()
			}
		case failover.Released:
			for _, key := range e.Objects {
				c.objects.settle(key)
			}
			c.arrivals.settle(now, e.Objects)
		}
	}
	// Once for all slots of the step: after an outage there are many at once.
	for _, ep := range c.endpoints {
		ep.refresh(now, c.ordered)
		c.soon = c.soon || ep.expiring
	}
	for _, effect := range effects {
		if e, ok := effect.(failover.Noticed); ok {
			c.remarks.add(noticeOf(e))
		}
		if c.recalling && !decision(effect) {
			continue // the earlier process has told it
		}
		c.outbox.send(effect, c.unfinished.whenShown())
	}
	c.arm(now)
}

// decision reports whether the effect is about a slot, rather than about what arrived.
func decision(effect failover.Effect) bool {
	switch effect.(type) {
	case failover.Published, failover.SlotGivenUp:
		return true
	}
	return false
}

// arm sets the timer to the core's next deadline.
func (c *Channel) arm(now time.Time) {
	if c.prepared || c.recalling {
		return
	}
	at, ok := c.core.Deadline()
	for _, in := range c.inputs {
		if sweep := now.Add(sweepInterval); in.waiting() && (!ok || sweep.Before(at)) {
			at, ok = sweep, true
		}
	}
	if again := now.Add(lookAgain); c.waiting && (!ok || again.Before(at)) {
		at, ok = again, true
	}
	if c.soon {
		at, ok = now, true
	}
	if !ok {
		if c.timer != nil {
			c.timer.Stop()
		}
		return
	}
	wait := max(0, at.Sub(now))
	if c.timer == nil {
		c.timer = time.AfterFunc(wait, c.wake)
		return
	}
	c.timer.Reset(wait)
}

func (c *Channel) wake() {
	c.mu.Lock()
	defer c.unlockLater()
	if c.closed {
		return
	}
	c.soon = false
	for _, in := range c.inputs {
		in.sweep()
	}
	c.step(failover.Tick{})
}

// passedAtOnce is how many segments that were held back are passed on while the lock is held once: an
// initialization section or a playlist may set thousands free.
const passedAtOnce = 16

// expiredAtOnce is how many slots an endpoint forgets at once: a startover window that the operator makes
// shorter may hold a million.
const expiredAtOnce = 16

// atOnce is how many of n things to do are done now. The others follow as soon as somebody else had the
// lock.
func (c *Channel) atOnce(n int) int {
	if n <= passedAtOnce || c.recalling {
		return n
	}
	c.soon = true
	return passedAtOnce
}

// reselect tells the core which renditions an endpoint serves, where that has changed. The
// channel's lock is held.
func (c *Channel) reselect() {
	for _, ec := range c.config.Endpoints {
		e := c.endpoints[ec.Name]
		excluded, err := ec.Excluded(announced(c.ordered))
		if err != nil && e.selectionTrouble != err.Error() {
			c.outbox.trouble(fmt.Errorf("endpoint %s: %w", ec.Name, err))
		}
		e.selectionTrouble = ""
		if err != nil {
			e.selectionTrouble = err.Error()
		}
		if slices.Equal(excluded, e.excluded) {
			continue
		}
		e.excluded = excluded
		c.step(failover.Selection{Endpoint: ec.Name, Excluded: excluded})
	}
}
