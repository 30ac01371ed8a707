package nats

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/liveorigin/caddy-live-origin/store"
)

const (
	// fetchesAtOnce bounds the memory that fetches take, some ranges each: so many for who
	// asks for a certain object, which is on its way to viewers, and as many for who opens one
	// that turns out not to be here, so that these never hold up the others.
	fetchesAtOnce = 16
	// fetchTimeout bounds one fetch.
	fetchTimeout = time.Minute
	// absentTime is how long an object is not asked for again that none of the nodes had.
	absentTime = time.Second
	// recentKeys bounds how many of them are remembered; then they are asked for again.
	recentKeys = 4096
)

// Open implements store.Objects. What this node does not have is fetched from one that has
// it, and stays.
func (s *Store) Open(ctx context.Context, key string) (store.Object, error) {
	if err := s.checkOpen(); err != nil {
		return nil, fmt.Errorf("open object %q: %w", key, err)
	}
	object, err := s.local.Open(ctx, key)
	if err == nil || !errors.Is(err, store.ErrNotFound) || s.absent.has(s.absence(key)) {
		return object, err
	}
	if err := s.fetch(ctx, key, -1, "", s.fetches.opening); err != nil {
		return nil, fmt.Errorf("open object %q: %w", key, err)
	}
	return s.local.Open(ctx, key)
}

// fetches are those under way.
type fetches struct {
	mu      sync.Mutex
	byKey   map[string]*fetch
	running sync.WaitGroup
	// One element for each that is under way, see fetchesAtOnce.
	asked, opening chan struct{}
}

func newFetches() fetches {
	return fetches{
		byKey:   map[string]*fetch{},
		asked:   make(chan struct{}, fetchesAtOnce),
		opening: make(chan struct{}, fetchesAtOnce),
	}
}

// fetch is one of them. All who want the object wait for the same one.
type fetch struct {
	urgent bool
	done   chan struct{}
	err    error
}

func (f *fetches) wait() { f.running.Wait() }

// fetch brings an object here, if it is urgent also where the node's own tier is full. The caller's context bounds
// its wait; the fetch goes on for others.
func (s *Store) fetch(ctx context.Context, key string, size int64, from string, slots chan struct{}) error {
	ctx, done, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer done()
	if len(s.candidates(from)) == 0 && s.backup == nil {
		return store.ErrNotFound
	}
	for {
		f, err := s.startFetch(key, size, from, store.IsUrgent(ctx), slots)
		if err != nil {
			return err
		}
		select {
		case <-f.done:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if !errors.Is(f.err, store.ErrFull) || f.urgent || !store.IsUrgent(ctx) {
			return f.err
		} // to others it was not
	}
}

func (s *Store) startFetch(key string, size int64, from string, urgent bool, slots chan struct{}) (*fetch, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, store.ErrClosed
	}
	s.fetches.mu.Lock()
	defer s.fetches.mu.Unlock()
	if f := s.fetches.byKey[key]; f != nil {
		return f, nil
	}
	f := &fetch{urgent: urgent, done: make(chan struct{})}
	s.fetches.byKey[key] = f
	s.fetches.running.Go(func() {
		f.err = s.runFetch(key, size, from, urgent, slots)
		s.fetches.mu.Lock()
		delete(s.fetches.byKey, key)
		s.fetches.mu.Unlock()
		close(f.done)
	})
	return f, nil
}

func (s *Store) runFetch(key string, size int64, from string, urgent bool, slots chan struct{}) error {
	ctx, cancel := context.WithTimeout(s.ctx, fetchTimeout)
	defer cancel()
	if urgent {
		ctx = store.Urgent(ctx)
	}
	select {
	case slots <- struct{}{}:
		defer func() { <-slots }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	absence := s.absence(key)
	err := s.fetchFrom(ctx, s.candidates(from), key, size)
	if s.backup != nil && errors.Is(err, store.ErrNotFound) {
		err = s.restore(ctx, key)
	}
	switch {
	case err == nil:
		s.absent.remove(absence)
	case errors.Is(err, store.ErrNotFound):
		s.absent.add(absence, absentTime)
	case s.ctx.Err() != nil:
		return store.ErrClosed
	}
	return err
}

// absence names that an object was not found: by the nodes that are there now. One that comes back
// may have it.
func (s *Store) absence(key string) string {
	return key + " " + strings.Join(s.candidates(""), " ")
}

// candidates are the nodes to ask, this one first.
func (s *Store) candidates(first string) []string {
	var names []string
	if first != "" && first != s.options.Node {
		names = append(names, first)
	}
	for _, p := range s.nodes.Peers() {
		if p.Alive && p.Node != first && p.Node != s.options.Node {
			names = append(names, p.Node)
		}
	}
	return names
}

// fetchFrom tries one node after the other. The error is ErrNotFound if all of them said so.
func (s *Store) fetchFrom(ctx context.Context, nodes []string, key string, size int64) error {
	failed := store.ErrNotFound
	for len(nodes) > 0 {
		holder, rest, err := s.findHolder(ctx, nodes, key)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			failed = err
		}
		if holder == nil {
			return failed
		}
		nodes = rest
		err = s.transfer(ctx, holder, key, size)
		if err == nil || errors.Is(err, store.ErrFull) || ctx.Err() != nil {
			return err
		}
		failed = fmt.Errorf("from node %s: %w", holder.node, err)
		s.tell(FetchFailed, holder.node, fmt.Errorf("object %q: %w", key, err))
	}
	return failed
}

// recent are keys that something was noted of a moment ago.
type recent struct {
	mu    sync.Mutex
	until map[string]time.Time
}

func (r *recent) has(key string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	until, ok := r.until[key]
	if ok && time.Now().After(until) {
		delete(r.until, key)
		return false
	}
	return ok
}

func (r *recent) add(key string, d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.until == nil || len(r.until) >= recentKeys {
		r.until = map[string]time.Time{}
	}
	r.until[key] = time.Now().Add(d)
}

func (r *recent) remove(key string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.until, key)
}
