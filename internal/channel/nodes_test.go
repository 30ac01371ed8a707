package channel

import (
	"bytes"
	"sync/atomic"
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
		config := testConfig(longEndpoint())
		var nodes []*Channel
		for _, name := range []string{"n1", "n2", "n3"} {
			nodes = append(nodes, s.start(name, config))
			defer nodes[len(nodes)-1].Close()
		}
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

// The node that decides is gone, with the encoder that pushed to it.
func TestANodeIsKilled(t *testing.T) {
	names, segments := testmedia.Segments(t, "18")
	for _, victim := range []int{0, 1, 2} {
		synctest.Test(t, func(t *testing.T) {
			s := newSite(t)
			config := testConfig(longEndpoint())
			ids := []string{"n1", "n2", "n3"}
			var nodes []*Channel
			for _, name := range ids {
				nodes = append(nodes, s.start(name, config))
				defer nodes[len(nodes)-1].Close()
			}
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

// A node that starts late has the window of the others before it answers.
func TestANodeStartsLate(t *testing.T) {
	names, segments := testmedia.Segments(t, "18")
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		config := testConfig(longEndpoint())
		first := s.start("n2", config)
		a := &encoder{t: t, c: first, input: "a", names: names, media: segments}
		for n := range 4 {
			time.Sleep(segmentTime)
			a.deliver(n)
		}
		if err := first.Order("hls", "a", true); err != nil {
			t.Fatal(err)
		}
		late := s.start("n1", config)
		defer late.Close()
		same(t, first, late)
		if e := late.Status().Endpoints[0]; e.Ordered != "a" || !e.Pinned {
			t.Errorf("the pin is %q, %v", e.Ordered, e.Pinned)
		}
		time.Sleep(segmentTime)
		a.deliver(4)
		time.Sleep(50 * time.Millisecond)
		same(t, first, late)
		// The encoder changes nodes, and the first node is stopped.
		a.c = late
		first.Close()
		for n := 5; n < 8; n++ {
			time.Sleep(segmentTime)
			a.deliver(n)
			time.Sleep(50 * time.Millisecond)
		}
		isWhole(t, late, same(t, late), segments[:8])
	})
}

// Nodes that don't hear of each other both go on; when they do again, one history holds, and
// no number falls.
func TestOneHistoryHoldsAfterAPartition(t *testing.T) {
	names, segments := testmedia.Segments(t, "18")
	for name, unreachable := range map[string]bool{"with a quorum": false, "without": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t)
				config := testConfig(longEndpoint())
				n1, n2, n3 := s.start("n1", config), s.start("n2", config), s.start("n3", config)
				nodes := []*Channel{n1, n2, n3}
				for _, c := range nodes {
					defer c.Close()
				}
				a := &encoder{t: t, c: n1, input: "a", names: names, media: segments}
				b := &encoder{t: t, c: n2, input: "b", names: names, media: segments}
				last := map[*Channel]uint64{}
				serves := map[string][]byte{}
				for n := range 9 {
					time.Sleep(segmentTime)
					switch n {
					case 2:
						s.reach(!unreachable)
						s.cutOff("n1")
					case 5:
						s.heal("n1")
					}
					a.deliver(n)
					b.deliver(n)
					time.Sleep(1300 * time.Millisecond)
					synctest.Wait()
					for i, c := range nodes {
						p := playlist(t, c.View("hls"))
						end := p.MediaSequence + uint64(len(p.Segments))
						if end < last[c] {
							t.Errorf("node %d: the number fell from %d to %d", i+1, last[c], end)
						}
						last[c] = end
						for _, seg := range p.Segments {
							if seg.Discontinuity {
								t.Errorf("node %d: %s has a discontinuity", i+1, seg.URI)
							}
							body := fetch(t, c.View("hls"), seg.URI)
							if was, ok := serves[seg.URI]; ok && !bytes.Equal(was, body) {
								t.Errorf("%s has other bytes on node %d", seg.URI, i+1)
							}
							serves[seg.URI] = body
						}
					}
					if n == 4 && last[n1] < last[n2]-1 {
						t.Errorf("alone, node 1 stands at %d, the others at %d", last[n1], last[n2])
					}
				}
				if last[n1] != last[n2] || last[n2] != last[n3] {
					t.Errorf("the nodes stand at %d, %d, %d", last[n1], last[n2], last[n3])
				}
				p1, p2 := playlist(t, n1.View("hls")), playlist(t, n2.View("hls"))
				if u1, u2 := p1.Segments[len(p1.Segments)-1].URI, p2.Segments[len(p2.Segments)-1].URI; u1 != u2 {
					t.Errorf("the last segments are %s and %s", u1, u2)
				}
			})
		})
	}
}

