package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/certmagic"

	"github.com/liveorigin/caddy-live-origin/internal/channel"
	"github.com/liveorigin/caddy-live-origin/store"
	"github.com/liveorigin/caddy-live-origin/store/storetest"
)

// A store in memory that keeps something elsewhere is one like any other.
func TestKeptStoreIsAStore(t *testing.T) {
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	storetest.Run(t, func(t *testing.T, capacity int64) store.Store {
		st := newKeptStore(capacity)
		st.use(&certmagic.FileStorage{Path: t.TempDir()})
		return st
	})
}

// In the first moments of the first start, the file with the instance's name is still empty.
func TestInstanceWithoutNameYet(t *testing.T) {
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(caddy.AppDataDir(), "instance.uuid")
		write := func(text string) {
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Error(err)
			}
		}
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		write("")
		time.AfterFunc(15*time.Millisecond, func() { write("5f0c7a0e-6e0f-4f3b-9c61-3a8a2d9b1c00") })
		if key, err := keptKey("s"); err != nil || !strings.Contains(key, "5f0c7a0e") {
			t.Errorf("%s, %v", key, err)
		}
		write("nonsense")
		if _, err := keptKey("s"); err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("%v does not say where to look", err)
		}
	})
}

// The journal of standing facts is there in the next process, and no other journal.
func TestStandingFactsAreKept(t *testing.T) {
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	ctx := context.Background()
	storage := &certmagic.FileStorage{Path: t.TempDir()}
	open := func() (*keptStore, store.Journal, store.Journal) {
		st := newKeptStore(0)
		st.use(storage)
		facts, err := st.Journal(ctx, "sports"+channel.StandingFacts)
		if err != nil {
			t.Fatal(err)
		}
		slots, err := st.Journal(ctx, "sports/hls")
		if err != nil {
			t.Fatal(err)
		}
		return st, facts, slots
	}
	read := func(j store.Journal) (list []string) {
		if err := j.Read(ctx, 0, func(_ uint64, record []byte) error { list = append(list, string(record)); return nil }); err != nil {
			t.Fatal(err)
		}
		return list
	}
	st, facts, slots := open()
	for i := range uint64(3) {
		for _, j := range []store.Journal{facts, slots} {
			if _, err := j.Append(ctx, i, fmt.Appendf(nil, "record %d", i)); err != nil {
				t.Fatal(err)
			}
		}
	}
	time.Sleep(3 * keepDelay) // and then it is killed: it is not closed

	next, facts, slots := open()
	if got := read(facts); len(got) != 3 || got[2] != "record 2" {
		t.Errorf("facts %q", got)
	}
	if got := read(slots); got != nil {
		t.Errorf("slots %q", got)
	}
	if err := facts.Forget(ctx, 4); err != nil {
		t.Fatal(err)
	}
	for _, s := range []*keptStore{st, next} {
		s.use(nil)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	// Closing writes what has not been written.
	last, facts, _ := open()
	if _, err := facts.Append(ctx, 3, []byte("record 3")); err != nil {
		t.Fatal(err)
	}
	if err := last.Close(); err != nil {
		t.Fatal(err)
	}
	_, facts, _ = open()
	if got := read(facts); len(got) != 4 {
		t.Errorf("after close: %q", got)
	}
}

// countedStorage counts what is written.
type countedStorage struct {
	*certmagic.FileStorage
	bytes, times int
}

func (s *countedStorage) Store(ctx context.Context, key string, value []byte) error {
	s.bytes += len(value)
	s.times++
	return s.FileStorage.Store(ctx, key, value)
}

// An encoder that sends ever other things keeps no disk busy, and the usual few kB are
// written at once.
func TestKeepingHasARate(t *testing.T) {
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	for size, least := range map[int]int{64 << 10: 3, 2 << 10: 100} {
		synctest.Test(t, func(t *testing.T) {
			st := newKeptStore(0)
			storage := &countedStorage{FileStorage: &certmagic.FileStorage{Path: t.TempDir()}}
			st.use(storage)
			facts, err := st.Journal(t.Context(), "sports"+channel.StandingFacts)
			if err != nil {
				t.Fatal(err)
			}
			const steps = 300
			for i := range uint64(steps) {
				if _, err := facts.Append(t.Context(), i, make([]byte, size)); err != nil {
					t.Fatal(err)
				}
				if i > 10 {
					if err := facts.Forget(t.Context(), i-10); err != nil {
						t.Fatal(err)
					}
				}
				time.Sleep(keepDelay)
			}
			synctest.Wait()            // what is being written is written
			whole := 13*size*4/3 + 256 // with what is around the records
			if most := keepRate*int(steps*keepDelay/time.Second) + 2*whole; storage.bytes > most || storage.times < least {
				t.Errorf("%d bytes in %d writes, at most %d bytes in a minute", storage.bytes, storage.times, most)
			}
			if err := st.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// brokenStorage cannot be written at first.
type brokenStorage struct {
	*certmagic.FileStorage
	failures int
}

func (s *brokenStorage) Store(ctx context.Context, key string, value []byte) error {
	if s.failures > 0 {
		s.failures--
		return errors.New("out of order")
	}
	return s.FileStorage.Store(ctx, key, value)
}

// What encoders send once is kept even if Caddy's storage was out of order when they sent it.
func TestWhatCouldNotBeKeptIsTriedAgain(t *testing.T) {
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	synctest.Test(t, func(t *testing.T) {
		storage := &brokenStorage{FileStorage: &certmagic.FileStorage{Path: t.TempDir()}, failures: 2}
		st := newKeptStore(0)
		st.use(storage)
		facts, err := st.Journal(t.Context(), "sports"+channel.StandingFacts)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := facts.Append(t.Context(), 0, []byte("record")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * keepRetry)
		synctest.Wait()

		next := newKeptStore(0) // the first one is killed: it is not closed
		next.use(storage)
		facts, err = next.Journal(t.Context(), "sports"+channel.StandingFacts)
		if err != nil {
			t.Fatal(err)
		}
		if last, err := facts.Last(t.Context()); err != nil || last != 1 {
			t.Errorf("after a restart the journal ends at %d, %v", last, err)
		}
		for _, s := range []*keptStore{st, next} {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}
