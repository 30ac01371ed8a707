package channel

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/output"
	"github.com/liveorigin/caddy-live-origin/store"
)

// How a node gets what it has missed of an endpoint's history, and what becomes of two
// histories that were written while nodes did not hear of each other.

var tick = failover.Tick{}

// recordsAtOnce is how many records are committed before others get the lock again.
const recordsAtOnce = 16

// askTimeout is how long another node may take to answer.
const askTimeout = 3 * time.Second

// catchUp asks a node for what it knows of an endpoint's history, in the background. The
// lock may be held.
func (n *nodes) catchUp(node, endpoint string) {
	n.once(endpoint, func(ctx context.Context) error {
		return n.readOn(ctx, node, endpoint)
	})
}

// upholds reports whether this node's history was just found to hold against that of another
// node, which will go over to it. The lock may be held.
func (n *nodes) upholds(node, endpoint string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return time.Since(n.upheld[[2]string{node, endpoint}]) < time.Second
}

// once does something about an endpoint, unless something is being done already.
func (n *nodes) once(endpoint string, do func(context.Context) error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.asking[endpoint] {
		return
	}
	n.asking[endpoint] = true
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
		defer cancel()
		err := do(ctx)
		n.mu.Lock()
		delete(n.asking, endpoint)
		n.mu.Unlock()
		if err != nil && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, context.DeadlineExceeded) {
			n.channel.outbox.trouble(fmt.Errorf("endpoint %s: catch up: %w", endpoint, err))
		}
	}()
}

func (n *nodes) readOn(ctx context.Context, node, endpoint string) error {
	for {
		after := n.lastNumber(endpoint)
		var answer recordsAnswer
		if err := n.ask(ctx, node, question{Records: &recordsQuestion{Endpoint: endpoint, After: after}}, &answer); err != nil {
			return err
		}
		n.takeAnswer(endpoint, answer.Records)
		if !answer.More || n.lastNumber(endpoint) == after {
			return nil
		}
	}
}

func (n *nodes) lastNumber(endpoint string) (number uint64) {
	n.locked(func() {
		if e := n.channel.endpoints[endpoint]; e != nil {
			number = e.chain.last.Number
		}
	})
	return number
}

// takeAnswer goes on with a stretch of history, some records at a time. The lock is not held.
func (n *nodes) takeAnswer(endpoint string, list []record) {
	for some := range slices.Chunk(list, recordsAtOnce) {
		n.locked(func() { n.takeSome(endpoint, some) })
		if last := some[len(some)-1].Link; last == nil || n.lastNumber(endpoint) < last.Number {
			return // it does not continue what is here, and neither does the rest
		}
	}
}

// takeSome goes on with a few records. The lock is held.
func (n *nodes) takeSome(endpoint string, list []record) {
	e := n.channel.endpoints[endpoint]
	if e == nil {
		return
	}
	last := e.chain.last
	var next []record
	for i, r := range list {
		switch {
		case r.Link == nil || r.Slot == nil:
			return
		case r.Link.Number <= last.Number:
			continue
		case r.Link.Number == last.Number+1 && r.Link.Before != last.ID:
			return // another history: that is for reconcile
		case i > 0 && r.Link.Number != list[i-1].Link.Number+1:
			return
		}
		next, last = append(next, r), *r.Link
	}
	if len(next) > 0 {
		n.commit(e, next...)
	}
}

// reconcile finds out which of two histories holds, and goes over to the other node's if it is
// that one, in the background. The other node does the same, and comes to the same answer, at the
// latest once both can read the journal of all nodes. The lock may be held.
func (n *nodes) reconcile(node, endpoint string) {
	n.once(endpoint, func(ctx context.Context) error {
		var mine []record
		n.locked(func() {
			if e := n.channel.endpoints[endpoint]; e != nil {
				mine = append(mine, e.chain.recent...)
			}
		})
		if len(mine) == 0 {
			return n.readOn(ctx, node, endpoint)
		}
		var theirs []record
		after := mine[0].Link.Number - 1
		for {
			var answer recordsAnswer
			if err := n.ask(ctx, node, question{Records: &recordsQuestion{Endpoint: endpoint, After: after}}, &answer); err != nil {
				return err
			}
			theirs = append(theirs, answer.Records...)
			if !answer.More || len(answer.Records) == 0 {
				break
			}
			after = answer.Records[len(answer.Records)-1].Link.Number
		}
		a, b := part(mine, theirs)
		if b == nil {
			return nil // no longer: they have what this node has
		}
		if a != nil && n.holds(ctx, endpoint, *a, *b) {
			n.mu.Lock()
			n.upheld[[2]string{node, endpoint}] = time.Now()
			n.mu.Unlock()
			return nil
		}
		n.locked(func() { n.goOver(endpoint, *b, theirs) })
		return nil
	})
}

