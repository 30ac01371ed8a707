package channel

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
)

// fragmentEncoder sends fragments; its initialization section and multivariant playlist only once.
type fragmentEncoder struct {
	t     *testing.T
	c     *Channel
	input string
	files map[string][]byte
	sent  int
}

func (e *fragmentEncoder) begin() {
	e.t.Helper()
	upload(e.t, e.c, e.input, "init.mp4", e.files["init.mp4"])
	upload(e.t, e.c, e.input, "main.m3u8", []byte("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=500000\nlive.m3u8\n"))
}

func (e *fragmentEncoder) deliver(count int) {
	e.t.Helper()
	for range count {
		time.Sleep(segmentTime)
		name := fmt.Sprintf("seg%d.m4s", e.sent)
		upload(e.t, e.c, e.input, name, e.files[name])
		e.sent++
		upload(e.t, e.c, e.input, "live.m3u8", fragmentList(e.sent, "init.mp4"))
	}
}

// goesOnAt fails unless a node goes on with the encoder alone, once the other node is dead.
func (s *site) goesOnAt(t *testing.T, c *Channel, e *fragmentEncoder) {
	t.Helper()
	time.Sleep(time.Second) // what was sent last is on its way
	s.cutOff("n1")
	e.c = c
	e.deliver(3)
	time.Sleep(2 * time.Second)
	p := playlist(t, c.View("hls"))
	if len(p.Segments) != e.sent {
		t.Errorf("%d segments are listed, and %d were sent", len(p.Segments), e.sent)
	}
	for i, segment := range p.Segments {
		if segment.Discontinuity {
			t.Errorf("segment %d has a discontinuity", i)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(c.inputs[e.input].multivariants); n != 1 {
		t.Errorf("%d multivariant playlists are known", n)
	}
}

// An encoder starts and an operator pins its input while a node is cut off, for longer than messages are
// kept. When the node is back, it knows of both, and can go on by itself.
func TestANodeLearnsWhatWasSaidWhileItWasCutOff(t *testing.T) {
	files := fragments(t, "24")
	for _, durable := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s := newSite(t)
			s.durable, s.forgetful = durable, true
			defer s.end()
			n1, n2 := s.start("n1"), s.start("n2")
			if err := n1.Order("hls", "b", true); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			s.cutOff("n2")
			time.Sleep(2 * siteAlone)
			e := &fragmentEncoder{t: t, c: n1, input: "a", files: files}
			e.begin()
			e.deliver(3)
			if err := n1.Order("hls", "a", true); err != nil {
				t.Fatal(err)
			}
			s.heal("n2")
			e.deliver(3)
			if at := n2.Status().Endpoints[0]; at.Ordered != "a" || !at.Pinned {
				t.Errorf("the node knows of an order for %q, pinned: %v", at.Ordered, at.Pinned)
			}
			s.goesOnAt(t, n2, e)
		})
	}
}

// What was taken back meanwhile is, on both sides; and what one side knows better, it keeps.
func TestOrdersOfBothSidesMeet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		s.forgetful = true
		defer s.end()
		n1, n2 := s.start("n1"), s.start("n2")
		order := func(c *Channel, input string) {
			t.Helper()
			if err := c.Order("hls", input, input != ""); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		for _, sides := range [][]*Channel{{n1, n2}, {n2, n1}} {
			for _, last := range []string{"", "b"} {
				order(n1, "a")
				s.cutOff("n2")
				time.Sleep(2 * siteAlone)
				order(sides[0], "b")
				order(sides[1], "a")
				order(sides[0], last)
				s.heal("n2")
				time.Sleep(5 * time.Second)
				for i, c := range []*Channel{n1, n2} {
					if at := c.Status().Endpoints[0]; at.Ordered != last {
						t.Errorf("node %d knows of an order for %q, and the last one was for %q", i+1, at.Ordered, last)
					}
				}
			}
		}
	})
}

// An input is added to the config of one node first, and its encoder starts at once.
func TestAnInputIsAddedToOneNodeFirst(t *testing.T) {
	files := fragments(t, "24")
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		defer s.end()
		n1, n2 := s.start("n1"), s.start("n2")
		config := testConfig(longEndpoint())
		added := config.Inputs[0]
		added.Name, added.BasePath = "c", "/in/c"
		config.Inputs = append(config.Inputs, added)
		if err := n1.Configure(config); err != nil {
			t.Fatal(err)
		}
		e := &fragmentEncoder{t: t, c: n1, input: "c", files: files}
		e.begin()
		e.deliver(3)
		if err := n2.Configure(config); err != nil {
			t.Fatal(err)
		}
		e.deliver(3)
		s.goesOnAt(t, n2, e)
	})
}

// A node whose config lacks an input follows the others to it, and takes no order back because of that.
func TestANodeLacksAnInput(t *testing.T) {
	names, segments := testmedia.Segments(t, "24")
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		s.without = map[string]string{"n2": "b"}
		defer s.end()
		n1, n2 := s.start("n1"), s.start("n2")
		a := &encoder{t: t, c: n1, input: "a", names: names, media: segments}
		b := &encoder{t: t, c: n1, input: "b", names: names, media: segments}
		for n := range 8 {
			time.Sleep(segmentTime)
			if n < 4 {
				a.deliver(n)
			}
			b.deliver(n)
		}
		time.Sleep(2 * time.Second)
		isWhole(t, n2, same(t, n1, n2), segments[:8])
		if err := n1.Order("hls", "b", true); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		config := testConfig(longEndpoint())
		config.Inputs = config.Inputs[:1]
		if err := n2.Configure(config); err != nil { // it drops orders for inputs that it does not have
			t.Fatal(err)
		}
		n1.nodes.relearn()
		time.Sleep(5 * relearnAfter)
		if ordered := n1.Status().Endpoints[0].Ordered; ordered != "b" {
			t.Errorf("the order is for %q", ordered)
		}
	})
}
