package channel

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/liveorigin/caddy-live-origin/store"
	"github.com/liveorigin/caddy-live-origin/store/memory"
)

// site is several nodes in one process, with a network between them that can be cut.
type site struct {
	t  testing.TB
	mu sync.Mutex
	// quorum is what all nodes write together; unreachable while it elects a leader.
	quorum      *memory.Store
	unreachable bool
	// reading is how long each record of it takes to read.
	reading  time.Duration
	nodes    map[string]*siteNode
	channels []*Channel
	stores   []*memory.Store
	delay    time.Duration
	// durable: what a node had is still there when it starts again. twice: what is said comes
	// twice, as it does for a node that starts and has some of it from the journals of another.
	durable, twice bool
	// forgetful: what is said while a node is cut off is lost.
	forgetful bool
	// more are the endpoints that only some nodes have, and without the inputs that some lack.
	more    map[string]EndpointConfig
	without map[string]string
	// base is the endpoint that all have, nil for a long one, and many are more that all have.
	base *EndpointConfig
	many []EndpointConfig
	// contact is for how long a node has been in contact when its channel starts; 0 for a second.
	contact time.Duration
	// slow is how long it takes to write to a journal in a node's own store.
	slow time.Duration
}

// siteNode is one node's engine.
type siteNode struct {
	*memory.Store
	site *site
	name string
	// cut is since when it is cut off; zero if it is not.
	cut, healed time.Time
	// aside: its servers hear nothing of the others', and have no quorum; since turned.
	aside  bool
	turned time.Time
	// far is how much longer everything takes from it and to it.
	far time.Duration
	// halted: nothing gets through to it or from it until then. It comes then.
	halted time.Time
	// woke is when it ran again after it had stood still.
	woke time.Time
	// first: it is of the first version, which reads only records of the first.
	first    bool
	group    *siteGroup
	fetching chan struct{}
}

func newSite(t testing.TB) *site {
	s := &site{t: t, quorum: memory.Open(64 << 20), nodes: map[string]*siteNode{}, delay: 2 * time.Millisecond}
	return s
}

// startThree starts nodes n1, n2 and n3.
func (s *site) startThree() (nodes []*Channel) {
	s.t.Helper()
	for _, name := range []string{"n1", "n2", "n3"} {
		nodes = append(nodes, s.start(name))
	}
	return nodes
}

// end closes all channels, in the bubble of the test.
func (s *site) end() {
	s.mu.Lock()
	all := s.channels
	s.mu.Unlock()
	for _, c := range all {
		c.Close()
	}
	time.Sleep(fetchTimeout) // what is on its way comes to its end
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, st := range append(s.stores, s.quorum) {
		st.Close()
	}
}

// start starts a node and its channel, which ends with the site at the latest.
func (s *site) start(name string) *Channel {
	s.t.Helper()
	c := s.prepare(name)
	c.Begin()
	return c
}

