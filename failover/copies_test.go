package failover

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// A segment that was sent before it was complete, and at once again, is published whole, as long as
// nothing of it has been used: with a delay, and in a longer slot.
func TestACompleteCopyReplacesAShortOne(t *testing.T) {
	c, err := New(Config{
		Inputs: []string{"a"},
		Endpoints: []EndpointConfig{
			{Name: "delayed", SegmentDuration: 2 * time.Second, PlaylistWindow: time.Minute, TimeDelay: 10 * time.Second},
			{Name: "long", SegmentDuration: 6 * time.Second, PlaylistWindow: time.Minute},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	now := epoch
	slots := map[string]int{}
	step := func(wait time.Duration, fact Fact) {
		t.Helper()
		now = now.Add(wait)
		for _, effect := range c.Step(now, fact) {
			p, ok := effect.(Published)
			if !ok {
				continue
			}
			if slots[p.Slot.Endpoint]++; p.Slot.Discontinuity && slots[p.Slot.Endpoint] > 1 {
				t.Errorf("%s: slot %d begins a discontinuity", p.Slot.Endpoint, p.Slot.MSN)
			}
			for _, part := range p.Slot.Renditions[0].Parts {
				if !strings.HasPrefix(part.Object, "whole") {
					t.Errorf("%s: slot %d has %s", p.Slot.Endpoint, p.Slot.MSN, part.Object)
				}
			}
		}
	}
	segment := func(n int, length Ticks, id string) Object {
		start := Ticks(n) * 2 * ClockRate
		return Object{Input: "a", Path: fmt.Sprintf("%d.ts", n), ID: id, Size: int64(length), Hash: id, Media: &Media{
			Start: start, End: start + length, Frame: ClockRate / 25, Video: true, Signature: "avc",
		}}
	}
	step(0, Multivariant{Input: "a", Renditions: []Announced{{Path: "v.m3u8", Kind: Variant}}})
	list := Playlist{Input: "a", Path: "v.m3u8", TargetDuration: 2 * time.Second}
	for n := range 30 {
		list.Segments = append(list.Segments, ListedSegment{Number: uint64(n), Path: fmt.Sprintf("%d.ts", n), Duration: 2 * ClockRate})
		step(1600*time.Millisecond, list)
		if n%3 != 2 { // the last one of a long slot is on air at once
			step(0, segment(n, ClockRate, fmt.Sprintf("short-%d", n)))
		}
		step(400*time.Millisecond, segment(n, 2*ClockRate, fmt.Sprintf("whole-%d", n)))
	}
	if slots["delayed"] < 20 || slots["long"] < 8 {
		t.Errorf("only %v slots are published", slots)
	}
}
