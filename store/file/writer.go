package file

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/liveorigin/caddy-live-origin/store"
)

const (
	// copySize is how many bytes are gathered before they are written.
	copySize = 256 << 10
	// idleReads is how many reads in a row may return nothing.
	idleReads = 100
)

var buffers = sync.Pool{New: func() any { return new([copySize]byte) }}

// writer receives one object in a temporary file.
type writer struct {
	store  *Store
	key    string
	name   string
	file   *os.File
	size   int64
	failed error
	done   bool
}

// Write implements io.Writer.
func (w *writer) Write(p []byte) (int, error) {
	if w.done {
		_ = w.fail(store.ErrClosed)
	}
	if w.failed != nil {
		return 0, w.failed
	}
	more := occupied(w.size+int64(len(p))) - occupied(w.size)
	if !w.store.reserve(more) {
		return 0, w.fail(store.ErrFull)
	}
	n, err := w.file.Write(p)
	if errors.Is(full(err), store.ErrFull) && w.store.removals.wait() {
		var rest int
		rest, err = w.file.Write(p[n:]) // there is more room now
		n += rest
	}
	if err != nil {
		w.store.used.Add(-more)
		return n, w.fail(full(err))
	}
	w.size += int64(n)
	return n, nil
}

// ReadFrom implements io.ReaderFrom.
func (w *writer) ReadFrom(r io.Reader) (int64, error) {
	buffer := buffers.Get().(*[copySize]byte)
	defer buffers.Put(buffer)
	var total int64
	for {
		n, err := gather(r, buffer[:])
		if _, err := w.Write(buffer[:n]); err != nil {
			return total, err
		}
		total += int64(n)
		if errors.Is(err, io.EOF) {
			return total, nil
		}
		if err != nil {
			return total, w.fail(err)
		}
	}
}

// gather reads until b is full or r has no more.
func gather(r io.Reader, b []byte) (int, error) {
	n := 0
	for idle := 0; n < len(b); {
		k, err := r.Read(b[n:])
		if k < 0 || k > len(b)-n {
			return n, fmt.Errorf("reader returned %d for %d bytes", k, len(b)-n)
		}
		n += k
		if err != nil {
			return n, err
		}
		if k > 0 {
			idle = 0
			continue
		}
		if idle++; idle == idleReads {
			return n, io.ErrNoProgress
		}
	}
	return n, nil
}

func (w *writer) fail(err error) error {
	if w.failed == nil {
		w.failed = fmt.Errorf("write object %q: %w", w.key, err)
	}
	return w.failed
}

// Commit implements store.Writer.
func (w *writer) Commit() error {
	if w.done {
		return fmt.Errorf("commit object %q: %w", w.key, store.ErrClosed)
	}
	defer w.Abort()
	if w.failed != nil {
		return w.failed
	}
	if err := w.commit(); err != nil {
		return fmt.Errorf("commit object %q: %w", w.key, full(err))
	}
	w.done = true
	w.store.busy.Done()
	return nil
}

func (w *writer) commit() error {
	if w.store.fsync.Load() {
		if err := w.file.Sync(); err != nil {
			return err
		}
	}
	if err := w.file.Close(); err != nil {
		return err
	}
	return w.store.publish(w.key, w.name, w.size)
}

// Abort implements store.Writer.
func (w *writer) Abort() {
	if w.done {
		return
	}
	w.done = true
	w.file.Close()                  // a second close does no harm
	_ = w.store.root.Remove(w.name) // else it goes when the store is opened again
	w.store.used.Add(-occupied(w.size))
	w.store.busy.Done()
}
