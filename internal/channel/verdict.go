package channel

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/liveorigin/caddy-live-origin/store"
)

// Nodes that did not hear of each other have both gone on. Once they do again, one of them says
// which history holds, so that all come to the same end whatever each of them can see: the
// arbiter. What it has said it does not take back, also if it learns more later.

// errApart: another node has another history.
var errApart = errors.New("another history")

const (
	// settleAgain is how soon to ask again about histories that have parted, partedFor how
	// long it is assumed that they still are, if nobody answers.
	settleAgain, partedFor = time.Second, 5 * time.Second
	// evidenceTimeout is how long the arbiter waits for what others know.
	evidenceTimeout = 1500 * time.Millisecond
	// settledWithin is how long it takes at most until it is settled which history holds, if all can be asked.
	settledWithin = evidenceTimeout + settling
	// verdictsKept is how many verdicts are remembered.
	verdictsKept = 256
)

// arbiter is, of the nodes that are here and ready and have a history of the endpoint, the one whose name
// comes first: the config of nodes may differ for a while.
func (n *nodes) arbiter(endpoint string) string {
	first := ""
	if e := n.channel.directory.Load().endpoints[endpoint]; e != nil {
		if at := e.standing.Load(); at != nil && at.Link.Number > 0 {
			first = n.group.Node()
		}
	}
	for _, p := range n.readPeers(n.group.Status()) {
		if p.ready && p.state.Endpoints[endpoint].Link.Number > 0 && (first == "" || p.Node < first) {
			first = p.Node
		}
	}
	return first
}

// partings is what is known of other nodes that have another history.
type partings struct {
	mu sync.Mutex
	// found is when it was found out, by node and endpoint.
	found map[[2]string]parting
	// sought is when the arbiter was asked, by endpoint.
	sought map[string]time.Time
}

// parting is when it was found out that a node has another history: at first, and last.
type parting struct{ first, last time.Time }

// note notes whether a node's history is another one.
func (p *partings) note(node, endpoint string, apart bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := [2]string{node, endpoint}
	if !apart {
		delete(p.found, key)
		return
	}
	if p.found == nil {
		p.found = map[[2]string]parting{}
	}
	now := time.Now()
	found := p.found[key]
	if now.Sub(found.last) >= partedFor {
		found.first = now
	}
	found.last = now
	p.found[key] = found
}

// known reports whether a node that knows more has another history, as far as is known, whether that is
// settled soon, as it has just been found out, and whether it is time to ask the node.
func (p *partings) known(node, endpoint string) (apart, soon, ask bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	found, ok := p.found[[2]string{node, endpoint}]
	if !ok {
		return false, false, true
	}
	age := time.Since(found.last)
	return age < partedFor, time.Since(found.first) < settledWithin, age > settleAgain
}

// due reports whether it is time to ask the arbiter.
func (p *partings) due(endpoint string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Since(p.sought[endpoint]) >= settleAgain
}

// seeking notes that the arbiter is being asked.
func (p *partings) seeking(endpoint string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sought == nil {
		p.sought = map[string]time.Time{}
	}
	p.sought[endpoint] = time.Now()
}

// forget is called once an endpoint has gone over to another history.
func (p *partings) forget(endpoint string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.sought, endpoint)
	for key := range p.found {
		if key[1] == endpoint {
			delete(p.found, key)
		}
	}
}

// settle asks the arbiter which history holds, in the background. The lock may be held.
func (n *nodes) settle(endpoint string) {
	if n.arbiter(endpoint) == n.group.Node() || !n.partings.due(endpoint) {
		return // those that have another history than the arbiter ask it
	}
	n.once(endpoint, func(ctx context.Context) error { return n.seekVerdict(ctx, endpoint) })
}

// seekVerdict compares this node's history with the arbiter's, and goes over to it if that holds.
// If not, the arbiter goes over to this one's.
func (n *nodes) seekVerdict(ctx context.Context, endpoint string) error {
	arbiter := n.arbiter(endpoint)
	if arbiter == n.group.Node() || arbiter == "" {
		return nil // those that have another history ask this node
	}
	n.partings.seeking(endpoint)
	return n.adopt(ctx, arbiter, endpoint, func(mine, theirs link) (bool, error) {
		var answer verdictAnswer
		err := n.ask(ctx, arbiter, question{Verdict: &verdictQuestion{Endpoint: endpoint, Mine: mine, Yours: theirs}}, &answer)
		return answer.Yours, err
	})
}

// judgeOther says, as the arbiter, whether the history of another node holds, and goes over to it if so. That
// node would ask as soon as it has something to decide.
func (n *nodes) judgeOther(ctx context.Context, node, endpoint string) error {
	return n.adopt(ctx, node, endpoint, func(_, theirs link) (bool, error) {
		holds, err := n.judge(ctx, endpoint, theirs)
		return !holds, err
	})
}

// adopt goes over to the history of another node if that continues this one's, or if theirs says
// that it holds, of which it gets the first links that differ.
func (n *nodes) adopt(ctx context.Context, node, endpoint string, theirs func(mine, theirs link) (bool, error)) error {
	var own []record
	n.locked(func() {
		if e := n.channel.endpoints[endpoint]; e != nil {
			own = slices.Clone(e.chain.recent)
		}
	})
	if len(own) == 0 {
		return n.readOn(ctx, node, endpoint)
	}
	others, err := n.recordsBetween(ctx, node, endpoint, own[0].Link.Number-1, own[len(own)-1].Link.Number+recordsAtOnce)
	if err != nil {
		return err
	}
	a, b := part(own, others)
	if b == nil {
		return nil // no longer: they have what this node has
	}
	if a != nil {
		if holds, err := theirs(*a.Link, *b.Link); err != nil || !holds {
			return err
		}
	}
	n.locked(func() { n.adoptFrom(endpoint, a, others) })
	n.partings.forget(endpoint)
	return nil
}

