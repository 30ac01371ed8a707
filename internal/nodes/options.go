package nodes

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// Options say how a node talks to the others. The intervals are for nodes and servers in one
// network; they don't have to be the same on all nodes.
type Options struct {
	// Servers are the URLs of all servers. One is enough to work, and it takes two for the
	// death or hang of one to cost nothing. What servers say of each other is not used:
	// they often know addresses that nodes can't reach.
	Servers []string
	// Prefix of all subjects: words of letters, digits, "-" and "_", with dots between them.
	// Nodes with another prefix are another origin.
	Prefix string
	// Node is the name of this node, which no other node may have: up to 64 letters,
	// digits, "-" and "_".
	Node string
	// Connect has credentials and TLS. How to connect and reconnect is decided here.
	Connect []nats.Option
	// Event is told what an operator should know. It is called from one goroutine, and may
	// wait: what happens meanwhile is dropped after some 64 events. nil: nobody is told.
	Event func(Event)

	// ConnectTimeout is how long a server may take to accept a connection, and as long again
	// to greet, which takes some round trips. Default 1 s.
	ConnectTimeout time.Duration
	// Beat is how often a node says that it is there. Default 75 ms.
	Beat time.Duration
	// EchoTimeout is how long a connection may go without hearing what the node says
	// through it, before it moves to another server: so long, and four times as long as
	// the way there and back takes at best. Default 300 ms. The connection for
	// bulk has twice as long, since its queue is longer. Where no connection hears
	// anything, only one of them moves.
	EchoTimeout time.Duration
	// Silence is how long another node may say nothing before it counts as dead: so long,
	// and four times as long as the way there and back takes at best. Default 250 ms.
	Silence time.Duration
	// Alone is how long contact is lost, after EchoTimeout, until the node is alone.
	// Default 1 s.
	Alone time.Duration
	// Stall is how long the node's own loop, which runs at each beat, may not run. After
	// longer, the process was stopped, and nothing is concluded from what it did not hear.
	// Default 200 ms; more than twice Beat.
	Stall time.Duration
	// Grace is how long a missing message may be late before it is asked for. Default 20 ms.
	Grace time.Duration
	// GiveUp is how long a message is asked for that nobody has. Default 2 s.
	GiveUp time.Duration
	// RingAge and RingBytes bound the copies of what was sent and received that are kept
	// for nodes that missed it, for all groups together. Defaults 60 s and 64 MiB.
	RingAge   time.Duration
	RingBytes int
}

// withDefaults returns the options, completed, or what is wrong with them.
func (o Options) withDefaults() (Options, error) {
	if len(o.Servers) == 0 {
		return o, errors.New("no NATS server is given")
	}
	seen := map[string]bool{}
	for _, server := range o.Servers {
		if strings.TrimSpace(server) == "" || strings.Contains(server, ",") {
			return o, fmt.Errorf("%q is not the URL of a NATS server", server)
		}
		if seen[server] {
			return o, errors.New("a NATS server is given twice")
		}
		seen[server] = true
	}
	for word := range strings.SplitSeq(o.Prefix, ".") {
		if !validName(word) {
			return o, fmt.Errorf("%q is no prefix: words of letters, digits, - and _, with dots between them", o.Prefix)
		}
	}
	if !validName(o.Node) {
		return o, fmt.Errorf("%q is no name of a node: up to %d letters, digits, - and _", o.Node, maxName)
	}
	for _, d := range []struct {
		option *time.Duration
		value  time.Duration
	}{
		{&o.ConnectTimeout, time.Second},
		{&o.Beat, 75 * time.Millisecond},
		{&o.EchoTimeout, 300 * time.Millisecond},
		{&o.Silence, 250 * time.Millisecond},
		{&o.Alone, time.Second},
		{&o.Stall, 200 * time.Millisecond},
		{&o.Grace, 20 * time.Millisecond},
		{&o.GiveUp, 2 * time.Second},
		{&o.RingAge, time.Minute},
	} {
		if *d.option < 0 {
			return o, errors.New("an interval is below zero")
		}
		if *d.option == 0 {
			*d.option = d.value
		}
	}
	if o.Stall < 2*o.Beat || o.Silence < 3*o.Beat || o.EchoTimeout < 3*o.Beat {
		return o, errors.New("the intervals are too short for the time between beats")
	}
	if o.RingBytes <= 0 {
		o.RingBytes = 64 << 20
	}
	return o, nil
}

// maxName bounds the name of a node, in bytes.
const maxName = 64

// validName reports whether a name can be a word of a subject, and the name of a node.
func validName(name string) bool {
	if name == "" || len(name) > maxName {
		return false
	}
	for i := range len(name) {
		c := name[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_':
		default:
			return false
		}
	}
	return true
}
