package channel

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
)

// A node without an encoder was aside, with its servers, and has published what it still had. When it is back, the
// node that it would hear of the rest from is cut off. It waits until it is settled which history holds: what it
// would go on with comes after what it lacks, and all would see a discontinuity.
func TestANodeThatIsBackListensBeforeItGoesOn(t *testing.T) {
	names, segments := testmedia.Segments(t, "36")
	for cut := 200 * time.Millisecond; cut < 2200*time.Millisecond; cut += 200 * time.Millisecond {
		t.Run(fmt.Sprintf("%v after the other one", cut), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t)
				s.delay = 25 * time.Millisecond
				base := longEndpoint()
				s.base = &base
				defer s.end()
				nodes := s.startThree()
				a := &encoder{t: t, c: nodes[0], input: "a", names: names, media: segments}
				b := &encoder{t: t, c: nodes[2], input: "b", names: names, media: segments}
				go func() {
					time.Sleep(4*segmentTime + 40*time.Millisecond)
					s.turn("n2", true)
					time.Sleep(3 * segmentTime)
					s.cutOff("n1")
					time.Sleep(cut)
					s.turn("n2", false)
					time.Sleep(2 * segmentTime)
					s.heal("n1")
				}()
				viewers := make([]siteViewer, len(nodes))
				for n := range 14 {
					lookOn(t, viewers, nodes, 19, segmentTime/19)
					a.deliver(n)
					time.AfterFunc(300*time.Millisecond, func() { b.deliver(n) })
				}
				time.Sleep(time.Second)
				for i := range viewers {
					for _, g := range viewers[i].got {
						if g.discontinuity {
							t.Errorf("node %d: slot %d begins a discontinuity", i+1, g.number)
						}
					}
				}
			})
		})
	}
}
