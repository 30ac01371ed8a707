package channel

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
)

// What a node lists, since that is the history, and nobody has the media of any more, is told: for each slot, once.
func TestMediaThatNoNodeHasIsTold(t *testing.T) {
	names, segments := testmedia.Segments(t, "24")
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		s.forgetful = true
		defer s.end()
		n1, n2 := s.start("n1"), s.start("n2")
		r := &recorder{}
		n2.Observe(r)
		a := &encoder{t: t, c: n1, input: "a", names: names, media: segments}
		var lost []string
		for n := range 6 {
			time.Sleep(segmentTime)
			if n == 3 {
				s.cutOff("n2")
			}
			a.deliver(n)
			if n > 3 {
				slots := n1.View("hls").Slots()
				lost = append(lost, slots[len(slots)-1].Renditions[0].Keys()...)
			}
		}
		for _, key := range lost {
			if err := s.nodes["n1"].Store.Delete(t.Context(), key); err != nil {
				t.Fatal(err)
			}
		}
		s.heal("n2")
		time.Sleep(2 * time.Second)
		a.deliver(6)
		time.Sleep(4 * time.Second)
		n2.Close()
		told := slices.DeleteFunc(r.trouble, func(err error) bool { return !errors.Is(err, errNowhere) })
		if len(lost) != 2 || len(told) != len(lost) {
			t.Errorf("of %d slots without media, %d are told of: %v", len(lost), len(told), told)
		}
	})
}