// Clocks of nodes differ by half a second, and one of them is set.
func TestClocksOfNodesDiffer(t *testing.T) {
	names, segments := testmedia.Segments(t, "18")
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		config := testConfig(longEndpoint())
		var nodes []*Channel
		for i, name := range []string{"n1", "n2", "n3"} {
			c := s.start(name, config)
			defer c.Close()
			c.nodes.locked(func() { c.clock.skew = time.Duration(i) * 500 * time.Millisecond })
			nodes = append(nodes, c)
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
				t.Fatalf("%d segments are listed after %d", len(p.Segments), n+1)
			}
			time.Sleep(segmentTime - 1300*time.Millisecond)
		}
		isWhole(t, nodes[0], same(t, nodes...), segments[:8])
	})
}

// The nodes are started again, one after the other, while encoders push to whichever is there.
func TestARollingRestart(t *testing.T) {
	names, segments := testmedia.Segments(t, "18")
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		config := testConfig(longEndpoint())
		ids := []string{"n1", "n2", "n3"}
		var nodes []*Channel
		for _, name := range ids {
			nodes = append(nodes, s.start(name, config))
		}
		a := &encoder{t: t, input: "a", names: names, media: segments}
		for n := range 9 {
			time.Sleep(segmentTime)
			victim := n % 3
			a.c = nodes[(victim+1)%3]
			if n > 2 {
				nodes[victim].Close()
			}
			a.deliver(n)
			if n > 2 {
				nodes[victim] = s.start(ids[victim], config)
			}
			time.Sleep(1300 * time.Millisecond)
			synctest.Wait()
			isWhole(t, nodes[victim], same(t, nodes...), segments[:n+1])
		}
		for _, c := range nodes {
			c.Close()
		}
	})
}

// All nodes end at once: what they wrote together goes on, although nobody has the media.
func TestAllNodesStartAgain(t *testing.T) {
	names, segments := testmedia.Segments(t, "18")
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		config := testConfig(longEndpoint())
		n1, n2 := s.start("n1", config), s.start("n2", config)
		a := &encoder{t: t, c: n1, input: "a", names: names, media: segments}
		for n := range 4 {
			time.Sleep(segmentTime)
			a.deliver(n)
		}
		time.Sleep(2 * time.Second)
		last := n1.Status().Endpoints[0].NextMSN
		s.cutOff("n1")
		s.cutOff("n2")
		defer n1.Close()
		defer n2.Close()
		time.Sleep(time.Second)
		n3 := s.start("n3", config)
		defer n3.Close()
		a.c, a.list = n3, nil
		for n := 4; n < 6; n++ {
			time.Sleep(segmentTime)
			a.deliver(n)
		}
		time.Sleep(2 * time.Second)
		p := playlist(t, n3.View("hls"))
		if p.MediaSequence != last {
			t.Errorf("it goes on with %d, not with %d", p.MediaSequence, last)
		}
		for _, segment := range p.Segments {
			fetch(t, n3.View("hls"), segment.URI) // what is gone is not listed
		}
	})
}

