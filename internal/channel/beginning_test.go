package channel

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
)

// listed is what the viewers of a node were told, by media sequence number.
type listed map[uint64]string

func (l listed) look(t *testing.T, node string, c *Channel) {
	t.Helper()
	view := c.View("hls")
	if view == nil || view.Playlist("index.m3u8") == nil {
		return
	}
	p := playlist(t, view)
	for i, s := range p.Segments {
		number := p.MediaSequence + uint64(i)
		if was, ok := l[number]; ok && was != s.URI {
			t.Errorf("%s: slot %d was %s and is %s", node, number, was, s.URI)
		}
		l[number] = s.URI
	}
}

// Nodes that began an endpoint apart meet, and then one is restarted: its viewers get what they got.
// For the one that went over to what the others had published, that needs a store that is still there:
// nobody else has listed the same.
func TestANodeIsRestartedAfterHistoriesMet(t *testing.T) {
	names, segments := testmedia.Segments(t, "40")
	for _, alone := range []string{"n1", "n2"} {
		for _, victim := range []int{0, 1, 2} {
			t.Run(alone+" alone, "+[]string{"n1", "n2", "n3"}[victim]+" restarted", func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := newSite(t)
					s.durable = alone == []string{"n1", "n2", "n3"}[victim]
					defer s.end()
					ids := []string{"n1", "n2", "n3"}
					nodes := s.startThree()
					time.Sleep(time.Second)
					a := &encoder{t: t, c: nodes[0], input: "a", names: names, media: segments}
					b := &encoder{t: t, c: nodes[1], input: "b", names: names, media: segments}
					s.cutOff(alone)
					time.Sleep(siteAlone + 100*time.Millisecond)
					viewers := []listed{{}, {}, {}}
					for n := range 16 {
						time.Sleep(segmentTime - 1300*time.Millisecond)
						switch n {
						case 4:
							s.heal(alone)
						case 9:
							nodes[victim].Close()
							nodes[victim] = s.start(ids[victim])
							a.c, b.c = nodes[0], nodes[1]
						}
						a.deliver(n)
						b.deliver(n)
						for range 13 {
							time.Sleep(100 * time.Millisecond)
							for i, c := range nodes {
								viewers[i].look(t, alone+" alone, "+ids[victim]+" restarted: "+ids[i], c)
							}
						}
					}
				})
			})
		}
	}
}
