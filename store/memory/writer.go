package memory

import (
	"fmt"
	"io"

	"github.com/liveorigin/caddy-live-origin/store"
)

const (
	// minStep and maxStep bound how many bytes an unfinished object is ahead of what has
	// arrived. In between it doubles, so that a false announcement costs no more than what
	// the sender has really sent.
	minStep = 64 << 10
	maxStep = 1 << 20
	// idleReads is how many reads in a row may return nothing.
	idleReads = 100
)

// writer receives one object.
type writer struct {
	store     *Store
	object    *object
	announced int64  // bytes, or -1
	room      []byte // the rest of the last extent
	failed    error
	done      bool
	// spill takes the read that is expected to find the end of the source, when
	// the announced size or the capacity is reached.
	spill [64]byte
}

// Write implements io.Writer.
func (w *writer) Write(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		if err := w.makeRoom(len(p) - n); err != nil {
			return n, w.fail(err)
		}
		c := copy(w.room, p[n:])
		w.advance(c)
		n += c
	}
	return n, w.failed
}

// ReadFrom implements io.ReaderFrom.
func (w *writer) ReadFrom(r io.Reader) (int64, error) {
	var total int64
	for idle := 0; ; idle++ {
		buf, spilled := w.target()
		if w.failed != nil {
			return total, w.failed
		}
		n, err := r.Read(buf)
		if n < 0 || n > len(buf) {
			return total, w.fail(fmt.Errorf("reader returned %d for %d bytes", n, len(buf)))
		}
		if n > 0 {
			idle = 0
		}
		if spilled {
			if n, err := w.Write(buf[:n]); err != nil {
				return total + int64(n), err
			}
		} else {
			w.advance(n)
		}
		total += int64(n)
		if err == io.EOF {
			return total, nil
		}
		if err != nil {
			return total, w.fail(err)
		}
		if idle == idleReads {
			return total, w.fail(io.ErrNoProgress)
		}
	}
}

// target returns where to read to: the object's own bytes, or the spill.
func (w *writer) target() (buf []byte, spilled bool) {
	if w.done {
		_ = w.fail(store.ErrClosed)
		return nil, false
	}
	if len(w.room) == 0 && w.object.size == w.announced {
		return w.spill[:], true
	}
	if w.makeRoom(1) != nil {
		// Only a source that has more to give does not fit.
		return w.spill[:], true
	}
	return w.room, false
}

// makeRoom makes sure there is room for at least one byte. atLeast is what
// the caller has in hand.
func (w *writer) makeRoom(atLeast int) error {
	if w.done {
		return store.ErrClosed
	}
	if w.failed != nil {
		return w.failed
	}
	if len(w.room) > 0 {
		return nil
	}
	o := w.object
	want := min(max(o.size, minStep), maxStep)
	if w.announced > o.size {
		want = min(want, w.announced-o.size)
	} else if w.announced == o.size {
		want = int64(atLeast) // more than announced: any guess would be worthless
	}
	granted := w.store.reserve(roundUp(want, blockSize), blockSize)
	if granted == 0 {
		return store.ErrFull
	}
	e, err := w.store.arena.alloc(int(granted / blockSize))
	if err != nil {
		w.store.used.Add(-granted)
		return fmt.Errorf("%w: %w", store.ErrFull, err)
	}
	w.store.used.Add(int64(e.size()) - granted)
	o.held += int64(e.size())
	w.room = e.bytes()
	o.add(e)
	return nil
}

// add appends an extent, joined with the last one where they touch.
func (o *object) add(e extent) {
	if n := len(o.extents); n > 0 {
		last := &o.extents[n-1]
		if last.region == e.region && last.start+last.blocks == e.start {
			last.blocks += e.blocks
			return
		}
	}
	o.extents = append(o.extents, e)
}

func (w *writer) advance(n int) {
	w.room = w.room[n:]
	w.object.size += int64(n)
}

func (w *writer) fail(err error) error {
	if w.failed == nil {
		w.failed = fmt.Errorf("write object %q: %w", w.object.key, err)
	}
	return w.failed
}

// Commit implements store.Writer.
func (w *writer) Commit() error {
	if w.done {
		return fmt.Errorf("commit object %q: %w", w.object.key, store.ErrClosed)
	}
	defer w.Abort()
	if w.failed != nil {
		return w.failed
	}
	w.trim()
	o, s := w.object, w.store
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.objects[o.key] != nil {
		return fmt.Errorf("commit object %q: %w", o.key, store.ErrExists)
	}
	o.refs.Store(1)
	s.objects[o.key] = o
	w.done = true
	s.busy.Done()
	return nil
}

// trim gives back the blocks that were not reached.
func (w *writer) trim() {
	spare := len(w.room) / blockSize
	w.room = nil
	if spare == 0 {
		return
	}
	o := w.object
	last := &o.extents[len(o.extents)-1]
	last.blocks -= spare
	unused := extent{last.region, last.start + last.blocks, spare}
	if last.blocks == 0 {
		o.extents = o.extents[:len(o.extents)-1]
	}
	w.store.arena.release(unused)
	o.held -= int64(unused.size())
	w.store.used.Add(-int64(unused.size()))
}

// Abort implements store.Writer.
func (w *writer) Abort() {
	if w.done {
		return
	}
	w.done = true
	w.room = nil
	w.store.free(w.object)
	w.store.busy.Done()
}