// The same with inputs that are not locked: each viewer sees one discontinuity where the node goes
// over to the other history, and their numbers never fall.
func TestUnlockedHistoriesMeet(t *testing.T) {
	names, first := testmedia.Segments(t, "24")
	_, second := testmedia.Segments(t, "24", "-output_ts_offset", "1000")
	for name, quorum := range map[string]bool{"with a quorum": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t)
				config := testConfig(longEndpoint())
				n1, n2, n3 := s.start("n1", config), s.start("n2", config), s.start("n3", config)
				nodes := []*Channel{n1, n2, n3}
				for _, c := range nodes {
					defer c.Close()
				}
				a := &encoder{t: t, c: n1, input: "a", names: names, media: first}
				b := &encoder{t: t, c: n2, input: "b", names: names, media: second}
				seen := map[*Channel]map[string]uint64{n1: {}, n2: {}, n3: {}}
				last := map[*Channel]uint64{}
				for n := range 11 {
					time.Sleep(segmentTime)
					switch n {
					case 2:
						s.reach(quorum)
						s.cutOff("n1")
					case 6:
						s.heal("n1")
					}
					a.deliver(n)
					b.deliver(n)
					time.Sleep(1300 * time.Millisecond)
					synctest.Wait()
					for i, c := range nodes {
						p := playlist(t, c.View("hls"))
						number := p.DiscontinuitySequence
						for _, seg := range p.Segments {
							if seg.Discontinuity {
								number++
							}
							if was, ok := seen[c][seg.URI]; ok && was != number {
								t.Errorf("node %d: the discontinuity number of %s was %d and is %d", i+1, seg.URI, was, number)
							}
							seen[c][seg.URI] = number
						}
						if number < last[c] {
							t.Errorf("node %d: the discontinuity number fell from %d to %d", i+1, last[c], number)
						}
						last[c] = number
						if n == 10 {
							t.Logf("node %d: %d discontinuities in %d slots from %d", i+1, number, len(p.Segments), p.MediaSequence)
						}
					}
				}
				same := func(c *Channel) string {
					p := playlist(t, c.View("hls"))
					return p.Segments[len(p.Segments)-1].URI
				}
				if same(n1) != same(n2) || same(n2) != same(n3) {
					t.Errorf("the nodes stand at %s, %s, %s", same(n1), same(n2), same(n3))
				}
				if last[n1] != last[n2] || last[n2] != last[n3] {
					t.Errorf("the discontinuity numbers are %d, %d, %d", last[n1], last[n2], last[n3])
				}
			})
		})
	}
}

// adoptions is an observer that counts how often a node went over to another history.
type adoptions struct {
	recorder
	count atomic.Int64
}

func (a *adoptions) Node(_ string, e NodeEvent) {
	if e.Kind == HistoryAdopted {
		a.count.Add(1)
	}
}

// The node that decided is killed and started again, at any time between two slots. It is another
// run, and all nodes agree who decides.
func TestTheDeciderIsStartedAgain(t *testing.T) {
	names, segments := testmedia.Segments(t, "18")
	for after := 300 * time.Millisecond; after < segmentTime; after += 40 * time.Millisecond {
		synctest.Test(t, func(t *testing.T) {
			s := newSite(t)
			config := testConfig(longEndpoint())
			n1, n2, n3 := s.start("n1", config), s.start("n2", config), s.start("n3", config)
			defer n1.Close()
			defer n2.Close()
			defer n3.Close()
			watched := map[string]*adoptions{"n1": {}, "n2": {}, "n3": {}}
			n2.Observe(watched["n2"])
			n3.Observe(watched["n3"])
			a := &encoder{t: t, c: n3, input: "a", names: names, media: segments}
			b := &encoder{t: t, c: n2, input: "b", names: names, media: segments}
			var again *Channel
			for n := range 7 {
				time.Sleep(segmentTime - 50*time.Millisecond)
				a.deliver(n)
				b.deliver(n)
				time.Sleep(50 * time.Millisecond)
				if n == 3 { // it has just decided
					s.cutOff("n1")
					defer time.AfterFunc(after, func() {
						c := s.start("n1", config)
						c.Observe(watched["n1"])
						s.mu.Lock()
						again = c
						s.mu.Unlock()
					}).Stop()
				}
			}
			time.Sleep(2 * time.Second)
			synctest.Wait()
			s.mu.Lock()
			third := again
			s.mu.Unlock()
			defer third.Close()
			isWhole(t, third, same(t, n2, n3, third), segments[:7])
			for name, w := range watched {
				if n := w.count.Load(); n > 0 {
					t.Errorf("after %v, %s went over to another history %d times", after, name, n)
				}
			}
		})
	}
}
