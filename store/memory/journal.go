package memory

import (
	"bytes"
	"context"
	"fmt"
	"sync"

	"github.com/liveorigin/caddy-live-origin/store"
)

// recordOverhead is what a record counts for besides its bytes.
const recordOverhead = 32

// journal keeps records as a slice; the last one's revision is last.
type journal struct {
	store   *Store
	mu      sync.Mutex
	closed  bool
	last    uint64
	records [][]byte
}

// ready checks that a call may go on; mu is held.
func (j *journal) ready(ctx context.Context) error {
	if j.closed {
		return store.ErrClosed
	}
	return ctx.Err()
}

// Append implements store.Journal.
func (j *journal) Append(ctx context.Context, last uint64, records ...[]byte) (uint64, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.ready(ctx); err != nil {
		return 0, fmt.Errorf("append to journal: %w", err)
	}
	if last != j.last {
		return 0, fmt.Errorf("append to journal: last revision is %d, not %d: %w", j.last, last, store.ErrConflict)
	}
	for _, record := range records {
		j.records = append(j.records, bytes.Clone(record))
		j.store.used.Add(recordOverhead + int64(len(record)))
	}
	j.last += uint64(len(records))
	return j.last, nil
}

// Read implements store.Journal. It works on what is there when it begins:
// records are never changed, and a slice of them outlives Forget.
func (j *journal) Read(ctx context.Context, after uint64, yield func(uint64, []byte) error) error {
	j.mu.Lock()
	err, records := j.ready(ctx), j.records
	revision := j.last - uint64(len(records))
	j.mu.Unlock()
	if err != nil {
		return fmt.Errorf("read journal: %w", err)
	}
	for _, record := range records {
		revision++
		if revision <= after {
			continue
		}
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("read journal: %w", err)
		}
		if err := yield(revision, record); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// Last implements store.Journal.
func (j *journal) Last(ctx context.Context) (uint64, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.ready(ctx); err != nil {
		return 0, fmt.Errorf("read journal: %w", err)
	}
	return j.last, nil
}

// Forget implements store.Journal.
func (j *journal) Forget(ctx context.Context, before uint64) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.ready(ctx); err != nil {
		return fmt.Errorf("forget in journal: %w", err)
	}
	first := j.last - uint64(len(j.records)) + 1
	if before <= first {
		return nil
	}
	n := min(before-first, uint64(len(j.records)))
	if n < uint64(len(j.records))-n {
		return nil // not before the copy below frees more than it copies
	}
	for _, record := range j.records[:n] {
		j.store.used.Add(-recordOverhead - int64(len(record)))
	}
	// A new array lets the forgotten records go.
	j.records = append([][]byte(nil), j.records[n:]...)
	return nil
}

func (j *journal) close() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.closed = true
	j.records = nil
}
