package storetest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/liveorigin/caddy-live-origin/store"
)

func (s suite) testJournals(t *testing.T) {
	t.Run("revisions are 1, 2, 3", s.testRevisions)
	t.Run("expected revision", s.testExpectedRevision)
	t.Run("several records at once", s.testSeveralAtOnce)
	t.Run("many appenders lose nothing", s.testManyAppenders)
	t.Run("reads behind a revision", s.testReadAfter)
	t.Run("forgets, but not its last revision", s.testForget)
	t.Run("can be emptied", s.testForgetAll)
	t.Run("two handles of one name", s.testTwoHandles)
	t.Run("keeps a copy of the record", s.testRecordCopied)
	t.Run("is read while it grows and forgets", s.testReadWhileAppending)
	t.Run("counts for usage", s.testJournalUsage)
	t.Run("context canceled", s.testJournalContext)
}

func journal(t testing.TB, st store.Store, name string) store.Journal {
	t.Helper()
	j, err := st.Journal(context.Background(), name)
	if err != nil {
		t.Fatalf("journal %q: %v", name, err)
	}
	return j
}

func appendRecord(t testing.TB, j store.Journal, last uint64, record []byte) {
	t.Helper()
	revision, err := j.Append(context.Background(), last, record)
	if err != nil || revision != last+1 {
		t.Fatalf("append behind %d: revision %d, %v", last, revision, err)
	}
}

func wantLast(t testing.TB, j store.Journal, want uint64) {
	t.Helper()
	if last, err := j.Last(context.Background()); err != nil || last != want {
		t.Fatalf("last revision is %d, %v; want %d", last, err, want)
	}
}

