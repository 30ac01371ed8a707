package channel

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
)

// The node from which one that starts takes over is gone in the middle of that. What viewers have got is not
// published once more, under other numbers: the history goes on as all nodes have written it.
func TestTheNodeToTakeOverFromIsGoneMeanwhile(t *testing.T) {
	names, segments := testmedia.Segments(t, "36")
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		defer s.end()
		s.slow = 40 * time.Millisecond
		n2 := s.start("n2")
		a := &encoder{t: t, c: n2, input: "a", names: names, media: segments}
		for n := range 8 {
			time.Sleep(segmentTime)
			a.deliver(n)
		}
		time.Sleep(time.Second)
		p := playlist(t, n2.View("hls"))
		next := p.MediaSequence + uint64(len(p.Segments))
		time.AfterFunc(60*time.Millisecond, func() { s.cutOff("n2") })
		n1 := s.start("n1")
		a.c = n1
		for n := 8; n < 13; n++ {
			time.Sleep(segmentTime)
			a.deliver(n)
		}
		time.Sleep(time.Second)
		if p := playlist(t, n1.View("hls")); p.MediaSequence < next || p.MediaSequence > next+1 {
			t.Errorf("it lists %d from %d, and viewers have got all before %d", len(p.Segments), p.MediaSequence, next)
		}
	})
}
