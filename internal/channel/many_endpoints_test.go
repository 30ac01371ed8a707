package channel

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
	"github.com/liveorigin/caddy-live-origin/store"
)

// A channel has very many endpoints. Nodes still know where each of them stands on the others: those that come later
// serve the same, also after the death of the one that decided.
func TestNodesWithVeryManyEndpoints(t *testing.T) {
	names, segments := testmedia.Segments(t, "18")
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		for i := range 150 {
			e := longEndpoint()
			e.Name = fmt.Sprintf("an-endpoint-with-a-name-that-is-not-short-%d", i)
			s.many = append(s.many, e)
		}
		defer s.end()
		nodes := []*Channel{s.start("n1")}
		a := &encoder{t: t, c: nodes[0], input: "a", names: names, media: segments}
		b := &encoder{t: t, c: nodes[0], input: "b", names: names, media: segments}
		for n := range 8 {
			switch n {
			case 3:
				nodes = append(nodes, s.start("n2"), s.start("n3"))
				a.c, b.c = nodes[1], nodes[2]
			case 5:
				s.cutOff("n1")
			}
			a.deliver(n)
			b.deliver(n)
			time.Sleep(segmentTime)
			synctest.Wait()
		}
		for _, e := range s.many {
			p2, p3 := playlist(t, nodes[1].View(e.Name)), playlist(t, nodes[2].View(e.Name))
			if len(p2.Segments) != 8 || len(p3.Segments) != 8 {
				t.Fatalf("%s: the nodes list %d and %d segments", e.Name, len(p2.Segments), len(p3.Segments))
			}
			for i, seg := range p2.Segments {
				if other := p3.Segments[i]; other.URI != seg.URI || seg.Discontinuity || other.Discontinuity {
					t.Fatalf("%s: the nodes list %s and %s, with a discontinuity: %t, %t", e.Name, seg.URI, other.URI, seg.Discontinuity, other.Discontinuity)
				}
			}
		}
	})
}

// What a node says of itself is packed where it would be too long otherwise, and means the same.
func TestALongStateIsPacked(t *testing.T) {
	for _, endpoints := range []int{1, 40, 400} {
		said := nodeState{Format: messageFormat, Ready: true, Writer: "writer", Endpoints: map[string]endpointState{}}
		for i := range endpoints {
			name := fmt.Sprintf("a-name-of-some-length-%d", i)
			id := func(n int) string { return fmt.Sprintf("origin-1.example.com.abcdefg.%d", n) }
			said.Endpoints[name] = endpointState{
				Link:   link{Number: uint64(1000 * i), ID: id(997 * i), Before: id(991 * i), Node: "origin-1.example.com", Writer: "abcdefg"},
				viewed: viewed{MSN: uint64(1800000000 + 7919*i), DiscontinuityNumber: uint64(i)},
			}
		}
		text, err := said.encode()
		if err != nil {
			t.Fatal(err)
		}
		if len(text) > store.MaxState {
			t.Errorf("%d endpoints: %d bytes", endpoints, len(text))
		}
		if packed := !bytes.HasPrefix(text, []byte("{")); packed != (endpoints > 100) {
			t.Errorf("%d endpoints: packed %t", endpoints, packed)
		}
		heard, err := decodeState(text)
		if err != nil {
			t.Fatal(err)
		}
		for name, at := range said.Endpoints {
			if heard.Endpoints[name] != at {
				t.Errorf("%s: %+v is heard as %+v", name, at, heard.Endpoints[name])
			}
		}
		if _, err := decodeState(text[:len(text)/2]); err == nil {
			t.Error("half of a state is understood")
		}
	}
	if _, err := decodeState([]byte(strings.Replace(`{"format":1}`, "1", fmt.Sprint(messageFormat+1), 1))); err == nil {
		t.Error("a state of a later version is understood")
	}
}
