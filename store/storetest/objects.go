package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"
	"sync"
	"testing"

	"github.com/liveorigin/caddy-live-origin/store"
)

func (s suite) testObjects(t *testing.T) {
	t.Run("is invisible before commit", s.testInvisible)
	t.Run("comes back whole in every size", s.testSizes)
	t.Run("ReadAt reads any part", s.testReadAt)
	t.Run("is read by many at once", s.testManyReaders)
	t.Run("that was deleted is read on", s.testDeleteWhileOpen)
	t.Run("bytes are never used again under a reader", s.testReuse)
	t.Run("fails after its close", s.testClosedObject)
	t.Run("that is not there", s.testMissing)
	t.Run("key outside the grammar", s.testKeys)
	t.Run("keys do not stand in each other's way", s.testNesting)
	t.Run("list by prefix", s.testList)
	t.Run("context canceled", s.testObjectContext)
}

func (s suite) testInvisible(t *testing.T) {
	st := s.fresh(t, 0)
	w := create(t, st, "a", -1)
	wantNone(t, st, "a")
	if _, err := w.Write([]byte("whole")); err != nil {
		t.Fatal(err)
	}
	wantNone(t, st, "a")
	if n := st.Usage().Objects; n != 0 {
		t.Fatalf("usage counts %d objects before commit", n)
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	wantObject(t, st, "a", []byte("whole"))
	w.Abort()
	wantObject(t, st, "a", []byte("whole"))
	wantError(t, w.Commit(), store.ErrClosed)
	wantObject(t, st, "a", []byte("whole"))
}

func (s suite) testSizes(t *testing.T) {
	st := s.fresh(t, 0)
	sizes := []int{0, 1, 200, 511, 512, 513, 4095, 4096, 4097, 65535, 65536, 65537, 1<<20 + 1, 2 << 20, 3<<20 + 77}
	for _, n := range sizes {
		b := content(uint64(n), n)
		for _, hint := range []int64{-1, 0, int64(n), int64(n) - 1, int64(n) + 1, int64(n) / 2} {
			key := fmt.Sprintf("size/%d/%d", n, hint+2)
			if hint < 0 {
				hint = -1
			}
			before := st.Usage()
			w, err := st.Create(context.Background(), key, hint)
			if err != nil {
				// Two hints of a small size may be the same.
				wantError(t, err, store.ErrExists)
				continue
			}
			if _, err := w.ReadFrom(&unevenReader{b: b}); err != nil {
				t.Fatalf("size %d, announced %d: %v", n, hint, err)
			}
			if err := w.Commit(); err != nil {
				t.Fatalf("size %d, announced %d: %v", n, hint, err)
			}
			wantObject(t, st, key, b)
			after := st.Usage()
			cost := after.Bytes - before.Bytes
			if cost < int64(n) || cost > bound(n) || after.Objects != before.Objects+1 {
				t.Fatalf("size %d, announced %d: usage rose by %d bytes and %d objects", n, hint, cost, after.Objects-before.Objects)
			}
		}
	}
}

// unevenReader gives pieces of changing length, none at all now and then, and
// sometimes the end together with the last bytes, as network readers do.
type unevenReader struct {
	b    []byte
	step int
}

func (r *unevenReader) Read(p []byte) (int, error) {
	r.step++
	if r.step%7 == 3 {
		return 0, nil
	}
	if len(r.b) == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.b[:min(len(r.b), 1+r.step*977)])
	r.b = r.b[n:]
	if len(r.b) == 0 && r.step%2 == 0 {
		return n, io.EOF
	}
	return n, nil
}