// prepare does so for a node that does not take uploads yet.
func (s *site) prepare(name string) *Channel {
	s.t.Helper()
	s.mu.Lock()
	n := &siteNode{Store: memory.Open(64 << 20), site: s, name: name, fetching: make(chan struct{}, 1)}
	if was := s.nodes[name]; was != nil && s.durable {
		n.Store.Close()
		n.Store = was.Store
	} else {
		s.stores = append(s.stores, n.Store)
	}
	s.nodes[name] = n
	s.mu.Unlock()
	endpoints := []EndpointConfig{longEndpoint()}
	if s.base != nil {
		endpoints[0] = *s.base
	}
	endpoints = append(endpoints, s.many...)
	if more, ok := s.more[name]; ok {
		endpoints = append(endpoints, more)
	}
	config := testConfig(endpoints...)
	config.Inputs = slices.DeleteFunc(config.Inputs, func(in InputConfig) bool { return in.Name == s.without[name] })
	c, err := Prepare(s.t.Context(), config, n, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.channels = append(s.channels, c)
	return c
}

const (
	siteSilence = 250 * time.Millisecond // until a node counts as gone
	siteAlone   = 1300 * time.Millisecond
)

// cutOff cuts a node off from all others and from the quorum; for ever, it is as good as dead.
func (s *site) cutOff(name string) {
	s.mu.Lock()
	s.nodes[name].cut = time.Now()
	s.mu.Unlock()
	for _, after := range []time.Duration{siteSilence + 50*time.Millisecond, siteAlone} {
		time.AfterFunc(after, s.tellAll)
	}
}

// moveAway puts a node 50 ms away from all others.
func (s *site) moveAway(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.nodes[name].far = 50 * time.Millisecond
}

// halt lets nothing through to a node and from it for a moment.
func (s *site) halt(name string, d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.nodes[name].halted = time.Now().Add(d)
}

// reach says whether the quorum can be reached.
func (s *site) reach(can bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unreachable = !can
}

// setDelay sets how long what is said is under way from now on.
func (s *site) setDelay(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.delay = d
}

// readSlowly lets each record that is read from the journal of all nodes take so long.
func (s *site) readSlowly(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reading = d
}

func (s *site) heal(name string) {
	s.mu.Lock()
	n := s.nodes[name]
	n.cut, n.healed = time.Time{}, time.Now()
	s.mu.Unlock()
	s.deliverLate()
}

// turn puts a node aside, with its servers, or back: it does not notice more of that than that the others
// are gone.
func (s *site) turn(name string, aside bool) {
	s.mu.Lock()
	n := s.nodes[name]
	n.aside, n.turned = aside, time.Now()
	s.mu.Unlock()
	if !aside {
		s.deliverLate()
		return
	}
	time.AfterFunc(siteSilence+50*time.Millisecond, s.tellAll)
}

// deliverLate brings what was said while nodes did not hear of each other.
func (s *site) deliverLate() {
	s.mu.Lock()
	var late []func()
	for _, to := range s.nodes {
		if to.group == nil {
			continue
		}
		group, way := to.group, s.delay+to.far
		if s.forgetful {
			late = append(late, to.group.lose()...)
		}
		var still []saying
		for _, said := range group.undelivered {
			if from := s.nodes[said.from]; from != nil && from.parted(to) {
				still = append(still, said)
				continue
			}
			late = append(late, func() { group.inbox <- arriving{said, time.Now().Add(way)} })
		}
		to.group.undelivered = still
	}
	s.mu.Unlock()
	for _, deliver := range late {
		deliver()
	}
	s.tellAll()
}

// parted reports whether two nodes don't hear of each other. The site's lock is held.
func (n *siteNode) parted(from *siteNode) bool {
	return !n.cut.IsZero() || !from.cut.IsZero() || n.aside != from.aside
}

func (s *site) tellAll() {
	s.mu.Lock()
	var groups []*siteGroup
	for _, n := range s.nodes {
		if n.group != nil {
			groups = append(groups, n.group)
		}
	}
	s.mu.Unlock()
	for _, g := range groups {
		g.member.Changed(g.Status())
	}
}

func (n *siteNode) Local() store.Store {
	if n.site.durable {
		return durable{n.Store, n.site.slow}
	}
	return slowStore{n.Store, n.site.slow}
}

// Persistent implements store.Persistent.
func (n *siteNode) Persistent() bool { return n.site.durable }

// durable is a store that is still there when the node starts again.
type durable struct {
	*memory.Store
	slow time.Duration
}

func (d durable) Journal(ctx context.Context, name string) (store.Journal, error) {
	j, err := d.Store.Journal(ctx, name)
	return slowJournal{j, d.slow}, err
}

// slowStore takes its time to write to journals.
type slowStore struct {
	*memory.Store
	slow time.Duration
}

func (d slowStore) Journal(ctx context.Context, name string) (store.Journal, error) {
	j, err := d.Store.Journal(ctx, name)
	return slowJournal{j, d.slow}, err
}

type slowJournal struct {
	store.Journal
	slow time.Duration
}

func (j slowJournal) Append(ctx context.Context, last uint64, records ...[]byte) (uint64, error) {
	if j.slow > 0 {
		time.Sleep(j.slow)
	}
	return j.Journal.Append(ctx, last, records...)
}

func (durable) Persistent() bool { return true }

func (n *siteNode) Journal(ctx context.Context, name string) (store.Journal, error) {
	j, err := n.site.quorum.Journal(ctx, name)
	return siteJournal{j, n}, err
}

// away reports whether it does not reach a quorum of the servers. The site's lock is held.
func (n *siteNode) away() bool { return !n.cut.IsZero() || n.aside || n.site.unreachable }

// siteJournal is a journal that needs the quorum.
type siteJournal struct {
	store.Journal
	node *siteNode
}

func (j siteJournal) Append(ctx context.Context, last uint64, records ...[]byte) (uint64, error) {
	j.node.site.mu.Lock()
	away := j.node.away()
	j.node.site.mu.Unlock()
	if away {
		<-ctx.Done()
		return 0, ctx.Err()
	}
	return j.Journal.Append(ctx, last, records...)
}

func (j siteJournal) Read(ctx context.Context, after uint64, yield func(uint64, []byte) error) error {
	j.node.site.mu.Lock()
	away, reading := j.node.away(), j.node.site.reading
	j.node.site.mu.Unlock()
	if away {
		<-ctx.Done()
		return ctx.Err()
	}
	return j.Journal.Read(ctx, after, func(revision uint64, record []byte) error {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(reading):
		}
		return yield(revision, record)
	})
}

func (n *siteNode) Open(ctx context.Context, key string) (store.Object, error) {
	o, err := n.Store.Open(ctx, key)
	if err == nil {
		return o, nil
	}
	if err := n.fetch(ctx, key); err != nil {
		return nil, err
	}
	return n.Store.Open(ctx, key)
}

func (n *siteNode) fetch(ctx context.Context, key string) error {
	n.fetching <- struct{}{} // whoever comes second finds it
	defer func() { <-n.fetching }()
	if o, err := n.Store.Open(ctx, key); err == nil {
		return o.Close()
	}
	for _, other := range n.reachable() {
		o, err := other.Store.Open(ctx, key)
		if err != nil {
			continue
		}
		defer o.Close()
		time.Sleep(n.way(other))
		w, err := n.Store.Create(ctx, key, o.Size())
		if err != nil {
			return err
		}
		defer w.Abort()
		if _, err := o.WriteTo(w); err != nil {
			return err
		}
		return w.Commit()
	}
	return store.ErrNotFound
}

// reachable are the other nodes that can be spoken to.
func (n *siteNode) reachable() []*siteNode {
	n.site.mu.Lock()
	defer n.site.mu.Unlock()
	var list []*siteNode
	for _, other := range n.site.nodes {
		if other != n && !n.parted(other) && other.group != nil {
			list = append(list, other)
		}
	}
	return list
}

var _ store.Shared = (*siteNode)(nil)
