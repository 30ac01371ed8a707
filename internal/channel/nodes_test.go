package channel

import (
	"bytes"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/hls"
	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
)

// same fails unless the nodes serve the same playlists.
func same(t *testing.T, nodes ...*Channel) *hls.MediaPlaylist {
	t.Helper()
	first := playlist(t, nodes[0].View("hls"))
	for i, c := range nodes[1:] {
		p := playlist(t, c.View("hls"))
		a, b := nodes[0].View("hls"), c.View("hls")
		if p.MediaSequence != first.MediaSequence || len(p.Segments) != len(first.Segments) {
			t.Fatalf("node 1 lists %d from %d, node %d lists %d from %d", len(first.Segments), first.MediaSequence, i+2, len(p.Segments), p.MediaSequence)
		}
		for name := range map[string]bool{"index.m3u8": true} {
			if !bytes.Equal(a.Playlist(name).Body, b.Playlist(name).Body) {
				t.Fatalf("%s differs:\n%s\n%s", name, a.Playlist(name).Body, b.Playlist(name).Body)
			}
		}
		for j, s := range p.Segments {
			if s.URI != first.Segments[j].URI || s.Duration != first.Segments[j].Duration || s.Discontinuity != first.Segments[j].Discontinuity ||
				!s.ProgramDateTime.Equal(first.Segments[j].ProgramDateTime) {
				t.Fatalf("segment %d is %+v on node 1 and %+v on node %d", j, first.Segments[j], s, i+2)
			}
			if !bytes.Equal(fetch(t, a, s.URI), fetch(t, b, s.URI)) {
				t.Fatalf("segment %s has other bytes on node %d", s.URI, i+2)
			}
		}
	}
	return first
}

// isWhole fails unless the playlist lists the media of the encoders, from the first segment on.
func isWhole(t *testing.T, c *Channel, p *hls.MediaPlaylist, media [][]byte) {
	t.Helper()
	if len(p.Segments) != len(media) {
		t.Fatalf("%d segments are listed, not %d", len(p.Segments), len(media))
	}
	for i, s := range p.Segments {
		if s.Discontinuity {
			t.Errorf("segment %d has a discontinuity", i)
		}
		if !bytes.Equal(fetch(t, c.View("hls"), s.URI), media[i]) {
			t.Errorf("segment %d is not what the encoder sent", i)
		}
	}
}

func longEndpoint() EndpointConfig {
	e := shortEndpoint()
	e.PlaylistWindow = time.Minute
	return e
}

// Two encoders push to two of three nodes, and all three serve the same.
func TestNodesServeTheSame(t *testing.T) {
	names, segments := testmedia.Segments(t, "18")
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		defer s.end()
		nodes := s.startThree()
		a := &encoder{t: t, c: nodes[0], input: "a", names: names, media: segments}
		b := &encoder{t: t, c: nodes[1], input: "b", names: names, media: segments}
		for n := range 6 {
			time.Sleep(segmentTime)
			if n < 3 {
				a.deliver(n)
			}
			b.deliver(n)
			time.Sleep(50 * time.Millisecond)
			synctest.Wait()
			if n >= 3 {
				time.Sleep(time.Second) // until the deadline
			}
			if n > 0 { // at first, it is not known whether there will be other renditions
				same(t, nodes...)
			}
		}
		isWhole(t, nodes[2], same(t, nodes...), segments[:6])
	})
}

// What a node that starts is told, it may have from the journals of another one already. The media is
// still there when that node has to decide.
func TestUploadsAreToldTwice(t *testing.T) {
	names, segments := testmedia.Segments(t, "18")
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		s.twice = true
		defer s.end()
		n1, n2 := s.start("n1"), s.start("n2")
		a := &encoder{t: t, c: n1, input: "a", names: names, media: segments}
		for n := range 6 {
			time.Sleep(segmentTime)
			if n != 3 {
				a.deliver(n)
				continue
			}
			if err := a.put(names[n], segments[n]); err != nil {
				t.Fatal(err)
			}
			time.Sleep(20 * time.Millisecond)
			s.cutOff("n1")
			a.c = n2
			a.announce(n)
		}
		time.Sleep(2 * time.Second)
		isWhole(t, n2, same(t, n2), segments[:6])
	})
}

