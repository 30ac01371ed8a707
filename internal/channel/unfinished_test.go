package channel

import (
	"context"
	"fmt"
	"path"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/output"
	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
	"github.com/liveorigin/caddy-live-origin/store"
	"github.com/liveorigin/caddy-live-origin/store/memory"
)

// steps is a store that outlives its process and lists what is done to it.
type steps struct {
	store.Store
	done    []string
	deletes func()
}

func (s *steps) Persistent() bool { return true }

func (s *steps) Delete(ctx context.Context, key string) error {
	s.done = append(s.done, "delete "+path.Base(key))
	if s.deletes != nil {
		s.deletes()
	}
	return s.Store.Delete(ctx, key)
}

func (s *steps) Journal(ctx context.Context, name string) (store.Journal, error) {
	j, err := s.Store.Journal(ctx, name)
	return stepsJournal{j, s, path.Base(name)}, err
}

type stepsJournal struct {
	store.Journal
	of   *steps
	name string
}

func (j stepsJournal) Append(ctx context.Context, last uint64, records ...[]byte) (uint64, error) {
	j.of.done = append(j.of.done, "append to "+j.name)
	return j.Journal.Append(ctx, last, records...)
}

func (j stepsJournal) Forget(ctx context.Context, before uint64) error {
	j.of.done = append(j.of.done, "forget in "+j.name)
	return j.Journal.Forget(ctx, before)
}

// A process may be killed between any two steps. Nothing is taken out of the store before what stands for it
// is there, also where that is a record that somebody else has yet to write.
func TestWhatIsGivenUpGoesLast(t *testing.T) {
	st := &steps{Store: memory.Open(1 << 20)}
	defer st.Close()
	c, err := Open(t.Context(), testConfig(shortEndpoint()), st)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	st.done = nil
	appendTo := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	c.mu.Lock()
	_, err = c.endpoints["hls"].journal.append(record{Epoch: "x"})
	appendTo(err)
	slow := c.leave() // whoever this is does not get to it

	c.mu.Lock()
	c.objects.add("sports/a/1", 1)
	c.objects.release("sports/a/1")
	c.arrivals.journal.forget(1 + c.arrivals.journal.revision)
	_, err = c.arrivals.journal.append(arrival{Time: time.Now()})
	appendTo(err)
	c.unlock()
	slices.Sort(st.done[:min(2, len(st.done))])
	if want := []string{"append to arrived.media", "append to hls", "forget in arrived.media", "delete 1"}; !slices.Equal(st.done, want) {
		t.Errorf("done: %q", st.done)
	}
	c.finishAll(slow)
}

// Viewers get nothing of a slot whose record somebody else is still writing, also where the view that has it
// was made for another reason.
func TestAViewWaitsForRecordsOfOthers(t *testing.T) {
	names, segments := testmedia.Segments(t, "24")
	synctest.Test(t, func(t *testing.T) {
		var hold chan struct{}
		st := &failing{Store: memory.Open(64 << 20), before: func() error {
			if hold != nil {
				<-hold
			}
			return nil
		}}
		defer st.Close()
		c := openOn(t, st)
		defer c.Close()
		e := &encoder{t: t, c: c, input: "a", names: names, media: segments}
		for n := range 3 {
			time.Sleep(2 * time.Second)
			e.deliver(n)
		}
		time.Sleep(3 * time.Second)
		synctest.Wait()
		newest := func() uint64 {
			slots := c.View("hls").Slots()
			return slots[len(slots)-1].MSN
		}
		before := newest()
		if err := e.put(e.names[3], e.media[3]); err != nil {
			t.Fatal(err)
		}
		hold = make(chan struct{})
		go e.announce(3)
		synctest.Wait()
		go func() {
			c.mu.Lock()
			defer c.unlock()
			c.endpoints["hls"].changed = true
			c.endpoints["hls"].refresh(c.now(), c.ordered)
		}()
		synctest.Wait()
		if n := newest(); n != before {
			t.Errorf("viewers have slot %d, which is not on the disk; the last one that is has number %d", n, before)
		}
		close(hold)
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if n := newest(); n == before {
			t.Error("viewers have nothing of the slot, which is on the disk")
		}
	})
}

// A channel that is closed leaves nothing behind that has yet to be written: the next process, or the next
// config, opens the same journals.
func TestACloseWaitsForWhatTheTimerDecided(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &failing{Store: memory.Open(1 << 20)}
		defer st.Close()
		c := openOn(t, st)
		defer c.Close()
		st.before = func() error { time.Sleep(time.Second); return nil }
		c.mu.Lock()
		j := c.endpoints["hls"].journal
		revision, err := j.append(record{Epoch: "x"})
		if err != nil {
			t.Fatal(err)
		}
		c.unlockLater()
		time.Sleep(time.Second / 2)
		c.Close()
		if last, err := j.records.Last(t.Context()); err != nil || last != revision {
			t.Errorf("it is closed, and of %d records %d are written, %v", revision, last, err)
		}
	})
}

