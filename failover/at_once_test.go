package failover

import (
	"fmt"
	"testing"
	"time"
)

// cameBefore is a channel to which so many segments have come, and the playlist that lists them and has
// not: after an outage, or from somebody who means harm.
func cameBefore(t *testing.T, count int) (*Channel, Playlist) {
	t.Helper()
	c, err := New(Config{
		Inputs:    []string{"a", "b"},
		Endpoints: []EndpointConfig{{Name: "hls", SegmentDuration: 2 * time.Second, PlaylistWindow: 2 * time.Hour}},
	})
	if err != nil {
		t.Fatal(err)
	}
	list := Playlist{Input: "a", Path: "v.m3u8", TargetDuration: 2 * time.Second}
	for i := range count {
		path, start := fmt.Sprintf("v/%d.ts", i), Ticks(i)*2*ClockRate
		c.Take(epoch, Object{Input: "a", Path: path, ID: path, Media: &Media{
			Start: start, End: start + 2*ClockRate, Frame: ClockRate / 25, Video: true, Signature: "avc",
		}})
		list.Segments = append(list.Segments, ListedSegment{Number: uint64(i), Path: path, Duration: 2 * ClockRate})
	}
	return c, list
}

// Whatever comes at once is taken bit by bit, so that others get their turn in between, and nothing of it
// is lost.
func TestManySegmentsAreTakenBitByBit(t *testing.T) {
	const count = 250
	c, list := cameBefore(t, count)
	c.Step(epoch, Multivariant{Input: "a", Renditions: []Announced{{Path: "v.m3u8", Kind: Variant}}})
	now := epoch.Add(5 * time.Second)
	bound := func() (n int) {
		for _, s := range c.inputs[0].renditions[0].segments {
			if s.state == sound {
				n++
			}
		}
		return n
	}
	published, had := 0, 0
	take := func(fact Fact) {
		for ; ; fact = (Tick{}) {
			slots := 0
			for _, effect := range c.Step(now, fact) {
				if p, ok := effect.(Published); ok {
					if first := p.Slot.Renditions[0].Parts[0].Number; first != uint64(published) {
						t.Fatalf("slot %d begins with segment %d", published, first)
					}
					published++
					slots++
				}
			}
			if slots > slotsAtOnce {
				t.Errorf("%d slots at once", slots)
			}
			n := bound()
			if more := n - had; more > 2*bindsAtOnce {
				t.Errorf("%d segments at once", more)
			}
			had = n
			if at, ok := c.Deadline(); !ok || at.After(now) {
				return
			}
		}
	}
	take(list)
	if had != count {
		t.Errorf("%d of %d segments were taken", had, count)
	}
	// The first segment in the encoder's own rhythm says that the others are of the past.
	now = now.Add(2 * time.Second)
	_, longer := cameBefore(t, count+1)
	last := longer.Segments[count].Path
	take(Object{Input: "a", Path: last, ID: last, Media: &Media{
		Start: count * 2 * ClockRate, End: (count + 1) * 2 * ClockRate, Frame: ClockRate / 25, Video: true, Signature: "avc",
	}})
	take(longer)
	if published != count+1 {
		t.Errorf("%d of %d slots were published", published, count+1)
	}
}

// What is still to be taken of an input ends with it.
func TestAnInputGoesWhileItsSegmentsAreTaken(t *testing.T) {
	c, list := cameBefore(t, 500)
	c.Step(epoch, list)
	c.Step(epoch, Configured{Config{Inputs: []string{"b"}, Endpoints: c.config.Endpoints}})
	for range 500 {
		c.Step(epoch, Tick{})
	}
	if at, ok := c.Deadline(); ok && !at.After(epoch) {
		t.Error("the channel asks to be woken at once, for ever")
	}
}
