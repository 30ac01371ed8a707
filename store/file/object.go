package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"sync"

	"github.com/liveorigin/caddy-live-origin/store"
)

const (
	// diskBlock is the unit in which file systems allocate space, in bytes.
	diskBlock = 4096
	// fileOverhead is what a file takes for its inode and its name, in bytes.
	fileOverhead = 512
)

// occupied is what a file of n bytes counts for.
func occupied(n int64) int64 {
	return (n+diskBlock-1)/diskBlock*diskBlock + fileOverhead
}

// entry is an object in the index. Store.mu guards it.
type entry struct {
	size int64
	// visible is false while a commit or a delete works on the file; the key is
	// taken all the same, so that neither meets the other's file. deleted says which.
	visible, deleted bool
	// refs is 1 for the index and 1 for each open reader. At 0 the space is free.
	refs int
}

func (s *Store) findObjects() error {
	key := func(path string) string { return fileKey(objectDir, path) }
	return s.walk(objectDir, key, func(key, _ string, info fs.FileInfo) error {
		s.objects[key] = &entry{size: info.Size(), visible: true, refs: 1}
		s.live++
		s.used.Add(occupied(info.Size()))
		return nil
	})
}

// Create implements store.Objects.
func (s *Store) Create(ctx context.Context, key string, size int64) (store.Writer, error) {
	if err := s.enter(ctx, key); err != nil {
		return nil, fmt.Errorf("create object %q: %w", key, err)
	}
	w, err := s.create(key)
	if err != nil {
		s.busy.Done()
		return nil, fmt.Errorf("create object %q: %w", key, err)
	}
	return w, nil
}

func (s *Store) create(key string) (*writer, error) {
	s.mu.Lock()
	e := s.objects[key]
	taken := e != nil && e.visible
	s.mu.Unlock()
	if taken {
		return nil, store.ErrExists
	}
	if !s.reserve(occupied(0)) {
		return nil, store.ErrFull
	}
	name := s.tempName()
	f, err := s.newFile(name, os.O_WRONLY)
	if err != nil {
		s.used.Add(-occupied(0))
		return nil, full(err)
	}
	return &writer{store: s, key: strings.Clone(key), name: name, file: f}, nil
}

// Open implements store.Objects.
func (s *Store) Open(ctx context.Context, key string) (store.Object, error) {
	if err := s.enter(ctx, key); err != nil {
		return nil, fmt.Errorf("open object %q: %w", key, err)
	}
	s.mu.Lock()
	e := s.objects[key]
	if e == nil || !e.visible {
		s.mu.Unlock()
		s.busy.Done()
		return nil, fmt.Errorf("open object %q: %w", key, store.ErrNotFound)
	}
	e.refs++
	s.mu.Unlock()
	open := s.root.Open
	if store.IsUrgent(ctx) {
		open = s.root.openUrgently
	}
	f, err := open(filePath(objectDir, key))
	if err != nil {
		s.drop(e)
		s.busy.Done()
		if errors.Is(err, fs.ErrNotExist) { // deleted in the meantime, or by someone else
			return nil, fmt.Errorf("open object %q: %w", key, store.ErrNotFound)
		}
		return nil, fmt.Errorf("open object %q: %w", key, err)
	}
	return &reader{store: s, entry: e, key: key, file: f}, nil
}

// Delete implements store.Objects. A deleted object may come back after a power loss. Its file goes a
// moment later, see removals.
func (s *Store) Delete(ctx context.Context, key string) error {
	if err := s.enter(ctx, key); err != nil {
		return fmt.Errorf("delete object %q: %w", key, err)
	}
	s.mu.Lock()
	e := s.objects[key]
	if e == nil || !e.visible {
		s.mu.Unlock()
		s.busy.Done()
		return nil
	}
	e.visible, e.deleted = false, true
	s.live--
	s.mu.Unlock()
	s.drop(e)
	s.remove(removal{key: strings.Clone(key), entry: e})
	return nil
}

// List implements store.Objects.
func (s *Store) List(ctx context.Context, prefix string, yield func(key string, size int64) error) error {
	s.mu.Lock()
	closed := s.closed
	found := make(map[string]int64)
	for key, e := range s.objects {
		if e.visible && strings.HasPrefix(key, prefix) {
			found[key] = e.size
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

// publish makes the finished file name visible as key, in the order that the
// package comment explains.
func (s *Store) publish(key, name string, size int64) error {
	target := filePath(objectDir, key)
	if err := s.makeDir(target); err != nil {
		return err
	}
	e := &entry{size: size, refs: 1}
	if !s.claimKey(key, e) {
		return store.ErrExists
	}

	err := s.root.Rename(name, target)
	if err == nil && s.fsync.Load() {
		if err = s.syncDir(path.Dir(target)); err != nil {
			_ = s.root.Remove(target) // after an error there is no object
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		delete(s.objects, key)
		return err
	}
	e.visible = true
	s.live++
	return nil
}

// claimKey enters an object that is not visible yet. It reports whether the key was free.
func (s *Store) claimKey(key string, e *entry) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for old := s.objects[key]; old != nil; old = s.objects[key] {
		if !old.deleted {
			return false
		}
		s.mu.Unlock()
		s.removals.wait()
		s.mu.Lock()
	}
	s.objects[key] = e
	return true
}

// drop gives up one reference; the last one frees the space.
func (s *Store) drop(e *entry) {
	s.mu.Lock()
	e.refs--
	free := e.refs == 0
	s.mu.Unlock()
	if free {
		s.used.Add(-occupied(e.size))
	}
}

// reader is an object as one caller opened it.
type reader struct {
	store *Store
	entry *entry
	key   string
	file  *os.File
	// offset is held by the WriteTo that uses the file's own position, which
	// lets the system send the file without showing us the bytes.
	offset sync.Mutex
	once   sync.Once
}

// Size implements store.Object.
func (r *reader) Size() int64 { return r.entry.size }

// ReadAt implements io.ReaderAt.
func (r *reader) ReadAt(p []byte, offset int64) (int, error) {
	n, err := r.file.ReadAt(p, offset)
	if err == nil || err == io.EOF {
		return n, err
	}
	return n, r.explain(err)
}

// WriteTo implements io.WriterTo.
func (r *reader) WriteTo(w io.Writer) (int64, error) {
	var n int64
	var err error
	if r.offset.TryLock() {
		defer r.offset.Unlock()
		if _, err := r.file.Seek(0, io.SeekStart); err != nil {
			return 0, r.explain(err)
		}
		n, err = io.Copy(w, r.file)
	} else {
		// Several at once share the file, so all but one carry a position.
		n, err = io.Copy(w, io.NewSectionReader(r.file, 0, r.entry.size))
	}
	if err != nil {
		return n, r.explain(err)
	}
	if n < r.entry.size {
		return n, fmt.Errorf("read object %q: file is shorter than it was: %w", r.key, io.ErrUnexpectedEOF)
	}
	return n, nil
}

func (r *reader) explain(err error) error {
	if errors.Is(err, os.ErrClosed) {
		err = store.ErrClosed
	}
	return fmt.Errorf("read object %q: %w", r.key, err)
}

// Close implements io.Closer. A second call does nothing.
func (r *reader) Close() error {
	var err error
	r.once.Do(func() {
		err = r.file.Close()
		r.store.drop(r.entry)
		r.store.busy.Done()
	})
	return err
}

// full adds ErrFull to an error of the disk that means it.
func full(err error) error {
	if diskFull(err) {
		return fmt.Errorf("%w: %w", store.ErrFull, err)
	}
	return err
}
