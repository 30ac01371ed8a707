package channel

import (
	"fmt"
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/store"
)

// Which node decides.

const (
	// settling is how long a node that is in contact again, or ready, listens before it decides
	// anything: the others may have gone on without it, and have to know that it is there.
	settling = 500 * time.Millisecond
	// inheritAfter is how long one survivor after the other waits before it decides in place
	// of a node that is gone, overdueAfter how long in place of one that is there and does
	// not decide, although there is something to decide.
	inheritAfter = 150 * time.Millisecond
	overdueAfter = time.Second
	// passAgain is how long a far node goes on by itself once the other one has not taken over.
	passAgain = time.Minute
	// lookAgain is how soon to see whether it is this node's turn.
	lookAgain = 15 * time.Millisecond
)

// offer is since when this node has had something to decide: what, and after which link.
type offer struct {
	after uint64
	start failover.Ticks
	since time.Time
}

// mayDecide reports whether it is this node that decides what comes next of an endpoint, a slot
// that begins at start. The lock is held.
func (n *nodes) mayDecide(e *endpoint, start failover.Ticks) bool {
	if !n.ready.Load() || n.stopping {
		return false
	}
	if o := e.offer; o.after != e.chain.last.Number || o.start != start || o.since.IsZero() {
		e.offer = offer{e.chain.last.Number, start, time.Now()}
	}
	status := n.group.Status()
	switch {
	case status.Contact == store.Alone:
		return true
	case status.Contact == store.OutOfContact, time.Since(status.Since) < settling, time.Since(n.readySince) < settling:
		return false
	case !status.Assured.IsZero() && time.Now().After(status.Assured):
		return false // the others may be about to go on without this node: until something comes back
	}
	peers := n.readPeers(status)
	if behind, _ := n.compare(e, peers); behind {
		return false
	}
	patience, from := n.patience(e, status.Distance, peers)
	if from.Before(e.offer.since) {
		from = e.offer.since
	}
	return time.Since(from) >= patience && !n.pass(e, status.Distance, peers) && n.claims(e, peers)
}

// pass leaves the decision to another node, and all that come after it, if this one is far from the
// servers and the other one is not: what is decided here comes late to all others, and may not come
// at all while the network of this node fails, although its own viewers see it. The other one has to
// hear an encoder itself, or it would have to wait for all that comes from here.
func (n *nodes) pass(e *endpoint, distance time.Duration, peers []peer) bool {
	after := e.chain.last.ID
	if after != "" && e.passed.After == after && e.passed.Node != n.group.Node() {
		e.untaken = time.Now()
	}
	if after == "" || time.Since(e.untaken) < passAgain {
		return false
	}
	node, _ := e.decider()
	for _, p := range peers {
		if p.ready && p.Node != node && far(distance, p.Distance) && len(p.state.Hears) > 0 {
			e.passed = passMessage{Endpoint: e.config.Name, After: after, Node: p.Node, Writer: p.state.Writer}
			n.group.Send(message{Pass: &e.passed}.encode())
			return true
		}
	}
	return false
}

// takePass notes who decides from now on. The lock is held.
func (n *nodes) takePass(from string, m passMessage) {
	e := n.channel.endpoints[m.Endpoint]
	if e == nil || m.After != e.chain.last.ID {
		return // there is something else after that already
	}
	if from == m.Node && n.precedes(e.passed, m) {
		return
	}
	e.passed = m
	n.channel.step(tick)
}

// decider is the node, and the run of it, that decides what comes next: who did so last, or who was
// left it.
func (e *endpoint) decider() (node, writer string) {
	if last := e.chain.last; last.ID == "" || e.passed.After != last.ID {
		return last.Node, last.Writer
	}
	return e.passed.Node, e.passed.Writer
}

// peer is another node with what it said of itself.
type peer struct {
	store.Peer
	state nodeState
	ready bool // it is there, and takes part in decisions
}

func (n *nodes) readPeers(status store.GroupStatus) []peer {
	n.states.keep(status.Peers)
	peers := make([]peer, len(status.Peers))
	for i, p := range status.Peers {
		state, ok := n.states.of(p)
		peers[i] = peer{p, state, ok && p.Alive && state.Ready}
	}
	return peers
}

// compare compares this node's history of the endpoint with those of the others. It is behind if
// one of them knows more, which is asked for that. It is apart if one has another history: until
// it is settled which one holds, both go on; but first a node that knows less listens for a moment, as one
// does that is in contact again: it is about to get what it lacks, and would leave that out.
func (n *nodes) compare(e *endpoint, peers []peer) (behind, apart bool) {
	endpoint := e.config.Name
	n.notePeers(peers, endpoint)
	for _, p := range peers {
		if !p.ready {
			continue
		}
		theirs := p.state.Endpoints[endpoint].Link
		if theirs.Number == 0 {
			continue
		}
		switch e.chain.relate(theirs) {
		case follows, ahead:
			parted, soon, ask := n.partings.known(p.Node, endpoint)
			apart = apart || parted
			behind = behind || !parted || soon
			if ask && !n.awaits(endpoint) {
				n.catchUp(p.Node, endpoint)
			}
		case elsewise:
			apart = true
			n.settle(endpoint)
		}
	}
	return behind, apart
}

