package channel

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
)

// rooms counts for what room was made, and how much of it was not given back.
type rooms struct {
	mu         sync.Mutex
	made, held int64
	then       func()
}

func (r *rooms) make(_ string, size int64) (release func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.made += size
	r.held += size
	if r.then != nil {
		r.then()
	}
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.held -= size
	}
}

// Room is made for what other nodes have taken, as it is for uploads to this node.
func TestRoomIsMadeForWhatOtherNodesTake(t *testing.T) {
	names, segments := testmedia.Segments(t, "10")
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		defer s.end()
		n1, n2 := s.start("n1"), s.start("n2")
		var made rooms
		n2.UseRoom(made.make)
		a := &encoder{t: t, c: n1, input: "a", names: names, media: segments}
		sent := int64(0)
		for n := range 3 {
			time.Sleep(segmentTime)
			a.deliver(n)
			sent += int64(len(segments[n]))
		}
		time.Sleep(2 * time.Second)
		isWhole(t, n2, same(t, n1, n2), segments[:3])
		if made.made != sent || made.held != 0 {
			t.Errorf("room was made for %d bytes of %d, and %d are not given back", made.made, sent, made.held)
		}
	})
}

// A segment that is listed, and not here yet, is served by a node whose store is full as well.
func TestAFullNodeFetchesWhatAViewerAsksFor(t *testing.T) {
	names, segments := testmedia.Segments(t, "10")
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		defer s.end()
		n1, n2 := s.start("n1"), s.start("n2")
		a := &encoder{t: t, c: n1, input: "a", names: names, media: segments}
		for n := range 3 {
			time.Sleep(segmentTime)
			a.deliver(n)
		}
		time.Sleep(2 * time.Second)
		here := s.nodes["n2"].Store
		var gone string
		n2.nodes.locked(func() { gone = n2.endpoints["hls"].window.Slots()[2].Renditions[0].Keys()[0] })
		if err := here.Delete(t.Context(), gone); err != nil {
			t.Fatal(err)
		}
		usage := here.Usage()
		here.SetCapacity(usage.Bytes)
		made := rooms{then: func() { here.SetCapacity(usage.Capacity) }}
		n2.UseRoom(made.make)
		isWhole(t, n2, same(t, n1, n2), segments[:3])
		if made.held != 0 || made.made == 0 {
			t.Errorf("room was made for %d bytes, and %d are not given back", made.made, made.held)
		}
	})
}
