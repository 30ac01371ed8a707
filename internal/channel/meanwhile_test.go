package channel

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
)

// A node to which both encoders push is cut off. Once it meets the others, these have the media, and publish
// what they lacked, while it still asks whose history holds. It has that at once, and not only with the next
// slot: it may be cut off again before that, and would go on from an earlier one, with a discontinuity for all.
func TestANodeHasWhatIsPublishedWhileItGoesOver(t *testing.T) {
	names, segments := testmedia.Segments(t, "24")
	for cut := 5600 * time.Millisecond; cut < 6200*time.Millisecond; cut += 100 * time.Millisecond {
		t.Run(fmt.Sprintf("after %v", cut), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t)
				s.delay = 14 * time.Millisecond
				base := longEndpoint()
				base.TimeDelay = 4 * time.Second
				s.base = &base
				defer s.end()
				nodes := s.startThree()
				a := &encoder{t: t, c: nodes[2], input: "a", names: names, media: segments}
				b := &encoder{t: t, c: nodes[2], input: "b", names: names, media: segments}
				done := make(chan struct{})
				go func() {
					for n := range segments {
						select {
						case <-done:
							return
						case <-time.After(segmentTime):
							a.deliver(n)
							b.deliver(n)
						}
					}
				}()
				time.Sleep(8 * time.Second)
				s.cutOff("n3")
				time.Sleep(cut)
				s.heal("n3")
				time.Sleep(400 * time.Millisecond)
				close(done)
				var ends []string
				for _, c := range nodes {
					c.nodes.locked(func() { ends = append(ends, c.endpoints["hls"].chain.last.ID) })
				}
				if ends[0] != ends[2] {
					t.Errorf("the history of the node that was cut off ends with %s, that of the first one with %s", ends[2], ends[0])
				}
			})
		})
	}
}
