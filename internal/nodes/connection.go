package nodes

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/liveorigin/caddy-live-origin/store"
)

// MinServer is the oldest version of nats-server that is used: 2.9 was seen to write one
// slot of a journal twice, and where between the two that was mended is not known.
const MinServer = "2.11"

// MinPayload is what a message may have at least, in bytes, on a server that is used: max_payload of
// nats-server, which is a little more by default. A part of a segment takes half of it, and so may what a
// node says of all its channels.
const MinPayload = 1_000_000

// What the library and the servers do, as measured, and what is done about it:
//
//   - A publish waits while its connection connects, up to ConnectTimeout for each attempt at
//     a hung server, and on a full socket until the flusher gives up. So each connection has
//     a queue and a goroutine, and Send does not wait.
//   - Asynchronous handlers can run under the lock that a publish takes. They only note.
//   - A forced reconnect may come back to the server that hangs. See servers.
//   - A server that hung hands on what it had when it wakes, half a minute later. Epochs and
//     numbers decide, never arrival.
//   - What missed a long outage is asked for all at once. So it is brought in pieces, each of
//     which has to be asked for.
//   - A core subscriber of a subject that a stream captures gets appends that the stream
//     refused, and hides from publishers that nobody leads the stream. So no stream may
//     capture what is under beat, to, bulk and group: JetStream takes no part in any of it,
//     and its stalls of several seconds don't either. JetStream's own traps (no time-out for
//     acknowledgements, replicas that lag, retried messages out of order, consumers that wake
//     late) are for those who use it; the time-out is set in connect.

// connection is one of the three of a node. Its writer is the only goroutine that publishes
// through it: a publish waits while the connection connects, or while the socket of a hung
// server is full, and must not hold up its sister.
type connection struct {
	n     *Nodes
	index int
	nc    *nats.Conn
	queue *queue

	beat  chan struct{} // it is time for a beat; has room for one
	move  chan struct{} // it is time to look for another server; has room for one
	ended chan struct{} // closed when the writer has ended

	// up is that it is on a server that may be used.
	up atomic.Bool
	// sent is the last number of each group that went through, for the writer only.
	sent map[string]uint64

	// Under the lock of Nodes.
	server string    // the one that it is on, or was on last
	since  time.Time // it is there
	echo   time.Time // when the newest beat was sent of those that came back
}

func (c *connection) name() string { return connectionNames[c.index] }

// echoTimeout is how long it may hear nothing of itself.
func (c *connection) echoTimeout() time.Duration {
	timeout := c.n.o.EchoTimeout + farther*c.n.distance()
	if c.index == bulk {
		return 2 * timeout
	}
	return timeout
}

// silent reports whether it has heard nothing of itself for so long.
func (c *connection) silent(now time.Time) bool {
	return c.up.Load() && now.Sub(latest(c.echo, c.since, c.n.floor, c.n.regained)) > c.echoTimeout()
}

// farther is how many round trips more than on a local network are waited for: what is lost on
// the way is sent again after some of them.
const farther = 4

// distance is how long it takes to a server and back, at best.
func (n *Nodes) distance() time.Duration {
	best, _ := n.near.best()
	return best.trip
}

// open makes the connection. It does not wait for a server.
func (n *Nodes) open(index int) (*connection, error) {
	c := &connection{
		n: n, index: index, queue: newQueue(), sent: map[string]uint64{},
		beat: make(chan struct{}, 1), move: make(chan struct{}, 1), ended: make(chan struct{}),
	}
	o := nats.GetDefaultOptions()
	for _, option := range n.o.Connect {
		if option == nil {
			continue
		}
		if err := option(&o); err != nil {
			return nil, err
		}
	}
	o.Servers = n.o.Servers
	o.Name = "live-origin " + n.o.Node + " " + c.name()
	o.NoRandomize = true
	o.IgnoreDiscoveredServers = true
	o.AllowReconnect, o.MaxReconnect, o.RetryOnFailedConnect = true, -1, true
	// An operator may mend credentials while the node runs.
	o.IgnoreAuthErrorAbort = true
	o.Timeout = n.o.ConnectTimeout // a hung server takes connections and says nothing
	// The second line, behind the echo, also where that has far to go.
	o.PingInterval, o.MaxPingsOut = time.Second, 2
	o.FlusherTimeout, o.ReconnectOnFlusherError = 300*time.Millisecond, true
	if index == bulk {
		o.FlusherTimeout = 2 * time.Second // a segment takes its time over a slow network
	}
	// A call fails at once while disconnected: what is kept for later is in the ring.
	o.ReconnectBufSize = -1
	// The name would be looked up without a time-out, under the lock of the connection.
	o.SkipHostLookup = true
	o.CustomDialer = newDialer(o)
	o.ReconnectToServerCB = func(pool []nats.Server, _ nats.ServerInfo) (*nats.Server, time.Duration) {
		i, pause := n.servers.pick(index, pool, time.Now())
		return &pool[i], pause
	}
	// The handlers are called one after the other. Nothing may be published in them: the
	// library can hold the lock that a publish takes.
	o.ConnectedCB, o.ReconnectedCB = c.connected, c.connected
	o.DisconnectedErrCB = func(_ *nats.Conn, err error) { c.lost(err) }
	o.ReconnectErrCB = c.refused
	o.AsyncErrorCB = c.failed

	var err error
	if c.nc, err = o.Connect(); err != nil {
		return nil, fmt.Errorf("NATS: %w", err)
	}
	return c, nil
}

