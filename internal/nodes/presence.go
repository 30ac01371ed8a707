package nodes

import (
	"time"

	"github.com/liveorigin/caddy-live-origin/store"
)

// run is the loop that beats, and looks who is silent: at each beat, and when a node has
// been silent for too long.
func (n *Nodes) run() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var next time.Time // beat
	swept := time.Now()
	for {
		select {
		case <-n.done:
			return
		case <-n.wake:
		case <-timer.C:
		}
		now := time.Now()
		n.mu.Lock()
		n.noteStall(now)
		if !now.Before(next) {
			next = now.Add(n.o.Beat)
			n.beatAll(now)
		}
		n.look(now)
		wait := min(next.Sub(now), n.untilSilent(now))
		n.mu.Unlock()
		if now.Sub(swept) > time.Second {
			swept = now
			n.sweep(now)
		}
		timer.Reset(max(wait, time.Millisecond))
	}
}

// noteStall notices that the process did not run: it was stopped, or its machine was. Then
// nothing may be concluded from silence, and contact is lost until a beat comes back. Where
// the machine stands still, the monotonic clock may, too, and only the wall clock tells.
func (n *Nodes) noteStall(now time.Time) {
	ran := now.Sub(n.lastRun)
	wall := now.Round(0).Sub(n.lastRun.Round(0))
	n.lastRun = now
	n.pulse.beat(now)
	if max(ran, wall) <= n.o.Stall {
		return
	}
	n.floor = now
	if n.contact == store.InContact {
		n.setContact(store.OutOfContact, now)
	}
	n.teller.tell(Event{Kind: Stalled, For: max(ran, wall)})
}

// beatAll starts a beat.
func (n *Nodes) beatAll(now time.Time) {
	if n.closed {
		return
	}
	n.outdo(now)
	n.beats.next(now)
	for _, c := range n.links {
		select {
		case c.beat <- struct{}{}:
		default: // the writer still has the one before
		}
	}
	if n.beats.number%2 == 0 {
		for _, g := range n.groups {
			g.askState()
		}
	}
}

func (n *Nodes) beatNumber() uint64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.beats.number
}

// look draws the conclusions from what was heard and what was not.
func (n *Nodes) look(now time.Time) {
	fresh, newest := false, time.Time{}
	for _, c := range n.links[:bulk] {
		if c.up.Load() && c.echo.After(n.floor) && now.Sub(c.echo) <= c.echoTimeout() {
			fresh, newest = true, latest(newest, c.echo)
		}
	}
	if fresh && n.contact != store.InContact {
		n.regained = now
	}
	for _, c := range n.links {
		if c.silent(now) && n.mayMove(c, fresh) {
			c.hung(now)
		}
	}
	switch {
	case fresh:
		n.setContact(store.InContact, now)
	case n.contact == store.InContact:
		n.setContact(store.OutOfContact, now)
	case n.contact == store.OutOfContact && now.Sub(latest(n.changed, n.floor)) > n.o.Alone:
		n.setContact(store.Alone, now)
	}
	for _, p := range n.peers {
		if p.alive && n.silent(p, newest, now) {
			n.dead(p, now)
		}
	}
}

// mayMove reports whether a connection that hears nothing is to look for another server. If another
// one does hear, its server is to blame. If none does, the network may be, or this machine, and may be
// back in a moment: then one of the two for facts looks around, and the others stay where they
// are, which costs least if that is so. What is really broken the library notices later, by its pings.
func (n *Nodes) mayMove(c *connection, fresh bool) bool {
	switch c.index {
	case factsA:
		return fresh || n.links[factsB].up.Load()
	case factsB:
		return fresh || n.links[factsA].up.Load()
	}
	return fresh
}

// silent reports whether a node is dead: nothing was heard of it for a while, in which this
// node heard itself. Out of contact, nothing is known of others; alone, none is there.
func (n *Nodes) silent(p *peer, echo, now time.Time) bool {
	heard, silence := latest(p.heard, n.floor), n.silence(p)
	if n.contact == store.OutOfContact || now.Sub(heard) < silence {
		return false
	}
	return n.contact == store.Alone || echo.Sub(heard) >= silence-n.o.Beat-n.o.Beat/2-n.distance()
}

// silence is how long a node may say nothing before it counts as dead: longer for one that is
// far away.
func (n *Nodes) silence(p *peer) time.Duration {
	best, _ := p.clock.best()
	return n.o.Silence + farther*best.trip
}

// assured is until when no other node gives this one up: they have heard the newest beat that came
// back. What is sent by then has some time to reach them. Zero if no other node is there.
func (n *Nodes) assured() time.Time {
	heard, until := latest(n.links[factsA].echo, n.links[factsB].echo), time.Time{}
	for _, p := range n.peers {
		if !p.alive {
			continue
		}
		best, _ := p.clock.best()
		bears := n.o.Silence
		if p.bears > 0 { // nodes that have heard little of each other think that they are farther apart
			bears = min(p.bears, n.silence(p))
		}
		if at := heard.Add(bears - n.o.Beat - best.trip/2); until.IsZero() || at.Before(until) {
			until = at
		}
	}
	return until
}

// untilSilent is when look has something to find, if nothing is heard until then.
func (n *Nodes) untilSilent(now time.Time) time.Duration {
	wait := n.o.Beat
	for _, p := range n.peers {
		if p.alive {
			left := n.silence(p) - now.Sub(latest(p.heard, n.floor))
			// One that is silent for so long already waits for an echo, which comes soon.
			if left < 0 {
				left = n.o.Beat / 5
			}
			wait = min(wait, left)
		}
	}
	return wait
}

// hung takes a connection away from a server that says nothing.
func (c *connection) hung(now time.Time) {
	c.up.Store(false)
	c.n.servers.lost(c.index, c.server)
	c.n.teller.tell(Event{
		Kind: ConnectionLost, Connection: c.name(), Server: redacted(c.server),
		Err: errNoEcho, For: now.Sub(latest(c.echo, c.since)).Round(time.Millisecond),
	})
	c.askToMove()
}

// setContact notes how the node is connected, and tells all members.
func (n *Nodes) setContact(contact store.Contact, now time.Time) {
	if n.contact == contact {
		return
	}
	n.contact, n.changed = contact, now
	if n.closed {
		return
	}
	for _, g := range n.groups {
		g.noteChange()
	}
}

// Contact is how the node is connected with the others, and since when; zero if never
// otherwise.
func (n *Nodes) Contact() (store.Contact, time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.contactNow()
}

// contactNow is right also where this is asked by a process that was stopped, before its
// loop has noticed.
func (n *Nodes) contactNow() (store.Contact, time.Time) {
	if n.contact == store.InContact && time.Since(n.lastRun) > n.o.Stall {
		return store.OutOfContact, n.lastRun
	}
	return n.contact, n.changed
}

// sweep forgets what is old.
func (n *Nodes) sweep(now time.Time) {
	n.ring.forget(now)
	n.answers.forget(now)
	n.mu.Lock()
	defer n.mu.Unlock()
	for name, p := range n.peers {
		if !p.alive && !p.heard.IsZero() && now.Sub(p.heard) > remembered {
			delete(n.peers, name)
		}
	}
	for _, g := range n.groups {
		g.forget(now)
	}
}

func latest(times ...time.Time) time.Time {
	var t time.Time
	for _, o := range times {
		if o.After(t) {
			t = o
		}
	}
	return t
}