// While a disk does not answer, the timer goes on, and what waits for the disk does not grow with it.
func TestADiskThatHangsHoldsOneGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &failing{Store: memory.Open(1 << 20)}
		defer st.Close()
		c := openOn(t, st)
		defer c.Close()
		hold := make(chan struct{})
		st.before = func() error { <-hold; return nil }
		before := runtime.NumGoroutine()
		e := c.endpoints["hls"]
		for range 200 {
			c.mu.Lock()
			if _, err := e.journal.append(record{Epoch: "x"}); err != nil {
				t.Fatal(err)
			}
			e.changed = true
			c.mu.Unlock()
			go c.wake()
			synctest.Wait()
		}
		if n := runtime.NumGoroutine() - before; n > 2 {
			t.Errorf("%d goroutines wait for the disk", n)
		}
		if n := len(c.background.waiting.views); n != 1 {
			t.Errorf("%d views wait for the disk", n)
		}
		close(hold)
		synctest.Wait()
		if last, err := e.journal.records.Last(t.Context()); err != nil || last != e.journal.revision {
			t.Errorf("of %d records %d are written, %v", e.journal.revision, last, err)
		}
	})
}

// An endpoint that is taken out of the config may hold a million slots. They are released bit by bit, and
// nothing is deleted while the channel's lock is held.
func TestAnEndpointThatIsRemovedHoldsNobodyUp(t *testing.T) {
	const count = 40 * releasedAtOnce
	st := &steps{Store: memory.Open(1 << 20)}
	defer st.Close()
	other := shortEndpoint()
	other.Name = "other"
	c, err := Open(t.Context(), testConfig(shortEndpoint(), other), st)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.mu.Lock()
	for n := range uint64(count) {
		key := fmt.Sprint("sports/a/", n)
		c.objects.add(key, 1)
		start := failover.Ticks(2*n) * failover.ClockRate
		c.endpoints["hls"].window.Add(&output.Slot{
			MSN: n, Start: start, End: start + 2*failover.ClockRate, TargetDuration: 2,
			Renditions: []output.Rendition{{ID: "v", Parts: []output.Part{{Key: key, Size: 1}}, Size: 1}},
		})
	}
	c.mu.Unlock()
	deleted := 0
	st.deletes = func() {
		if !c.mu.TryLock() {
			t.Fatal("an object is deleted while the lock is held")
		}
		c.mu.Unlock()
		c.objects.mu.Lock()
		defer c.objects.mu.Unlock()
		if released := count - len(c.objects.byKey); released > deleted+releasedAtOnce {
			t.Fatalf("%d slots were released at once", released-deleted)
		}
		deleted++
	}
	if err := c.Configure(testConfig(other)); err != nil {
		t.Fatal(err)
	}
	if deleted != count || c.Held() != 0 {
		t.Errorf("%d of %d objects are deleted", deleted, count)
	}
	st.deletes = nil
}

// An endpoint that is removed and added again reads its journal: what the timer decided before has been
// written to it by then.
func TestAnEndpointThatIsBackFindsAllOfItsJournal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &failing{Store: memory.Open(1 << 20)}
		defer st.Close()
		other := shortEndpoint()
		other.Name = "other"
		c, err := Open(t.Context(), testConfig(shortEndpoint(), other), st)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		st.before = func() error { time.Sleep(time.Second); return nil }
		c.mu.Lock()
		before := c.endpoints["hls"].journal
		for range 3 {
			if _, err := before.append(record{Epoch: "x"}); err != nil {
				t.Fatal(err)
			}
		}
		c.unlockLater()
		for _, config := range []Config{testConfig(other), testConfig(shortEndpoint(), other)} {
			if err := c.Configure(config); err != nil {
				t.Fatal(err)
			}
		}
		if after := c.endpoints["hls"].journal; after == before || after.revision != before.revision || c.endpoints["hls"].epoch != "x" {
			t.Errorf("it was at record %d, and goes on at %d", before.revision, after.revision)
		}
	})
}

// A disk that does not answer keeps nobody from changing the config: others wait for that.
func TestAConfigDoesNotWaitForADisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &failing{Store: memory.Open(1 << 20)}
		defer st.Close()
		c := openOn(t, st)
		defer c.Close()
		st.before = func() error { time.Sleep(time.Minute); return nil }
		other := shortEndpoint()
		other.Name = "other"
		began := time.Now()
		if err := c.Configure(testConfig(shortEndpoint(), other)); err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(began); waited > 0 {
			t.Errorf("it waited for %v", waited)
		}
	})
}
