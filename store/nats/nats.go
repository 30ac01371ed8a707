// Package nats is the engine of an origin that runs on several nodes. They are clients of a
// NATS cluster with JetStream, version 2.11 or later, that the operator runs.
//
// Objects lie in the node's own tier, an engine in memory or in a directory, and never in
// NATS: Create writes there and waits for nobody. What a node does not have it fetches from
// one that has it, by HTTP where that node announces an address, else over NATS, and keeps.
//
// Journals are one for all nodes, in a JetStream stream:
//
//	<prefix>_journals       the stream, with as many replicas as Options.Replicas says
//	<prefix>.journal.>      its subjects, one for each journal: the name with "/" written
//	                        as "." and "." as "="
//
// A record is a message of up to MaxRecord bytes, with its revision in the header
// Live-Origin-Revision. Revisions are taken with the server's comparison of the last sequence
// of a subject, see journal.Append. The stream is made, and changed if its config differs, by
// the first node that reaches the servers; if it is deleted meanwhile, it is made again.
//
// With a backup (Options.BackupSize), the node that took an object also writes it, in chunks, to
//
//	<prefix>_objects        a stream that drops the oldest when it is full
//	<prefix>.object.>       its subjects, one for each object, written like those of journals
//
// All else (messages, questions, which nodes are there) is package nodes.
package nats

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/nodes"
	"github.com/liveorigin/caddy-live-origin/store"
)

// revisionHeader has the revision of a record.
const revisionHeader = "Live-Origin-Revision"

// Store is one node's engine. Open makes one.
type Store struct {
	options Options
	names   names
	// epoch tells this run of the node from those before.
	epoch string
	local *tier
	nodes *nodes.Nodes

	// ctx ends when Close begins, with the cause store.ErrClosed.
	ctx   context.Context
	close context.CancelCauseFunc
	// running are the goroutines of the store.
	running sync.WaitGroup

	mu       sync.Mutex
	closed   bool
	journals map[string]*journal
	// unwritten: it was told that journals can't be written.
	unwritten atomic.Bool

	born time.Time // when the stream of the journals was made; for watchStreams

	fetches fetches
	fetched fetched
	sums    sums
	absent  recent // objects that no node had
	reach   reach
	peers   *peerServer // nil without a peer address
	backup  *backup     // nil without a backup
}

// Open connects the node with the others. It waits for the servers for a moment only: if they
// are away, the node begins alone, Options.Event is told, and journals fail until they are
// back. Errors: those of Validate, an old server, files that can't be read, a peer address
// whose port is taken. After an error the local tier is closed, too.
func Open(ctx context.Context, o Options) (*Store, error) {
	s, err := open(ctx, o)
	if err != nil {
		if o.Local != nil {
			err = errors.Join(err, o.Local.Close())
		}
		return nil, fmt.Errorf("open store on NATS: %w", err)
	}
	return s, nil
}

func open(ctx context.Context, o Options) (*Store, error) {
	o.setDefaults()
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if o.Local == nil {
		return nil, errors.New("no local store given")
	}
	connect, err := o.connect()
	if err != nil {
		return nil, err
	}
	s := &Store{
		options:  o,
		names:    newNames(o.Prefix),
		epoch:    strconv.FormatInt(time.Now().UnixNano(), 36),
		local:    newTier(o.Local),
		journals: map[string]*journal{},
		fetches:  newFetches(),
		reach:    newReach(lookAgain),
	}
	s.ctx, s.close = context.WithCancelCause(context.Background())
	if o.BackupSize > 0 {
		s.backup = newBackup()
	}
	if o.PeerAddress != "" {
		if s.peers, err = servePeers(o.PeerAddress, s.local); err != nil {
			return nil, err
		}
	}
	s.nodes, err = nodes.Open(ctx, nodes.Options{Servers: o.Servers, Prefix: o.Prefix, Node: o.Node, Connect: connect, Event: o.Event})
	if err != nil {
		s.stop()
		return nil, err
	}
	s.nodes.Handle(objectTopic, s.answerObject)
	if err := s.prepare(ctx); err != nil {
		s.stop()
		return nil, err
	}
	s.running.Go(s.purgeForgotten)
	s.running.Go(s.watchStreams)
	if s.backup != nil {
		s.running.Go(s.backUp)
	}
	return s, nil
}

// stop ends everything but the local tier.
func (s *Store) stop() {
	s.close(store.ErrClosed)
	if s.peers != nil {
		s.peers.close()
	}
	s.running.Wait()
	s.fetches.wait()
	if s.nodes != nil {
		s.nodes.Close()
	}
}

// Close implements store.Store. It leaves the other nodes first, then waits for the writers
// and open objects of this one.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return fmt.Errorf("close: %w", store.ErrClosed)
	}
	s.closed = true
	s.mu.Unlock()
	s.stop()
	return s.local.Close()
}

// Local implements store.Shared.
func (s *Store) Local() store.Store { return s.local.Store }

// Create implements store.Objects: the object is this node's own.
func (s *Store) Create(ctx context.Context, key string, size int64) (store.Writer, error) {
	if err := s.checkOpen(); err != nil {
		return nil, fmt.Errorf("create object %q: %w", key, err)
	}
	w, err := s.local.Create(ctx, key, size)
	if err != nil || s.backup == nil {
		return w, err
	}
	return &backedUp{w, func() { s.backup.add(key) }}, nil
}

// Delete implements store.Objects, on this node.
func (s *Store) Delete(ctx context.Context, key string) error {
	if err := s.checkOpen(); err != nil {
		return fmt.Errorf("delete object %q: %w", key, err)
	}
	return s.local.Delete(ctx, key)
}

// List implements store.Objects: what this node has.
func (s *Store) List(ctx context.Context, prefix string, yield func(key string, size int64) error) error {
	if err := s.checkOpen(); err != nil {
		return fmt.Errorf("list objects: %w", err)
	}
	return s.local.List(ctx, prefix, yield)
}

// Journal implements store.Store. It waits for nobody.
func (s *Store) Journal(ctx context.Context, name string) (store.Journal, error) {
	if !store.ValidKey(name) {
		return nil, fmt.Errorf("open journal %q: %w", name, store.ErrKey)
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("open journal %q: %w", name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, fmt.Errorf("open journal %q: %w", name, store.ErrClosed)
	}
	j := s.journals[name]
	if j == nil {
		j = newJournal(s, name)
		s.journals[name] = j
	}
	return j, nil
}

func (s *Store) openJournals() []*journal {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Values(s.journals))
}

// Usage implements store.Store: that of the local tier.
func (s *Store) Usage() store.Usage { return s.local.Usage() }

// Persistent implements store.Persistent: what the local tier says.
func (s *Store) Persistent() bool {
	p, ok := s.local.Store.(store.Persistent)
	return ok && p.Persistent()
}

// SetCapacity implements store.Resizable, if the local tier does.
func (s *Store) SetCapacity(capacity int64) {
	if r, ok := s.local.Store.(store.Resizable); ok {
		r.SetCapacity(capacity)
	}
}

// checkOpen says whether calls are still taken. It takes no lock: viewers wait for it.
func (s *Store) checkOpen() error {
	if s.ctx.Err() != nil {
		return store.ErrClosed
	}
	return nil
}

// Interface guards
var (
	_ store.Shared     = (*Store)(nil)
	_ store.Persistent = (*Store)(nil)
	_ store.Resizable  = (*Store)(nil)
)
