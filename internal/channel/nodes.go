package channel

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/store"
)

// nodes is what a channel has to do with the other nodes that run it. Every node tells the
// others what encoders bring to it, and has the same core, which is told the same. What an
// endpoint goes on with is decided by one node, which did so last; the others follow.
type nodes struct {
	channel *Channel
	group   store.Group
	shared  store.Shared
	// writer is part of the names of what this process writes.
	writer string
	// ready: what the others have is taken over. Until then, nothing is decided, and what is
	// said waits in early.
	ready atomic.Bool
	// stopping: it decides nothing more. Channel.mu guards it.
	stopping bool
	// readySince is set before ready is.
	readySince time.Time
	joined     time.Time
	links      atomic.Uint64
	// caughtUp is when the node woke, in Unix nanoseconds, with whose history it is up to date.
	caughtUp atomic.Int64
	lagging  atomic.Bool // see noteLag

	mu    sync.Mutex
	early []saying
	// earlyBytes is how much waits in early.
	earlyBytes int
	queues     map[string]*replicas // by input
	held       map[string]*safekeeping
	begun      map[begunKey]begun // uploads to other nodes, see begun.go
	// awaiting are the endpoints whose next record waits for its media.
	awaiting map[string]bool
	lacking  lacking // see fetchLater
	// asking are the endpoints about which another node is being asked, and what is done after that;
	// nil for nothing.
	asking map[string]inquiry
	// hears is when encoders sent something to this node last, by input.
	hears map[string]time.Time
	// hearsSince is since when encoders have sent something without a pause of heardLately.
	hearsSince time.Time
	known      map[string]bool // whether a peer was alive
	// leaving are those that have said that they are about to stop.
	leaving map[string]bool
	alone   bool
	// ends are where the journals of this node ended when it started, seen how far viewers have come, as far
	// as it knows, and firsts where the windows begin of the node from which it has taken over; by endpoint.
	ends   map[string]journalEnd
	seen   map[string]viewed
	firsts map[string]uint64
	// passing are the numbers that this node has to pass before it answers, by endpoint, since passingSince;
	// passes is whether there are any.
	passing      map[string]uint64
	passingSince time.Time
	passes       atomic.Bool

	awaited  atomic.Int32  // requests that wait for what another node has
	fetching chan struct{} // one for each object that is on its way
	room     atomic.Pointer[Room]
	ledger   *ledger
	learning relearning // mu guards it
	lagSeen  time.Time  // mu guards it
	partings partings
	verdicts verdicts
	states   states
}

// saying is a message that came early.
type saying struct {
	from string
	text []byte
}

const (
	// earlyAtMost is how many messages wait while the node takes over, earlyBytesAtMost how
	// much they take. Those beyond are lost; encoders send their playlists again.
	earlyAtMost, earlyBytesAtMost = 65536, 64 << 20
	// fetchesAtOnce is how many objects are fetched at a time, so that a node that comes
	// late does not ask for everything at once.
	fetchesAtOnce = 16
	// fetchTimeout is how long one object may take. Whoever had it may be gone.
	fetchTimeout = 5 * time.Second
)

// join makes the channel one of those that several nodes run together, if the store is
// shared, and takes over what the others have. The lock is not held.
func (c *Channel) join(ctx context.Context, config Config) error {
	shared, ok := c.store.(store.Shared)
	if !ok {
		return nil
	}
	n := &nodes{
		channel: c, shared: shared, joined: time.Now(),
		queues: map[string]*replicas{}, held: map[string]*safekeeping{}, begun: map[begunKey]begun{}, asking: map[string]inquiry{}, awaiting: map[string]bool{},
		hears: map[string]time.Time{}, known: map[string]bool{}, leaving: map[string]bool{},
		ends: map[string]journalEnd{}, seen: map[string]viewed{}, firsts: map[string]uint64{}, passing: map[string]uint64{}, fetching: make(chan struct{}, fetchesAtOnce),
		verdicts: verdicts{one: make(chan struct{}, 1), said: map[string]bool{}},
	}
	n.writer = strings.ToLower(rand.Text()[:7])
	n.ledger = newLedger(n)
	c.nodes = n
	group, err := shared.Join(c.name, n)
	if err != nil {
		return fmt.Errorf("join the other nodes: %w", err)
	}
	n.group = group
	c.objects.run = n.writer + c.objects.run
	n.takeOver(ctx, config.Endpoints)
	n.tellChanges(group.Status()) // or nobody is told when one that was there is lost
	return nil
}

