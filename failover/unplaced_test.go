package failover

import (
	"fmt"
	"testing"
	"time"
)

// What an encoder lists and never delivers, and text whose numbers fit to no picture,
// does not pile up: an hour of it takes no more than what is remembered.
func TestWhatIsNeverOfUseDoesNotPileUp(t *testing.T) {
	c := oneInput(t)
	released := 0
	step := func(now time.Time, f Fact) {
		for _, e := range c.Step(now, f) {
			if r, ok := e.(Released); ok {
				released += len(r.Objects)
			}
		}
	}
	const count = 1800
	for n := range uint64(count) {
		now := epoch.Add(time.Duration(n) * 2 * time.Second)
		for _, path := range []string{"v", "never", "text"} {
			number := n
			if path == "text" {
				number += 1 << 32
			}
			object := fmt.Sprint(path, "/", n)
			list := Playlist{
				Input: "a", Path: path, TargetDuration: 2 * time.Second,
				Segments: []ListedSegment{{Number: number, Path: object, Duration: 2 * ClockRate}},
			}
			media := &Media{Start: Ticks(n) * 2 * ClockRate, End: Ticks(n+1) * 2 * ClockRate, Frame: 3600, Video: true, Signature: "v"}
			if path == "text" {
				media = &Media{Untimed: true}
			}
			if path != "never" {
				step(now, Object{Input: "a", Path: object, ID: object, Media: media})
			}
			step(now, list)
		}
	}
	for _, r := range c.inputs[0].renditions {
		if n := len(r.segments); n > 400 {
			t.Errorf("%d segments of %s are kept", n, r.path)
		}
	}
	if kept := 2*count - released; kept > 800 {
		t.Errorf("%d objects are kept", kept)
	}
}
