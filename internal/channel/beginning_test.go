package channel

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
)

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
					s.moveAway("n1")
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
					viewers := make([]listed, len(nodes))
					time.AfterFunc(200*time.Millisecond+halted, func() { s.halt("n1", halt) })
					for n := range 6 {
						time.Sleep(200 * time.Millisecond)
						time.AfterFunc(lateA, func() { a.deliver(n) })
						if lateB < time.Hour {
							time.AfterFunc(lateB, func() { b.deliver(n) })
						}
						lookFor(t, 18, viewers, nodes)
					}
					if len(viewers[0].uris) < 5 {
						t.Errorf("%d slots are listed", len(viewers[0].uris))
					}
					for number, uri := range viewers[0].uris {
						for i, v := range viewers {
							if v.uris[number] != uri {
								t.Errorf("slot %d is %q on n1 and %q on n%d", number, uri, v.uris[number], i+1)
							}
						}
					}
				})
			})
		}
	}
}
