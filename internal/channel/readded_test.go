package channel

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
)

// A channel is taken out of the config of one node, and comes back: the node has the window that the others
// have, as if it had been started again.
func TestAChannelComesBackToANode(t *testing.T) {
	names, segments := testmedia.Segments(t, "24")
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		s.durable = true
		defer s.end()
		n1, n2 := s.start("n1"), s.start("n2")
		a := &encoder{t: t, c: n1, input: "a", names: names, media: segments}
		for n := range 8 {
			time.Sleep(segmentTime)
			a.deliver(n)
			if n == 5 {
				n2.Remove()
			}
		}
		time.Sleep(2 * time.Second)
		n2 = s.start("n2")
		isWhole(t, n2, same(t, n1, n2), segments[:8])
	})
}

// The same with an endpoint.
func TestAnEndpointComesBackToANode(t *testing.T) {
	names, segments := testmedia.Segments(t, "24")
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		defer s.end()
		extra := longEndpoint()
		extra.Name = "extra"
		s.more = map[string]EndpointConfig{"n1": extra, "n2": extra}
		n1, n2 := s.start("n1"), s.start("n2")
		a := &encoder{t: t, c: n1, input: "a", names: names, media: segments}
		for n := range 8 {
			time.Sleep(segmentTime)
			a.deliver(n)
			config := testConfig(longEndpoint())
			switch n {
			case 5:
			case 6:
				config.Endpoints = append(config.Endpoints, extra)
			default:
				continue
			}
			if err := n2.Configure(config); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(2 * time.Second)
		mine, theirs := playlist(t, n2.View("extra")), playlist(t, n1.View("extra"))
		if mine.MediaSequence != theirs.MediaSequence || len(mine.Segments) != 8 || len(theirs.Segments) != 8 {
			t.Errorf("the node lists %d from %d, and the other one %d from %d", len(mine.Segments), mine.MediaSequence, len(theirs.Segments), theirs.MediaSequence)
		}
		for i, segment := range mine.Segments {
			if !bytes.Equal(fetch(t, n2.View("extra"), segment.URI), segments[i]) {
				t.Errorf("segment %d is not what the encoder sent", i)
			}
		}
	})
}

// It has the window that the others have at once, and not only with the next slot: viewers are there, and the
// node may be cut off before that.
func TestAnEndpointThatComesBackHasItsWindowAtOnce(t *testing.T) {
	names, segments := testmedia.Segments(t, "24")
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		defer s.end()
		extra := longEndpoint()
		extra.Name, extra.SegmentDuration = "extra", 8*time.Second
		s.more = map[string]EndpointConfig{"n1": extra, "n2": extra}
		n1, n2 := s.start("n1"), s.start("n2")
		a := &encoder{t: t, c: n1, input: "a", names: names, media: segments}
		for n := range 9 {
			time.Sleep(segmentTime)
			a.deliver(n)
		}
		for _, config := range []Config{testConfig(longEndpoint()), testConfig(longEndpoint(), extra)} {
			if err := n2.Configure(config); err != nil {
				t.Fatal(err)
			}
			time.Sleep(300 * time.Millisecond)
		}
		mine, theirs := playlist(t, n2.View("extra")), playlist(t, n1.View("extra"))
		if mine.MediaSequence != theirs.MediaSequence || len(mine.Segments) != 2 || len(theirs.Segments) != 2 {
			t.Errorf("the node lists %d from %d, and the other one %d from %d", len(mine.Segments), mine.MediaSequence, len(theirs.Segments), theirs.MediaSequence)
		}
	})
}
