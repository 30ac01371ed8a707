package nats

import "sync/atomic"

// Stats is what a store can tell of its way to the others, since it was opened.
type Stats struct {
	// Connections are those to NATS servers, by what they are for: whether each is on one.
	Connections map[string]bool
	// ConnectionsLost is how often one of them lost its server.
	ConnectionsLost uint64
	// MessagesDropped did not fit into a queue. Others ask for what they miss.
	MessagesDropped uint64
	// Fetched are objects that came from elsewhere, by the way: "nats" or "http" from other
	// nodes, or "backup" from JetStream.
	Fetched map[string]Fetched
	// FetchesFailed is how often a node that has an object did not deliver it.
	FetchesFailed uint64
}

// Fetched is how much came from other nodes.
type Fetched struct{ Objects, Bytes uint64 }

// The ways of objects.
const (
	wayNATS   = "nats"
	wayHTTP   = "http"
	wayBackup = "backup"
)

// Stats returns them.
func (s *Store) Stats() Stats {
	c := s.nodes.Counters()
	return Stats{
		Connections:     s.nodes.Connections(),
		ConnectionsLost: c.ConnectionsLost,
		MessagesDropped: c.MessagesDropped,
		Fetched:         map[string]Fetched{wayNATS: s.fetched.nats.read(), wayHTTP: s.fetched.http.read(), wayBackup: s.fetched.backup.read()},
		FetchesFailed:   s.fetched.failed.Load(),
	}
}

// fetched counts what comes from other nodes.
type fetched struct {
	nats, http, backup way
	failed             atomic.Uint64
}

type way struct{ objects, bytes atomic.Uint64 }

func (w *way) add(bytes int64) {
	w.objects.Add(1)
	w.bytes.Add(uint64(bytes))
}

func (w *way) read() Fetched { return Fetched{Objects: w.objects.Load(), Bytes: w.bytes.Load()} }