// patience is how long this node leaves a decision to others, and not before when that
// begins: none, if it is the one that decides.
func (n *nodes) patience(e *endpoint, distance time.Duration, peers []peer) (wait time.Duration, from time.Time) {
	self := n.group.Node()
	node, writer := e.decider()
	if node == self && writer == n.writer {
		return 0, time.Time{}
	}
	if node == "" {
		return n.firstPatience(e, distance, peers), time.Time{}
	}
	rank, alive, slowest := 0, false, time.Duration(0)
	for _, p := range peers {
		decides := p.Alive && p.Node == node && p.state.Writer == writer
		if p.Node == node && !decides {
			from = p.Since // it is gone, or was started again
		}
		if !p.ready {
			continue
		}
		slowest = max(slowest, p.Delay)
		if decides {
			alive = true
		} else if p.Node < self {
			rank++
		}
	}
	if alive {
		return overdueAfter + time.Duration(rank)*firstAfter, time.Time{}
	}
	return time.Duration(rank) * (inheritAfter + 2*slowest), from
}

// follow goes on with what another node decided. The lock is held.
func (n *nodes) follow(from, endpoint string, r record) {
	e := n.channel.endpoints[endpoint]
	if e == nil || r.Link == nil || r.Slot == nil {
		return
	}
	if err := r.readable(); err != nil {
		n.channel.outbox.trouble(fmt.Errorf("node %s, endpoint %s: %w", from, endpoint, err))
		return
	}
	switch e.chain.relate(*r.Link) {
	case follows:
		if missing := n.missing(r); len(missing) > 0 {
			n.await(from, endpoint, r, missing)
			return
		}
		n.commit(e, r)
	case ahead:
		n.catchUpAfter(from, endpoint)
		n.catchUp(from, endpoint)
	case elsewise:
		n.catchUpAfter(from, endpoint)
		n.settle(endpoint)
	}
}

// commit carries out what another node decided, one record after the other. The lock is held.
func (n *nodes) commit(e *endpoint, list ...record) {
	c := n.channel
	now := c.now()
	c.tellClock(now)
	effects := c.core.Take(now, tick)
	for _, r := range list {
		var decided failover.Slot
		if r.Decided != nil {
			decided = *r.Decided
		} else {
			decided = e.slotOf(r.Slot, r.Seam)
			decided.Switch = r.Switch
		}
		decided.Adopted = e.taken(r.Slot.MSN)
		r.Decided = &decided
		e.take(r)
		c.traceCommit(now, *r.Decided, false)
		effects = append(effects, c.core.Commit(now, *r.Decided)...)
	}
	c.activity.Follow(c.core, now, tick, effects)
	c.carryOut(now, effects)
	c.step(tick) // what this node may have to decide next
}

// taken reports whether this node has published something under this number.
func (e *endpoint) taken(number uint64) bool {
	last, ok := e.published()
	return ok && number <= last
}

// published is the number of the last slot in the window, if there is one.
func (e *endpoint) published() (number uint64, ok bool) {
	slots := e.window.Slots()
	if len(slots) == 0 {
		return 0, false
	}
	return slots[len(slots)-1].MSN, true
}

// take takes over a record of another node.
func (e *endpoint) take(r record) {
	e.chain.add(r)
	defer e.note()
	if e.taken(r.Slot.MSN) {
		e.meet(&r)
		return
	}
	if e.left != nil {
		if slots, ok := e.unseen(&r); ok {
			if len(slots) > 0 {
				e.showUnseen(r, slots)
				e.took(r)
			}
			return
		}
		if !e.join(&r) {
			return
		}
	}
	e.renumber(&r)
	if len(r.Slot.Renditions) == 0 {
		carried := *r.Slot
		e.carryRenditions(&carried)
		r.Slot = &carried
	}
	revision := e.keep(r)
	e.makeContiguous(r.Slot, revision)
	if e.adopt(r.Slot) {
		e.window.Add(r.Slot)
	} else {
		e.release(e.window.Skip(r.Slot)...)
		e.first = revision + 1
	}
	e.took(r)
}

// took goes on after a record of another node that was published here.
func (e *endpoint) took(r record) {
	e.left = nil
	e.goOn(r.Slot, r.Seam)
	e.decisions.remember(r.Switch)
	e.decided = remains(*r.Decided)
	e.changed = true
}

// note lets the other nodes see where the endpoint stands.
func (e *endpoint) note() {
	at := endpointState{Link: e.chain.last}
	if slots := e.window.Slots(); len(slots) > 0 {
		last := slots[len(slots)-1]
		at.viewed = viewed{last.MSN, last.DiscontinuityNumber}
		if e.apart >= slots[0].MSN {
			at.Apart = int(e.apart - slots[0].MSN + 1)
		}
	}
	e.standing.Store(&at)
}