// part is where two histories part: the first records that differ. The first one is nil if
// mine ends there, and the second one if theirs does.
func part(mine, theirs []record) (a, b *record) {
	byNumber := map[uint64]*record{}
	for i := range mine {
		byNumber[mine[i].Link.Number] = &mine[i]
	}
	for i := range theirs {
		r := &theirs[i]
		m := byNumber[r.Link.Number]
		if m == nil || m.Link.ID != r.Link.ID {
			return m, r
		}
	}
	return nil, nil
}

// holds reports whether this node's history is the one that holds: the one that the journal of
// all nodes has, which needs a quorum of the servers, or else that of the node whose name
// comes first.
func (n *nodes) holds(ctx context.Context, endpoint string, mine, theirs record) bool {
	switch n.ledger.written(ctx, endpoint, mine.Link.Number) {
	case mine.Link.ID:
		return true
	case theirs.Link.ID:
		return false
	}
	if mine.Link.Node != theirs.Link.Node {
		return mine.Link.Node < theirs.Link.Node
	}
	return mine.Link.ID < theirs.Link.ID
}

// goOver continues with another history, from the record where it parts from this node's. What
// was published stays as it was: of the other history, only what comes after it is. The lock
// is held.
func (n *nodes) goOver(endpoint string, at record, theirs []record) {
	e := n.channel.endpoints[endpoint]
	if e == nil {
		return
	}
	var rest []record
	for i := range theirs {
		if theirs[i].Link.Number >= at.Link.Number && len(rest) < recordsAtOnce {
			rest = append(rest, theirs[i]) // more of it comes with what the other node says next
		}
	}
	n.meet(e, at)
	mine := e.chain.last.Number
	e.chain.cut(at.Link.Number)
	n.channel.outbox.node(NodeEvent{Kind: HistoryAdopted, Node: at.Link.Node, Endpoint: endpoint, Records: int(mine - at.Link.Number + 1)})
	n.commit(e, rest...)
}

// meet finds out whether the histories continue each other where they meet: whether they began to
// differ with the same media and the same numbers, as those of locked inputs do.
func (n *nodes) meet(e *endpoint, at record) {
	slots := e.window.Slots()
	mine := e.chain.at(at.Link.Number)
	if len(slots) == 0 || mine == nil {
		return
	}
	last := slots[len(slots)-1]
	e.joining = !alike(mine, &at) || last.DiscontinuityNumber != at.Slot.DiscontinuityNumber
}

// joined is the slot with which an endpoint joins another history: it begins a discontinuity. If
// that would take a number which viewers of this node have seen, the node that decides is asked
// for a discontinuity, which all have, and nothing is published until it comes: nil.
func (e *endpoint) joined(s, last *output.Slot) *output.Slot {
	if s.DiscontinuityNumber > last.DiscontinuityNumber {
		joined := *s
		joined.Discontinuity = true
		return &joined
	}
	if !e.asked {
		e.asked = true
		e.nodes.group.Send(message{Break: &breakMessage{Endpoint: e.config.Name, Number: last.DiscontinuityNumber + 1}}.encode())
	}
	return nil
}

// alike reports whether two slots of the same number end alike, so that what follows one of them
// can follow the other.
func alike(a, b *record) bool {
	if a.Seam == nil || b.Seam == nil || a.Slot.End != b.Slot.End || a.Slot.Discontinuity != b.Slot.Discontinuity {
		return false
	}
	for i := range a.Seam.Renditions {
		r := &a.Seam.Renditions[i]
		if !slices.ContainsFunc(b.Seam.Renditions, func(o renditionSeam) bool {
			return o.Path == r.Path && o.End == r.End && o.Signature == r.Signature
		}) {
			return false
		}
	}
	return a.Seam.Clock == b.Seam.Clock
}

// breakAt makes the next slot begin a discontinuity. The lock is held.
func (n *nodes) breakAt(endpoint string, number uint64) {
	if e := n.channel.endpoints[endpoint]; e != nil {
		e.breakAt = max(e.breakAt, number)
	}
}