// wantRecords checks that Read past after gives exactly from..to.
func wantRecords(t testing.TB, j store.Journal, after, from, to uint64, want func(revision uint64) []byte) {
	t.Helper()
	next := from
	err := j.Read(context.Background(), after, func(revision uint64, record []byte) error {
		if revision != next || !bytes.Equal(record, want(revision)) {
			return fmt.Errorf("got revision %d with %d bytes, want revision %d", revision, len(record), next)
		}
		next++
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if next != to+1 {
		t.Fatalf("the records end before %d, want %d", next, to+1)
	}
}

// record has a length that differs from its neighbours', 0 included.
func record(revision uint64) []byte { return content(revision, int(revision*37%500)) }

func (s suite) testRevisions(t *testing.T) {
	st := s.fresh(t, 0)
	j := journal(t, st, "channel/sports")
	wantLast(t, j, 0)
	wantRecords(t, j, 0, 1, 0, record)
	for i := range uint64(50) {
		appendRecord(t, j, i, record(i+1))
		wantLast(t, j, i+1)
	}
	appendRecord(t, j, 50, nil)
	// Every engine takes 512 KiB, and says so clearly if it does not take more.
	large := content(1, 3<<20)
	if _, err := j.Append(context.Background(), 51, large); err != nil {
		wantError(t, err, store.ErrTooLarge)
		large = content(1, 512<<10)
		appendRecord(t, j, 51, large)
	}
	wantRecords(t, j, 0, 1, 52, func(revision uint64) []byte {
		switch revision {
		case 51:
			return nil
		case 52:
			return large
		}
		return record(revision)
	})
	wantLast(t, journal(t, st, "channel"), 0)
}

func (s suite) testExpectedRevision(t *testing.T) {
	j := journal(t, s.fresh(t, 0), "j")
	ctx := context.Background()
	for _, last := range []uint64{1, 2, 1 << 63, ^uint64(0)} {
		_, err := j.Append(ctx, last, []byte("x"))
		wantError(t, err, store.ErrConflict)
	}
	appendRecord(t, j, 0, record(1))
	appendRecord(t, j, 1, record(2))
	for _, last := range []uint64{0, 1, 3, ^uint64(0)} {
		_, err := j.Append(ctx, last, []byte("x"))
		wantError(t, err, store.ErrConflict)
	}
	wantRecords(t, j, 0, 1, 2, record)
}

func (s suite) testSeveralAtOnce(t *testing.T) {
	j := journal(t, s.fresh(t, 0), "j")
	ctx := context.Background()
	long := func(revision uint64) []byte { return content(revision, int(revision%7*10_000)) }
	last := uint64(0)
	for _, count := range []uint64{3, 1, 0, 40} {
		var list [][]byte
		for i := range count {
			list = append(list, long(last+i+1))
		}
		if revision, err := j.Append(ctx, last, list...); err != nil || revision != last+count {
			t.Fatalf("append %d behind %d: revision %d, %v", count, last, revision, err)
		}
		last += count
		for _, record := range list {
			clear(record)
		}
		wantLast(t, j, last)
	}
	for _, after := range []uint64{0, 2, 10, last - 1} {
		wantRecords(t, j, after, after+1, last, long)
	}
	_, err := j.Append(ctx, last-1, long(1), long(2))
	wantError(t, err, store.ErrConflict)
	if _, err := j.Append(ctx, last, long(last+1), content(1, 3<<20)); err != nil {
		wantError(t, err, store.ErrTooLarge)
	} else {
		last += 2 // the engine takes longer ones
	}
	wantLast(t, j, last)
}

func (s suite) testManyAppenders(t *testing.T) {
	j := journal(t, s.fresh(t, 0), "j")
	ctx := context.Background()
	const appenders, each = 32, 8
	var wg sync.WaitGroup
	for i := range appenders {
		wg.Go(func() {
			for k := range each {
				b := binary.BigEndian.AppendUint64(nil, uint64(i*each+k))
				for {
					last, err := j.Last(ctx)
					if err == nil {
						_, err = j.Append(ctx, last, b)
					}
					if err == nil {
						break
					}
					if !errors.Is(err, store.ErrConflict) {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	seen := make(map[uint64]bool)
	err := j.Read(ctx, 0, func(revision uint64, b []byte) error {
		seen[binary.BigEndian.Uint64(b)] = true
		return nil
	})
	if err != nil || len(seen) != appenders*each {
		t.Fatalf("%d different records, want %d: %v", len(seen), appenders*each, err)
	}
	wantLast(t, j, appenders*each)
}

func (s suite) testReadAfter(t *testing.T) {
	j := journal(t, s.fresh(t, 0), "j")
	for i := range uint64(20) {
		appendRecord(t, j, i, record(i+1))
	}
	for after := range uint64(22) {
		wantRecords(t, j, after, after+1, max(20, after), record)
	}
	stop, calls := errors.New("enough"), 0
	err := j.Read(context.Background(), 5, func(revision uint64, _ []byte) error {
		calls++
		if revision == 8 {
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) || calls != 3 {
		t.Fatalf("%d calls, error %v", calls, err)
	}
}

func (s suite) testForget(t *testing.T) {
	j := journal(t, s.fresh(t, 0), "j")
	ctx := context.Background()
	if err := j.Forget(ctx, 10); err != nil {
		t.Fatal(err)
	}
	for i := range uint64(300) {
		appendRecord(t, j, i, record(i+1))
	}
	for _, before := range []uint64{0, 1, 2, 100, 50, 250, 300} {
		if err := j.Forget(ctx, before); err != nil {
			t.Fatal(err)
		}
		wantLast(t, j, 300)
		wantRecords(t, j, max(before, 250), max(before, 250)+1, 300, record)
		// What is still visible of the rest is whole and in order.
		next := uint64(0)
		err := j.Read(ctx, 0, func(revision uint64, b []byte) error {
			if next != 0 && revision != next || !bytes.Equal(b, record(revision)) {
				return fmt.Errorf("revision %d where %d is due", revision, next)
			}
			next = revision + 1
			return nil
		})
		if err != nil || next != 301 {
			t.Fatalf("the records end before %d: %v", next, err)
		}
	}
	if err := j.Forget(ctx, 1000); err != nil {
		t.Fatal(err)
	}
	wantLast(t, j, 300)
	_, err := j.Append(ctx, 0, nil)
	wantError(t, err, store.ErrConflict)
	appendRecord(t, j, 300, record(301))
	wantRecords(t, j, 300, 301, 301, record)
}

// What comes behind that is all that a reader gets.
func (s suite) testForgetAll(t *testing.T) {
	st := s.fresh(t, 0)
	if shared, ok := st.(store.Shared); ok {
		st = shared.Local() // what all nodes share goes a little later
	}
	j := journal(t, st, "j")
	for i := range uint64(5) {
		appendRecord(t, j, 2*i, record(2*i+1))
		appendRecord(t, j, 2*i+1, record(2*i+2))
		if err := j.Forget(context.Background(), 2*i+3); err != nil {
			t.Fatal(err)
		}
		wantLast(t, j, 2*i+2)
		wantRecords(t, j, 0, 1, 0, record)
	}
	appendRecord(t, j, 10, record(11))
	wantRecords(t, j, 0, 11, 11, record)
}

func (s suite) testTwoHandles(t *testing.T) {
	st := s.fresh(t, 0)
	a, b := journal(t, st, "j"), journal(t, st, "j")
	other := journal(t, st, "k")
	appendRecord(t, a, 0, record(1))
	_, err := b.Append(context.Background(), 0, record(1))
	wantError(t, err, store.ErrConflict)
	appendRecord(t, b, 1, record(2))
	wantRecords(t, a, 0, 1, 2, record)
	wantRecords(t, b, 0, 1, 2, record)
	wantLast(t, other, 0)
	put(t, st, "j", []byte("an object of the same name"))
	wantRecords(t, a, 0, 1, 2, record)
}

func (s suite) testRecordCopied(t *testing.T) {
	j := journal(t, s.fresh(t, 0), "j")
	b := content(1, 100)
	appendRecord(t, j, 0, b)
	clear(b)
	wantRecords(t, j, 0, 1, 1, func(uint64) []byte { return content(1, 100) })
}

func (s suite) testReadWhileAppending(t *testing.T) {
	j := journal(t, s.fresh(t, 0), "j")
	ctx := context.Background()
	appendRecord(t, j, 0, record(1))
	// From within yield.
	err := j.Read(ctx, 0, func(revision uint64, _ []byte) error {
		if revision == 1 {
			appendRecord(t, j, 1, record(2))
			return j.Forget(ctx, 1)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	const end = 600
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for after := uint64(0); after < end; {
				err := j.Read(ctx, after, func(revision uint64, b []byte) error {
					if revision <= after || !bytes.Equal(b, record(revision)) {
						return fmt.Errorf("revision %d behind %d", revision, after)
					}
					after = revision
					return nil
				})
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for i := uint64(2); i < end; i++ {
		appendRecord(t, j, i, record(i+1))
		if i%50 == 0 {
			if err := j.Forget(ctx, i-20); err != nil {
				t.Fatal(err)
			}
		}
	}
	wg.Wait()
}

func (s suite) testJournalUsage(t *testing.T) {
	st := s.fresh(t, 0)
	if shared, ok := st.(store.Shared); ok {
		st = shared.Local() // what all nodes share need not count at each of them
	}
	j := journal(t, st, "j")
	start := st.Usage().Bytes
	for i := range uint64(100) {
		appendRecord(t, j, i, content(i, 10_000))
	}
	full := st.Usage().Bytes - start
	if full < 1_000_000 || full > 1_100_000 {
		t.Fatalf("100 records of 10,000 bytes count for %d", full)
	}
	if err := j.Forget(context.Background(), 101); err != nil {
		t.Fatal(err)
	}
	if left := st.Usage().Bytes - start; left < 0 || left > full {
		t.Fatalf("after Forget they count for %d", left)
	}
}

func (s suite) testJournalContext(t *testing.T) {
	j := journal(t, s.fresh(t, 0), "j")
	appendRecord(t, j, 0, record(1))
	_, err := j.Append(canceled(), 1, record(2))
	wantError(t, err, context.Canceled)
	_, err = j.Last(canceled())
	wantError(t, err, context.Canceled)
	wantError(t, j.Forget(canceled(), 1), context.Canceled)
	none := func(uint64, []byte) error { return errors.New("called") }
	wantError(t, j.Read(canceled(), 0, none), context.Canceled)
	wantLast(t, j, 1)
}
