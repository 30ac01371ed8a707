//go:build unix

package nats_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/nodes/natstest"
	"github.com/liveorigin/caddy-live-origin/store"
	"github.com/liveorigin/caddy-live-origin/store/nats"
)

// appended is who has appended what, as those who did it believe.
type appended struct {
	mu   sync.Mutex
	said map[uint64]string
}

func (a *appended) note(t testing.TB, revision uint64, record string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if before, ok := a.said[revision]; ok {
		t.Errorf("revision %d was acknowledged for %s and for %s", revision, before, record)
	}
	a.said[revision] = record
}

func (a *appended) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.said)
}

// appendOne appends a record behind whatever comes to be there, once.
func appendOne(j store.Journal, record string, timeout time.Duration) (uint64, error) {
	end := time.Now().Add(time.Minute)
	var last uint64
	try := func() (uint64, error) {
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		defer cancel()
		return j.Append(ctx, last, []byte(record))
	}
	for time.Now().Before(end) {
		revision, err := try()
		if err == nil {
			return revision, nil
		}
		if !errors.Is(err, store.ErrConflict) {
			continue // not known: the same again
		}
		var mine uint64
		err = j.Read(context.Background(), last, func(revision uint64, b []byte) error {
			last = revision
			if string(b) == record {
				mine = revision
			}
			return nil
		})
		if mine > 0 {
			return mine, nil
		}
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			time.Sleep(20 * time.Millisecond)
		}
	}
	return 0, errors.New("a minute was not enough")
}

// wantSame checks that the journal is the same at all nodes: what was acknowledged, each once.
func wantSame(t *testing.T, stores []*nats.Store, name string, a *appended) {
	t.Helper()
	for i, st := range stores {
		seen := map[string]bool{}
		next := uint64(1)
		err := journal(t, st, name).Read(context.Background(), 0, func(revision uint64, b []byte) error {
			record := string(b)
			if revision != next {
				return fmt.Errorf("revision %d where %d is due", revision, next)
			}
			next++
			if seen[record] {
				return fmt.Errorf("%s is there twice", record)
			}
			seen[record] = true
			if said := a.said[revision]; said != record {
				return fmt.Errorf("revision %d is %s, acknowledged was %q", revision, record, said)
			}
			return nil
		})
		if err != nil {
			t.Fatalf("node %d, %s: %v", i, name, err)
		}
		if int(next-1) != len(a.said) {
			t.Fatalf("node %d, %s: %d records, %d were acknowledged", i, name, next-1, len(a.said))
		}
	}
}

