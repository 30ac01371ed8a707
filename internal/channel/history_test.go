package channel

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/output"
	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
)

// Nodes that don't hear of each other both go on; when they do again, one history holds, and
// no number falls.
func TestOneHistoryHoldsAfterAPartition(t *testing.T) {
	names, segments := testmedia.Segments(t, "18")
	for name, unreachable := range map[string]bool{"with a quorum": false, "without": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t)
				defer s.end()
				nodes := s.startThree()
				n1, n2, n3 := nodes[0], nodes[1], nodes[2]
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

// The same with inputs that are not locked: each viewer sees one discontinuity where the node goes
// over to the other history, and their numbers never fall.
func TestUnlockedHistoriesMeet(t *testing.T) {
	names, first := testmedia.Segments(t, "24")
	_, second := testmedia.Segments(t, "24", "-output_ts_offset", "1000")
	for name, quorum := range map[string]bool{"with a quorum": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t)
				defer s.end()
				nodes := s.startThree()
				n1, n2, n3 := nodes[0], nodes[1], nodes[2]
				a := &encoder{t: t, c: n1, input: "a", names: names, media: first}
				b := &encoder{t: t, c: n2, input: "b", names: names, media: second}
				seen := map[*Channel]map[string]uint64{n1: {}, n2: {}, n3: {}}
				last := map[*Channel]uint64{}
				for n := range 11 {
					time.Sleep(segmentTime - 1300*time.Millisecond)
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
						number, breaks := p.DiscontinuitySequence, 0
						for _, seg := range p.Segments {
							if seg.Discontinuity {
								number += 1 + uint64(seg.Further)
								if n == 10 {
									breaks++
								}
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
							if lost := c == n1; breaks > 1 && !lost || breaks > 2 {
								t.Errorf("node %d: viewers see %d discontinuities", i+1, breaks)
							}
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

// All servers are away: every node is alone, also one that no encoder pushes to. When they meet
// again, no viewer has missed a slot, whatever history holds and whatever was before.
func TestNobodyMissesASlotWhereHistoriesMeet(t *testing.T) {
	names, first := testmedia.Segments(t, "100")
	_, second := testmedia.Segments(t, "100", "-output_ts_offset", "1000")
	for _, alone := range []int{2, 6, 12, 20} {
		for _, variant := range []struct{ again, unlocked bool }{{false, false}, {true, false}, {false, true}, {true, true}} {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t)
				defer s.end()
				ids := []string{"n1", "n2", "n3"}
				nodes := s.startThree()
				a := &encoder{t: t, c: nodes[0], input: "a", names: names, media: first}
				b := &encoder{t: t, c: nodes[1], input: "b", names: names, media: first}
				if variant.unlocked {
					b.media = second
				}
				next, looked := [3]uint64{}, [3]*output.View{}
				for n := range 12 + alone {
					time.Sleep(segmentTime)
					switch {
					case variant.again && n%2 == 0 && n > 1 && n < 8: // a rolling restart
						i := n/2 - 1
						nodes[i].Close()
						nodes[i] = s.start(ids[i])
						a.c, b.c = nodes[0], nodes[1]
					case n == 9:
						s.reach(false)
						for name := range s.nodes {
							s.cutOff(name)
						}
					case n == 9+alone:
						for name := range s.nodes {
							s.heal(name)
						}
						time.AfterFunc(time.Second, func() { s.reach(true) })
					}
					a.deliver(n)
					b.deliver(n)
					// A viewer asks more often than there are slots.
					for range 13 {
						time.Sleep(100 * time.Millisecond)
						for i, c := range nodes {
							view := c.View("hls")
							if view == looked[i] || view.Playlist("index.m3u8") == nil {
								continue
							}
							looked[i] = view
							p := playlist(t, view)
							if next[i] > 0 && p.MediaSequence > next[i] {
								t.Errorf("alone for %d slots, %+v, node %d: slots %d to %d left the playlist unseen",
									alone, variant, i+1, next[i], p.MediaSequence-1)
							}
							next[i] = p.MediaSequence + uint64(len(p.Segments))
						}
					}
				}
				if next[0] != next[1] || next[1] != next[2] {
					t.Errorf("alone for %d slots, %+v: the nodes stand at %v", alone, variant, next)
				}
			})
		}
	}
}
