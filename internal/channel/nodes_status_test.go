package channel

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
	"github.com/liveorigin/caddy-live-origin/store"
)

// Who looks at a node sees what reaches each of them, which one decides, and which is gone.
func TestNodesStatus(t *testing.T) {
	names, segments := testmedia.Segments(t, "18")
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		defer s.end()
		n1, n2 := s.start("n1"), s.start("n2")
		a := &encoder{t: t, c: n1, input: "a", names: names, media: segments}
		b := &encoder{t: t, c: n2, input: "b", names: names, media: segments}
		for n := range 3 {
			time.Sleep(segmentTime)
			a.deliver(n)
			b.deliver(n)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		status := n1.Nodes()
		if status.Contact != store.InContact || status.Unwritten != 0 || len(status.Nodes) != 2 {
			t.Fatalf("%+v", status)
		}
		var decides []string
		for i, want := range []struct {
			name, hears string
			self        bool
		}{{"n1", "a", true}, {"n2", "b", false}} {
			got := status.Nodes[i]
			if got.Node != want.name || got.Self != want.self || !got.Alive || !got.Ready || !slices.Equal(got.Hears, []string{want.hears}) || got.Behind != 0 {
				t.Errorf("node %d: %+v", i+1, got)
			}
			decides = append(decides, got.Decides...)
		}
		if !slices.Equal(decides, []string{"hls"}) {
			t.Errorf("decided are %v", decides)
		}

		// The servers give no answer.
		s.reach(false)
		time.Sleep(segmentTime)
		a.deliver(3)
		b.deliver(3)
		time.Sleep(10 * time.Second)
		if w := max(n1.Nodes().Unwritten, n2.Nodes().Unwritten); w < 9 {
			t.Errorf("nothing was written for %v s", w)
		}
		s.reach(true)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if w := max(n1.Nodes().Unwritten, n2.Nodes().Unwritten); w != 0 {
			t.Errorf("still nothing is written, for %v s", w)
		}

		s.cutOff("n2")
		time.Sleep(5 * time.Second)
		synctest.Wait()
		lost, alone := n1.Nodes().Nodes[1], n2.Nodes()
		if lost.Alive || lost.Ready || len(lost.Hears)+len(lost.Decides) != 0 || lost.Since.IsZero() {
			t.Errorf("a node that is lost: %+v", lost)
		}
		if alone.Contact != store.Alone || alone.Nodes[1].Alive {
			t.Errorf("a node that is cut off: %+v", alone)
		}
	})
}
