package memory

import (
	"fmt"
	"io"
	"sync/atomic"

	"github.com/liveorigin/caddy-live-origin/store"
)

// object is a run of bytes in the arena.
//
// Blocks are reused, so a reader must never see those of an object that is gone. The rule:
// blocks go back to the arena when refs falls to 0, and only then. The store's map holds
// one reference from Commit to Delete, and every open reader holds one until it is closed
// and its last running call is over.
type object struct {
	key     string
	size    int64
	held    int64 // what it counts for in Usage
	extents []extent
	refs    atomic.Int64
}

// reader is an object as one caller opened it.
type reader struct {
	store  *Store
	object *object
	closed atomic.Bool
	// calls is 1 for the open reader and 1 for each running call. At 0 the
	// reference to the object is given up; it never rises from 0.
	calls atomic.Int64
}

func (r *reader) begin() bool {
	for {
		n := r.calls.Load()
		if n == 0 || r.closed.Load() {
			return false
		}
		if r.calls.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

func (r *reader) end() {
	if r.calls.Add(-1) > 0 {
		return
	}
	r.store.drop(r.object)
	r.store.busy.Done()
}

// Size implements store.Object.
func (r *reader) Size() int64 { return r.object.size }

// ReadAt implements io.ReaderAt.
func (r *reader) ReadAt(p []byte, offset int64) (int, error) {
	if !r.begin() {
		return 0, fmt.Errorf("read object %q: %w", r.object.key, store.ErrClosed)
	}
	defer r.end()
	if offset < 0 {
		return 0, fmt.Errorf("read object %q: negative offset", r.object.key)
	}
	n := 0
	left := r.object.size
	for _, e := range r.object.extents {
		b := e.bytes()[:min(int64(e.size()), left)]
		left -= int64(len(b))
		if offset >= int64(len(b)) {
			offset -= int64(len(b))
			continue
		}
		n += copy(p[n:], b[offset:])
		offset = 0
		if n == len(p) {
			return n, nil
		}
	}
	if n == len(p) {
		return n, nil
	}
	return n, io.EOF
}

// WriteTo implements io.WriterTo. w is given the arena's own bytes.
func (r *reader) WriteTo(w io.Writer) (int64, error) {
	if !r.begin() {
		return 0, fmt.Errorf("read object %q: %w", r.object.key, store.ErrClosed)
	}
	defer r.end()
	var written int64
	for _, e := range r.object.extents {
		b := e.bytes()[:min(int64(e.size()), r.object.size-written)]
		n, err := w.Write(b)
		written += int64(n)
		if err != nil {
			return written, err
		}
		if n < len(b) {
			return written, io.ErrShortWrite
		}
	}
	return written, nil
}

// Close implements io.Closer. A second call does nothing.
func (r *reader) Close() error {
	if r.closed.CompareAndSwap(false, true) {
		r.end()
	}
	return nil
}
