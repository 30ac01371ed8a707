package channel

import (
	"fmt"
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

// A network that stalls just when an endpoint begins, on the way to a node that is far away, is no
// reason for the others to begin without it, or for it to begin alone.
func TestNodesBeginTogether(t *testing.T) {
	names, segments := testmedia.Segments(t, "18")
	for _, who := range []string{
		"a to n1, b to n2", "a to n1, b to n1", "a to n2, b to n3", "a to n1, later b to n2", "later a to n1, b to n2", "a to n1",
	} {
		for halted := -100 * time.Millisecond; halted < 3*time.Second; halted += 300 * time.Millisecond {
			t.Run(fmt.Sprintf("%s, halted after %v", who, halted), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := newSite(t)
					defer s.end()
					nodes := s.startThree()
					s.mu.Lock()
					s.nodes["n1"].far = 50 * time.Millisecond
					s.mu.Unlock()
					time.Sleep(time.Second)
					a := &encoder{t: t, c: nodes[0], input: "a", names: names, media: segments}
					b := &encoder{t: t, c: nodes[1], input: "b", names: names, media: segments}
					lateA, lateB, halt := 0*time.Millisecond, 50*time.Millisecond, 1100*time.Millisecond
					switch who {
					case "a to n1, b to n1":
						b.c = nodes[0]
						halt = 700 * time.Millisecond // after that, others go on without it
					case "a to n2, b to n3":
						a.c, b.c = nodes[1], nodes[2]
					case "a to n1, later b to n2":
						lateB = 900 * time.Millisecond
					case "later a to n1, b to n2":
						lateA = 700 * time.Millisecond
					case "a to n1":
						lateB, halt = time.Hour, 700*time.Millisecond
					}
					viewers := []listed{{}, {}, {}}
					time.AfterFunc(200*time.Millisecond+halted, func() { s.halt("n1", halt) })
					for n := range 6 {
						time.Sleep(200 * time.Millisecond)
						time.AfterFunc(lateA, func() { a.deliver(n) })
						if lateB < time.Hour {
							time.AfterFunc(lateB, func() { b.deliver(n) })
						}
						for range 18 {
							time.Sleep(100 * time.Millisecond)
							for i, c := range nodes {
								viewers[i].look(t, fmt.Sprint("n", i+1), c)
							}
						}
					}
					if len(viewers[0]) < 5 {
						t.Errorf("%d slots are listed", len(viewers[0]))
					}
					for number, uri := range viewers[0] {
						for i, v := range viewers {
							if v[number] != uri {
								t.Errorf("slot %d is %q on n1 and %q on n%d", number, uri, v[number], i+1)
							}
						}
					}
				})
			})
		}
	}
}
