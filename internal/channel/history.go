package channel

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/store"
)

// How a node gets what it has missed of an endpoint's history, and how it goes over to another
// one. Which one holds, where two were written while nodes did not hear of each other, is in
// verdict.go.

var tick = failover.Tick{}

// recordsAtOnce is how many records are committed before others get the lock again.
const recordsAtOnce = 16

// askTimeout is how long another node may take to answer.
const askTimeout = 3 * time.Second

// catchUp asks a node for what it knows of an endpoint's history, in the background. The
// lock may be held.
func (n *nodes) catchUp(node, endpoint string) {
	n.once(endpoint, func(ctx context.Context) error { return n.catchUpNow(ctx, node, endpoint) })
}

func (n *nodes) catchUpNow(ctx context.Context, node, endpoint string) error {
	err := n.readOn(ctx, node, endpoint)
	switch {
	case err == nil:
		n.partings.note(node, endpoint, false)
	case errors.Is(err, errApart):
		n.partings.note(node, endpoint, true)
		if n.arbiter(endpoint) == n.group.Node() {
			return n.judgeOther(ctx, node, endpoint)
		}
		return n.seekVerdict(ctx, endpoint)
	}
	return err
}

// catchUpAfter does so once the inquiry that is going on, if there is one, has come to its end: it may have
// been answered before what the node says now was decided, which is not said again.
func (n *nodes) catchUpAfter(node, endpoint string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if next, busy := n.asking[endpoint]; busy && next == nil {
		n.asking[endpoint] = func(ctx context.Context) error { return n.catchUpNow(ctx, node, endpoint) }
	}
}

// inquiry is something that is done about an endpoint, for which another node is asked.
type inquiry func(context.Context) error

// once does something about an endpoint, unless something is being done already.
func (n *nodes) once(endpoint string, do inquiry) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, busy := n.asking[endpoint]; !busy {
		n.inquire(endpoint, do)
	}
}

// then does something about an endpoint, after what is being done.
func (n *nodes) then(endpoint string, do inquiry) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, busy := n.asking[endpoint]; busy {
		n.asking[endpoint] = do
		return
	}
	n.inquire(endpoint, do)
}

// inquire does so in the background, and then what comes next. n.mu is held.
func (n *nodes) inquire(endpoint string, do inquiry) {
	n.asking[endpoint] = nil
	go func() {
		for do != nil {
			n.inquireNow(endpoint, do)
			n.mu.Lock()
			if do = n.asking[endpoint]; do == nil {
				delete(n.asking, endpoint)
			} else {
				n.asking[endpoint] = nil
			}
			n.mu.Unlock()
		}
	}()
}

func (n *nodes) inquireNow(endpoint string, do inquiry) {
	ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
	defer cancel()
	err := do(ctx)
	if err != nil && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, context.DeadlineExceeded) {
		n.channel.outbox.trouble(fmt.Errorf("endpoint %s: catch up: %w", endpoint, err))
	}
}