// begin makes the node ready, and takes what was said meanwhile.
func (n *nodes) begin() {
	n.locked(func() {
		n.channel.objects.elsewhere = true
		peers := n.readPeers(n.group.Status())
		for _, e := range n.channel.endpoints {
			n.goBeyond(e, peers)
		}
	})
	for {
		n.mu.Lock()
		early := n.early
		n.early, n.earlyBytes = nil, 0
		if len(early) == 0 {
			n.readySince = time.Now()
			n.ready.Store(true)
			n.mu.Unlock()
			go n.fetchMedia()
			n.locked(func() { n.channel.step(tick) })
			return
		}
		n.mu.Unlock()
		for _, s := range early {
			n.hear(s.from, s.text)
		}
	}
}

// leave ends the membership. The lock is not held: the engine waits for those who hear it.
func (n *nodes) leave() {
	n.group.Leave()
	n.ledger.close()
}

// Receive implements store.Member.
func (n *nodes) Receive(from string, text []byte) {
	if !n.ready.Load() {
		n.mu.Lock()
		if !n.ready.Load() {
			full := len(n.early) >= earlyAtMost || n.earlyBytes+len(text) > earlyBytesAtMost
			if !full {
				n.early = append(n.early, saying{from, text})
				n.earlyBytes += len(text)
			}
			n.mu.Unlock()
			if full {
				n.Lost(from, 1)
			}
			return
		}
		n.mu.Unlock()
	}
	n.hear(from, text)
}

func (n *nodes) hear(from string, text []byte) {
	m, err := decodeMessage(text)
	if err != nil {
		n.channel.outbox.trouble(fmt.Errorf("node %s: %w", from, err))
		return
	}
	c := n.channel
	switch {
	case m.Upload != nil:
		n.replicate(from, *m.Upload)
		n.endBegun(begunKey{from, m.Upload.Input, m.Upload.Path}) // it counts as under way, as a replica
	case m.Begun != nil:
		n.hearBegun(from, *m.Begun)
	case m.Held != "":
		n.safe(m.Held)
	case m.Unsound != nil:
		n.locked(func() {
			c.step(failover.Object{Input: m.Unsound.Input, Path: m.Unsound.Path, Fault: m.Unsound.Fault})
		})
		n.goOnWithout(begunKey{from, m.Unsound.Input, m.Unsound.Path})
	case m.Deleted != nil:
		if in := c.directory.Load().inputs[m.Deleted.Input]; in != nil {
			in.forget(m.Deleted.Path, "")
		}
	case m.Leaving:
		n.mu.Lock()
		n.leaving[from] = true
		n.mu.Unlock()
	case m.Order != nil:
		n.locked(func() { c.obey(*m.Order, m.Ordered) })
	case m.Break != nil:
		n.locked(func() { n.breakAt(*m.Break) })
	case m.Pass != nil:
		n.locked(func() { n.takePass(from, *m.Pass) })
	case m.Record != nil:
		n.locked(func() { n.follow(from, m.Record.Endpoint, m.Record.Record) })
	}
}

// locked does something with the lock held, unless the channel is closed.
func (n *nodes) locked(do func()) {
	c := n.channel
	c.mu.Lock()
	defer c.unlock()
	if !c.closed {
		do()
	}
}

// Lost implements store.Member.
func (n *nodes) Lost(from string, count int) {
	n.channel.outbox.node(NodeEvent{Kind: MessagesLost, Node: from, Count: count})
	n.relearn()
}

// Answer implements store.Member.
func (n *nodes) Answer(ctx context.Context, from string, text []byte) ([]byte, error) {
	var q question
	if err := json.Unmarshal(text, &q); err != nil {
		return nil, fmt.Errorf("decode question: %w", err)
	}
	if !n.ready.Load() {
		return nil, store.ErrNotFound
	}
	var answer any
	var err error
	switch {
	case q.Records != nil:
		answer, err = n.records(ctx, *q.Records)
	case q.Journal != nil:
		answer, err = n.journal(ctx, *q.Journal)
	case q.Verdict != nil:
		answer, err = n.verdict(ctx, from, *q.Verdict)
	case q.Written != nil:
		answer = writtenAnswer{ID: n.ledger.written(ctx, q.Written.Endpoint, q.Written.Number)}
	default:
		return nil, fmt.Errorf("question of format %d, and this node understands %d", q.Format, messageFormat)
	}
	if err != nil {
		return nil, err
	}
	return json.Marshal(answer)
}

