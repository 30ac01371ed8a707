package failover

import (
	"testing"
	"time"
)

// The first playlist of an encoder may come long before its first media, which waited for an
// initialization section. Its multivariant playlist is waited for from the media on.
func TestTheMultivariantPlaylistIsAwaitedFromTheFirstMediaOn(t *testing.T) {
	c, err := New(Config{Inputs: []string{"a"}, Endpoints: []EndpointConfig{{Name: "hls", SegmentDuration: 2 * time.Second}}})
	if err != nil {
		t.Fatal(err)
	}
	var slots []Slot
	step := func(at time.Duration, fact Fact) {
		for _, effect := range c.Step(epoch.Add(at), fact) {
			if p, ok := effect.(Published); ok {
				slots = append(slots, p.Slot)
			}
		}
	}
	list := func(path string) Playlist {
		return Playlist{Input: "a", Path: path, TargetDuration: 2 * time.Second, Segments: []ListedSegment{{Path: path + "0", Duration: 2 * ClockRate}}}
	}
	object := func(path string) Object {
		return Object{Input: "a", Path: path + "0", ID: path + "0", Media: &Media{End: 2 * ClockRate, Frame: 3600, Video: path == "v", Signature: path}}
	}
	step(0, list("v"))
	step(3*time.Second, object("v"))
	step(3*time.Second+time.Millisecond, list("audio"))
	step(3*time.Second+20*time.Millisecond, object("audio"))
	step(3*time.Second+30*time.Millisecond, Multivariant{Input: "a", Renditions: []Announced{{Path: "v"}, {Path: "audio", Kind: Audio}}})
	step(6*time.Second, Tick{})
	if len(slots) != 1 || len(slots[0].Renditions) != 2 || slots[0].Renditions[1].Gap() {
		t.Errorf("%+v", slots)
	}
}
