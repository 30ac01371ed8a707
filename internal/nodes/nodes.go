// Package nodes is how the nodes of one origin talk to each other over NATS: messages in
// order within groups, questions and answers, and who is there.
//
// A node has three connections. Two of them, on two different servers, carry every message,
// so that the death or hang of a server costs nothing; the third has what is large. Messages
// have a publisher, its epoch and a number. Every node keeps what it sent and received for a
// while, and whoever misses a message asks for it. JetStream takes no part in this.
package nodes

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/liveorigin/caddy-live-origin/store"
)

// Nodes is this node's connection to the others. Its methods may be called by many
// goroutines at once.
//
// Locks: that of a stream or of answers may be held when mu is taken, never the other way
// round; those of sender, servers, queue, ring and teller are taken last. No lock is held while a member or a handler
// is called.
type Nodes struct {
	o       Options
	teller  *teller
	servers *servers
	ring    *ring
	links   [connections]*connection
	js      jetstream.JetStream
	done    chan struct{} // closed when Close begins to end connections
	wake    chan struct{} // the loop has something to look at; has room for one
	counter atomic.Uint64 // numbers of frames that are neither beats nor messages
	answers answers
	pulse   pulse

	mu       sync.Mutex
	closed   bool
	epoch    int64
	known    int64 // the highest epoch that others know of this node
	unfitErr error // a server is not one that can be used
	beats    beats
	// near is how far away the servers are, from beats that came back.
	near    clock
	contact store.Contact
	changed time.Time // contact did
	floor   time.Time // silence before does not count
	// regained is when the way to a server was found again, while nothing was heard. What was held up
	// on the other connections comes at about that time, so their silence counts from then.
	regained time.Time
	lastRun  time.Time // of the loop
	twin     twin
	peers    map[string]*peer
	groups   map[string]*Group
	senders  map[string]*sender
	topics   map[string]handler
	calls    map[uint64]chan frame
}

// Open connects a node. It does not fail because servers are away, and waits for them for up
// to a second; then some 300 ms more, to hear who is there. Errors: that of the context, bad
// options, and that a server is older than MinServer or takes only messages below MinPayload. One
// that turns out to be like that later is told as an Event, and not used.
func Open(ctx context.Context, o Options) (*Nodes, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	n := newNodes(o)
	if err := n.connect(); err != nil {
		n.disconnect()
		return nil, err
	}
	if err := n.listen(ctx); err != nil {
		n.disconnect()
		return nil, err
	}
	go n.run()
	n.awaitContact(ctx)
	return n, nil
}

func newNodes(o Options) *Nodes {
	now := time.Now()
	n := &Nodes{
		o:       o,
		servers: newServers(),
		ring:    newRing(o.RingBytes, o.RingAge),
		done:    make(chan struct{}),
		wake:    make(chan struct{}, 1),
		epoch:   now.UnixNano(),
		contact: store.OutOfContact,
		floor:   now,
		lastRun: now,
		peers:   map[string]*peer{},
		groups:  map[string]*Group{},
		senders: map[string]*sender{},
		topics:  map[string]handler{},
		calls:   map[uint64]chan frame{},
	}
	n.pulse.began = now
	n.teller = newTeller(o.Event, n.done)
	n.answers.init()
	// Not from 1: what comes late for an earlier life of this node, or for another with its
	// name, must not be taken for an answer to this one.
	n.counter.Store(uint64(n.epoch))
	return n
}

// connect makes the connections and what is heard through them.
func (n *Nodes) connect() error {
	for i := range n.links {
		c, err := n.open(i)
		if err != nil {
			return err
		}
		n.links[i] = c
	}
	js, err := jetstream.New(n.links[bulk].nc,
		jetstream.WithPublishAsyncTimeout(2*time.Second), jetstream.WithPublishAsyncMaxPending(4096))
	if err != nil {
		return err
	}
	n.js = js
	for i, c := range n.links {
		subjects := []string{n.subjectBeat(), n.subjectTo(n.o.Node)}
		if i == bulk {
			subjects = []string{n.subjectBulk(n.o.Node)}
		}
		for _, subject := range subjects {
			if _, err := n.subscribe(c, subject, func(f frame) { n.receive(c, f) }); err != nil {
				return err
			}
		}
	}
	for _, c := range n.links {
		go c.write()
		go c.mover()
	}
	return nil
}

