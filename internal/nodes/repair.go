package nodes

import (
	"slices"
	"time"

	"github.com/liveorigin/caddy-live-origin/store"
)

const (
	// Bounds of how long a node may take to bring what is missing, before another is asked.
	leastPatience, mostPatience = 150 * time.Millisecond, time.Second
	// askPause is between rounds in which nobody had it.
	askPause = 200 * time.Millisecond
	// oldLimit bounds how long the end of an epoch is asked for, while the next one waits.
	oldLimit = 500 * time.Millisecond
	// A request brings up to this much; then the next one is asked.
	repairCount = 256
	repairBytes = 512 << 10
	// knownRecently is for how long a node that is away may still come back with what is missing.
	knownRecently = 10 * time.Second
)

// hole is what is missing before the next message that is there.
type hole struct {
	first, last uint64
	since       time.Time // zero: there is none
	until       time.Time // nothing is done before
	asked       string    // the node that is to answer
	askedAt     time.Time
	request     uint64
	helpful     string // the node that has brought something
	// answered has who does not hold the first, and the first in the hole that it holds, or 0.
	answered map[string]uint64
	tried    map[string]bool // in this round
}

// mend asks for what is missing: the publisher, then any other member, since each keeps what
// it has received. Under the lock of the stream.
func (s *stream) mend(l *life, now time.Time) action {
	last := l.high
	for number := range l.waiting {
		last = min(last, number-1)
	}
	h := &l.hole
	if h.since.IsZero() || h.first != l.next {
		l.hole = h.following(l.next, last, now, s.g.n.o.Grace)
	}
	h.last = last

	v := s.view(now)
	if v.contact != store.InContact {
		// Who has it can't be asked; that is no time in which nobody had it.
		*h = hole{first: h.first, last: h.last, since: now}
		return action{wait: s.g.n.o.Beat}
	}
	if h.asked != "" {
		if now.Before(h.until) {
			return action{wait: h.until.Sub(now)}
		}
		h.tried[h.asked] = true
		if !h.until.IsZero() { // it has not answered
			s.patience = min(2*s.patience, mostPatience)
		}
		h.asked = ""
	}
	if now.Before(h.until) {
		return action{wait: h.until.Sub(now)}
	}
	if node := h.choose(v.nodes); node != "" {
		h.asked, h.askedAt, h.until = node, now, now.Add(s.patience)
		r := repair{Group: s.g.name, Node: s.from, Epoch: l.epoch, From: h.first, To: h.last}
		h.request = s.g.n.tell(node, kindRepair, head(r), nil)
		return action{wait: s.patience}
	}
	if s.hopeless(l, v, now) {
		return action{lost: l.lose()}
	}
	clear(h.tried)
	clear(h.answered)
	h.until = now.Add(askPause)
	return action{wait: askPause}
}

// following is the hole that begins at first. If it is what is left of the one before, the
// node that helped goes on at once.
func (h *hole) following(first, last uint64, now time.Time, grace time.Duration) hole {
	next := hole{first: first, last: last, since: now, until: now.Add(grace), answered: map[string]uint64{}, tried: map[string]bool{}}
	if !h.since.IsZero() && first <= h.last {
		next.until = now
		next.helpful = h.asked
		if next.helpful == "" {
			next.helpful = h.helpful
		}
	}
	return next
}

// choose is the next node to ask, or none.
func (h *hole) choose(nodes []string) string {
	if h.tried == nil { // after contact was lost
		h.tried, h.answered = map[string]bool{}, map[string]uint64{}
	}
	if h.helpful != "" && !h.tried[h.helpful] && slices.Contains(nodes, h.helpful) {
		return h.helpful
	}
	for _, node := range nodes {
		if !h.tried[node] {
			return node
		}
	}
	return ""
}

// view is what a stream knows of the others.
type view struct {
	contact store.Contact
	nodes   []string // that can be asked, the publisher first
	all     bool     // nobody is away who might still come back
	from    bool     // the publisher is there
}

func (s *stream) view(now time.Time) view {
	n := s.g.n
	n.mu.Lock()
	defer n.mu.Unlock()
	var v view
	v.contact, _ = n.contactNow()
	v.all = true
	for name, p := range s.g.peers {
		switch {
		case name == s.from:
		case p.alive:
			v.nodes = append(v.nodes, name)
		case now.Sub(p.heard) < knownRecently:
			v.all = false
		}
	}
	slices.Sort(v.nodes)
	if p := n.peers[s.from]; p != nil && p.alive {
		v.nodes, v.from = slices.Insert(v.nodes, 0, s.from), true
	}
	return v
}

// hopeless reports whether the hole is given up: nobody had it for some time, or all have
// answered that they don't.
func (s *stream) hopeless(l *life, v view, now time.Time) bool {
	limit := s.g.n.o.GiveUp
	if len(s.lives) > 1 {
		limit = min(limit, oldLimit)
	}
	if _, answered := l.hole.answered[s.from]; v.from && !answered {
		limit *= 5 // the publisher has much to do, but it may have it
	}
	if now.Sub(l.hole.since) >= limit {
		return true
	}
	if !v.all || !v.from {
		return false
	}
	for _, node := range v.nodes {
		if _, ok := l.hole.answered[node]; !ok {
			return false
		}
	}
	return true
}

// lose gives up the hole as far as no node has said that it holds a part of it.
func (l *life) lose() int {
	end := l.hole.last
	for _, next := range l.hole.answered {
		if next > l.hole.first {
			end = min(end, next-1)
		}
	}
	lost := end - l.hole.first + 1
	l.next = end + 1
	l.parts, l.index = nil, 0
	return int(min(lost, 1<<31-1))
}

// onRepair brings what another node misses, as far as it is held, over one connection, so
// that the end comes last. If that connection hangs, the other asks again.
func (n *Nodes) onRepair(f frame) error {
	r, err := decodeHead[repair](f)
	if err != nil {
		return err
	}
	if r.From == 0 || r.To < r.From || !validName(r.Node) {
		return errMalformed
	}
	key := ringKey{r.Group, r.Node, r.Epoch}
	next := n.ring.next(key, r.From, r.To)
	c := n.anyFacts()
	subject := n.subjectTo(f.node)
	bytes := 0
	for i := range uint64(repairCount) {
		k, ok := n.ring.get(key, next+i)
		if next == 0 || next+i > r.To || !ok || bytes > repairBytes {
			break
		}
		bytes += len(k.body)
		m := frame{kind: kindSay, node: r.Node, epoch: r.Epoch, number: next + i, head: k.say.encode(), body: k.body}
		c.push(parcel{subject: subject, data: m.encode()})
	}
	end := n.frame(kindRepaired, n.counter.Add(1))
	end.head = head(repaired{Request: f.number, Group: r.Group, Node: r.Node, Next: next})
	c.push(parcel{subject: subject, data: end.encode()})
	return nil
}

// onRepaired notes that a node has brought what it holds.
func (n *Nodes) onRepaired(f frame) error {
	r, err := decodeHead[repaired](f)
	if err != nil {
		return err
	}
	n.mu.Lock()
	var s *stream
	if g := n.groups[r.Group]; g != nil {
		s = g.streams[r.Node]
	}
	n.mu.Unlock()
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	h := &s.lives[0].hole
	if h.asked == f.node && h.request == r.Request {
		h.until = time.Time{}
		s.patience = min(max(leastPatience, 3*time.Since(h.askedAt)), mostPatience)
		if r.Next != h.first {
			h.asked = ""
			h.tried[f.node] = true
			h.answered[f.node] = r.Next
		}
		s.signal()
	}
	return nil
}
