package nodes

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/liveorigin/caddy-live-origin/store"
)

// Group is a member's connection to the members of the same channel on other nodes. It is
// what store.Group says, without Fetch.
type Group struct {
	n       *Nodes
	name    string
	member  store.Member
	sender  *sender
	base    uint64 // the node's last number before it joined
	joined  time.Time
	turn    uint64 // when its state comes with a beat
	heard   []*nats.Subscription
	ctx     context.Context // ends when it leaves
	cancel  context.CancelFunc
	running sync.WaitGroup // what calls the member
	news    chan struct{}  // something for inform; has room for one

	// Under the lock of Nodes.
	left      bool
	peers     map[string]*groupPeer
	streams   map[string]*stream
	changes   []store.GroupStatus // that the member was not told yet
	wantState bool
	state     []byte
	hasState  bool
	stateBeat uint64 // when it changed
}

// groupPeer is another node that is, or was, a member.
type groupPeer struct {
	alive        bool
	since, heard time.Time
	state        []byte
}

// Join makes the node a member of a channel's group. The channel follows store.ValidKey. The
// first messages that the member receives are those that follow what the node knew of the
// others when it joined, which is up to one beat old, or when it first heard of them; a node
// that joins later is heard from its first. Errors: store.ErrKey, store.ErrClosed, and that the node is a member already.
func (n *Nodes) Join(channel string, m store.Member) (*Group, error) {
	if !store.ValidKey(channel) {
		return nil, fmt.Errorf("channel %q: %w", channel, store.ErrKey)
	}
	g := &Group{
		n: n, name: channel, member: m, joined: time.Now(), news: make(chan struct{}, 1),
		peers: map[string]*groupPeer{}, streams: map[string]*stream{},
	}
	g.ctx, g.cancel = context.WithCancel(context.Background())
	n.mu.Lock()
	if err := n.add(g); err != nil {
		n.mu.Unlock()
		g.cancel()
		return nil, err
	}
	n.mu.Unlock()
	for _, c := range n.links[:bulk] {
		s, err := n.subscribe(c, n.subjectGroup(channel), n.hearMessage)
		if err != nil {
			g.Leave()
			return nil, err
		}
		g.heard = append(g.heard, s)
	}
	n.beatSoon()
	return g, nil
}

// add makes the group one of the node's, under the lock.
func (n *Nodes) add(g *Group) error {
	switch {
	case n.closed:
		return store.ErrClosed
	case n.groups[g.name] != nil:
		return fmt.Errorf("the node is a member of %q already", g.name)
	case len(n.groups) >= maxGroups:
		return fmt.Errorf("the node is a member of %d groups already", maxGroups)
	}
	s := n.senders[g.name]
	if s == nil {
		s = &sender{}
		n.senders[g.name] = s
	}
	s.mu.Lock()
	g.base = s.last
	s.mu.Unlock()
	g.sender, g.turn = s, uint64(len(n.groups))
	n.groups[g.name] = g
	g.running.Add(1)
	go g.inform()
	g.wantState = true
	now := time.Now()
	for _, p := range n.peers {
		// Its stream begins here: what it says from now on is not missed, even if the
		// servers don't know yet that this node listens.
		g.applyPeer(p, now)
	}
	g.changes = nil // Status says it
	g.noteNews()
	return nil
}

// applyPeer takes what a node last said of the group, under the lock.
func (g *Group) applyPeer(p *peer, now time.Time) (news, bool) {
	said := p.groups[g.name]
	if said == nil {
		g.setAlive(p.name, false, now)
		return news{}, false
	}
	gp := g.peers[p.name]
	if gp == nil {
		gp = &groupPeer{since: now}
		g.peers[p.name] = gp
		gp.alive = p.alive
		g.noteChange()
	}
	gp.heard, gp.state = p.heard, said.state
	g.setAlive(p.name, p.alive, now)
	start := g.start(said.base, said.age, said.last+1, now)
	return news{stream: g.stream(p.name, p.epoch, start), last: said.last, start: start}, true
}

// start is the first message that the member receives of a publisher, when the next that it
// could receive is known.
func (g *Group) start(base uint64, age uint32, next uint64, now time.Time) uint64 {
	if age < g.age(now) { // it has joined after this node, which misses nothing of it
		return base + 1
	}
	return next
}

func (g *Group) setAlive(node string, alive bool, now time.Time) {
	if p := g.peers[node]; p != nil && p.alive != alive {
		p.alive, p.since = alive, now
		g.noteChange()
	}
}

// forget drops nodes that were not heard for minutes, and then their streams.
func (g *Group) forget(now time.Time) {
	for name, p := range g.peers {
		if !p.alive && now.Sub(p.heard) > remembered {
			delete(g.peers, name)
			g.noteChange()
		}
	}
	for name, s := range g.streams {
		if g.peers[name] == nil && g.n.peers[name] == nil {
			delete(g.streams, name)
			close(s.quit)
		}
	}
}

// Node is the name of this node.
func (g *Group) Node() string { return g.n.o.Node }

// Status says which nodes are there. After Alone, none counts as alive; out of contact, they
// stay as they were.
func (g *Group) Status() store.GroupStatus {
	g.n.mu.Lock()
	defer g.n.mu.Unlock()
	return g.status()
}

func (g *Group) status() store.GroupStatus {
	var s store.GroupStatus
	s.Contact, s.Since = g.n.contactNow()
	s.Assured, s.Distance = g.n.assured(), g.n.distance()
	for name, gp := range g.peers {
		peer := store.Peer{Node: name, Alive: gp.alive, Since: gp.since, Heard: gp.heard, State: gp.state}
		if p := g.n.peers[name]; p != nil {
			peer.Delay, peer.Ahead = p.distance()
			peer.Distance = p.away
		}
		s.Peers = append(s.Peers, peer)
	}
	slices.SortFunc(s.Peers, func(a, b store.Peer) int { return strings.Compare(a.Node, b.Node) })
	return s
}

// Leave ends the membership, and tells the others. It waits for what the member is doing, so
// it must not be called by the member's own methods.
func (g *Group) Leave() {
	g.n.mu.Lock()
	if !g.left {
		g.left = true
		if g.n.groups[g.name] == g {
			delete(g.n.groups, g.name)
		}
	}
	streams := g.streams
	g.streams = nil
	g.n.mu.Unlock()
	g.cancel()
	for _, s := range streams {
		s.signal()
	}
	for _, s := range g.heard {
		if err := s.Unsubscribe(); err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
			g.n.teller.tell(Event{Kind: SendFailed, Err: err})
		}
	}
	g.running.Wait()
	g.n.beatSoon()
}

// beatSoon makes a change known at once.
func (n *Nodes) beatSoon() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.beatAll(time.Now())
}
