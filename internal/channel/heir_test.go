package channel

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
)

// Whoever decided is gone. The first to go on in its place stood still for a moment, and comes to it when the
// second one does not wait for it any longer: one of them does, and no viewer sees what the other one would have
// decided.
func TestOneNodeGoesOnForOneThatIsGone(t *testing.T) {
	names, segments := testmedia.Segments(t, "10")
	for halt := 420 * time.Millisecond; halt <= 436*time.Millisecond; halt += time.Millisecond {
		t.Run(fmt.Sprint(halt), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t)
				defer s.end()
				nodes := s.startThree()
				a := &encoder{t: t, c: nodes[2], input: "a", names: names, media: segments}
				for n := range 5 {
					time.Sleep(segmentTime)
					if n == 3 {
						s.halt("n2", halt)
					}
					a.deliver(n)
					for range 600 {
						time.Sleep(time.Millisecond)
						agree(t, nodes[1:]...)
					}
					if n == 2 {
						s.cutOff("n1")
					}
				}
				isWhole(t, nodes[1], same(t, nodes[1:]...), segments[:5])
			})
		})
	}
}

// agree checks that what several nodes list of an endpoint is the same.
func agree(t *testing.T, nodes ...*Channel) {
	t.Helper()
	uris := map[uint64]string{}
	for _, c := range nodes {
		v := c.View("hls")
		if v == nil {
			continue
		}
		for _, slot := range v.Slots() {
			uri := v.URI(slot, &slot.Renditions[0])
			if was, ok := uris[slot.MSN]; ok && was != uri {
				t.Fatalf("slot %d is %s and %s", slot.MSN, was, uri)
			}
			uris[slot.MSN] = uri
		}
	}
}
