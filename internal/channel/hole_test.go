package channel

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
)

// While a node is cut off with its encoder, that of the others loses a segment: they have published one slot less
// once they meet. Viewers of the node miss what comes in that moment, as its number was used, and see no
// discontinuity: the inputs are locked. The others miss nothing more.
func TestHistoriesOfDifferentLengthMeetWithoutADiscontinuity(t *testing.T) {
	names, segments := testmedia.Segments(t, "36")
	for lost := 5; lost < 8; lost++ {
		synctest.Test(t, func(t *testing.T) {
			s := newSite(t)
			s.forgetful = true // the others don't get what the node had meanwhile
			defer s.end()
			nodes := s.startThree()
			a := &encoder{t: t, c: nodes[0], input: "a", names: names, media: segments}
			b := &encoder{t: t, c: nodes[2], input: "b", names: names, media: segments}
			viewers := make([]siteViewer, len(nodes))
			for n := range 14 {
				switch n {
				case 4:
					s.cutOff("n3")
				case 9:
					s.heal("n3")
				}
				lookOn(t, viewers, nodes, 19, segmentTime/19)
				if n != lost {
					a.deliver(n)
				}
				b.deliver(n)
			}
			time.Sleep(time.Second)
			for i, v := range viewers {
				for _, g := range v.got {
					if g.discontinuity {
						t.Errorf("segment %d lost, node %d: slot %d begins a discontinuity", lost, i+1, g.number)
					}
				}
				if missed := 13 - len(v.got); missed > 1 || v.next != viewers[0].next {
					t.Errorf("segment %d lost, node %d: it misses %d, and stands at %d, the first one at %d", lost, i+1, missed, v.next, viewers[0].next)
				}
			}
		})
	}
}