// The node that decides is gone, with the encoder that pushed to it.
func TestANodeIsKilled(t *testing.T) {
	names, segments := testmedia.Segments(t, "18")
	for _, victim := range []int{0, 1, 2} {
		synctest.Test(t, func(t *testing.T) {
			s := newSite(t)
			defer s.end()
			ids := []string{"n1", "n2", "n3"}
			nodes := s.startThree()
			a := &encoder{t: t, c: nodes[0], input: "a", names: names, media: segments}
			b := &encoder{t: t, c: nodes[1], input: "b", names: names, media: segments}
			var living []*Channel
			for i, c := range nodes {
				if i != victim {
					living = append(living, c)
				}
			}
			for n := range 6 {
				time.Sleep(segmentTime)
				if n < 3 || victim != 0 {
					a.deliver(n)
				}
				if n < 3 || victim != 1 {
					b.deliver(n)
				}
				if n == 2 {
					s.cutOff(ids[victim]) // at the very moment of the upload
				}
				time.Sleep(1300 * time.Millisecond) // the grace of a second, and 300 ms
				synctest.Wait()
				p := same(t, living...)
				if n != 2 && len(p.Segments) != n+1 {
					t.Fatalf("without node %d, %d slots are listed after %d segments", victim+1, len(p.Segments), n+1)
				}
				time.Sleep(segmentTime - 1300*time.Millisecond)
			}
			isWhole(t, living[0], same(t, living...), segments[:6])
		})
	}
}

// A viewer comes from a node that lists what another one does not have yet.
func TestWhatAnotherNodeListsIsWaitedFor(t *testing.T) {
	names, segments := testmedia.Segments(t, "10")
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		s.delay = 60 * time.Millisecond
		defer s.end()
		n1, n2 := s.start("n1"), s.start("n2")
		const nonsense = "0123456789abcdef.m3u8"
		if n1.Await(t.Context(), "hls", "index.m3u8") || n1.Await(t.Context(), "hls", nonsense) {
			t.Error("there is something before anything is published")
		}
		a := &encoder{t: t, c: n1, input: "a", names: names, media: segments}
		for n := range 3 {
			time.Sleep(segmentTime)
			a.deliver(n)
			for v := n1.View("hls"); v == nil || len(v.Slots()) <= n; v = n1.View("hls") {
				time.Sleep(time.Millisecond)
			}
			v := n1.View("hls")
			slot := v.Slots()[n]
			rendition := &slot.Renditions[0]
			for _, name := range []string{v.URI(slot, rendition), rendition.ID + ".m3u8"} {
				there := func() bool {
					here := n2.View("hls")
					return here != nil && (here.Segment(name) != nil || here.Playlist(name) != nil)
				}
				if !there() && (!n2.Await(t.Context(), "hls", name) || !there()) {
					t.Errorf("slot %d: %s is not there", n, name)
				}
			}
			began := time.Now()
			for _, other := range []string{"index.m3u8", "other.ts", v.URI(v.Slots()[0], rendition)} {
				if n2.Await(t.Context(), "hls", other) || !time.Now().Equal(began) {
					t.Errorf("%s is waited for", other)
				}
			}
		}
		for range awaitAtMost + 1 {
			go n2.Await(t.Context(), "hls", nonsense)
		}
		time.Sleep(time.Millisecond)
		if began := time.Now(); n2.Await(t.Context(), "hls", nonsense) || !time.Now().Equal(began) {
			t.Error("there is no limit")
		}
		time.Sleep(time.Second)
	})
}

// A node that is far from the others is gone as soon as it lists a segment. They have it.
func TestWhatAFarNodeListsIsSafe(t *testing.T) {
	names, segments := testmedia.Segments(t, "18")
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		s.delay = 270 * time.Millisecond
		defer s.end()
		n1, n2 := s.start("n1"), s.start("n2")
		a := &encoder{t: t, c: n1, input: "a", names: names, media: segments}
		for n := range 6 {
			time.Sleep(segmentTime)
			a.deliver(n)
			if n != 3 {
				continue
			}
			for len(playlist(t, n1.View("hls")).Segments) < 4 {
				time.Sleep(time.Millisecond)
			}
			s.cutOff("n1")
			a.c = n2
		}
		time.Sleep(2 * time.Second)
		isWhole(t, n2, same(t, n2), segments[:6])
	})
}

