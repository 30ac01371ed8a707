package nats

import "github.com/liveorigin/caddy-live-origin/internal/nodes"

// What Options.Event is told besides what package nodes tells.
const (
	// JournalsUnavailable: the stream of the journals can't be reached, or not be made. It is
	// tried again.
	JournalsUnavailable nodes.EventKind = "journals unavailable"
	// JournalsAvailable: it can be reached now.
	JournalsAvailable nodes.EventKind = "journals available"
	// FetchFailed: a node that has an object did not deliver it. Another way, or another
	// node, is tried.
	FetchFailed nodes.EventKind = "fetch failed"
)

func (s *Store) tell(kind nodes.EventKind, node string, err error) {
	if kind == FetchFailed {
		s.fetched.failed.Add(1)
	}
	s.options.Event(nodes.Event{Kind: kind, Node: node, Err: err})
}
