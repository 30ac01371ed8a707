package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/liveorigin/caddy-live-origin/store"
)

func (s suite) testCapacity(t *testing.T) {
	t.Run("reached midway leaves nothing", s.testFullMidway)
	t.Run("frees as objects go", s.testFullAndFree)
	t.Run("is all there for objects of unknown size", s.testFullUnannounced)
	t.Run("is not exceeded by many writers", s.testFullTogether)
	t.Run("does not stop the journal", s.testFullJournal)
	t.Run("can be changed while open", s.testResize)
}

const small = 1 << 20 // capacity of these tests

func (s suite) testFullMidway(t *testing.T) {
	st := s.fresh(t, small)
	if c := st.Usage().Capacity; c != small {
		t.Fatalf("capacity is %d, want %d", c, small)
	}
	start := st.Usage().Bytes
	b := content(1, 3*small)
	for name, write := range map[string]func(w store.Writer) (int64, error){
		"ReadFrom": func(w store.Writer) (int64, error) { return w.ReadFrom(bytes.NewReader(b)) },
		"Write":    func(w store.Writer) (int64, error) { n, err := w.Write(b); return int64(n), err },
	} {
		for _, hint := range []int64{-1, 100, 3 * small} {
			w := create(t, st, "a", hint)
			n, err := write(w)
			if !errors.Is(err, store.ErrFull) {
				t.Fatalf("%s: error is %v, want %v", name, err, store.ErrFull)
			}
			if n >= 3*small {
				t.Fatalf("%s took %d bytes", name, n)
			}
			if u := st.Usage(); u.Bytes > small {
				t.Fatalf("%s: %d bytes are used of %d", name, u.Bytes, small)
			}
			wantError(t, w.Commit(), store.ErrFull)
			w.Abort()
			wantUsage(t, st, start, 0)
			wantNone(t, st, "a")
		}
	}
	// An object that fits, whatever was announced.
	w := create(t, st, "a", 1<<40)
	defer w.Abort()
	if _, err := w.ReadFrom(bytes.NewReader(b[:small/2])); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	wantObject(t, st, "a", b[:small/2])
}

// fill puts objects of n bytes until the store is full and returns how many fit.
func fill(t *testing.T, st store.Store, n int) int {
	t.Helper()
	return fillAnnounced(t, st, n, int64(n))
}

func fillAnnounced(t *testing.T, st store.Store, n int, announced int64) int {
	t.Helper()
	for i := 0; ; i++ {
		if i > 1000 {
			t.Fatal("the store never becomes full")
		}
		if err := writeAll(st, fmt.Sprint("fill/", i), content(uint64(i), n), announced); err != nil {
			wantError(t, err, store.ErrFull)
			return i
		}
	}
}

func (s suite) testFullAndFree(t *testing.T) {
	st := s.fresh(t, small)
	start := st.Usage().Bytes
	const n = 50_000
	fit := fill(t, st, n)
	if most := small / n; fit > most || int64(fit) < (small-start)/bound(n)-1 {
		t.Fatalf("%d objects of %d bytes fit", fit, n)
	}
	full := st.Usage()
	for round := range 30 {
		remove(t, st, fmt.Sprint("fill/", round%fit))
		put(t, st, fmt.Sprint("fill/", round%fit), content(uint64(round%fit), n))
		wantUsage(t, st, full.Bytes, full.Objects)
	}
	for i := range fit {
		wantObject(t, st, fmt.Sprint("fill/", i), content(uint64(i), n))
		remove(t, st, fmt.Sprint("fill/", i))
	}
	wantUsage(t, st, start, 0)
}

// What an engine takes in advance for an upload in chunks, whose size nobody knows, it gives back when the upload
// has ended.
func (s suite) testFullUnannounced(t *testing.T) {
	st := s.fresh(t, small)
	const n = 3_000
	fit := fill(t, st, n)
	for range 3 {
		for i := range fit {
			remove(t, st, fmt.Sprint("fill/", i))
		}
		if unannounced := fillAnnounced(t, st, n, -1); unannounced != fit {
			t.Fatalf("%d objects fit whose size is not announced, and %d others", unannounced, fit)
		}
	}
}

func (s suite) testFullTogether(t *testing.T) {
	st := s.fresh(t, small)
	start := st.Usage().Bytes
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			for k := range 20 {
				key, b := fmt.Sprintf("%d/%d", i, k), content(uint64(i), 90_000)
				w, err := st.Create(context.Background(), key, -1)
				if err != nil {
					if !errors.Is(err, store.ErrFull) {
						t.Error(err)
					}
					continue
				}
				_, err = w.ReadFrom(&unevenReader{b: b})
				if err == nil {
					err = w.Commit()
				}
				w.Abort()
				if used := st.Usage().Bytes; used > small {
					t.Errorf("%d bytes are used of %d", used, small)
				}
				if err != nil {
					if !errors.Is(err, store.ErrFull) {
						t.Error(err)
					}
					continue
				}
				o, err := st.Open(context.Background(), key)
				if err != nil {
					t.Error(err)
					continue
				}
				var buf bytes.Buffer
				if _, err := o.WriteTo(&buf); err != nil || !bytes.Equal(buf.Bytes(), b) {
					t.Errorf("other bytes: %v", err)
				}
				o.Close()
				if err := st.Delete(context.Background(), key); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	wantUsage(t, st, start, 0)
}

func (s suite) testFullJournal(t *testing.T) {
	st := s.fresh(t, small)
	j := journal(t, st, "j")
	fill(t, st, 3_000)
	for i := range uint64(20) {
		appendRecord(t, j, i, content(i, 5_000))
	}
	wantError(t, writeAll(st, "one-more", content(1, 3_000), 3_000), store.ErrFull)
	wantRecords(t, j, 0, 1, 20, func(i uint64) []byte { return content(i-1, 5_000) })
}

func writeAll(st store.Store, key string, b []byte, announced int64) error {
	w, err := st.Create(context.Background(), key, announced)
	if err != nil {
		return err
	}
	defer w.Abort()
	if _, err := w.Write(b); err != nil {
		return err
	}
	return w.Commit()
}

func (s suite) testResize(t *testing.T) {
	st := s.fresh(t, small)
	r, ok := st.(store.Resizable)
	if !ok {
		t.Skip("the engine is not resizable")
	}
	b := content(1, 3*small)
	try := func(key string) error {
		w := create(t, st, key, int64(len(b)))
		defer w.Abort()
		if _, err := w.ReadFrom(bytes.NewReader(b)); err != nil {
			return err
		}
		return w.Commit()
	}
	wantError(t, try("a"), store.ErrFull)
	r.SetCapacity(8 * small)
	if c := st.Usage().Capacity; c != 8*small {
		t.Fatalf("capacity is %d, want %d", c, 8*small)
	}
	if err := try("a"); err != nil {
		t.Fatal(err)
	}
	// What exceeds a smaller capacity stays, and nothing is added.
	r.SetCapacity(small)
	wantObject(t, st, "a", b)
	if _, err := st.Create(context.Background(), "b", 1); !errors.Is(err, store.ErrFull) {
		t.Fatalf("error is %v, want %v", err, store.ErrFull)
	}
	remove(t, st, "a")
	r.SetCapacity(0)
	if err := try("c"); err != nil {
		t.Fatal(err)
	}
}