// dialer fails at first, once for each server: the first round of the library goes through
// the servers in their order, waits for each and asks nobody. All later ones are chosen by
// servers, in the background.
type dialer struct {
	nats.CustomDialer
	fails atomic.Int32
}

var errFirstRound = errors.New("not yet")

func newDialer(o nats.Options) *dialer {
	d := &dialer{CustomDialer: o.CustomDialer}
	if d.CustomDialer == nil {
		d.CustomDialer = &net.Dialer{Timeout: o.Timeout}
	}
	d.fails.Store(int32(len(o.Servers)))
	return d
}

func (d *dialer) Dial(network, address string) (net.Conn, error) {
	if d.fails.Add(-1) >= 0 {
		return nil, errFirstRound
	}
	return d.CustomDialer.Dial(network, address)
}

// connected is called when it is on a server, the same or another.
func (c *connection) connected(nc *nats.Conn) {
	server, version := nc.ConnectedUrl(), nc.ConnectedServerVersion()
	if server == "" { // lost again already
		return
	}
	if kind, err := unfit(server, version, nc.MaxPayload()); err != nil {
		c.n.servers.refuse(server)
		c.n.noteUnfit(err)
		c.n.teller.tell(Event{Kind: kind, Connection: c.name(), Server: redacted(server), Err: err})
		c.askToMove()
		return
	}
	c.n.servers.connected(c.index)
	c.n.mu.Lock()
	kind := ConnectionBack
	if c.since.IsZero() {
		kind = Connected
	}
	c.server, c.since = server, time.Now()
	if c.n.contact != store.InContact && !c.n.regained.After(c.n.changed) {
		c.n.regained = c.since // once: it may be a server that says nothing
	}
	c.n.mu.Unlock()
	c.up.Store(true)
	c.n.teller.tell(Event{Kind: kind, Connection: c.name(), Server: redacted(server)})
	c.n.wakeUp()
}

func (c *connection) lost(err error) {
	if !c.up.Swap(false) {
		return
	}
	c.n.mu.Lock()
	server := c.server
	c.n.mu.Unlock()
	c.n.servers.lost(c.index, server)
	c.n.teller.tell(Event{Kind: ConnectionLost, Connection: c.name(), Server: redacted(server), Err: err})
}

// refused is called for each attempt that failed.
func (c *connection) refused(_ *nats.Conn, err error) {
	if !errors.Is(err, errFirstRound) {
		c.n.teller.tell(Event{Kind: CannotConnect, Connection: c.name(), Err: err})
	}
}

// failed is called for what the library can't return: a full subscription, which is a hole
// to repair, permissions that are missing, or a login that is refused, as when the password was
// changed. That the network failed is told when the connection is lost.
func (c *connection) failed(_ *nats.Conn, _ *nats.Subscription, err error) {
	if isNetwork(err) {
		return
	}
	kind := SendFailed
	switch {
	case errors.Is(err, nats.ErrSlowConsumer):
		kind = QueueFull
	case isLogin(err):
		kind = CannotConnect
	}
	c.n.teller.tell(Event{Kind: kind, Connection: c.name(), Err: err})
}

func isNetwork(err error) bool {
	var network net.Error
	return errors.As(err, &network)
}

func isLogin(err error) bool {
	for _, refused := range []error{nats.ErrAuthorization, nats.ErrAuthExpired, nats.ErrAuthRevoked, nats.ErrAccountAuthExpired} {
		if errors.Is(err, refused) {
			return true
		}
	}
	return false
}

func (c *connection) askToMove() {
	select {
	case c.move <- struct{}{}:
	default:
	}
}

// mover takes the connection away from servers that hang. It has a goroutine of its own,
// since that can take as long as a write.
func (c *connection) mover() {
	for {
		select {
		case <-c.move:
			_ = c.nc.ForceReconnect() // it fails only if the connection is closed
		case <-c.n.done:
			return
		}
	}
}

// unfit says why a server is not used; nil if it is.
func unfit(server, version string, payload int64) (EventKind, error) {
	switch {
	case !recent(version):
		return ServerTooOld, fmt.Errorf("NATS server %s is version %s, and %s or later is needed: 2.9 was seen to write one slot of a journal twice", redacted(server), version, MinServer)
	case payload < MinPayload:
		return MessagesTooSmall, fmt.Errorf("NATS server %s takes messages of %d bytes at most (max_payload), and %d are needed: segments would not come to the other nodes", redacted(server), payload, MinPayload)
	}
	return "", nil
}

// recent reports whether a version, for example 2.15.2 or 2.12.0-beta.1, is MinServer or
// later. Development versions without numbers are not.
func recent(version string) bool {
	major, rest, _ := strings.Cut(strings.TrimPrefix(version, "v"), ".")
	minor, _, _ := strings.Cut(rest, ".")
	minor, _, _ = strings.Cut(minor, "-")
	a, errA := strconv.Atoi(major)
	b, errB := strconv.Atoi(minor)
	if errA != nil || errB != nil {
		return false
	}
	return a > 2 || a == 2 && b >= 11
}
