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

// compactAt is the least number of forgotten bytes for which a journal is
// written anew. Below half of the file it is not done either, so that each byte
// is copied about once in its life.
const compactAt = 64 << 10

// journal is one open journal. Its file is described in format.go.
type journal struct {
	store *Store
	name  string
	path  string

	mu      sync.Mutex
	closed  bool
	broken  error // the state of the file is not known
	log     *logFile
	base    uint64  // revision before the first record of the file
	offsets []int64 // where the records begin
	end     int64   // where the next one will
	buf     []byte
}

// logFile is a file that lives until nobody reads it any more: Read goes on in
// the old one when the journal was compacted meanwhile.
type logFile struct {
	*os.File
	refs int // guarded by journal.mu
}

func (j *journal) last() uint64 { return j.base + uint64(len(j.offsets)) }

// ready checks that a call may go on; mu is held.
func (j *journal) ready(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if j.closed {
		return store.ErrClosed
	}
	return j.broken
}

// Append implements store.Journal.
func (j *journal) Append(ctx context.Context, last uint64, record []byte) (uint64, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.ready(ctx); err != nil {
		return 0, fmt.Errorf("append to journal %q: %w", j.name, err)
	}
	if last != j.last() {
		return 0, fmt.Errorf("append to journal %q: last revision is %d, not %d: %w", j.name, j.last(), last, store.ErrConflict)
	}
	if len(record) > maxRecord {
		return 0, fmt.Errorf("append to journal %q: record of %d bytes is longer than %d", j.name, len(record), maxRecord)
	}
	if err := j.write(last+1, record); err != nil {
		return 0, fmt.Errorf("append to journal %q: %w", j.name, full(err))
	}
	return last + 1, nil
}

func (j *journal) write(revision uint64, record []byte) error {
	j.buf = appendRecord(j.buf[:0], revision, record)
	size := int64(len(j.buf))
	_, err := j.log.WriteAt(j.buf, j.end)
	if cap(j.buf) > 1<<20 {
		j.buf = nil
	}
	if err != nil {
		// A torn record must not stand before the next one.
		if cut := j.log.Truncate(j.end); cut != nil {
			j.broken = fmt.Errorf("a record is half written: %w", cut)
		}
		return err
	}
	if j.store.options.Fsync {
		if err := j.log.Sync(); err != nil {
			// The system may have dropped the bytes and call them clean: a
			// second Sync would prove nothing. Opening anew reads what is there.
			j.broken = fmt.Errorf("the disk did not take a record: %w", err)
			j.log.Truncate(j.end)
			return err
		}
	}
	j.offsets = append(j.offsets, j.end)
	j.end += size
	j.store.used.Add(size)
	return nil
}

// Read implements store.Journal. It reads up to what is there when it begins.
func (j *journal) Read(ctx context.Context, after uint64, yield func(uint64, []byte) error) error {
	j.mu.Lock()
	if err := j.ready(ctx); err != nil {
		j.mu.Unlock()
		return fmt.Errorf("read journal %q: %w", j.name, err)
	}
	revision, last := max(after, j.base), j.last()
	if revision >= last {
		j.mu.Unlock()
		return nil
	}
	log, from, end := j.log, j.offsets[revision-j.base], j.end
	log.refs++
	j.mu.Unlock()
	defer j.release(log)

	source := bufio.NewReaderSize(io.NewSectionReader(log, from, end-from), 64<<10)
	var buf []byte
	for revision < last {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("read journal %q: %w", j.name, err)
		}
		revision++
		var err error
		if buf, err = readRecord(source, revision, end-from, buf); err != nil {
			return fmt.Errorf("read journal %q: record %d: %w", j.name, revision, err)
		}
		if err := yield(revision, buf); err != nil {
			return err
		}
	}
	return nil
}

func (j *journal) release(log *logFile) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if log.refs--; log.refs == 0 {
		log.Close()
	}
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

// Forget implements store.Journal.
func (j *journal) Forget(ctx context.Context, before uint64) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.ready(ctx); err != nil {
		return fmt.Errorf("forget in journal %q: %w", j.name, err)
	}
	if before <= j.base+1 {
		return nil
	}
	n := min(before-j.base-1, uint64(len(j.offsets)))
	from := j.end
	if n < uint64(len(j.offsets)) {
		from = j.offsets[n]
	}
	if forgotten := from - headerSize; forgotten < compactAt || forgotten < j.end/2 {
		return nil
	}
	if err := j.rewrite(j.base+n, int(n), from); err != nil {
		return fmt.Errorf("compact journal %q: %w", j.name, full(err))
	}
	return nil
}

// rewrite replaces the file by one that holds the records behind the revision
// base, which are those from number n and byte from on. It always waits for the
// disk: without that, power loss could cost the whole journal, not its end.
func (j *journal) rewrite(base uint64, n int, from int64) error {
	name := j.store.tempName()
	f, err := j.store.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o644)
	if err != nil {
		return err
	}
	if err := j.fill(f, base, from); err != nil {
		f.Close()
		j.store.root.Remove(name)
		return err
	}
	if err := j.store.replace(name, j.path); err != nil {
		// Which of the two files has the name now is not known.
		f.Close()
		j.broken = fmt.Errorf("the journal's file was not replaced: %w", err)
		return err
	}
	shift := from - headerSize
	offsets := make([]int64, len(j.offsets)-n, len(j.offsets)-n+16)
	for i := range offsets {
		offsets[i] = j.offsets[n+i] - shift
	}
	if j.log != nil {
		if j.log.refs--; j.log.refs == 0 {
			j.log.Close()
		}
	}
	j.log, j.base, j.offsets = &logFile{f, 1}, base, offsets
	j.store.used.Add(-shift)
	j.end -= shift
	return nil
}

func (j *journal) fill(f *os.File, base uint64, from int64) error {
	if _, err := f.Write(header(base)); err != nil {
		return err
	}
	if j.log != nil {
		if _, err := io.Copy(f, io.NewSectionReader(j.log, from, j.end-from)); err != nil {
			return err
		}
	}
	return f.Sync()
}

func (j *journal) close() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return
	}
	j.closed = true
	if j.log.refs--; j.log.refs == 0 {
		j.log.Close()
	}
}

// isHeader reports whether b is a sound header, and the revision in it.
func isHeader(b []byte) (base uint64, ok bool) {
	if len(b) < headerSize {
		return 0, false
	}
	base = byteOrder.Uint64(b[8:])
	return base, bytes.Equal(b[:headerSize], header(base))
}
