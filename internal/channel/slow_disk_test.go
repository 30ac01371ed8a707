package channel

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
	"github.com/liveorigin/caddy-live-origin/store/memory"
)

// listedWhenTold is an observer who looks up what it is told of.
type listedWhenTold struct {
	recorder
	t     *testing.T
	c     *Channel
	count atomic.Int64
}

func (l *listedWhenTold) Event(_ string, e failover.Effect) {
	p, ok := e.(failover.Published)
	if !ok {
		return
	}
	l.count.Add(1)
	v := l.c.View(p.Slot.Endpoint)
	if v == nil || v.Playlist("index.m3u8") == nil {
		l.t.Errorf("told of slot %d, and there is no playlist", p.Slot.MSN)
		return
	}
	if list := playlist(l.t, v); list.MediaSequence+uint64(len(list.Segments)) != p.Slot.MSN+1 {
		l.t.Errorf("told of slot %d, and the playlist ends with %d", p.Slot.MSN, list.MediaSequence+uint64(len(list.Segments))-1)
	}
}

// A disk that takes half a second for each record: nobody waits for it who asks for the channel, an upload
// is acknowledged when it is on the disk, and viewers get nothing that a restart would not know, and nobody is told of a slot
// before them.
func TestASlowDiskHoldsNobodyUp(t *testing.T) {
	names, segments := testmedia.Segments(t, "24")
	synctest.Test(t, func(t *testing.T) {
		const slow = 500 * time.Millisecond
		var written atomic.Int64
		st := &failing{Store: memory.Open(64 << 20), before: func() error { time.Sleep(slow); return nil }, after: func() error { written.Add(1); return nil }}
		defer st.Close()
		endpoint := shortEndpoint()
		endpoint.PlaylistWindow = time.Minute
		c, err := Open(t.Context(), testConfig(endpoint), st)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		listed := func() int {
			if v := c.View("hls"); v != nil && v.Playlist("index.m3u8") != nil {
				return len(playlist(t, v).Segments)
			}
			return 0
		}
		told := &listedWhenTold{t: t, c: c}
		c.Observe(told)
		e := &encoder{t: t, c: c, input: "a", names: names, media: segments}
		for n := range 4 {
			time.Sleep(5 * time.Second)
			before, done := written.Load(), make(chan struct{})
			began := time.Now()
			go func() {
				e.deliver(n)
				close(done)
			}()
			time.Sleep(slow / 2)
			asked := time.Now()
			c.Status()
			c.Waits()
			if waited := time.Since(asked); waited > 0 {
				t.Errorf("segment %d: the channel was not to be asked for %v", n, waited)
			}
			if got := listed(); got > n {
				t.Errorf("segment %d: viewers have %d segments, and nothing is on the disk yet", n, got)
			}
			<-done
			if written.Load() == before || time.Since(began) < slow {
				t.Errorf("segment %d was acknowledged after %v, when %d records were written", n, time.Since(began), written.Load()-before)
			}
			time.Sleep(4 * slow)
			if got := listed(); got != n+1 {
				t.Errorf("segment %d: viewers have %d segments", n, got)
			}
		}
		if told.count.Load() != 4 {
			t.Errorf("the observer was told of %d slots", told.count.Load())
		}
	})
}

// A channel that is closed has written all that it is going to: its store may be closed.
func TestACloseWaitsForTheDisk(t *testing.T) {
	names, segments := testmedia.Segments(t, "8")
	synctest.Test(t, func(t *testing.T) {
		var closed atomic.Bool
		st := &failing{Store: memory.Open(64 << 20), before: func() error { time.Sleep(time.Second); return nil }}
		st.after = func() error {
			if closed.Load() {
				t.Error("a record was written after that")
			}
			return nil
		}
		c := openOn(t, st)
		e := &encoder{t: t, c: c, input: "a", names: names, media: segments}
		go func() { _ = e.put(names[0], segments[0]) }()
		time.Sleep(500 * time.Millisecond)
		c.Close()
		closed.Store(true)
		time.Sleep(10 * time.Second)
		st.Close()
	})
}

// A reload fails as the journal of an endpoint that it adds can't be read: the channel goes on as it was.
func TestAReloadThatFailsChangesNothing(t *testing.T) {
	names, segments := testmedia.Segments(t, "24")
	synctest.Test(t, func(t *testing.T) {
		st := &failing{Store: memory.Open(64 << 20), refuse: "sports/other"}
		defer st.Close()
		endpoint := shortEndpoint()
		endpoint.PlaylistWindow = time.Minute
		c, err := Open(t.Context(), testConfig(endpoint), st)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		e := &encoder{t: t, c: c, input: "a", names: names, media: segments}
		other := endpoint
		other.Name = "other"
		for n := range 8 {
			time.Sleep(segmentTime)
			e.deliver(n)
			if n != 3 {
				continue
			}
			if err := c.Configure(testConfig(other)); err == nil {
				t.Error("the reload did not fail")
			}
		}
		time.Sleep(segmentTime)
		if listed := len(playlist(t, c.View("hls")).Segments); listed != 8 {
			t.Errorf("%d segments are listed", listed)
		}
	})
}