// readOn asks for what comes after this node's last record, and for that one too: another node
// whose history is another one has something else there, which is errApart.
func (n *nodes) readOn(ctx context.Context, node, endpoint string) error {
	copying := n.lastNumber(endpoint) == 0
	for {
		last := n.lastNumber(endpoint)
		var answer recordsAnswer
		question := question{Records: &recordsQuestion{Endpoint: endpoint, After: max(last, 1) - 1}}
		if err := n.ask(ctx, node, question, &answer); err != nil {
			return err
		}
		if err := n.takeAnswer(endpoint, answer.Records, copying); err != nil {
			return err
		}
		if !answer.More || n.lastNumber(endpoint) == last {
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

// takeAnswer goes on with a stretch of history, some records at a time. A node that has nothing copies what
// the other one has: where that went over to another history, some records are left out. The lock is not
// held.
func (n *nodes) takeAnswer(endpoint string, list []record, copying bool) error {
	// A node that does not have this one's last record has nothing older than its first one.
	beyond := true
	for some := range slices.Chunk(valid(list), recordsAtOnce) { // nodes of earlier versions send all
		var err error
		n.locked(func() { err = n.takeSome(endpoint, some, beyond, copying) })
		if err != nil {
			return err
		}
		if last := some[len(some)-1].Link; last == nil || n.lastNumber(endpoint) < last.Number {
			return nil // it does not continue what is here, and neither does the rest
		}
		beyond = false
	}
	return nil
}

// takeSome goes on with a few records; beyond allows a gap before the first one, and copying anywhere. The
// lock is held.
func (n *nodes) takeSome(endpoint string, list []record, beyond, copying bool) error {
	e := n.channel.endpoints[endpoint]
	if e == nil {
		return nil
	}
	last := e.chain.last
	var next []record
	var err error
	for i, r := range list {
		if r.Link == nil || r.Slot == nil {
			break
		}
		if r.Link.Number <= last.Number {
			if len(next) == 0 && e.chain.relate(*r.Link) == elsewise {
				return errApart
			}
			continue
		}
		if copying {
			next, last = append(next, r), *r.Link
			continue
		}
		if r.Link.Number == last.Number+1 && r.Link.Before != last.ID {
			err = errApart
			break
		}
		if r.Link.Number > last.Number+1 && (i > 0 || !beyond) {
			break
		}
		next, last = append(next, r), *r.Link
	}
	if len(next) > 0 {
		n.commit(e, next...)
		n.fetchLater(e.config.Name, next)
	}
	return err
}

// goOver continues with another history, from the record where it parts from this node's. What
// was published stays as it was: of the other history, only what comes after it is. The lock
// is held.
func (n *nodes) goOver(e *endpoint, at record, theirs []record) {
	var rest []record
	for i := range theirs {
		if theirs[i].Link.Number >= at.Link.Number && len(rest) < recordsAtOnce {
			rest = append(rest, theirs[i]) // more of it comes with what the other node says next
		}
	}
	if e.chain.at(at.Link.Number) != nil {
		if e.left == nil {
			left := *e.chain.at(e.chain.last.Number) // its place is for what comes from the other node
			e.left = &left
		}
		e.apart, _ = e.published()
		void := int(e.chain.last.Number - at.Link.Number + 1)
		n.channel.outbox.node(NodeEvent{Kind: HistoryAdopted, Node: at.Link.Node, Endpoint: e.config.Name, Records: void})
	}
	e.chain.cut(*at.Link)
	n.commit(e, rest...)
	n.fetchLater(e.config.Name, rest)
}

// meet prepares for where the history that the endpoint has joined goes on from what this node has
// published: r is a record of it whose number this node has used for something else.
func (e *endpoint) meet(r *record) {
	slots := e.window.Slots()
	last, s := slots[len(slots)-1], r.Slot
	switch {
	case e.left == nil:
	case s.End > last.End+(last.End-last.Start)/2:
		// Its viewers have not seen that media, as it has published more slots than the others, or a shorter one.
		number := last.DiscontinuityNumber + 1
		if e.left.isBefore(r) || e.left.reaches(r) {
			number = last.DiscontinuityNumber
		}
		e.askFor(number, last.MSN+1)
	case e.left.contains(r) && s.DiscontinuityNumber == last.DiscontinuityNumber:
		// They have seen all of it, and get the rest of what comes next, see unseen.
	case s.MSN == last.MSN && !e.continues(r) && s.DiscontinuityNumber <= last.DiscontinuityNumber:
		// What comes next begins a discontinuity for them.
		e.askFor(last.DiscontinuityNumber+1, 0)
	}
}

// continues reports whether what comes after a record of the history that the endpoint has joined
// continues what this node has published, as it does where inputs are locked.
func (e *endpoint) continues(r *record) bool {
	slots := e.window.Slots()
	return alike(e.left, r) && r.Slot.DiscontinuityNumber == slots[len(slots)-1].DiscontinuityNumber
}

// join reports whether the endpoint can go on with a record of the history that it has joined. Where
// that does not continue what this node has published, it begins a discontinuity. If viewers of this
// node have seen its number, whoever decides is asked for a discontinuity with the next one, which all
// have: from that on the numbers are the same again. Until then the record gets that number for them,
// or, if they have seen its media, is not published.
func (e *endpoint) join(r *record) bool {
	slots := e.window.Slots()
	if before := e.chain.at(r.Link.Number - 1); len(slots) == 0 || before != nil && e.continues(before) {
		return true
	}
	last, joined := slots[len(slots)-1], *r.Slot
	if !joined.Discontinuity && joined.DiscontinuityNumber == last.DiscontinuityNumber && e.left.isBefore(r) {
		return true // what its viewers miss is as if no encoder had sent it
	}
	if number := last.DiscontinuityNumber + 1; joined.DiscontinuityNumber < number {
		e.askFor(number, 0)
		if joined.Start < last.End-(last.End-last.Start)/2 {
			return false
		}
		joined.DiscontinuityNumber = number
	}
	joined.Discontinuity = true
	r.Slot = &joined
	return true
}

// renumber keeps the discontinuity numbers of a record from falling behind those that viewers of this
// node have seen. The discontinuity that was asked for, so that all have their number, is none for them.
func (e *endpoint) renumber(r *record) {
	slots := e.window.Slots()
	if len(slots) == 0 {
		return
	}
	number := slots[len(slots)-1].DiscontinuityNumber
	shown := *r.Slot
	switch {
	case shown.DiscontinuityNumber == number && !shown.Discontinuity:
		return
	case shown.DiscontinuityNumber > number:
		// Without a tag, it is that of a node which was restarted between its viewers' discontinuity
		// and that of all.
		shown.Discontinuity = true
		r.Slot = &shown
		return
	}
	before := e.chain.at(r.Link.Number - 1)
	shown.Discontinuity = shown.Discontinuity && (before == nil || !before.goesOnIn(r))
	if shown.Discontinuity {
		number++
	}
	if shown.DiscontinuityNumber < number {
		e.askFor(number, 0)
	}
	shown.DiscontinuityNumber = number
	r.Slot = &shown
}

// rejoin is join for a slot that this node decides itself, on top of the history that it has joined.
// Others publish the slot after that history, this node's viewers get it after what they have seen.
// Where it continues only the history, they see a discontinuity that others don't: then broken is
// true. Where that would take a number which they have seen, or the slot does not continue the
// history, all see one.
func (e *endpoint) rejoin(decided *failover.Slot) (broken bool) {
	if e.left == nil {
		return false
	}
	left, before, slots := e.left, e.chain.at(e.chain.last.Number), e.window.Slots()
	e.left = nil
	theirs := uint64(0)
	if before != nil {
		e.goOn(before.Slot, before.Seam)
		theirs = before.Slot.DiscontinuityNumber
	}
	if len(slots) == 0 {
		return false
	}
	mine := slots[len(slots)-1].DiscontinuityNumber
	switch {
	case before == nil || !before.precedes(decided):
		e.breakAt = max(e.breakAt, mine+1, theirs+1)
	case left.precedes(decided) && mine == theirs:
	case mine >= theirs:
		e.breakAt = max(e.breakAt, mine+1)
	default:
		decided.DiscontinuityNumber = theirs
		return true
	}
	return false
}

// breakFor gives a slot that this node decides a discontinuity, if viewers of some node have seen a
// higher number than the slot has. seen: those of this node have seen that discontinuity.
func (e *endpoint) breakFor(decided *failover.Slot) (seen bool) {
	number, last := e.breakAt, uint64(0)
	if slots := e.window.Slots(); len(slots) > 0 {
		last = slots[len(slots)-1].DiscontinuityNumber
	}
	if last > decided.DiscontinuityNumber {
		number = max(number, last)
		if decided.Discontinuity {
			number = max(number, last+1)
		}
	}
	if number <= decided.DiscontinuityNumber {
		return false
	}
	seen = !decided.Discontinuity && number == last
	decided.Discontinuity, decided.DiscontinuityNumber = true, number
	return seen
}

// askAgain is how soon to ask again for a slot with other numbers: whoever was asked may be gone.
const askAgain = time.Second

// askFor asks whoever decides next for a slot with at least these numbers.
func (e *endpoint) askFor(discontinuity, msn uint64) {
	if e.breakAt >= discontinuity && e.numberAt >= msn && time.Since(e.askedFor) < askAgain {
		return
	}
	e.askedFor = time.Now()
	ask := message{Break: &breakMessage{Endpoint: e.config.Name, Number: discontinuity, MSN: msn}}
	e.nodes.group.Send(ask.encode())
	e.breakAt, e.numberAt = max(e.breakAt, discontinuity), max(e.numberAt, msn) // it may be this node
}

// breakAt makes the next slot begin a discontinuity, or have a later number. The lock is held.
func (n *nodes) breakAt(m breakMessage) {
	if e := n.channel.endpoints[m.Endpoint]; e != nil {
		e.breakAt, e.numberAt = max(e.breakAt, m.Number), max(e.numberAt, m.MSN)
	}
}
