package channel

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

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
