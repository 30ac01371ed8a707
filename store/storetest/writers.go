package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"

	"github.com/liveorigin/caddy-live-origin/store"
)

func (s suite) testWriters(t *testing.T) {
	t.Run("abort leaves nothing", s.testAbort)
	t.Run("source that fails leaves nothing", s.testFailedSource)
	t.Run("source that gives nothing is no endless loop", s.testSilentSource)
	t.Run("Write and ReadFrom take turns", s.testMixedWrites)
	t.Run("key is used once", s.testKeyOnce)
	t.Run("one of many writers of a key wins", s.testOneWinner)
	t.Run("announced size costs nothing", s.testHugeHint)
	t.Run("a tee sees every byte", s.testTee)
	t.Run("many at once", s.testManyWriters)
}

func (s suite) testAbort(t *testing.T) {
	st := s.fresh(t, 0)
	start := st.Usage().Bytes
	for _, n := range []int{0, 1, 70_000, 2_500_000} {
		w := create(t, st, "a", int64(n))
		if _, err := w.Write(content(1, n)); err != nil {
			t.Fatal(err)
		}
		if u := st.Usage(); u.Bytes < start+int64(n) {
			t.Fatalf("an unfinished write of %d bytes counts for %d", n, u.Bytes-start)
		}
		w.Abort()
		w.Abort()
		wantUsage(t, st, start, 0)
		wantNone(t, st, "a")
		wantError(t, w.Commit(), store.ErrClosed)
		if _, err := w.Write([]byte("more")); err == nil {
			t.Fatal("write after abort")
		}
		wantNone(t, st, "a")
		wantUsage(t, st, start, 0)
	}
	put(t, st, "a", []byte("the key is still free"))
}

var errSource = errors.New("connection reset")

func (s suite) testFailedSource(t *testing.T) {
	st := s.fresh(t, 0)
	start := st.Usage().Bytes
	for _, n := range []int{0, 1, 100_000} {
		for _, hint := range []int64{-1, int64(n), 150_000} {
			w := create(t, st, "a", hint)
			source := io.MultiReader(bytes.NewReader(content(1, n)), iotest.ErrReader(errSource))
			read, err := w.ReadFrom(source)
			wantError(t, err, errSource)
			if read != int64(n) {
				t.Fatalf("ReadFrom returned %d, want %d", read, n)
			}
			wantError(t, w.Commit(), errSource)
			w.Abort()
			wantNone(t, st, "a")
			wantUsage(t, st, start, 0)
		}
	}
}

type silentReader struct{}

func (silentReader) Read([]byte) (int, error) { return 0, nil }

func (s suite) testSilentSource(t *testing.T) {
	st := s.fresh(t, 0)
	w := create(t, st, "a", -1)
	defer w.Abort()
	_, err := w.ReadFrom(silentReader{})
	wantError(t, err, io.ErrNoProgress)
}

