package channel

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/liveorigin/caddy-live-origin/store"
)

// The network of a site.

// siteGroup is a node's membership of the only channel.
type siteGroup struct {
	node   *siteNode
	member store.Member
	inbox  chan arriving
	// said is what the member said of itself lately, at spoke: others know it only later.
	said  []byte
	spoke time.Time
	// undelivered is what was said while it was cut off.
	undelivered []saying
	gone        chan struct{}
}

// arriving is what a node will have heard at a moment, when it has gone all the way: the site's delay
// after it was sent, or later if it comes from far away.
type arriving struct {
	saying
	at time.Time
}

func (n *siteNode) Join(_ string, m store.Member) (store.Group, error) {
	g := &siteGroup{node: n, member: m, inbox: make(chan arriving, 10000), gone: make(chan struct{})}
	go func() {
		for {
			select {
			case s := <-g.inbox:
				if wait := time.Until(s.at); wait > 0 {
					select {
					case <-time.After(wait):
					case <-g.gone:
						return
					}
				}
				m.Receive(s.from, s.text)
			case <-g.gone:
				return
			}
		}
	}()
	n.site.mu.Lock()
	n.healed = time.Now().Add(-cmp.Or(n.site.contact, time.Second)) // the process had contact before it had this channel
	n.group = g
	n.site.mu.Unlock()
	go n.site.tellAll()
	return g, nil
}

// way is how long what is said now takes to another node.
func (n *siteNode) way(to *siteNode) time.Duration {
	n.site.mu.Lock()
	defer n.site.mu.Unlock()
	return n.wayLocked(to)
}

// wayLocked is way with the site's lock held.
func (n *siteNode) wayLocked(to *siteNode) time.Duration {
	return max(n.site.delay+n.far+to.far, time.Until(n.halted), time.Until(to.halted))
}

// lose forgets what was said while the node was cut off, and returns what tells its member. The site's
// lock is held.
func (g *siteGroup) lose() (late []func()) {
	lost := map[string]int{}
	for _, said := range g.undelivered {
		lost[said.from]++
	}
	g.undelivered = nil
	for from, count := range lost {
		late = append(late, func() { g.member.Lost(from, count) })
	}
	return late
}

func (g *siteGroup) Node() string { return g.node.name }

func (g *siteGroup) Send(text []byte) {
	s := g.node.site
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, to := range s.nodes {
		switch {
		case to == g.node || to.group == nil:
		case to.parted(g.node):
			to.group.undelivered = append(to.group.undelivered, saying{g.node.name, slices.Clone(text)})
		default:
			at := time.Now().Add(g.node.wayLocked(to))
			to.group.inbox <- arriving{saying{g.node.name, slices.Clone(text)}, at}
			if s.twice {
				to.group.inbox <- arriving{saying{g.node.name, slices.Clone(text)}, at}
			}
		}
	}
}

func (g *siteGroup) Ask(ctx context.Context, node string, text []byte) ([]byte, error) {
	for _, other := range g.node.reachable() {
		if other.name != node && node != "" {
			continue
		}
		time.Sleep(g.node.way(other))
		g.node.site.mu.Lock()
		asked := other.group // nil if it has gone meanwhile
		g.node.site.mu.Unlock()
		if asked == nil {
			break
		}
		return asked.member.Answer(ctx, g.node.name, text)
	}
	return nil, store.ErrNotFound
}

func (g *siteGroup) Fetch(ctx context.Context, key string, _ int64, _ string) error {
	return g.node.fetch(ctx, key)
}

func (g *siteGroup) Status() store.GroupStatus {
	s := g.node.site
	s.mu.Lock()
	status := store.GroupStatus{Contact: store.InContact, Since: g.node.healed, Distance: s.delay + 2*g.node.far}
	if cut := g.node.cut; !cut.IsZero() {
		switch gone := time.Since(cut); {
		case gone >= siteAlone:
			status.Contact, status.Since = store.Alone, cut.Add(siteAlone)
		case gone >= siteSilence:
			status.Contact, status.Since = store.OutOfContact, cut.Add(siteSilence)
		}
	}
	var groups []*siteGroup
	for _, other := range s.nodes {
		if other == g.node || other.group == nil {
			continue
		}
		met := latest(other.healed, other.turned, g.node.turned)
		p := store.Peer{Node: other.name, Alive: true, Since: met, Heard: time.Now(), Delay: s.delay + g.node.far + other.far, Distance: s.delay + 2*other.far}
		cuts := []time.Time{other.cut, g.node.cut}
		if other.aside != g.node.aside {
			cuts = append(cuts, latest(other.turned, g.node.turned))
		}
		for _, cut := range cuts {
			if !cut.IsZero() && time.Since(cut) >= siteSilence {
				p.Alive, p.Since, p.Heard = false, cut.Add(siteSilence), cut
			}
		}
		status.Peers = append(status.Peers, p)
		groups = append(groups, other.group)
	}
	s.mu.Unlock()
	for i := range status.Peers {
		if status.Peers[i].Alive {
			status.Peers[i].State, status.Peers[i].Heard = groups[i].state()
		}
	}
	slices.SortFunc(status.Peers, func(a, b store.Peer) int { return strings.Compare(a.Node, b.Node) })
	return status
}

// state is what the member has said of itself within the last 150 ms, and when.
func (g *siteGroup) state() ([]byte, time.Time) {
	s := g.node.site
	s.mu.Lock()
	said, spoke, halted := g.said, g.spoke, time.Now().Before(g.node.halted)
	s.mu.Unlock()
	if time.Since(spoke) < 150*time.Millisecond || halted {
		return said, spoke
	}
	said = g.member.State()
	s.mu.Lock()
	defer s.mu.Unlock()
	if g.node.first {
		said = bytes.Replace(said, fmt.Appendf(nil, `"records":%d,`, recordFormat), nil, 1)
	}
	if len(said) > store.MaxState {
		said = g.said // it is not taken
	}
	g.said, g.spoke = said, time.Now()
	return g.said, g.spoke
}

func (g *siteGroup) Woke() time.Time {
	g.node.site.mu.Lock()
	defer g.node.site.mu.Unlock()
	return g.node.woke
}

// Received: what is said is under way for as long as the site says.
func (g *siteGroup) Received(moment time.Time) bool {
	s := g.node.site
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Since(moment) > 2*s.delay && len(g.inbox) == 0
}

func (g *siteGroup) Leave() {
	g.node.site.mu.Lock()
	defer g.node.site.mu.Unlock()
	if g.node.group == nil {
		return
	}
	g.node.group = nil
	close(g.gone)
}

func latest(times ...time.Time) (t time.Time) {
	for _, other := range times {
		if other.After(t) {
			t = other
		}
	}
	return t
}