// A node that is far from the others leaves the decisions to them, from the first one on; they are
// not slower for it.
func TestAFarNodeLeavesDecisionsToOthers(t *testing.T) {
	names, segments := testmedia.Segments(t, "18")
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		defer s.end()
		nodes := s.startThree()
		s.moveAway("n1")
		time.Sleep(time.Second)
		a := &encoder{t: t, c: nodes[0], input: "a", names: names, media: segments}
		b := &encoder{t: t, c: nodes[1], input: "b", names: names, media: segments}
		var deciders []string
		for n := range 6 {
			time.Sleep(segmentTime)
			a.deliver(n)
			b.deliver(n)
			time.Sleep(300 * time.Millisecond) // six times the way to n1
			if n < 2 {
				time.Sleep(time.Second)
			}
			isWhole(t, nodes[2], same(t, nodes...), segments[:n+1])
			nodes[2].mu.Lock()
			deciders = append(deciders, nodes[2].endpoints["hls"].chain.last.Node)
			nodes[2].mu.Unlock()
		}
		if slices.Contains(deciders, "n1") {
			t.Errorf("decided by %q", deciders)
		}
		s.cutOff("n2")
		a.c, b.c = nodes[2], nodes[0]
		for n := 6; n < 9; n++ {
			time.Sleep(segmentTime)
			a.deliver(n)
			b.deliver(n)
			time.Sleep(time.Second)
			isWhole(t, nodes[2], same(t, nodes[0], nodes[2]), segments[:n+1])
		}
		if last := nodes[2].endpoints["hls"].chain.last.Node; last != "n3" {
			t.Errorf("once n2 is dead, %s decides", last)
		}
	})
}

// A node that is near, hears an encoder and does not decide all the same costs the first slot
// and one more their time.
func TestAFarNodeGoesOnWhereNobodyTakesOver(t *testing.T) {
	names, segments := testmedia.Segments(t, "18")
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		defer s.end()
		n1, n2 := s.start("n1"), s.start("n2")
		s.moveAway("n1")
		n2.nodes.locked(func() { n2.nodes.stopping = true })
		time.Sleep(time.Second)
		a := &encoder{t: t, c: n1, input: "a", names: names, media: segments}
		b := &encoder{t: t, c: n2, input: "b", names: names, media: segments}
		late := 0
		for n := range 9 {
			time.Sleep(segmentTime)
			a.deliver(n)
			b.deliver(n)
			if n == 0 {
				time.Sleep(2 * firstAfter) // it waits for the other one to begin
			}
			time.Sleep(500 * time.Millisecond)
			if n > 0 && len(playlist(t, n1.View("hls")).Segments) <= n {
				late++
			}
			time.Sleep(700 * time.Millisecond)
			isWhole(t, n1, same(t, n1, n2), segments[:n+1])
		}
		if late != 1 {
			t.Errorf("%d slots were late", late)
		}
	})
}

// Clocks of nodes differ, by what NTP leaves or by a minute; one of them is set right meanwhile,
// which a channel that runs does not follow.
func TestClocksOfNodesDiffer(t *testing.T) {
	names, segments := testmedia.Segments(t, "18")
	for _, ahead := range [][3]time.Duration{
		{0, 500 * time.Millisecond, time.Second}, {time.Second, 500 * time.Millisecond, 0},
		{0, time.Minute, 2 * time.Minute}, {2 * time.Minute, time.Minute, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newSite(t)
			defer s.end()
			nodes := s.startThree()
			for i, c := range nodes {
				c.nodes.locked(func() { c.clock.skew = ahead[i] })
			}
			a := &encoder{t: t, c: nodes[2], input: "a", names: names, media: segments}
			b := &encoder{t: t, c: nodes[1], input: "b", names: names, media: segments}
			for n := range 8 {
				time.Sleep(segmentTime)
				if n < 5 {
					a.deliver(n)
				}
				b.deliver(n)
				if n == 3 {
					s.cutOff("n1")
					nodes = nodes[1:]
				}
				time.Sleep(1300 * time.Millisecond)
				synctest.Wait()
				if p := same(t, nodes...); len(p.Segments) != n+1 {
					t.Fatalf("clocks ahead by %v: %d segments are listed after %d", ahead, len(p.Segments), n+1)
				}
				time.Sleep(segmentTime - 1300*time.Millisecond)
			}
			isWhole(t, nodes[0], same(t, nodes...), segments[:8])
		})
	}
}
