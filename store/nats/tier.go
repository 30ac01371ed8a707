package nats

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/liveorigin/caddy-live-origin/store"
)

// overflowBytes is how much of what comes from other nodes is kept in memory while the node's own tier has no room
// for it: enough for what viewers ask for now. What is older is fetched again when somebody wants it.
const overflowBytes = 64 << 20

// tier is the node's own tier. A node whose disk is full still follows the others and serves its viewers, with
// what it holds in memory: else it would list what it can't deliver, and give up slots that all others have.
type tier struct {
	store.Store

	mu   sync.Mutex
	held map[string][]byte
	keys []string // of held, the oldest first
	size int64    // of held, and of what is being received
}

func newTier(local store.Store) *tier { return &tier{Store: local, held: map[string][]byte{}} }

// Open implements store.Objects.
func (t *tier) Open(ctx context.Context, key string) (store.Object, error) {
	object, err := t.Store.Open(ctx, key)
	if !errors.Is(err, store.ErrNotFound) {
		return object, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if data, ok := t.held[key]; ok {
		return &overflowed{Reader: bytes.NewReader(data), data: data}, nil
	}
	return nil, err
}

// Delete implements store.Objects.
func (t *tier) Delete(ctx context.Context, key string) error {
	t.mu.Lock()
	t.drop(key)
	t.mu.Unlock()
	return t.Store.Delete(ctx, key)
}

// drop forgets what is held of an object. mu is held.
func (t *tier) drop(key string) {
	if data, ok := t.held[key]; ok {
		delete(t.held, key)
		t.size -= int64(len(data))
		i := slices.Index(t.keys, key)
		t.keys = slices.Delete(t.keys, i, i+1)
	}
}

// overflow starts an object of this size in memory. Errors: store.ErrFull.
func (t *tier) overflow(key string, size int64) (store.Writer, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.size+size > overflowBytes && len(t.keys) > 0 {
		t.drop(t.keys[0])
	}
	if t.size+size > overflowBytes {
		return nil, store.ErrFull
	}
	t.size += size
	return &overflowing{tier: t, key: key, size: size}, nil
}

// overflowing is an object that is being received.
type overflowing struct {
	tier   *tier
	key    string
	size   int64 // that was reserved
	data   bytes.Buffer
	closed bool
}

var errLonger = errors.New("it is longer than was said")

// Write implements store.Writer.
func (w *overflowing) Write(p []byte) (int, error) {
	if int64(w.data.Len()+len(p)) > w.size {
		return 0, errLonger
	}
	return w.data.Write(p)
}

// ReadFrom implements store.Writer.
func (w *overflowing) ReadFrom(r io.Reader) (int64, error) {
	n, err := w.data.ReadFrom(io.LimitReader(r, w.size-int64(w.data.Len())+1))
	if err == nil && int64(w.data.Len()) > w.size {
		err = errLonger
	}
	return n, err
}

// Commit implements store.Writer.
func (w *overflowing) Commit() error {
	t := w.tier
	data := bytes.Clone(w.data.Bytes()) // a buffer grows to twice of what is counted
	t.mu.Lock()
	defer t.mu.Unlock()
	if w.closed {
		return store.ErrClosed
	}
	w.closed = true
	t.size -= w.size
	if _, ok := t.held[w.key]; ok {
		return store.ErrExists
	}
	t.held[w.key] = data
	t.keys = append(t.keys, w.key)
	t.size += int64(len(data))
	return nil
}

// Abort implements store.Writer.
func (w *overflowing) Abort() {
	w.tier.mu.Lock()
	defer w.tier.mu.Unlock()
	if !w.closed {
		w.closed = true
		w.tier.size -= w.size
	}
}

// overflowed is an object in memory.
type overflowed struct {
	*bytes.Reader // of which ReadAt and Size may be called by many
	data          []byte
}

// WriteTo implements store.Object.
func (o *overflowed) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write(o.data)
	if err != nil {
		return int64(n), fmt.Errorf("write object: %w", err)
	}
	return int64(n), nil
}

// Close implements store.Object.
func (*overflowed) Close() error { return nil }
