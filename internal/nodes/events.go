package nodes

import (
	"fmt"
	"sync"
	"time"
)

// EventKind is what happened.
type EventKind string

const (
	// Connected: a connection is on a server for the first time.
	Connected EventKind = "connected"
	// ConnectionLost: a connection has lost its server, or has heard no echo and moves.
	ConnectionLost EventKind = "connection lost"
	// ConnectionBack: a connection is on a server, perhaps another one than before.
	ConnectionBack EventKind = "connection back"
	// CannotConnect: a server does not answer or refuses the node.
	CannotConnect EventKind = "cannot connect"
	// ServerTooOld: a server is older than MinServer. It is not used.
	ServerTooOld EventKind = "server too old"
	// MessagesTooSmall: a server takes only messages below MinPayload. It is not used.
	MessagesTooSmall EventKind = "messages too small"
	// QueueFull: messages were dropped, since they came faster than they went. The others
	// ask for them.
	QueueFull EventKind = "queue full"
	// SendFailed: a message was refused, for example because the server takes only
	// smaller ones.
	SendFailed EventKind = "send failed"
	// NameTaken: another node that is alive has the name of this one.
	NameTaken EventKind = "name taken"
	// UnknownFormat: a node speaks a version of the messages that this one does not know,
	// or sends what can't be read. It is ignored.
	UnknownFormat EventKind = "unknown format"
	// TooManyNodes: there are more other nodes than are listened to.
	TooManyNodes EventKind = "too many nodes"
	// Stalled: the process did not run for a while.
	Stalled EventKind = "stalled"
)

// Event is something that an operator should know.
type Event struct {
	Kind EventKind
	// Connection is "facts a", "facts b", "bulk", or empty.
	Connection string
	// Server is the URL of a server without its password, or empty.
	Server string
	// Node is another node, or empty.
	Node string
	// Err says why, or is nil.
	Err error
	// Count of messages, where it is about messages.
	Count int
	// For how long, if it is about a time.
	For time.Duration
	// Suppressed is how many events of this kind, connection and node were not told
	// since the one before.
	Suppressed int
}

// String describes the event for people.
func (e Event) String() string {
	s := string(e.Kind)
	for _, of := range []string{e.Connection, e.Server, e.Node} {
		if of != "" {
			s += " " + of
		}
	}
	if e.Count > 0 {
		s += fmt.Sprintf(" %d", e.Count)
	}
	if e.For > 0 {
		s += fmt.Sprintf(" for %v", e.For)
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// quiet is how long an event of the same kind, connection and node is not told again.
// Connections that are lost and back are told each time; they can't come often.
const quiet = 10 * time.Second

type eventKey struct {
	kind             EventKind
	connection, node string
}

type toldEvent struct {
	at         time.Time
	suppressed int
}

// teller passes events on, so that nobody who has one to tell waits.
type teller struct {
	events chan Event

	mu     sync.Mutex
	told   map[eventKey]*toldEvent
	counts map[EventKind]uint64 // of all, also of those that are not told
}

func newTeller(listener func(Event), done <-chan struct{}) *teller {
	t := &teller{events: make(chan Event, 64), told: map[eventKey]*toldEvent{}, counts: map[EventKind]uint64{}}
	if listener == nil {
		return t
	}
	go func() {
		for {
			select {
			case e := <-t.events:
				listener(e)
			case <-done:
				return
			}
		}
	}()
	return t
}

func (t *teller) tell(e Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts[e.Kind] += uint64(max(e.Count, 1))
	if e.Kind != Connected && e.Kind != ConnectionLost && e.Kind != ConnectionBack {
		key := eventKey{e.Kind, e.Connection, e.Node}
		last := t.told[key]
		if last == nil {
			if len(t.told) > 1000 { // names of nodes come from outside
				clear(t.told)
			}
			last = &toldEvent{}
			t.told[key] = last
		} else if time.Since(last.at) < quiet {
			last.suppressed++
			return
		}
		e.Suppressed, last.suppressed, last.at = last.suppressed, 0, time.Now()
	}
	select {
	case t.events <- e:
	default:
	}
}