// listen waits for a server, and then hears for two beats who is there before it says
// anything: others may know an earlier life of this node, with a clock that was ahead.
func (n *Nodes) listen(ctx context.Context) error {
	limit := time.NewTimer(time.Second)
	defer limit.Stop()
	for waiting := true; waiting && !n.anyUp(); {
		select {
		case <-n.wake:
		case <-limit.C:
			waiting = false
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if n.anyUp() {
		select {
		case <-time.After(2 * n.o.Beat):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.epoch = max(n.epoch, n.known+1)
	n.lastRun, n.floor = time.Now(), time.Now()
	n.pulse.beat(n.lastRun)
	n.pulse.woke.Store(0) // it has just begun
	return n.unfitErr
}

func (n *Nodes) anyUp() bool {
	n.mu.Lock()
	unfit := n.unfitErr != nil
	n.mu.Unlock()
	return unfit || n.links[factsA].up.Load() || n.links[factsB].up.Load()
}

// awaitContact waits for the first echo, if a server is there. Without one, the node is out
// of contact, and starts all the same.
func (n *Nodes) awaitContact(ctx context.Context) {
	limit := time.After(n.o.EchoTimeout)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for n.anyUp() {
		if contact, _ := n.Contact(); contact == store.InContact {
			return
		}
		select {
		case <-tick.C:
		case <-limit:
			return
		case <-ctx.Done():
			return
		}
	}
}

func (n *Nodes) noteUnfit(err error) {
	n.mu.Lock()
	n.unfitErr = err
	n.mu.Unlock()
	n.wakeUp()
}

// wakeUp makes the loop look.
func (n *Nodes) wakeUp() {
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// Node is the name of this node.
func (n *Nodes) Node() string { return n.o.Node }

// JetStream is on the connection for bulk. A publish can wait while that connects or while a
// server hangs, so it needs a goroutine and a queue of its own, and fails at once while the
// connection has no server. Asynchronous ones wait 2 s for an acknowledgement, 4096 may be
// under way, and their handlers must not publish: the library holds a lock. No stream may
// capture subjects under Prefix followed by beat, to, bulk or group.
func (n *Nodes) JetStream() jetstream.JetStream { return n.js }

// Close says goodbye and ends all: members are not called any more when it returns. It takes
// up to three seconds when servers hang or members do not return.
func (n *Nodes) Close() error {
	n.mu.Lock()
	if n.closed {
		n.mu.Unlock()
		return nil
	}
	n.closed = true
	var groups []*Group
	for _, g := range n.groups {
		groups = append(groups, g)
	}
	n.mu.Unlock()

	left := make(chan struct{})
	go func() {
		defer close(left)
		for _, g := range groups {
			g.Leave()
		}
		n.answers.end()
	}()
	within(2*time.Second, left)
	n.sayBye()
	n.disconnect()
	return nil
}

// sayBye sends it behind what waits in the queues.
func (n *Nodes) sayBye() {
	limit := time.After(300 * time.Millisecond)
	for _, c := range n.links[:bulk] {
		if !c.up.Load() {
			continue
		}
		f := n.frame(kindBye, n.beatNumber()+1)
		f.path = byte(c.index)
		gone := make(chan struct{})
		c.push(parcel{subject: n.subjectBeat(), data: f.encode(), gone: gone})
		select {
		case <-gone:
			_ = c.nc.FlushTimeout(100 * time.Millisecond) // it was told; that is all there is to do
		case <-limit:
			return
		}
	}
}

// disconnect ends the connections. One whose server hangs ends by itself, a moment later.
func (n *Nodes) disconnect() {
	close(n.done)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		var all sync.WaitGroup
		for _, c := range n.links {
			if c != nil {
				all.Go(c.nc.Close)
			}
		}
		all.Wait()
	}()
	within(time.Second, ended)
}

// within waits until a channel is closed, but not for ever.
func within(limit time.Duration, closed <-chan struct{}) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-closed:
	case <-timer.C:
	}
}

// subscribe hears a subject. The library calls take from one goroutine for each connection
// and subject; it must not wait.
func (n *Nodes) subscribe(c *connection, subject string, take func(frame)) (*nats.Subscription, error) {
	s, err := c.nc.Subscribe(subject, func(m *nats.Msg) {
		f, err := decodeFrame(m.Data)
		if err != nil {
			n.teller.tell(Event{Kind: UnknownFormat, Err: err})
			return
		}
		take(f)
	})
	if err != nil {
		return nil, err
	}
	// What is over it is dropped, told to the handler of errors, and asked for.
	return s, s.SetPendingLimits(-1, 64<<20)
}
