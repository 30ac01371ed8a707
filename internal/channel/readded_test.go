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
		n1, n2, extra := s.startTwoWithMore()
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

// It has it also from a node that went over to another history before: what that had published first is in its
// journal, and some of the history is not.
func TestAnEndpointComesBackFromANodeThatWentOver(t *testing.T) {
	names, segments := testmedia.Segments(t, "48")
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		defer s.end()
		extra := longEndpoint()
		extra.Name = "extra"
		s.more = map[string]EndpointConfig{"n1": extra, "n2": extra, "n3": extra}
		nodes := s.startThree()
		n1, n3 := nodes[0], nodes[2]
		a := &encoder{t: t, c: n1, input: "a", names: names, media: segments}
		b := &encoder{t: t, c: n3, input: "b", names: names, media: segments}
		for n := range 18 {
			time.Sleep(segmentTime)
			switch n {
			case 4:
				s.cutOff("n3")
			case 9:
				s.heal("n3")
			case 13: // what n3 has is all there is
				n3.nodes.locked(func() {
					e := n3.endpoints["extra"]
					e.chain.recent = e.chain.recent[len(e.chain.recent)-2:]
				})
				s.cutOff("n2")
				for _, config := range []Config{testConfig(longEndpoint()), testConfig(longEndpoint(), extra)} {
					if err := n1.Configure(config); err != nil {
						t.Fatal(err)
					}
					time.Sleep(siteSilence + 50*time.Millisecond)
				}
			}
			a.deliver(n)
			b.deliver(n)
		}
		time.Sleep(1500 * time.Millisecond)
		mine, theirs := playlist(t, n1.View("extra")), playlist(t, n3.View("extra"))
		if end, other := mine.MediaSequence+uint64(len(mine.Segments)), theirs.MediaSequence+uint64(len(theirs.Segments)); end != other || len(mine.Segments) < 16 {
			t.Errorf("the node lists %d and ends with %d, the other one with %d", len(mine.Segments), end, other)
		}
	})
}

// startTwoWithMore starts nodes n1 and n2, which have an endpoint more.
func (s *site) startTwoWithMore() (n1, n2 *Channel, more EndpointConfig) {
	s.t.Helper()
	more = longEndpoint()
	more.Name = "extra"
	s.more = map[string]EndpointConfig{"n1": more, "n2": more}
	return s.start("n1"), s.start("n2"), more
}

// All nodes lose an endpoint, one after the other, and get it back in that order: what the last one published while
// it alone had it keeps its numbers, for its viewers.
func TestNumbersOfAnEndpointThatAllNodesLost(t *testing.T) {
	names, segments := testmedia.Segments(t, "40")
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		defer s.end()
		n1, n2, extra := s.startTwoWithMore()
		a := &encoder{t: t, c: n1, input: "a", names: names, media: segments}
		without, with := testConfig(longEndpoint()), testConfig(longEndpoint(), extra)
		seen := map[uint64]string{}
		for n := range 16 {
			time.Sleep(segmentTime)
			a.deliver(n)
			var err error
			switch n {
			case 4:
				err = n1.Configure(without)
			case 8:
				err = n2.Configure(without)
			case 10:
				err = n1.Configure(with)
			case 13:
				err = n2.Configure(with)
			}
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(500 * time.Millisecond)
			view := n2.View("extra")
			if view == nil || view.Playlist("index.m3u8") == nil {
				continue
			}
			p := playlist(t, view)
			for i, segment := range p.Segments {
				number := p.MediaSequence + uint64(i)
				if was, ok := seen[number]; ok && was != segment.URI {
					t.Errorf("after %d: slot %d was %s and is %s", n, number, was, segment.URI)
				}
				seen[number] = segment.URI
			}
		}
		if mine, theirs := playlist(t, n1.View("extra")), playlist(t, n2.View("extra")); mine.MediaSequence+uint64(len(mine.Segments)) != theirs.MediaSequence+uint64(len(theirs.Segments)) {
			t.Errorf("the nodes end apart: %d from %d, %d from %d", len(mine.Segments), mine.MediaSequence, len(theirs.Segments), theirs.MediaSequence)
		}
	})
}
