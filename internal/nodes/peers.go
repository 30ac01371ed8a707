package nodes

import (
	"slices"
	"strings"
	"time"

	"github.com/liveorigin/caddy-live-origin/store"
)

const (
	// maxPeers bounds how many other nodes are listened to.
	maxPeers = 64
	// remembered is for how long a node is shown that is not heard any more.
	remembered = 5 * time.Minute
	// A name counts as taken when another node has used it for that long: what a server
	// that hung hands on late, of an earlier life of this node, comes at once.
	taken = 500 * time.Millisecond
	// Between changes of the epoch. Two nodes with one name must not outdo each other.
	epochPause = 10 * time.Second
)

// peer is another node, as far as it was heard. Under the lock of Nodes.
type peer struct {
	name    string
	epoch   int64
	beat    uint64 // number of the last one that was heard
	applied uint64 // number of the last one that was read
	heard   time.Time
	alive   bool
	since   time.Time
	clock   clock
	away    time.Duration // from the servers, there and back, as it says
	bears   time.Duration // how much silence of this node, as it says; zero if it does not
	seen    seen
	groups  map[string]*peerGroup // that it is a member of
}

type peerGroup struct {
	last, base uint64
	age        uint32
	state      []byte
	beat       uint64 // that named it last
}

// twin is another node with the name of this one.
type twin struct {
	epoch       int64
	first, last time.Time
	bumped      time.Time // this node took another epoch
}

// peerOf is the node that sent a frame, or nil if it is this one, an earlier life of
// another, or one too many.
func (n *Nodes) peerOf(f frame) *peer {
	if f.node == n.o.Node {
		return nil
	}
	p := n.peers[f.node]
	if p == nil {
		if len(n.peers) >= maxPeers && !n.forgetPeer() {
			n.teller.tell(Event{Kind: TooManyNodes, Count: len(n.peers)})
			return nil
		}
		p = &peer{name: f.node, epoch: f.epoch}
		n.peers[f.node] = p
	}
	if f.epoch < p.epoch {
		return nil
	}
	if f.epoch > p.epoch {
		p.epoch, p.beat, p.applied = f.epoch, 0, 0
		p.seen, p.clock, p.groups = seen{}, clock{}, nil
	}
	return p
}

// forgetPeer makes room for a node that was not heard before.
func (n *Nodes) forgetPeer() bool {
	var oldest *peer
	for _, p := range n.peers {
		if !p.alive && (oldest == nil || p.heard.Before(oldest.heard)) {
			oldest = p
		}
	}
	if oldest == nil {
		return false
	}
	delete(n.peers, oldest.name)
	return true
}

// hear takes a beat.
func (n *Nodes) hear(c *connection, f frame) {
	now := time.Now()
	if f.node == n.o.Node {
		n.hearSelf(c, f, now)
		return
	}
	n.mu.Lock()
	p := n.peerOf(f)
	if p == nil || f.number <= p.beat { // all beats come four times
		n.mu.Unlock()
		return
	}
	p.beat, p.heard = f.number, now
	n.mu.Unlock()

	b, err := decodeHead[beat](f)
	if err != nil || len(b.Groups) > maxGroups {
		n.teller.tell(Event{Kind: UnknownFormat, Node: f.node, Err: errMalformed})
		return
	}
	n.mu.Lock()
	var news []news
	if p.epoch == f.epoch && p.applied < f.number {
		p.applied = f.number
		news = n.apply(p, b, now)
	}
	n.mu.Unlock()
	for _, s := range news {
		s.stream.heard(f.epoch, s.last, s.start)
	}
}

// news is what a beat says about a stream.
type news struct {
	stream      *stream
	last, start uint64
}