func journal(t testing.TB, st store.Store, name string) store.Journal {
	t.Helper()
	j, err := st.Journal(context.Background(), name)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// TestJournalsWhileServersDie: three nodes append to the same journals while servers die and
// hang, one after the other.
func TestJournalsWhileServersDie(t *testing.T) {
	if testing.Short() {
		t.Skip("kills servers for half a minute")
	}
	c := natstest.Start(t, 3)
	stores := openNodes(t, c, nats.Options{}, nats.Options{}, nats.Options{})
	names := []string{"channel/a.b", "channel/a"}
	said := map[string]*appended{}
	for _, name := range names {
		said[name] = &appended{said: map[uint64]string{}}
	}
	ended := make(chan struct{})
	var appending sync.WaitGroup
	for i, st := range stores {
		for _, name := range names {
			j := journal(t, st, name)
			appending.Go(func() {
				for n := 0; ; n++ {
					select {
					case <-ended:
						return
					case <-time.After(10 * time.Millisecond):
					}
					record := fmt.Sprintf("%s, node %d, record %d", name, i, n)
					revision, err := appendOne(j, record, 700*time.Millisecond)
					if err != nil {
						t.Errorf("%s: %v", record, err)
						return
					}
					said[name].note(t, revision, record)
				}
			})
		}
	}
	for i := range 3 {
		time.Sleep(time.Second)
		c.Kill(i)
		time.Sleep(2 * time.Second)
		c.Restart(i)
		c.WaitHealthy()
	}
	time.Sleep(time.Second)
	c.Stop(0)
	time.Sleep(5 * time.Second)
	c.Continue(0)
	c.WaitHealthy()
	time.Sleep(time.Second)
	close(ended)
	appending.Wait()
	for _, name := range names {
		t.Logf("%s: %d records", name, said[name].count())
		wantSame(t, stores, name, said[name])
	}
}

// TestUncertainAppends: acknowledgements that come too late leave nothing twice, and lose
// nothing.
func TestUncertainAppends(t *testing.T) {
	c := natstest.Start(t, 3)
	stores := openNodes(t, c, nats.Options{}, nats.Options{})
	a := &appended{said: map[uint64]string{}}
	var appending sync.WaitGroup
	for i, st := range stores {
		j := journal(t, st, "j")
		appending.Go(func() {
			for n := range 100 {
				record := fmt.Sprintf("node %d, record %d", i, n)
				revision, err := appendOne(j, record, time.Millisecond)
				if err != nil {
					t.Error(err)
					return
				}
				a.note(t, revision, record)
			}
		})
	}
	appending.Wait()
	wantSame(t, stores, "j", a)
	if a.count() != 200 {
		t.Errorf("%d records", a.count())
	}
}

// TestUndecidedAppend: another record does not take the place of one whose fate is open.
func TestUndecidedAppend(t *testing.T) {
	c := natstest.Start(t, 3)
	st := openNodes(t, c, nats.Options{})[0]
	j := journal(t, st, "j")
	if _, err := j.Append(context.Background(), 0, []byte("first")); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		c.Stop(i)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	if _, err := j.Append(ctx, 1, []byte("second")); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("append while servers hang: %v", err)
	}
	for i := range 3 {
		c.Continue(i)
	}
	if _, err := appendOne(j, "other", time.Second); err != nil {
		t.Fatal(err)
	}
	var all [][]byte
	err := j.Read(context.Background(), 0, func(_ uint64, b []byte) error {
		all = append(all, bytes.Clone(b))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	got := string(bytes.Join(all, []byte(",")))
	if got != "first,second,other" && got != "first,other" {
		t.Errorf("the journal has %s", got)
	}
}

// TestForgetPurges: what was forgotten goes, the newest record stays, and revisions go on.
func TestForgetPurges(t *testing.T) {
	c := natstest.Start(t, 1)
	stores := openNodes(t, c, nats.Options{Replicas: 1}, nats.Options{Replicas: 1})
	j := journal(t, stores[0], "j")
	other := journal(t, stores[0], "k")
	for i := range uint64(50) {
		for _, j := range []store.Journal{j, other} {
			if _, err := j.Append(context.Background(), i, []byte("record")); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := j.Forget(context.Background(), 31); err != nil {
		t.Fatal(err)
	}
	first := func(j store.Journal) (first uint64) {
		stop := errors.New("enough")
		err := j.Read(context.Background(), 0, func(revision uint64, _ []byte) error {
			first = revision
			return stop
		})
		if !errors.Is(err, stop) {
			t.Fatal(err)
		}
		return first
	}
	waitFor := func(want uint64) {
		t.Helper()
		end := time.Now().Add(30 * time.Second)
		for got := first(j); got != want; got = first(j) {
			if time.Now().After(end) {
				t.Fatalf("the first record is %d, want %d", got, want)
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
	waitFor(31)
	if err := j.Forget(context.Background(), 1000); err != nil {
		t.Fatal(err)
	}
	waitFor(50)
	// A node that knows nothing of it.
	j = journal(t, stores[1], "j")
	if last, err := j.Last(context.Background()); err != nil || last != 50 {
		t.Fatalf("last revision is %d, %v", last, err)
	}
	if revision, err := j.Append(context.Background(), 50, nil); err != nil || revision != 51 {
		t.Fatalf("revision %d, %v", revision, err)
	}
	if got := first(other); got != 1 {
		t.Errorf("another journal begins with %d", got)
	}
}