// adoptFrom does so once it is certain that their history holds from where it parts from this node's,
// which has this record there; nil if theirs continues it. Some of it may have come meanwhile. The lock is
// held.
func (n *nodes) adoptFrom(endpoint string, mine *record, theirs []record) {
	e := n.channel.endpoints[endpoint]
	if e == nil {
		return
	}
	a, b := part(e.chain.recent, theirs)
	if b == nil || a != nil && (mine == nil || mine.Link.ID != a.Link.ID) {
		return // all of it is here, or the histories part elsewhere: it will be asked again
	}
	n.goOver(e, *b, theirs)
}

// recordsBetween asks a node for what comes after a number, up to another one. There may be a page more.
func (n *nodes) recordsBetween(ctx context.Context, node, endpoint string, after, until uint64) (list []record, err error) {
	for {
		var answer recordsAnswer
		if err := n.ask(ctx, node, question{Records: &recordsQuestion{Endpoint: endpoint, After: after}}, &answer); err != nil {
			return nil, err
		}
		list = append(list, answer.Records...)
		if !answer.More || len(answer.Records) == 0 {
			return list, nil
		}
		if after = answer.Records[len(answer.Records)-1].Link.Number; after >= until {
			return list, nil
		}
	}
}

// part is where two histories part: the first records that differ after those which they have in
// common; they may have parted before, and met again. The first one is nil if mine ends there, and
// the second one if theirs does.
func part(mine, theirs []record) (a, b *record) {
	byNumber := map[uint64]*record{}
	for i := range mine {
		byNumber[mine[i].Link.Number] = &mine[i]
	}
	for i := range theirs {
		r := &theirs[i]
		m := byNumber[r.Link.Number]
		switch {
		case m != nil && m.Link.ID == r.Link.ID:
			a, b = nil, nil
		case b == nil:
			a, b = m, r
		}
	}
	return a, b
}

// verdicts are what this node has said as the arbiter.
type verdicts struct {
	one chan struct{} // one case at a time; it guards the rest
	// said says whether the history of this node holds against a record of another one,
	// by its ID.
	said  map[string]bool
	order []string // of said, the oldest first
}

// verdict answers the question which history holds.
func (n *nodes) verdict(ctx context.Context, from string, q verdictQuestion) (verdictAnswer, error) {
	var answer verdictAnswer
	if n.arbiter(q.Endpoint) != n.group.Node() {
		return answer, store.ErrNotFound // it sees fewer nodes than this one
	}
	if !n.holds(ctx, q.Endpoint, q.Yours) || q.Mine.Number != q.Yours.Number || q.Mine.ID == q.Yours.ID {
		return answer, store.ErrNotFound // this node has gone over to another one meanwhile
	}
	holds, err := n.judge(ctx, q.Endpoint, q.Mine)
	if err != nil {
		return answer, err
	}
	answer.Yours = holds
	if !answer.Yours {
		// Whoever said so has to do so: what made the other node ask makes this one ask it, too, and that
		// may be going on each time.
		n.then(q.Endpoint, func(ctx context.Context) error {
			return n.adopt(ctx, from, q.Endpoint, func(mine, theirs link) (bool, error) {
				return mine.ID == q.Yours.ID && theirs.ID == q.Mine.ID, nil
			})
		})
	}
	return answer, nil
}

// holds reports whether a record is part of this node's history. One that it does not remember is looked up:
// nodes may have been apart for longer than that.
func (n *nodes) holds(ctx context.Context, endpoint string, at link) bool {
	answer, err := n.records(ctx, recordsQuestion{Endpoint: endpoint, After: at.Number - 1})
	return err == nil && len(answer.Records) > 0 && answer.Records[0].Link.ID == at.ID
}

// judge reports whether this node's history holds. That of another node does if it is in the
// journal of all nodes, for which it needed a quorum of the servers; theirs is a link of it.
func (n *nodes) judge(ctx context.Context, endpoint string, theirs link) (bool, error) {
	v := &n.verdicts
	select {
	case v.one <- struct{}{}:
	case <-ctx.Done():
		return false, ctx.Err()
	}
	defer func() { <-v.one }()
	if holds, ok := v.said[theirs.ID]; ok {
		return holds, nil
	}
	holds := n.evidence(ctx, endpoint, theirs) != theirs.ID
	v.said[theirs.ID] = holds
	if v.order = append(v.order, theirs.ID); len(v.order) > verdictsKept {
		delete(v.said, v.order[0])
		v.order = v.order[1:]
	}
	return holds, nil
}

// evidence is the ID of the link that the journal of all nodes has at this place, as far as any
// node knows: those that have just been in contact with the servers again may not be able to
// read it yet. It is empty if there is none.
func (n *nodes) evidence(ctx context.Context, endpoint string, at link) string {
	ctx, cancel := context.WithTimeout(ctx, evidenceTimeout)
	defer cancel()
	peers := n.readPeers(n.group.Status())
	found := make(chan string, 1+len(peers))
	go func() { found <- n.ledger.written(ctx, endpoint, at.Number) }()
	asked := 1
	for _, p := range peers {
		if !p.ready {
			continue
		}
		asked++
		go func() {
			var answer writtenAnswer
			_ = n.ask(ctx, p.Node, question{Written: &writtenQuestion{Endpoint: endpoint, Number: at.Number}}, &answer)
			found <- answer.ID
		}()
	}
	for range asked {
		select {
		case id := <-found:
			if id != "" {
				return id
			}
		case <-ctx.Done():
			return ""
		}
	}
	return ""
}