// ask asks another node.
func (n *nodes) ask(ctx context.Context, node string, q question, answer any) error {
	q.Format = messageFormat
	text, err := json.Marshal(q)
	if err != nil {
		return fmt.Errorf("encode question: %w", err)
	}
	reply, err := n.group.Ask(ctx, node, text)
	if err != nil {
		return fmt.Errorf("ask node %s: %w", node, err)
	}
	if err := json.Unmarshal(reply, answer); err != nil {
		return fmt.Errorf("decode answer of node %s: %w", node, err)
	}
	return nil
}

// State implements store.Member. It waits for nobody.
func (n *nodes) State() []byte {
	text, err := n.state().encode()
	if err != nil {
		return nil
	}
	return text
}

// state is what this node says of itself.
func (n *nodes) state() nodeState {
	state := nodeState{Format: messageFormat, Records: recordFormat, Ready: n.ready.Load(), Writer: n.writer}
	if d := n.channel.directory.Load(); d != nil {
		state.Endpoints = map[string]endpointState{}
		for name, e := range d.endpoints {
			if at := e.standing.Load(); at != nil {
				state.Endpoints[name] = *at
			}
		}
	}
	n.mu.Lock()
	if state.Endpoints == nil {
		state.Endpoints = n.endStates()
	}
	for name, at := range state.Endpoints {
		at.Seen = n.ahead(name, at.viewed)
		state.Endpoints[name] = at
	}
	for input, at := range n.hears {
		if time.Since(at) < heardLately {
			state.Hears = append(state.Hears, input)
		}
	}
	if len(state.Hears) > 0 {
		state.Hearing = time.Since(n.hearsSince)
	}
	n.mu.Unlock()
	slices.Sort(state.Hears)
	n.noteLag(state.Endpoints)
	return state
}

// heardLately is for how long an input counts as one that a node hears.
const heardLately = 15 * time.Second

// heard records that an encoder has sent something to this node.
func (n *nodes) heard(input string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := time.Now()
	if !n.hearsNow(now) {
		n.hearsSince = now
	}
	n.hears[input] = now
}

// hearsNow reports whether an encoder has sent something lately. n.mu is held.
func (n *nodes) hearsNow(now time.Time) bool {
	for _, at := range n.hears {
		if now.Sub(at) < heardLately {
			return true
		}
	}
	return false
}

// hearing is for how long encoders have been sending to this node; 0 if none does.
func (n *nodes) hearing() time.Duration {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := time.Now()
	if !n.hearsNow(now) {
		return 0
	}
	return now.Sub(n.hearsSince)
}

// Changed implements store.Member.
func (n *nodes) Changed(status store.GroupStatus) {
	if back := n.tellChanges(status); back && n.ready.Load() {
		n.relearn()
	}
	c := n.channel
	peers := n.readPeers(status)
	n.locked(func() {
		if !n.ready.Load() {
			return
		}
		for name := range c.endpoints {
			n.notePeers(peers, name) // those that are gone now
		}
		c.step(tick) // who decides may have changed
	})
}

// nearest reports whether other nodes can hear this one, and how long messages to the nearest of
// them are under way.
func (n *nodes) nearest() (delay time.Duration, there bool) {
	status := n.group.Status()
	if status.Contact != store.InContact {
		return 0, false
	}
	for _, p := range status.Peers {
		if p.Alive && (!there || p.Delay < delay) {
			delay, there = p.Delay, true
		}
	}
	return delay, there
}

// nextLink is the place of this node's next record after the last one of a history.
func (n *nodes) nextLink(after link) *link {
	return &link{
		Number: after.Number + 1, Before: after.ID, Node: n.group.Node(), Writer: n.writer,
		ID: fmt.Sprintf("%s.%s.%d", n.group.Node(), n.writer, n.links.Add(1)),
	}
}
