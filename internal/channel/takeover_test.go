package channel

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
)

// A node that starts late has the window of the others before it answers.
func TestANodeStartsLate(t *testing.T) {
	names, segments := testmedia.Segments(t, "18")
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		defer s.end()
		first := s.start("n2")
		a := &encoder{t: t, c: first, input: "a", names: names, media: segments}
		for n := range 4 {
			time.Sleep(segmentTime)
			a.deliver(n)
		}
		if err := first.Order("hls", "a", true); err != nil {
			t.Fatal(err)
		}
		late := s.start("n1")
		same(t, first, late)
		if e := late.Status().Endpoints[0]; e.Ordered != "a" || !e.Pinned {
			t.Errorf("the pin is %q, %v", e.Ordered, e.Pinned)
		}
		time.Sleep(segmentTime)
		a.deliver(4)
		time.Sleep(50 * time.Millisecond)
		same(t, first, late)
		// The encoder changes nodes, and the first node is stopped.
		a.c = late
		first.Close()
		for n := 5; n < 8; n++ {
			time.Sleep(segmentTime)
			a.deliver(n)
			time.Sleep(50 * time.Millisecond)
		}
		isWhole(t, late, same(t, late), segments[:8])
	})
}

// The nodes are started again, one after the other, while encoders push to whichever is there.
func TestARollingRestart(t *testing.T) {
	names, segments := testmedia.Segments(t, "18")
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		defer s.end()
		ids := []string{"n1", "n2", "n3"}
		nodes := s.startThree()
		a := &encoder{t: t, input: "a", names: names, media: segments}
		for n := range 9 {
			time.Sleep(segmentTime)
			victim := n % 3
			a.c = nodes[(victim+1)%3]
			if n > 2 {
				nodes[victim].Close()
			}
			a.deliver(n)
			if n > 2 {
				nodes[victim] = s.start(ids[victim])
			}
			time.Sleep(1300 * time.Millisecond)
			synctest.Wait()
			isWhole(t, nodes[victim], same(t, nodes...), segments[:n+1])
		}
	})
}

// All nodes end at once: what they wrote together goes on, although nobody has the media.
func TestAllNodesStartAgain(t *testing.T) {
	names, segments := testmedia.Segments(t, "18")
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		defer s.end()
		n1 := s.start("n1")
		s.start("n2")
		a := &encoder{t: t, c: n1, input: "a", names: names, media: segments}
		for n := range 4 {
			time.Sleep(segmentTime)
			a.deliver(n)
		}
		time.Sleep(2 * time.Second)
		last := n1.Status().Endpoints[0].NextMSN
		s.cutOff("n1")
		s.cutOff("n2")
		time.Sleep(time.Second)
		n3 := s.start("n3")
		a.c, a.list = n3, nil
		for n := 4; n < 6; n++ {
			time.Sleep(segmentTime)
			a.deliver(n)
		}
		time.Sleep(2 * time.Second)
		p := playlist(t, n3.View("hls"))
		if p.MediaSequence != last {
			t.Errorf("it goes on with %d, not with %d", p.MediaSequence, last)
		}
		for _, segment := range p.Segments {
			fetch(t, n3.View("hls"), segment.URI) // what is gone is not listed
		}
	})
}

// adoptions is an observer that counts how often a node went over to another history.
type adoptions struct {
	recorder
	count atomic.Int64
}

func (a *adoptions) Node(_ string, e NodeEvent) {
	if e.Kind == HistoryAdopted {
		a.count.Add(1)
	}
}

