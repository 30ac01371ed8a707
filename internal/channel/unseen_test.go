package channel

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
)

// Slots are joined of two segments. While node 1 is cut off with its encoder, the others' only one dies, in the
// middle of a slot or not: their slots are of another length then. Once they meet, viewers of all nodes have all
// media once, in slots that continue each other, under numbers without a gap, and see no discontinuity.
func TestHistoriesOfJoinedSlotsMeet(t *testing.T) {
	const segmentTicks = 172800
	names, segments := testmedia.Segments(t, "60")
	for _, joined := range []int{2, 3} {
		for _, cut := range []int{6, 7} {
			for dies := 8; dies < 12; dies++ {
				for heals := 12; heals < 16; heals++ {
					t.Run(fmt.Sprintf("%d segments, cut off after %d, dies after %d, together after %d", joined, cut, dies, heals), func(t *testing.T) {
						synctest.Test(t, func(t *testing.T) {
							s := newSite(t)
							base := longEndpoint()
							base.SegmentDuration = time.Duration(joined) * 2 * time.Second
							s.base = &base
							defer s.end()
							nodes := s.startThree()
							a := &encoder{t: t, c: nodes[0], input: "a", names: names, media: segments}
							b := &encoder{t: t, c: nodes[1], input: "b", names: names, media: segments}
							viewers := make([]siteViewer, len(nodes))
							for n := range 24 {
								switch n {
								case cut:
									s.cutOff("n1")
								case heals:
									s.heal("n1")
								}
								a.deliver(n)
								if n < dies {
									b.deliver(n)
								}
								lookOn(t, viewers, nodes, 8, segmentTime/8)
							}
							for i, c := range nodes {
								slots := c.View("hls").Slots()
								if n := len(slots); slots[n-1].MSN != nodes[1].View("hls").Slots()[0].MSN+uint64(n)-1 || viewers[i].next != viewers[1].next {
									t.Errorf("node %d: %d slots up to %d, and viewers await %d", i+1, n, slots[n-1].MSN, viewers[i].next)
								}
								var got []byte
								for _, g := range viewers[i].got {
									got = append(got, g.body...)
									if g.discontinuity || g.skipped {
										t.Errorf("node %d: slot %d: discontinuity %t, skipped %t", i+1, g.number, g.discontinuity, g.skipped)
									}
								}
								count := int((slots[len(slots)-1].End - slots[0].Start) / segmentTicks)
								if count < 23 || !bytes.Equal(got, slices.Concat(segments[:count]...)) {
									t.Errorf("node %d: viewers don't get what was sent in %d segments", i+1, count)
								}
								for k, slot := range slots {
									if k > 0 && slot.Start != slots[k-1].End {
										t.Errorf("node %d: slot %d begins at %d, the one before ends at %d", i+1, slot.MSN, slot.Start, slots[k-1].End)
									}
								}
							}
						})
					})
				}
			}
		}
	}
}

// The same with nodes that part again and again, for seconds or for a moment, and an encoder that dies at any time.
func TestNodesWithJoinedSlotsPartAgainAndAgain(t *testing.T) {
	names, segments := testmedia.Segments(t, "60")
	// Some of 80, and those that once went wrong.
	for _, seed := range []uint64{0, 1, 2, 18, 29, 36, 40, 52, 61, 64, 65, 67, 73} {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t)
				base := longEndpoint()
				base.SegmentDuration = 4 * time.Second
				s.base = &base
				defer s.end()
				random := rand.New(rand.NewPCG(seed, 1))
				s.delay = upTo(random, 100*time.Millisecond)
				nodes := s.startThree()
				encoders := []*encoder{
					{t: t, c: nodes[0], input: "a", names: names, media: segments},
					{t: t, c: nodes[1], input: "b", names: names, media: segments},
				}
				dies, dead := 4+random.IntN(10), random.IntN(2)
				go s.partAgainAndAgain(rand.New(rand.NewPCG(seed, 2)))
				viewers := air(t, random, nodes, encoders, 26, func(encoder, segment int) bool { return encoder != dead || segment < dies })
				for i, v := range viewers {
					for k, g := range v.got {
						if k > 0 && (g.discontinuity || g.skipped) {
							t.Errorf("node %d: slot %d: discontinuity %t, skipped %t", i+1, g.number, g.discontinuity, g.skipped)
						}
					}
					slots := nodes[i].View("hls").Slots()
					for k, slot := range slots {
						if k > 0 && slot.Start < slots[k-1].End {
							t.Errorf("node %d: slot %d begins with media of the one before", i+1, slot.MSN)
						}
					}
					if v.next != viewers[0].next {
						t.Errorf("node %d stands at %d, and node 1 at %d", i+1, v.next, viewers[0].next)
					}
				}
			})
		})
	}
}