// apply takes what a beat says, under the lock.
func (n *Nodes) apply(p *peer, b beat, now time.Time) []news {
	n.live(p, now)
	p.away = time.Duration(max(b.Distance, 0))
	for _, h := range b.Heard {
		if h.Node != n.o.Node {
			continue
		}
		if h.Epoch != n.epoch {
			n.known = max(n.known, h.Epoch)
		} else if sent, ok := n.beats.at(h.Number); ok && h.Held >= 0 {
			p.bears = time.Duration(max(h.Silence, 0))
			p.clock.heard(now.Sub(sent)-time.Duration(h.Held), time.Unix(0, b.At), now)
		}
	}
	if p.groups == nil {
		p.groups = map[string]*peerGroup{}
	}
	for _, g := range b.Groups {
		group := p.groups[g.Name]
		if group == nil {
			group = &peerGroup{}
			p.groups[g.Name] = group
		}
		group.last, group.base, group.age, group.beat = g.Last, g.Base, g.Age, p.applied
		if g.HasState && len(g.State) <= maxState {
			group.state = g.State
		}
	}
	for name, group := range p.groups {
		if group.beat != p.applied {
			delete(p.groups, name)
		}
	}
	var all []news
	for _, g := range n.groups {
		if s, ok := g.applyPeer(p, now); ok {
			all = append(all, s)
		}
	}
	return all
}

// live notes that a node was heard.
func (n *Nodes) live(p *peer, now time.Time) {
	if !p.alive {
		p.alive, p.since = true, now
	}
}

// dead notes that a node is silent, or has said that it is gone.
func (n *Nodes) dead(p *peer, now time.Time) {
	if !p.alive {
		return
	}
	p.alive, p.since = false, now
	for _, g := range n.groups {
		g.setAlive(p.name, false, now)
	}
}

// hearBye takes a goodbye. Beats that went the other way and come later don't count.
func (n *Nodes) hearBye(f frame) {
	n.mu.Lock()
	defer n.mu.Unlock()
	p := n.peerOf(f)
	if p == nil || f.number <= p.beat {
		return
	}
	p.beat, p.applied = f.number, f.number
	p.groups = nil
	n.dead(p, time.Now())
}

// hearSelf takes a beat of this node, or of one that has its name.
func (n *Nodes) hearSelf(c *connection, f frame, now time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if f.epoch == n.epoch {
		n.echoed(c, f)
		return
	}
	t := &n.twin
	if f.epoch != t.epoch || now.Sub(t.last) > time.Second {
		t.epoch, t.first = f.epoch, now
	}
	t.last = now
	n.known = max(n.known, f.epoch)
	if t.last.Sub(t.first) > taken {
		n.teller.tell(Event{Kind: NameTaken, Node: f.node})
	}
}

// hearEcho takes what the connection for bulk said to itself.
func (n *Nodes) hearEcho(c *connection, f frame) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if f.node == n.o.Node && f.epoch == n.epoch {
		n.echoed(c, f)
	}
}

// echoed notes that a beat came back through the connection that it was sent through. What
// counts is when it was sent, so that a late echo tells nothing.
func (n *Nodes) echoed(c *connection, f frame) {
	if int(f.path) != c.index {
		return
	}
	sent, ok := n.beats.at(f.number)
	if !ok || !sent.After(c.echo) {
		return
	}
	c.echo = sent
	now := time.Now()
	trip := now.Sub(sent)
	n.near.heard(trip, now.Add(-trip/2), now)
	if n.contact != store.InContact {
		n.wakeUp()
	}
}

// outdo takes a higher epoch if others know one of an earlier life of this node, whose clock
// was ahead: they would not listen. Not while another node has the name.
func (n *Nodes) outdo(now time.Time) {
	t := &n.twin
	if n.known <= n.epoch || now.Sub(t.last) < time.Second || now.Sub(t.bumped) < epochPause {
		return
	}
	old := n.epoch
	n.epoch, t.bumped = n.known+1, now
	n.ring.rename(n.o.Node, old, n.epoch)
}

// Peers are the other nodes that were heard in the last minutes, by name, without State.
func (n *Nodes) Peers() []store.Peer {
	n.mu.Lock()
	defer n.mu.Unlock()
	var all []store.Peer
	for _, p := range n.peers {
		if p.heard.IsZero() {
			continue
		}
		peer := store.Peer{Node: p.name, Alive: p.alive, Since: p.since, Heard: p.heard}
		peer.Delay, peer.Ahead = p.distance()
		all = append(all, peer)
	}
	slices.SortFunc(all, func(a, b store.Peer) int { return strings.Compare(a.Node, b.Node) })
	return all
}

func (p *peer) distance() (delay, ahead time.Duration) {
	best, _ := p.clock.best()
	return best.trip / 2, best.ahead
}
