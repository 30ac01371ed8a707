package channel

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/output"
	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
)

var siteNames = []string{"n1", "n2", "n3"}

// listed is what the viewers of a node were told.
type listed struct {
	view *output.View      // that was looked at last
	uris map[uint64]string // by media sequence number
}

func (l *listed) look(t *testing.T, node string, c *Channel) {
	t.Helper()
	view := c.View("hls")
	if view == nil || view == l.view || view.Playlist("index.m3u8") == nil {
		return
	}
	l.view = view
	if l.uris == nil {
		l.uris = map[uint64]string{}
	}
	p := playlist(t, view)
	for i, s := range p.Segments {
		number := p.MediaSequence + uint64(i)
		if was, ok := l.uris[number]; ok && was != s.URI {
			t.Errorf("%s: slot %d was %s and is %s", node, number, was, s.URI)
		}
		l.uris[number] = s.URI
	}
}

// lookFor lets viewers of all nodes look every tenth of a second.
func lookFor(t *testing.T, tenths int, viewers []listed, nodes []*Channel) {
	t.Helper()
	for range tenths {
		time.Sleep(100 * time.Millisecond)
		for i, c := range nodes {
			viewers[i].look(t, siteNames[i], c)
		}
	}
}

// Nodes that began an endpoint apart meet, and then one is restarted: its viewers get what they got.
// For the one that went over to what the others had published, that needs a store that is still there:
// nobody else has listed the same.
func TestANodeIsRestartedAfterHistoriesMet(t *testing.T) {
	names, segments := testmedia.Segments(t, "40")
	for _, alone := range siteNames[:2] {
		for victim := range siteNames {
			t.Run(alone+" alone, "+siteNames[victim]+" restarted", func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := newSite(t)
					s.durable = alone == siteNames[victim]
					defer s.end()
					nodes := s.startThree()
					time.Sleep(time.Second)
					a := &encoder{t: t, c: nodes[0], input: "a", names: names, media: segments}
					b := &encoder{t: t, c: nodes[1], input: "b", names: names, media: segments}
					s.cutOff(alone)
					time.Sleep(siteAlone + 100*time.Millisecond)
					viewers := make([]listed, len(nodes))
					for n := range 16 {
						time.Sleep(segmentTime - 1300*time.Millisecond)
						switch n {
						case 4:
							s.heal(alone)
						case 9:
							nodes[victim].Close()
							nodes[victim] = s.start(siteNames[victim])
							a.c, b.c = nodes[0], nodes[1]
						}
						a.deliver(n)
						b.deliver(n)
						lookFor(t, 13, viewers, nodes)
					}
				})
			})
		}
	}
}

// The same with nodes that are cut off from each other again and again, and restarted.
func TestNodesThatPartAreRestarted(t *testing.T) {
	names, first := testmedia.Segments(t, "60")
	_, second := testmedia.Segments(t, "60", "-output_ts_offset", "1000")
	for seed := range uint64(10) { // of 60
		unlocked := seed%2 == 1
		t.Run(fmt.Sprintf("unlocked %t, %d", unlocked, seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t)
				defer s.end()
				random := rand.New(rand.NewPCG(seed, 7))
				s.delay = upTo(random, 100*time.Millisecond)
				nodes := s.startThree()
				a := &encoder{t: t, c: nodes[0], input: "a", names: names, media: first}
				b := &encoder{t: t, c: nodes[1], input: "b", names: names, media: first}
				if unlocked {
					b.media = second
				}
				go s.partAgainAndAgain(rand.New(rand.NewPCG(seed, 2)))
				viewers := make([]listed, len(nodes))
				for n := range 28 {
					time.Sleep(segmentTime - 1500*time.Millisecond)
					if i := random.IntN(9); n > 12 && i < len(nodes) && s.canBeRestarted(i, nodes) {
						nodes[i].Close()
						nodes[i] = s.start(siteNames[i])
						a.c, b.c = nodes[0], nodes[1]
					}
					a.deliver(n)
					b.deliver(n)
					lookFor(t, 15, viewers, nodes)
				}
			})
		})
	}
}

// canBeRestarted reports whether a node, and another one that it hears, list nothing but what the
// history says.
func (s *site) canBeRestarted(victim int, nodes []*Channel) bool {
	good := func(i int) bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		at := nodes[i].directory.Load().endpoints["hls"].standing.Load()
		return s.nodes[siteNames[i]].cut.IsZero() && at != nil && at.Apart == 0
	}
	for i := range nodes {
		if i != victim && good(i) && good(victim) {
			return true
		}
	}
	return false
}
