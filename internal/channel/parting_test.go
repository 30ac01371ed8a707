package channel

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/output"
	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
)

// Nodes that are cut off from each other again and again, for seconds or for a moment, come to one
// history each time. Viewers of locked inputs see all media once, and no discontinuity; those of
// others see one wherever the media does not go on.
func TestNodesThatPartAgainAndAgain(t *testing.T) {
	names, first := testmedia.Segments(t, "60")
	_, second := testmedia.Segments(t, "60", "-output_ts_offset", "1000")
	// Of 400 for each, some, and those that once went wrong.
	seeds := map[bool][]uint64{
		false: {0, 1, 2, 3, 79, 96, 129, 231, 301, 376},
		true:  {0, 1, 2, 3, 4, 7, 32, 41, 70, 79, 96, 97, 102, 119, 129},
	}
	for _, unlocked := range []bool{false, true} {
		for _, seed := range seeds[unlocked] {
			t.Run(fmt.Sprintf("unlocked %t, %d", unlocked, seed), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := newSite(t)
					defer s.end()
					random := rand.New(rand.NewPCG(seed, 1))
					s.delay = upTo(random, 100*time.Millisecond)
					nodes := s.startThree()
					b := second
					if !unlocked {
						b = first
					}
					encoders := []*encoder{
						{t: t, c: nodes[0], input: "a", names: names, media: first},
						{t: t, c: nodes[1], input: "b", names: names, media: b},
					}
					go s.partAgainAndAgain(rand.New(rand.NewPCG(seed, 2)))
					viewers := air(t, random, nodes, encoders, 24, func(int, int) bool { return true })
					for i, v := range viewers {
						if v.next != viewers[0].next {
							t.Errorf("node %d stands at %d, and node 1 at %d", i+1, v.next, viewers[0].next)
						}
						if unlocked {
							v.checkInputs(t, second)
						} else {
							v.checkWhole(t, first[:22])
						}
					}
				})
			})
		}
	}
}

func upTo(random *rand.Rand, d time.Duration) time.Duration {
	return time.Duration(random.Int64N(int64(d)))
}

// air has two encoders deliver so many segments, each late by up to half a second and some more with each of them,
// unless it does not send it, while viewers of all nodes look.
func air(t *testing.T, random *rand.Rand, nodes []*Channel, encoders []*encoder, segments int, sends func(encoder, segment int) bool) []siteViewer {
	t.Helper()
	viewers := make([]siteViewer, len(nodes))
	late := [2]time.Duration{upTo(random, 500*time.Millisecond), upTo(random, 500*time.Millisecond)}
	began := time.Now()
	for n := range segments {
		time.Sleep(time.Until(began.Add(time.Duration(n+1) * segmentTime)))
		for i, e := range encoders {
			if sends(i, n) {
				time.AfterFunc(late[i]+upTo(random, 300*time.Millisecond), func() { e.deliver(n) })
			}
		}
		lookOn(t, viewers, nodes, 15, 100*time.Millisecond)
	}
	return viewers
}

// lookOn has viewers look at their nodes so often, and that far apart.
func lookOn(t *testing.T, viewers []siteViewer, nodes []*Channel, times int, apart time.Duration) {
	t.Helper()
	for range times {
		time.Sleep(apart)
		for i, c := range nodes {
			viewers[i].look(t, c.View("hls"))
		}
	}
}

// partAgainAndAgain cuts a node off for some seconds, and then any of them for a moment.
func (s *site) partAgainAndAgain(random *rand.Rand) {
	cut := func(name string, d time.Duration) {
		s.cutOff(name)
		time.Sleep(d)
		s.heal(name)
	}
	time.Sleep(6*segmentTime + upTo(random, segmentTime))
	cut([]string{"n1", "n2"}[random.IntN(2)], 3*time.Second+upTo(random, 6*time.Second))
	for range 4 {
		time.Sleep(upTo(random, time.Second))
		cut([]string{"n1", "n2", "n3"}[random.IntN(3)], 150*time.Millisecond+upTo(random, 800*time.Millisecond))
	}
}

// siteViewer is what a viewer of one node has got.
type siteViewer struct {
	view *output.View // that was looked at last
	next uint64       // the number that comes next
	got  []gotSegment
	// numbers are those of the discontinuities, by media sequence number.
	numbers map[uint64]uint64
}

type gotSegment struct {
	number        uint64
	body          []byte
	discontinuity bool
	skipped       bool // some before it were not seen
}

func (v *siteViewer) look(t *testing.T, view *output.View) {
	t.Helper()
	if view == v.view || view.Playlist("index.m3u8") == nil {
		return
	}
	v.view = view
	p := playlist(t, view)
	if after := p.MediaSequence + uint64(len(p.Segments)); after < v.next {
		t.Errorf("the number fell from %d to %d", v.next, after)
	}
	if v.numbers == nil {
		v.numbers = map[uint64]uint64{}
	}
	breaks := p.DiscontinuitySequence
	for i, s := range p.Segments {
		number := p.MediaSequence + uint64(i)
		if s.Discontinuity {
			breaks += 1 + uint64(s.Further)
		}
		if was, ok := v.numbers[number]; ok && was != breaks {
			t.Errorf("the discontinuity number of slot %d was %d and is %d", number, was, breaks)
		}
		v.numbers[number] = breaks
		if number < v.next {
			continue
		}
		v.got = append(v.got, gotSegment{number, fetch(t, view, s.URI), s.Discontinuity, v.next > 0 && number > v.next})
		v.next = number + 1
	}
}

// checkWhole fails unless these segments were seen once, in one piece.
func (v *siteViewer) checkWhole(t *testing.T, segments [][]byte) {
	t.Helper()
	for n, s := range segments {
		count := 0
		for _, g := range v.got {
			if bytes.Equal(g.body, s) {
				count++
			}
		}
		if count != 1 {
			t.Errorf("segment %d was seen %d times", n, count)
		}
	}
	for i, g := range v.got {
		if i > 0 && (g.discontinuity || g.skipped) {
			t.Errorf("slot %d: discontinuity %t, skipped %t", g.number, g.discontinuity, g.skipped)
		}
	}
}

// checkInputs fails where the media is that of another input, some of which are given, and no tag
// says so.
func (v *siteViewer) checkInputs(t *testing.T, some [][]byte) {
	t.Helper()
	was := false
	for i, g := range v.got {
		is := slices.ContainsFunc(some, func(s []byte) bool { return bytes.Equal(s, g.body) })
		if i > 0 && is != was && !g.discontinuity && !g.skipped {
			t.Errorf("slot %d goes on with another input, and no tag says so", g.number)
		}
		was = is
	}
}