func (s suite) testMixedWrites(t *testing.T) {
	st := s.fresh(t, 0)
	b := content(9, 400_000)
	w := create(t, st, "a", 100_000) // too small, too
	defer w.Abort()
	for at, step := 0, 1; at < len(b); step = step*3 + 1 {
		part := b[at:min(at+step, len(b))]
		at += len(part)
		var n int64
		var err error
		if step%2 == 0 {
			n, err = w.ReadFrom(bytes.NewReader(part))
		} else {
			var k int
			k, err = w.Write(part)
			n = int64(k)
		}
		if err != nil || n != int64(len(part)) {
			t.Fatalf("wrote %d of %d bytes: %v", n, len(part), err)
		}
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	wantObject(t, st, "a", b)
}

func (s suite) testKeyOnce(t *testing.T) {
	st := s.fresh(t, 0)
	early := create(t, st, "a", -1)
	defer early.Abort()
	if _, err := early.Write([]byte("slow")); err != nil {
		t.Fatal(err)
	}
	unfinished := st.Usage().Bytes
	put(t, st, "a", []byte("fast"))
	_, err := st.Create(context.Background(), "a", -1)
	wantError(t, err, store.ErrExists)
	wantError(t, early.Commit(), store.ErrExists)
	early.Abort()
	wantObject(t, st, "a", []byte("fast"))
	if u := st.Usage(); u.Bytes > unfinished || u.Objects != 1 {
		t.Fatalf("the loser still counts: %+v", u)
	}
}

func (s suite) testOneWinner(t *testing.T) {
	st := s.fresh(t, 0)
	for round := range 20 {
		key := fmt.Sprint("contested/", round)
		before := st.Usage()
		winner := atomic.Int64{}
		winner.Store(-1)
		var ready, done sync.WaitGroup
		ready.Add(8)
		for i := range 8 {
			w := create(t, st, key, -1)
			done.Go(func() {
				defer w.Abort()
				_, err := w.Write(content(uint64(i), 5_000))
				ready.Done()
				ready.Wait()
				if err == nil {
					err = w.Commit()
				}
				switch {
				case err == nil && !winner.CompareAndSwap(-1, int64(i)):
					t.Error("two commits of one key succeeded")
				case err != nil && !errors.Is(err, store.ErrExists):
					t.Error(err)
				}
			})
		}
		done.Wait()
		if winner.Load() < 0 {
			t.Fatal("no commit succeeded")
		}
		wantObject(t, st, key, content(uint64(winner.Load()), 5_000))
		if u := st.Usage(); u.Objects != before.Objects+1 || u.Bytes > before.Bytes+bound(5_000) {
			t.Fatalf("usage after 8 writers of one key: %+v, before %+v", u, before)
		}
	}
}

func (s suite) testHugeHint(t *testing.T) {
	st := s.fresh(t, 0)
	start := st.Usage().Bytes
	w := create(t, st, "a", 1<<40)
	defer w.Abort()
	if cost := st.Usage().Bytes - start; cost > bound(0) {
		t.Fatalf("an announcement alone costs %d bytes", cost)
	}
	if _, err := w.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if cost := st.Usage().Bytes - start; cost > 1<<20 {
		t.Fatalf("one byte that arrived costs %d", cost)
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	wantObject(t, st, "a", []byte("x"))
	if cost := st.Usage().Bytes - start; cost > bound(1) {
		t.Fatalf("an object of one byte costs %d", cost)
	}
}

func (s suite) testTee(t *testing.T) {
	st := s.fresh(t, 0)
	b := content(4, 300_000)
	var seen bytes.Buffer
	w := create(t, st, "a", int64(len(b)))
	defer w.Abort()
	if _, err := w.ReadFrom(io.TeeReader(&unevenReader{b: b}, &seen)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(seen.Bytes(), b) {
		t.Fatal("the tee saw other bytes")
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	wantObject(t, st, "a", b)
}

func (s suite) testManyWriters(t *testing.T) {
	st := s.fresh(t, 0)
	start := st.Usage().Bytes
	var wg sync.WaitGroup
	for i := range 12 {
		wg.Go(func() {
			for k := range 10 {
				key, b := fmt.Sprintf("writer-%d/%d", i, k), content(uint64(i*100+k), 20_000*k)
				w, err := st.Create(context.Background(), key, int64(k%3)*20_000-1)
				if err != nil {
					t.Error(err)
					return
				}
				_, err = w.ReadFrom(&unevenReader{b: b})
				if err == nil && k%5 != 4 {
					err = w.Commit()
				}
				w.Abort()
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for i := range 12 {
		for k := range 10 {
			key := fmt.Sprintf("writer-%d/%d", i, k)
			if k%5 == 4 {
				wantNone(t, st, key)
				continue
			}
			wantObject(t, st, key, content(uint64(i*100+k), 20_000*k))
			remove(t, st, key)
		}
	}
	wantUsage(t, st, start, 0)
}
