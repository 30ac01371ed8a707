package file

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/liveorigin/caddy-live-origin/store"
)

// journal is one open journal. Its files are described in format.go.
type journal struct {
	store *Store
	name  string
	path  string // of its files, without their numbers

	mu     sync.Mutex
	closed bool
	// chunks are its files, in order. There is always one, and records are appended
	// to the last one.
	chunks []*chunk
	buf    []byte
}

func (j *journal) current() *chunk { return j.chunks[len(j.chunks)-1] }

func (j *journal) last() uint64 { return j.current().last() }

// ready checks that a call may go on; mu is held.
func (j *journal) ready(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if j.closed {
		return store.ErrClosed
	}
	return nil
}

// Append implements store.Journal.
func (j *journal) Append(ctx context.Context, last uint64, records ...[]byte) (uint64, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.ready(ctx); err != nil {
		return 0, fmt.Errorf("append to journal %q: %w", j.name, err)
	}
	if last != j.last() {
		return 0, fmt.Errorf("append to journal %q: last revision is %d, not %d: %w", j.name, j.last(), last, store.ErrConflict)
	}
	for _, record := range records {
		if len(record) > maxRecord {
			return 0, fmt.Errorf("append to journal %q: %w: it has %d bytes, but at most %d can be written", j.name, store.ErrTooLarge, len(record), maxRecord)
		}
	}
	for left := records; len(left) > 0; {
		if c := j.current(); c.end >= chunkSize || c.spoilt {
			if err := j.begin(j.last()); err != nil {
				return 0, fmt.Errorf("append to journal %q: begin another file: %w", j.name, full(err))
			}
		}
		c := j.current()
		some := c.takes(left)
		if err := j.write(c, some); err != nil {
			return 0, fmt.Errorf("append to journal %q: %w", j.name, full(err))
		}
		left = left[len(some):]
	}
	return j.last(), nil
}

// write writes records to a file, all of them or none.
func (j *journal) write(c *chunk, records [][]byte) error {
	j.buf = j.buf[:0]
	offsets := make([]int64, len(records))
	for i, record := range records {
		offsets[i] = c.end + int64(len(j.buf))
		j.buf = appendRecord(j.buf, c.last()+uint64(i)+1, record)
	}
	size := int64(len(j.buf))
	if err := j.open(c); err != nil {
		return err
	}
	_, err := c.file.WriteAt(j.buf, c.end)
	if cap(j.buf) > 1<<20 {
		j.buf = nil
	}
	if err != nil {
		// A torn record must not stand before the next one.
		c.spoilt = c.file.Truncate(c.end) != nil
		return err
	}
	if j.store.fsync.Load() {
		if err := c.file.Sync(); err != nil {
			// The system may have dropped the bytes and marked them clean: a second Sync
			// would prove nothing.
			c.spoilt = true
			_ = c.file.Truncate(c.end) // the disk's error is the one to report
			return err
		}
	}
	c.offsets = append(c.offsets, offsets...)
	c.end += size
	j.store.used.Add(size)
	return nil
}

// open opens the file of a chunk to append to it.
func (j *journal) open(c *chunk) (err error) {
	if c.file == nil {
		c.file, err = j.store.root.OpenFile(c.path, os.O_RDWR, fileMode)
	}
	return err
}

// stretch is what a reader reads from one file.
type stretch struct {
	*chunk
	revision  uint64 // before its first record
	last      uint64
	from, end int64
}

// Read implements store.Journal. It reads up to what is there when it begins.
func (j *journal) Read(ctx context.Context, after uint64, yield func(uint64, []byte) error) error {
	j.mu.Lock()
	if err := j.ready(ctx); err != nil {
		j.mu.Unlock()
		return fmt.Errorf("read journal %q: %w", j.name, err)
	}
	var list []stretch
	for _, c := range j.chunks {
		revision := max(after, c.base)
		if revision >= c.last() {
			continue
		}
		c.refs++
		list = append(list, stretch{chunk: c, revision: revision, last: c.last(), from: c.offsets[revision-c.base], end: c.end})
	}
	j.mu.Unlock()
	defer func() {
		j.mu.Lock()
		defer j.mu.Unlock()
		for _, s := range list {
			j.leave(s.chunk)
		}
	}()
	var buf []byte
	for _, s := range list {
		var err error
		if buf, err = j.readStretch(ctx, s, buf, yield); err != nil {
			return err
		}
	}
	return nil
}

func (j *journal) readStretch(ctx context.Context, s stretch, buf []byte, yield func(uint64, []byte) error) ([]byte, error) {
	f, err := j.store.root.Open(s.path)
	if err != nil {
		return buf, fmt.Errorf("read journal %q: %w", j.name, err)
	}
	defer f.Close()
	source := bufio.NewReaderSize(io.NewSectionReader(f, s.from, s.end-s.from), 64<<10)
	for revision := s.revision + 1; revision <= s.last; revision++ {
		if err := ctx.Err(); err != nil {
			return buf, fmt.Errorf("read journal %q: %w", j.name, err)
		}
		if buf, err = readRecord(source, revision, s.end-s.from, buf); err != nil {
			return buf, fmt.Errorf("read journal %q: record %d: %w", j.name, revision, err)
		}
		if err := yield(revision, buf); err != nil {
			return buf, err
		}
	}
	return buf, nil
}

// Last implements store.Journal.
func (j *journal) Last(ctx context.Context) (uint64, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.ready(ctx); err != nil {
		return 0, fmt.Errorf("read journal %q: %w", j.name, err)
	}
	return j.last(), nil
}

// Forget implements store.Journal. Files of which no record is needed any more are removed;
// the others stay as they are, and so do their records.
func (j *journal) Forget(ctx context.Context, before uint64) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.ready(ctx); err != nil {
		return fmt.Errorf("forget in journal %q: %w", j.name, err)
	}
	if c := j.current(); before > c.last() && len(c.offsets) > 0 {
		// Its number is all that is left of it.
		if err := j.begin(c.last()); err != nil {
			return fmt.Errorf("forget in journal %q: begin another file: %w", j.name, full(err))
		}
	}
	for len(j.chunks) > 1 && j.chunks[1].base < before {
		j.drop()
	}
	if before >= j.last() {
		j.current().stop() // there may be nothing to follow
	}
	return nil
}

func (j *journal) close() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return
	}
	j.closed = true
	j.current().stop()
}

// isHeader reports whether b is the header of a file that begins after base.
func isHeader(b []byte, base uint64) bool {
	return len(b) >= headerSize && bytes.Equal(b[:headerSize], header(base))
}
