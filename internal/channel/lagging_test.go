package channel

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
)

// A node that was cut off without an encoder has nothing that viewers should get, until it has caught up.
func TestANodeThatComesBackCatchesUpBeforeItIsReady(t *testing.T) {
	names, segments := testmedia.Segments(t, "36")
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		s.forgetful = true
		defer s.end()
		nodes := s.startThree()
		a := &encoder{t: t, c: nodes[0], input: "a", names: names, media: segments}
		away := nodes[2]
		for n := range 12 {
			time.Sleep(segmentTime)
			if n == 3 {
				time.Sleep(time.Second)
				s.cutOff("n3")
			}
			a.deliver(n)
		}
		if !away.Ready() {
			t.Error("a node that is alone is not ready")
		}
		s.setDelay(500 * time.Millisecond)
		s.heal("n3")
		time.Sleep(lagEvery + 200*time.Millisecond) // until it has heard of the others
		lacks := func() uint64 {
			return nodes[0].Status().Endpoints[0].NextMSN - away.Status().Endpoints[0].NextMSN
		}
		refused := false
		for range 500 {
			away.nodes.State() // as the engine asks
			if lacks() >= laggingSlots && away.Ready() {
				t.Fatalf("a node that lacks %d slots is ready", lacks())
			}
			refused = refused || !away.Ready()
			time.Sleep(10 * time.Millisecond)
		}
		if lack := lacks(); lack > 0 || !away.Ready() || !refused {
			t.Errorf("after some seconds, it lacks %d slots and is ready: %v; it was not: %v", lack, away.Ready(), refused)
		}
	})
}
