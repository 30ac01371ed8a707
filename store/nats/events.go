package nats

import "github.com/liveorigin/caddy-live-origin/internal/nodes"

// What Options.Event is told besides what package nodes tells.
const (
	// StreamsUnavailable: the streams of the journals and the backup can't be reached, or not
	// be made. It is tried again.
	StreamsUnavailable nodes.EventKind = "streams unavailable"
	// StreamsAvailable: they are there now.
	StreamsAvailable nodes.EventKind = "streams available"
	// StreamsRemade: a stream was deleted, and has been made again. Its journals begin anew.
	StreamsRemade nodes.EventKind = "streams remade"
	// JournalShorter: a journal ends before what this node knew of it. It goes on from there.
	JournalShorter nodes.EventKind = "journal shorter"
	// FetchFailed: a node that has an object did not deliver it. Another way, or another
	// node, is tried.
	FetchFailed nodes.EventKind = "fetch failed"
	// Overflowing: the node's own tier is full. What it needs of other nodes is kept in memory.
	Overflowing nodes.EventKind = "overflowing"
	// BackupSkipped: objects are not in the backup.
	BackupSkipped nodes.EventKind = "backup skipped"
)

func (s *Store) tell(kind nodes.EventKind, node string, err error) {
	if kind == FetchFailed {
		s.fetched.failed.Add(1)
	}
	s.options.Event(nodes.Event{Kind: kind, Node: node, Err: err})
}

func (s *Store) tellCount(kind nodes.EventKind, count int, err error) {
	s.options.Event(nodes.Event{Kind: kind, Count: count, Err: err})
}
