package channel

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
)

// A node whose disk takes half a second for whatever is written to it takes over a long window as fast as
// a short one: from another node, and from the journal of all nodes.
func TestALongWindowIsTakenOverAtOnce(t *testing.T) {
	const slow, soon = 500 * time.Millisecond, 6 * time.Second
	names, segments := testmedia.Segments(t, "60")
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		defer s.end()
		first := s.start("n1")
		a := &encoder{t: t, c: first, input: "a", names: names, media: segments}
		const published = 20
		for n := range published {
			time.Sleep(segmentTime)
			a.deliver(n)
		}
		time.Sleep(time.Second)
		s.slow = slow
		starts := func(name string) *Channel {
			t.Helper()
			began := time.Now()
			c := s.start(name)
			if took := time.Since(began); took > soon {
				t.Errorf("%s takes %v to take over %d slots", name, took, published)
			}
			return c
		}
		late := starts("n2")
		if listed := len(same(t, first, late).Segments); listed != published {
			t.Errorf("%d slots are listed, not %d", listed, published)
		}
		s.cutOff("n1")
		s.cutOff("n2")
		last := late.Status().Endpoints[0].NextMSN
		time.Sleep(time.Second)
		if next := starts("n3").Status().Endpoints[0].NextMSN; next != last {
			t.Errorf("it goes on with %d, not with %d", next, last)
		}
	})
}

// The servers are there, and have no leader for the journal. A channel that starts when that has been so for long
// does not wait for it as the first one did: of hundreds, the last one would start minutes later.
func TestLateChannelsDoNotWaitForTheJournalOfAllNodes(t *testing.T) {
	names, segments := testmedia.Segments(t, "12")
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		defer s.end()
		first := s.start("n1")
		a := &encoder{t: t, c: first, input: "a", names: names, media: segments}
		for n := range 4 {
			time.Sleep(segmentTime)
			a.deliver(n)
		}
		time.Sleep(2 * time.Second)
		first.Close()
		s.cutOff("n1")
		s.reach(false)
		for _, late := range []time.Duration{0, time.Minute} {
			s.contact = late
			began := time.Now()
			c := s.start("n2")
			took := time.Since(began)
			c.Close()
			if most := ledgerTimeout + introduction + time.Second; late > 0 && took > most {
				t.Errorf("a late channel waits for %v", took)
			}
			if late == 0 && took < recallTime-time.Second {
				t.Errorf("the first channel waits for %v only", took)
			}
		}
	})
}
