// Package memory keeps objects and journals in the memory of the process. It is
// the fastest engine, but everything is gone when the process ends.
package memory

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/liveorigin/caddy-live-origin/store"
)

// objectOverhead is what an object counts for besides its blocks and its key, in
// bytes. The structures around it and its place in the map take half of that;
// the other half is the garbage that the collector lets pile up beside them.
const objectOverhead = 320

// Store is an engine in memory. Open makes one.
type Store struct {
	capacity atomic.Int64
	arena    *arena
	used     atomic.Int64

	mu       sync.Mutex
	closed   bool
	objects  map[string]*object
	journals map[string]*journal

	// busy counts open writers and objects. It is only added to with mu held and
	// closed false.
	busy sync.WaitGroup
}

// Open makes an empty store. capacity is the limit in bytes for objects with all that the
// engine needs around them; 0 means no limit. Memory is taken from the system as objects
// arrive, and reused when they are deleted.
func Open(capacity int64) *Store {
	s := &Store{
		arena:    newArena(max(capacity, 0), regionSize),
		objects:  make(map[string]*object),
		journals: make(map[string]*journal),
	}
	s.capacity.Store(max(capacity, 0))
	return s
}

// SetCapacity implements store.Resizable.
func (s *Store) SetCapacity(capacity int64) {
	s.capacity.Store(max(capacity, 0))
	s.arena.limit(max(capacity, 0))
}

// Create implements store.Objects.
func (s *Store) Create(ctx context.Context, key string, size int64) (store.Writer, error) {
	if err := check(ctx, key); err != nil {
		return nil, fmt.Errorf("create object %q: %w", key, err)
	}
	w, err := s.create(key, size)
	if err != nil {
		return nil, fmt.Errorf("create object %q: %w", key, err)
	}
	return w, nil
}

func (s *Store) create(key string, size int64) (*writer, error) {
	overhead := objectOverhead + int64(len(key))
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, store.ErrClosed
	}
	if s.objects[key] != nil {
		return nil, store.ErrExists
	}
	if s.reserve(overhead, overhead) == 0 {
		return nil, store.ErrFull
	}
	s.busy.Add(1)
	return &writer{store: s, object: &object{key: strings.Clone(key), held: overhead}, announced: size}, nil
}

// Open implements store.Objects.
func (s *Store) Open(ctx context.Context, key string) (store.Object, error) {
	if err := check(ctx, key); err != nil {
		return nil, fmt.Errorf("open object %q: %w", key, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, fmt.Errorf("open object %q: %w", key, store.ErrClosed)
	}
	o := s.objects[key]
	if o == nil {
		return nil, fmt.Errorf("open object %q: %w", key, store.ErrNotFound)
	}
	o.refs.Add(1)
	s.busy.Add(1)
	h := &reader{store: s, object: o}
	h.calls.Store(1)
	return h, nil
}

// Delete implements store.Objects.
func (s *Store) Delete(ctx context.Context, key string) error {
	if err := check(ctx, key); err != nil {
		return fmt.Errorf("delete object %q: %w", key, err)
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return fmt.Errorf("delete object %q: %w", key, store.ErrClosed)
	}
	o := s.objects[key]
	delete(s.objects, key)
	s.mu.Unlock()
	if o != nil {
		s.drop(o)
	}
	return nil
}

// List implements store.Objects.
func (s *Store) List(ctx context.Context, prefix string, yield func(key string, size int64) error) error {
	s.mu.Lock()
	closed := s.closed
	found := make(map[string]int64)
	for key, o := range s.objects {
		if strings.HasPrefix(key, prefix) {
			found[key] = o.size
		}
	}
	s.mu.Unlock()
	if closed {
		return fmt.Errorf("list objects: %w", store.ErrClosed)
	}
	for key, size := range found {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("list objects: %w", err)
		}
		if err := yield(key, size); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// Journal implements store.Store.
func (s *Store) Journal(ctx context.Context, name string) (store.Journal, error) {
	if err := check(ctx, name); err != nil {
		return nil, fmt.Errorf("open journal %q: %w", name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, fmt.Errorf("open journal %q: %w", name, store.ErrClosed)
	}
	j := s.journals[name]
	if j == nil {
		j = &journal{store: s}
		s.journals[name] = j
	}
	return j, nil
}

// Usage implements store.Store.
func (s *Store) Usage() store.Usage {
	s.mu.Lock()
	objects := len(s.objects)
	s.mu.Unlock()
	usage := store.Usage{Bytes: s.used.Load(), Capacity: s.capacity.Load(), Free: -1, Objects: int64(objects)}
	if usage.Capacity > 0 {
		usage.Free = max(0, usage.Capacity-usage.Bytes)
	}
	if ceiling := s.arena.ceiling.Load(); ceiling > 0 {
		if left := max(0, ceiling-usage.Bytes); usage.Free < 0 || left < usage.Free {
			usage.Free, usage.Scarce = left, "memory"
		}
	}
	return usage
}

// Close implements store.Store.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return fmt.Errorf("close: %w", store.ErrClosed)
	}
	s.closed = true
	journals := s.journals
	s.journals = nil
	s.mu.Unlock()

	s.busy.Wait()
	for _, j := range journals {
		j.close()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.objects = nil
	s.used.Store(0)
	s.arena.unmap()
	return nil
}

// reserve counts want bytes as used, or what is left of the capacity, in whole
// multiples of unit. 0 means full.
func (s *Store) reserve(want, unit int64) int64 {
	for {
		used := s.used.Load()
		granted := want
		if capacity := s.capacity.Load(); capacity > 0 {
			granted = min(want, max(capacity-used, 0)/unit*unit)
		}
		if granted == 0 || s.used.CompareAndSwap(used, used+granted) {
			return granted
		}
	}
}

// drop gives up one reference; the last one frees the bytes.
func (s *Store) drop(o *object) {
	if o.refs.Add(-1) == 0 {
		s.free(o)
	}
}

func (s *Store) free(o *object) {
	s.arena.release(o.extents...)
	s.used.Add(-o.held)
	o.extents = nil
}

func check(ctx context.Context, key string) error {
	if !store.ValidKey(key) {
		return store.ErrKey
	}
	return ctx.Err()
}
