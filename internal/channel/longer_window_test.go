package channel

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
)

// A node is restarted with a longer window than before. Journals remember more than nodes still have: it lists
// what the others list, and all of that can be fetched.
func TestALongerWindowBeginsWhereTheOthersDo(t *testing.T) {
	names, segments := testmedia.Segments(t, "60")
	for _, durable := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s := newSite(t)
			s.durable = durable
			defer s.end()
			base := shortEndpoint()
			base.PlaylistWindow = 10 * time.Second
			s.base = &base
			n1, n2 := s.start("n1"), s.start("n2")
			a := &encoder{t: t, c: n1, input: "a", names: names, media: segments}
			for n := range 28 {
				time.Sleep(segmentTime)
				a.deliver(n)
			}
			n2.Close()
			longer := longEndpoint()
			s.base = &longer
			first := n1.View("hls").Slots()[0].MSN
			n2 = s.start("n2")
			p := playlist(t, n2.View("hls"))
			for _, segment := range p.Segments {
				fetch(t, n2.View("hls"), segment.URI)
			}
			if p.MediaSequence < first {
				t.Errorf("durable %t: it lists slots from %d on, and the other node has those from %d", durable, p.MediaSequence, first)
			}
		})
	}
}