// All nodes start at once, and encoders can't send for a while: that is nobody's delay, as on one
// node.
func TestTheStartOfAllNodesIsNobodysDelay(t *testing.T) {
	names, segments := testmedia.Segments(t, "24")
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		s.durable = true
		defer s.end()
		n1, n2 := s.start("n1"), s.start("n2")
		a := &encoder{t: t, c: n1, input: "a", names: names, media: slices.Clone(segments)}
		b := &encoder{t: t, c: n2, input: "b", names: names, media: segments}
		for n := range 6 {
			time.Sleep(segmentTime)
			a.deliver(n)
			b.deliver(n)
		}
		time.Sleep(segmentTime)
		half := len(segments[6]) / 2
		a.media[6] = segments[6][:half-half%188]
		a.deliver(6)
		time.Sleep(50 * time.Millisecond)
		n1.Close()
		n2.Close()
		n1, n2 = s.prepare("n1"), s.prepare("n2")
		time.Sleep(5 * time.Second)
		n1.Begin()
		time.Sleep(300 * time.Millisecond)
		n2.Begin()
		time.Sleep(100 * time.Millisecond)
		b.c = n2
		for n := 6; n < 9; n++ {
			b.deliver(n)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		isWhole(t, n1, same(t, n1, n2), segments[:9])
	})
}

// The node that decided is killed and started again, at any time between two slots. It is another
// run, and all nodes agree who decides.
func TestTheDeciderIsStartedAgain(t *testing.T) {
	names, segments := testmedia.Segments(t, "18")
	for after := 300 * time.Millisecond; after < segmentTime; after += 40 * time.Millisecond {
		synctest.Test(t, func(t *testing.T) {
			s := newSite(t)
			defer s.end()
			nodes := s.startThree()
			n2, n3 := nodes[1], nodes[2]
			watched := map[string]*adoptions{"n1": {}, "n2": {}, "n3": {}}
			n2.Observe(watched["n2"])
			n3.Observe(watched["n3"])
			a := &encoder{t: t, c: n3, input: "a", names: names, media: segments}
			b := &encoder{t: t, c: n2, input: "b", names: names, media: segments}
			var again *Channel
			for n := range 7 {
				time.Sleep(segmentTime - 50*time.Millisecond)
				a.deliver(n)
				b.deliver(n)
				time.Sleep(50 * time.Millisecond)
				if n == 3 { // it has just decided
					s.cutOff("n1")
					defer time.AfterFunc(after, func() {
						c := s.start("n1")
						c.Observe(watched["n1"])
						s.mu.Lock()
						again = c
						s.mu.Unlock()
					}).Stop()
				}
			}
			time.Sleep(2 * time.Second)
			synctest.Wait()
			s.mu.Lock()
			third := again
			s.mu.Unlock()
			isWhole(t, third, same(t, n2, n3, third), segments[:7])
			for name, w := range watched {
				if n := w.count.Load(); n > 0 {
					t.Errorf("after %v, %s went over to another history %d times", after, name, n)
				}
			}
		})
	}
}

// The node from which another one takes over dies meanwhile: another one will do.
func TestTakingOverFromANodeThatDies(t *testing.T) {
	names, segments := testmedia.Segments(t, "18")
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		defer s.end()
		s.start("n1")
		n2 := s.start("n2")
		a := &encoder{t: t, c: n2, input: "a", names: names, media: segments}
		for n := range 4 {
			time.Sleep(segmentTime)
			a.deliver(n)
		}
		time.Sleep(time.Second)
		s.cutOff("n1") // it counts as alive for a moment longer
		late := s.start("n3")
		same(t, n2, late)
	})
}

// A node whose journals are still there takes over only what has come since.
func TestANodeThatIsStartedAgainCopiesWhatIsLater(t *testing.T) {
	names, segments := testmedia.Segments(t, "24")
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		s.durable = true
		defer s.end()
		n1, n2 := s.start("n1"), s.start("n2")
		a := &encoder{t: t, c: n1, input: "a", names: names, media: segments}
		last := func() uint64 {
			journal, err := s.nodes["n2"].Store.Journal(t.Context(), "sports/hls")
			if err != nil {
				t.Fatal(err)
			}
			revision, err := journal.Last(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return revision
		}
		for n := range 6 {
			time.Sleep(segmentTime)
			a.deliver(n)
		}
		time.Sleep(time.Second)
		n2.Close()
		before := last()
		for n := 6; n < 8; n++ {
			time.Sleep(segmentTime)
			a.deliver(n)
		}
		time.Sleep(time.Second)
		n2 = s.start("n2")
		isWhole(t, n2, same(t, n1, n2), segments[:8])
		if more := last() - before; more != 2 {
			t.Errorf("%d records were copied for two slots", more)
		}
		time.Sleep(segmentTime)
		a.deliver(8)
		time.Sleep(time.Second)
		isWhole(t, n2, same(t, n1, n2), segments[:9])
	})
}

