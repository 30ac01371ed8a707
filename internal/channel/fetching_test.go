package channel

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
)

// All nodes are restarted one after the other while media waits for its delay: none of it is lost, also where
// none of the nodes keeps anything on a disk.
func TestMediaThatWaitsForItsDelayOutlivesARollingRestart(t *testing.T) {
	names, segments := testmedia.Segments(t, "60")
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		defer s.end()
		delayed := longEndpoint()
		delayed.TimeDelay = 20 * time.Second
		s.base = &delayed
		nodes := s.startThree()
		a := &encoder{t: t, c: nodes[0], input: "a", names: names, media: segments}
		const end = 24
		for n := range end {
			time.Sleep(segmentTime)
			if i := n - 12; i >= 0 && i < len(nodes) {
				a.c = nodes[(i+1)%3]
				nodes[i].Close()
				nodes[i] = s.start([]string{"n1", "n2", "n3"}[i])
			}
			a.deliver(n)
		}
		time.Sleep(delayed.TimeDelay + time.Second)
		for _, c := range nodes {
			isWhole(t, c, same(t, nodes...), segments[:end])
		}
	})
}

// A node was cut off for longer than the others keep what they say. It has all that they list, also when they
// are gone soon after.
func TestWhatANodeHasMissedOutlivesTheOthers(t *testing.T) {
	names, segments := testmedia.Segments(t, "60")
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		s.forgetful = true
		defer s.end()
		n1, n2 := s.start("n1"), s.start("n2")
		a := &encoder{t: t, c: n1, input: "a", names: names, media: segments}
		const end = 16
		for n := range end {
			time.Sleep(segmentTime)
			switch n {
			case 4:
				s.cutOff("n2")
			case 12:
				s.heal("n2")
			}
			a.deliver(n)
		}
		time.Sleep(time.Second)
		s.cutOff("n1")
		time.Sleep(time.Second)
		isWhole(t, n2, playlist(t, n2.View("hls")), segments[:end])
	})
}
