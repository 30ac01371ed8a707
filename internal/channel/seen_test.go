package channel

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
)

// lastNumbers are the next numbers that viewers of an endpoint of one node wait for.
type lastNumbers struct{ next uint64 }

func (l *lastNumbers) look(t *testing.T, c *Channel, endpoint string) {
	t.Helper()
	view := c.View(endpoint)
	if !c.Ready() || view == nil || view.Playlist("index.m3u8") == nil {
		return
	}
	p := playlist(t, view)
	after := p.MediaSequence + uint64(len(p.Segments))
	if after < l.next {
		t.Errorf("the number fell from %d to %d", l.next, after)
	}
	l.next = max(l.next, after)
}

// A node that was cut off had published more than the others, which had no encoder for a while. It is restarted
// before they have passed that, or a reload takes the endpoint out and brings it back. It does not answer until
// they have: numbers never fall, and those which its viewers have got are not used again.
func TestNumbersDoNotFallAtANodeThatWasAhead(t *testing.T) {
	names, segments := testmedia.Segments(t, "36")
	for _, test := range []struct {
		durable, reload bool
		after           time.Duration // they met
	}{
		{after: 200 * time.Millisecond}, {after: 1500 * time.Millisecond}, // the others have heard of it
		{durable: true}, {durable: true, after: 200 * time.Millisecond},
		{reload: true, after: 600 * time.Millisecond},
	} {
		t.Run(fmt.Sprintf("%+v", test), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t)
				s.durable, s.forgetful = test.durable, true
				defer s.end()
				extra := longEndpoint()
				extra.Name = "extra"
				s.more = map[string]EndpointConfig{"n1": extra, "n2": extra, "n3": extra}
				nodes := s.startThree()
				a := &encoder{t: t, c: nodes[0], input: "a", names: names, media: segments}
				b := &encoder{t: t, c: nodes[1], input: "b", names: names, media: segments}
				var viewers lastNumbers // of the second node
				for n := range 16 {
					switch n {
					case 4:
						s.cutOff("n2")
					case 9:
						s.heal("n2")
						time.Sleep(test.after)
						if test.reload {
							for _, list := range [][]EndpointConfig{{longEndpoint()}, {longEndpoint(), extra}} {
								if err := nodes[1].Configure(testConfig(list...)); err != nil {
									t.Fatal(err)
								}
							}
							break
						}
						nodes[1].Close()
						nodes[1] = s.start("n2")
						b.c = nodes[1]
					}
					for range 15 {
						viewers.look(t, nodes[1], "extra")
						time.Sleep(100 * time.Millisecond)
					}
					if n < 5 || n > 8 {
						a.deliver(n)
					}
					if n != 9 {
						b.deliver(n)
					}
					time.Sleep(segmentTime - 1500*time.Millisecond)
				}
				if viewers.look(t, nodes[1], "extra"); !nodes[1].Ready() {
					t.Error("it does not answer")
				}
				p := playlist(t, nodes[0].View("extra"))
				if next := p.MediaSequence + uint64(len(p.Segments)); next != viewers.next {
					t.Errorf("the first node stands at %d, and the second one at %d", next, viewers.next)
				}
			})
		})
	}
}