func (s suite) testReadAt(t *testing.T) {
	st := s.fresh(t, 0)
	b := content(1, 300_000)
	put(t, st, "a", b)
	o := open(t, st, "a")
	defer o.Close()
	reference := bytes.NewReader(b)
	for _, offset := range []int64{0, 1, 511, 512, 65_535, 65_536, 131_071, 299_999, 300_000, 300_001} {
		for _, n := range []int{0, 1, 513, 70_000, 300_000, 300_001} {
			want, got := make([]byte, n), make([]byte, n)
			if n == 0 && offset >= reference.Size() {
				continue // io.ReaderAt leaves this open
			}
			wantN, wantErr := reference.ReadAt(want, offset)
			gotN, gotErr := o.ReadAt(got, offset)
			if gotN != wantN || !errors.Is(gotErr, wantErr) && gotErr != nil || !bytes.Equal(got, want) {
				t.Fatalf("ReadAt(%d bytes, %d) = %d, %v; want %d, %v", n, offset, gotN, gotErr, wantN, wantErr)
			}
			if gotN < n && !errors.Is(gotErr, io.EOF) {
				t.Fatalf("ReadAt(%d bytes, %d) = %d, %v; want io.EOF", n, offset, gotN, gotErr)
			}
		}
	}
	if _, err := o.ReadAt(make([]byte, 1), -1); err == nil {
		t.Fatal("no error for a negative offset")
	}
}

func (s suite) testManyReaders(t *testing.T) {
	st := s.fresh(t, 0)
	b := content(2, 1_500_000)
	put(t, st, "a", b)
	shared := open(t, st, "a")
	defer shared.Close()
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			own, err := st.Open(context.Background(), "a")
			if err != nil {
				t.Error(err)
				return
			}
			defer own.Close()
			for _, o := range []store.Object{shared, own} {
				var buf bytes.Buffer
				if _, err := o.WriteTo(&buf); err != nil || !bytes.Equal(buf.Bytes(), b) {
					t.Errorf("WriteTo gave other bytes: %v", err)
				}
				part := make([]byte, 70_001)
				if _, err := o.ReadAt(part, int64(i*50_000)); err != nil || !bytes.Equal(part, b[i*50_000:][:len(part)]) {
					t.Errorf("ReadAt gave other bytes: %v", err)
				}
			}
		})
	}
	wg.Wait()
}

func (s suite) testDeleteWhileOpen(t *testing.T) {
	st := s.fresh(t, 0)
	start := st.Usage().Bytes
	b := content(3, 200_000)
	put(t, st, "a", b)
	full := st.Usage().Bytes
	first, second := open(t, st, "a"), open(t, st, "a")
	remove(t, st, "a")
	wantNone(t, st, "a")
	wantUsage(t, st, full, 0)
	wantBytes(t, first, b)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	wantUsage(t, st, full, 0)
	wantBytes(t, second, b)
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
	wantUsage(t, st, start, 0)
	remove(t, st, "a")
	wantUsage(t, st, start, 0)
}

// testReuse lets a window slide under readers: an engine that reuses memory must not do so
// too early.
func (s suite) testReuse(t *testing.T) {
	st := s.fresh(t, 0)
	const window, rounds = 4, 60
	keep := func(i int) []byte { return content(uint64(i), 40_000+i*1_000) }
	var wg sync.WaitGroup
	for i := range rounds {
		put(t, st, fmt.Sprintf("segment/%d", i), keep(i))
		for range 2 {
			o := open(t, st, fmt.Sprintf("segment/%d", i))
			wg.Go(func() {
				defer o.Close()
				for range 5 {
					var buf bytes.Buffer
					if _, err := o.WriteTo(&buf); err != nil || !bytes.Equal(buf.Bytes(), keep(i)) {
						t.Errorf("object %d changed under its reader: %v", i, err)
						return
					}
				}
			})
		}
		if i >= window {
			remove(t, st, fmt.Sprintf("segment/%d", i-window))
		}
	}
	wg.Wait()
	if n := st.Usage().Objects; n != window {
		t.Fatalf("%d objects are left, want %d", n, window)
	}
}

func (s suite) testClosedObject(t *testing.T) {
	st := s.fresh(t, 0)
	put(t, st, "a", []byte("bytes"))
	o := open(t, st, "a")
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := o.ReadAt(make([]byte, 1), 0)
	wantError(t, err, store.ErrClosed)
	_, err = o.WriteTo(io.Discard)
	wantError(t, err, store.ErrClosed)
	o.Close()
	wantObject(t, st, "a", []byte("bytes"))
}

func (s suite) testMissing(t *testing.T) {
	st := s.fresh(t, 0)
	wantNone(t, st, "nothing/here")
	remove(t, st, "nothing/here")
	remove(t, st, "nothing/here")
}