// The node that decides is shut down just after it has decided. The others have heard of that, however
// long their messages take: what viewers have seen there goes on.
func TestANodeThatStopsHasBeenFollowed(t *testing.T) {
	names, segments := testmedia.Segments(t, "18")
	for _, after := range []time.Duration{0, 5, 20, 60, 100, 130, 200} {
		synctest.Test(t, func(t *testing.T) {
			s := newSite(t)
			defer s.end()
			nodes := s.startThree()
			s.setDelay(20 * time.Millisecond)
			a := &encoder{t: t, c: nodes[1], input: "a", names: names, media: segments}
			b := &encoder{t: t, c: nodes[2], input: "b", names: names, media: segments}
			for n := range 5 {
				time.Sleep(segmentTime)
				a.deliver(n)
				b.deliver(n)
			}
			time.Sleep(after * time.Millisecond)
			nodes[0].Close()
			seen := playlist(t, nodes[0].View("hls"))
			for n := 5; n < 8; n++ {
				time.Sleep(segmentTime)
				a.deliver(n)
				b.deliver(n)
			}
			time.Sleep(time.Second)
			synctest.Wait()
			p := same(t, nodes[1:]...)
			isWhole(t, nodes[1], p, segments[:8])
			for i, before := range seen.Segments {
				if p.Segments[i].URI != before.URI {
					t.Errorf("%d ms after an upload: segment %d was %s, and is %s", after, i, before.URI, p.Segments[i].URI)
				}
			}
		})
	}
}

// A node that had gone on alone, and is started again, takes over the history of the others.
func TestANodeThatWasAloneIsStartedAgain(t *testing.T) {
	names, segments := testmedia.Segments(t, "24")
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		s.durable = true
		defer s.end()
		n1, n2 := s.start("n1"), s.start("n2")
		a := &encoder{t: t, c: n1, input: "a", names: names, media: segments}
		b := &encoder{t: t, c: n2, input: "b", names: names, media: segments}
		for n := range 8 {
			time.Sleep(segmentTime)
			a.deliver(n)
			b.deliver(n)
			switch n {
			case 2:
				s.cutOff("n2")
			case 5:
				n2.Close()
				n2 = s.start("n2")
				b.c = n2
			}
		}
		time.Sleep(2 * time.Second)
		isWhole(t, n2, same(t, n1, n2), segments[:8])
	})
}

// A stretch of another history is not mixed into this one, however it is cut.
func TestAnswersOfAnotherHistory(t *testing.T) {
	names, segments := testmedia.Segments(t, "18")
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		defer s.end()
		n1 := s.start("n1")
		a := &encoder{t: t, c: n1, input: "a", names: names, media: segments}
		for n := range 3 {
			time.Sleep(segmentTime)
			a.deliver(n)
		}
		time.Sleep(time.Second)
		var foreign []record
		n1.nodes.locked(func() {
			for n := range uint64(3 * recordsAtOnce) {
				r := n1.endpoints["hls"].chain.recent[0]
				next := link{Number: 4 + n, ID: fmt.Sprint("other.", 4+n), Before: fmt.Sprint("other.", 3+n), Node: "n9"}
				r.Link = &next
				foreign = append(foreign, r)
			}
		})
		n1.nodes.takeAnswer("hls", foreign, false)
		if last := n1.nodes.lastNumber("hls"); last != 3 {
			t.Errorf("the history ends with %d", last)
		}
	})
}
