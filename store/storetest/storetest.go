// Package storetest is the suite that every engine passes. It says in tests what
// package store says in words.
package storetest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/liveorigin/caddy-live-origin/store"
)

// Run tests an engine. open returns an empty store with this capacity in bytes,
// 0 meaning no limit; the suite closes it.
func Run(t *testing.T, open func(t *testing.T, capacity int64) store.Store) {
	s := suite{open}
	t.Run("object", s.testObjects)
	t.Run("writer", s.testWriters)
	t.Run("capacity", s.testCapacity)
	t.Run("journal", s.testJournals)
	t.Run("close", s.testClose)
	t.Run("random operations", s.testRandom)
}

type suite struct {
	open func(t *testing.T, capacity int64) store.Store
}

// fresh is an empty store that is closed at the end of the test.
func (s suite) fresh(t *testing.T, capacity int64) store.Store {
	t.Helper()
	st := s.open(t, capacity)
	t.Cleanup(func() {
		if t.Failed() {
			return // what a failed test left open would hold up Close for ever
		}
		if err := st.Close(); err != nil && !errors.Is(err, store.ErrClosed) {
			t.Errorf("close: %v", err)
		}
	})
	return st
}

// content is n bytes that are the same for the same seed.
func content(seed uint64, n int) []byte {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	binary.LittleEndian.PutUint64(key[8:], uint64(n))
	b := make([]byte, n)
	_, _ = rand.NewChaCha8(key).Read(b) // never fails
	return b
}

func create(t testing.TB, st store.Store, key string, size int64) store.Writer {
	t.Helper()
	w, err := st.Create(context.Background(), key, size)
	if err != nil {
		t.Fatalf("create %q: %v", key, err)
	}
	return w
}

func put(t testing.TB, st store.Store, key string, b []byte) {
	t.Helper()
	w := create(t, st, key, int64(len(b)))
	defer w.Abort()
	if n, err := w.ReadFrom(bytes.NewReader(b)); err != nil || n != int64(len(b)) {
		t.Fatalf("read from: %d of %d bytes, %v", n, len(b), err)
	}
	if err := w.Commit(); err != nil {
		t.Fatalf("commit %q: %v", key, err)
	}
}

func open(t testing.TB, st store.Store, key string) store.Object {
	t.Helper()
	o, err := st.Open(context.Background(), key)
	if err != nil {
		t.Fatalf("open %q: %v", key, err)
	}
	return o
}

func remove(t testing.TB, st store.Store, key string) {
	t.Helper()
	if err := st.Delete(context.Background(), key); err != nil {
		t.Fatalf("delete %q: %v", key, err)
	}
}

// wantObject checks that the object is there, with these bytes.
func wantObject(t testing.TB, st store.Store, key string, want []byte) {
	t.Helper()
	o := open(t, st, key)
	defer o.Close()
	wantBytes(t, o, want)
}

func wantBytes(t testing.TB, o store.Object, want []byte) {
	t.Helper()
	if o.Size() != int64(len(want)) {
		t.Fatalf("size is %d, want %d", o.Size(), len(want))
	}
	var buf bytes.Buffer
	if n, err := o.WriteTo(&buf); err != nil || n != int64(len(want)) {
		t.Fatalf("write to: %d of %d bytes, %v", n, len(want), err)
	}
	if !bytes.Equal(buf.Bytes(), want) {
		t.Fatal("WriteTo gave other bytes than were written")
	}
	got, err := io.ReadAll(io.NewSectionReader(o, 0, o.Size()))
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("ReadAt gave other bytes than were written: %v", err)
	}
}

func wantNone(t testing.TB, st store.Store, key string) {
	t.Helper()
	o, err := st.Open(context.Background(), key)
	if err == nil {
		o.Close()
	}
	wantError(t, err, store.ErrNotFound)
}

func wantError(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error is %v, want %v", err, want)
	}
}

// wantUsage checks the exact usage.
func wantUsage(t testing.TB, st store.Store, bytes, objects int64) {
	t.Helper()
	if u := st.Usage(); u.Bytes != bytes || u.Objects != objects {
		t.Fatalf("usage is %d bytes and %d objects, want %d and %d", u.Bytes, u.Objects, bytes, objects)
	}
}

// bound is the most that an object of n bytes may occupy: with what the engine
// needs around it, and half-filled blocks at its end.
func bound(n int) int64 { return int64(n) + int64(n)/20 + 8<<10 }

func canceled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}