func (s suite) testKeys(t *testing.T) {
	st := s.fresh(t, 0)
	start := st.Usage()
	keys := []string{
		"", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../../b", "a/..", "a/./b", ".hidden", "a/.b",
		"a b", "a\\b", "a\x00b", "a\nb", "C:a", "ä", "a?b", "a+b", "a@b", "a%2fb", strings.Repeat("k", 256),
	}
	ctx := context.Background()
	for _, key := range keys {
		w, err := st.Create(ctx, key, -1)
		if err == nil {
			w.Abort()
		}
		wantError(t, err, store.ErrKey)
		_, err = st.Open(ctx, key)
		wantError(t, err, store.ErrKey)
		wantError(t, st.Delete(ctx, key), store.ErrKey)
		_, err = st.Journal(ctx, key)
		wantError(t, err, store.ErrKey)
	}
	wantUsage(t, st, start.Bytes, 0)
}

// testNesting: the grammar allows a key that begins with another one.
func (s suite) testNesting(t *testing.T) {
	st := s.fresh(t, 0)
	keys := []string{
		"a", "a/b", "a/b/c", "a/c", "b/a", "a.b", "a/b.ts", "a/b.ts/c", "a-", "a_", "0",
		strings.Repeat("k", 255), strings.Repeat("d/", 127) + "e", strings.Repeat("n", 253) + "/f",
	}
	for i, key := range keys {
		put(t, st, key, content(uint64(i), 100+i))
	}
	for i, key := range keys {
		wantObject(t, st, key, content(uint64(i), 100+i))
	}
	for i, key := range keys {
		remove(t, st, key)
		wantNone(t, st, key)
		for k := i + 1; k < len(keys); k++ {
			wantObject(t, st, keys[k], content(uint64(k), 100+k))
		}
	}
}

func (s suite) testList(t *testing.T) {
	st := s.fresh(t, 0)
	for i, key := range []string{"a", "a/b", "ab/c", "b", "gone"} {
		put(t, st, key, content(1, i))
	}
	remove(t, st, "gone")
	w := create(t, st, "a/unfinished", -1)
	defer w.Abort()
	wantList(t, st, "", map[string]int64{"a": 0, "a/b": 1, "ab/c": 2, "b": 3})
	wantList(t, st, "a", map[string]int64{"a": 0, "a/b": 1, "ab/c": 2})
	wantList(t, st, "a/", map[string]int64{"a/b": 1})
	wantList(t, st, "c", map[string]int64{})
	stop, calls := errors.New("enough"), 0
	err := st.List(context.Background(), "", func(key string, _ int64) error {
		calls++
		remove(t, st, key)
		return stop
	})
	if !errors.Is(err, stop) || calls != 1 || st.Usage().Objects != 3 {
		t.Fatalf("%d calls, error %v, %d objects left", calls, err, st.Usage().Objects)
	}
	wantError(t, st.List(canceled(), "", func(string, int64) error { return stop }), context.Canceled)
}

func wantList(t testing.TB, st store.Store, prefix string, want map[string]int64) {
	t.Helper()
	got := map[string]int64{}
	err := st.List(context.Background(), prefix, func(key string, size int64) error {
		if _, twice := got[key]; twice {
			return fmt.Errorf("%q is listed twice", key)
		}
		got[key] = size
		return nil
	})
	if err != nil || !maps.Equal(got, want) {
		t.Fatalf("list of %q is %v, %v; want %v", prefix, got, err, want)
	}
}

func (s suite) testObjectContext(t *testing.T) {
	st := s.fresh(t, 0)
	put(t, st, "a", []byte("bytes"))
	used := st.Usage().Bytes
	_, err := st.Create(canceled(), "b", -1)
	wantError(t, err, context.Canceled)
	_, err = st.Open(canceled(), "a")
	wantError(t, err, context.Canceled)
	wantError(t, st.Delete(canceled(), "a"), context.Canceled)
	_, err = st.Journal(canceled(), "j")
	wantError(t, err, context.Canceled)
	wantUsage(t, st, used, 1)

	ctx, cancel := context.WithCancel(context.Background())
	w, err := st.Create(ctx, "c", -1)
	if err != nil {
		t.Fatal(err)
	}
	cancel() // it covered Create, and Create is over
	if _, err := w.Write([]byte("late")); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	wantObject(t, st, "c", []byte("late"))
}
