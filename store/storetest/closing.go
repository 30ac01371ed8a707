package storetest

import (
	"context"
	"errors"
	"runtime"
	"testing"

	"github.com/liveorigin/caddy-live-origin/store"
)

func (s suite) testClose(t *testing.T) {
	t.Run("waits for an open writer", s.testCloseWriter)
	t.Run("waits for an open object", s.testCloseReader)
	t.Run("ends everything", s.testClosed)
}

// closing starts Close and returns once the store turns new calls away.
func closing(t *testing.T, st store.Store) (done chan error) {
	t.Helper()
	done = make(chan error, 1)
	go func() { done <- st.Close() }()
	for {
		_, err := st.Open(context.Background(), "no-such-object")
		if errors.Is(err, store.ErrClosed) {
			return done
		}
		wantError(t, err, store.ErrNotFound)
		runtime.Gosched()
	}
}

func wantOpen(t *testing.T, done chan error) {
	t.Helper()
	for range 100 {
		runtime.Gosched()
	}
	select {
	case err := <-done:
		t.Fatalf("Close returned early: %v", err)
	default:
	}
}

func (s suite) testCloseWriter(t *testing.T) {
	st := s.fresh(t, 0)
	w := create(t, st, "a", -1)
	aborted := create(t, st, "b", -1)
	done := closing(t, st)
	wantOpen(t, done)
	if _, err := w.Write(content(1, 100_000)); err != nil {
		t.Fatal(err)
	}
	wantOpen(t, done)
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	wantOpen(t, done)
	aborted.Abort()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	w.Abort()
	aborted.Abort()
}

func (s suite) testCloseReader(t *testing.T) {
	st := s.fresh(t, 0)
	b := content(1, 100_000)
	put(t, st, "a", b)
	o := open(t, st, "a")
	done := closing(t, st)
	wantOpen(t, done)
	wantBytes(t, o, b)
	wantOpen(t, done)
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	o.Close()
}

func (s suite) testClosed(t *testing.T) {
	st := s.fresh(t, 0)
	put(t, st, "a", []byte("x"))
	j := journal(t, st, "j")
	appendRecord(t, j, 0, record(1))
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	_, err := st.Create(ctx, "b", -1)
	wantError(t, err, store.ErrClosed)
	_, err = st.Open(ctx, "a")
	wantError(t, err, store.ErrClosed)
	wantError(t, st.Delete(ctx, "a"), store.ErrClosed)
	wantError(t, st.List(ctx, "", func(string, int64) error { return nil }), store.ErrClosed)
	_, err = st.Journal(ctx, "j")
	wantError(t, err, store.ErrClosed)
	_, err = j.Append(ctx, 1, nil)
	wantError(t, err, store.ErrClosed)
	_, err = j.Last(ctx)
	wantError(t, err, store.ErrClosed)
	wantError(t, j.Forget(ctx, 1), store.ErrClosed)
	wantError(t, j.Read(ctx, 0, func(uint64, []byte) error { return nil }), store.ErrClosed)
	wantError(t, st.Close(), store.ErrClosed)
	st.Usage()
}
