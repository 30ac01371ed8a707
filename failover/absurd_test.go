package failover

import (
	"testing"
	"time"
)

// oneInput is a channel that has nothing but one input and one endpoint.
func oneInput(t *testing.T) *Channel {
	t.Helper()
	c, err := New(Config{Inputs: []string{"a"}, Endpoints: []EndpointConfig{{Name: "hls", SegmentDuration: 2 * time.Second}}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Media without a length, or with one that no encoder means, counts as missing; its
// bytes are given back.
func TestMediaOfAbsurdLengthIsUnsound(t *testing.T) {
	for _, length := range []Ticks{0, -ClockRate, longestSegment + 1, 1 << 60} {
		c := oneInput(t)
		c.Step(epoch, Playlist{Input: "a", Path: "v", Segments: []ListedSegment{{Number: 1, Path: "v/1", Duration: 2 * ClockRate}}})
		effects := c.Step(epoch, Object{Input: "a", Path: "v/1", ID: "id", Media: &Media{Start: 0, End: length, Frame: 3600}})
		missed, released := false, false
		for _, e := range effects {
			switch e := e.(type) {
			case SegmentMissed:
				missed = e.Missing.Segment == "v/1"
			case Released:
				released = len(e.Objects) == 1 && e.Objects[0] == "id"
			default:
				t.Errorf("length %d: %T", length, e)
			}
		}
		if !missed || !released {
			t.Errorf("length %d: missed %t, released %t", length, missed, released)
		}
	}
}

// An EXT-X-TARGETDURATION of a day is not taken over: viewers and caches would ask for
// the playlist twice a day.
func TestAnAbsurdTargetDurationIsNotPassedOn(t *testing.T) {
	c := oneInput(t)
	c.Step(epoch, Multivariant{Input: "a", Renditions: []Announced{{Path: "v"}}})
	c.Step(epoch, Playlist{
		Input: "a", Path: "v", TargetDuration: 24 * time.Hour,
		Segments: []ListedSegment{{Number: 1, Path: "v/1", Duration: 2 * ClockRate}},
	})
	c.Step(epoch, Object{Input: "a", Path: "v/1", ID: "id", Media: &Media{End: 2 * ClockRate, Frame: 3600, Video: true}})
	c.Step(epoch.Add(time.Hour), Tick{})
	if got := c.Status().Endpoints[0].TargetDuration; got < 2 || got > 30 {
		t.Errorf("target duration %d", got)
	}
}

// A path that a playlist lists twice is one object: it is released when both have been
// used, and once only. Who is told so twice would take it away from viewers.
func TestAnObjectThatIsListedTwiceIsReleasedOnce(t *testing.T) {
	c := oneInput(t)
	c.Step(epoch, Multivariant{Input: "a", Renditions: []Announced{{Path: "v"}}})
	list := []ListedSegment{{Number: 1, Path: "v/slate", Duration: 2 * ClockRate}, {Number: 2, Path: "v/slate", Duration: 2 * ClockRate, Discontinuity: true}}
	c.Step(epoch, Playlist{Input: "a", Path: "v", TargetDuration: 2 * time.Second, Segments: list})
	effects := c.Step(epoch, Object{Input: "a", Path: "v/slate", ID: "id", Media: &Media{End: 2 * ClockRate, Frame: 3600, Video: true}})
	effects = append(effects, c.Step(epoch.Add(time.Minute), Tick{})...)
	released, slots := 0, 0
	for _, e := range effects {
		switch e := e.(type) {
		case Published:
			slots++
		case Released:
			released += len(e.Objects)
		}
	}
	if released != 1 || slots != 2 {
		t.Errorf("in %d slots, released %d times", slots, released)
	}
}

// A frame that lasts for hours does not make everything that ever came part of the next
// slot: a slot that nobody delivers is given up, and time goes on.
func TestAFrameOfAbsurdLengthIsNotBelieved(t *testing.T) {
	c := oneInput(t)
	c.Step(epoch, Multivariant{Input: "a", Renditions: []Announced{{Path: "v"}, {Path: "audio"}}})
	given := 0
	for n := range uint64(8) {
		var list []ListedSegment
		for i := range n + 1 {
			list = append(list, ListedSegment{Number: i + 1, Path: "v/" + string(rune('a'+i)), Duration: 2 * ClockRate})
		}
		start := Ticks(n) * 2 * ClockRate
		now := epoch.Add(time.Duration(n) * 2 * time.Second)
		effects := c.Step(now, Playlist{Input: "a", Path: "v", TargetDuration: 2 * time.Second, Segments: list})
		effects = append(effects, c.Step(now, Object{
			Input: "a", Path: list[n].Path, ID: list[n].Path,
			Media: &Media{Start: start, End: start + 2*ClockRate, Frame: 1 << 40, Video: true, Signature: "v"},
		})...)
		for _, e := range effects {
			if _, ok := e.(SlotGivenUp); ok {
				given++
			}
		}
	}
	for _, r := range c.inputs[0].renditions {
		for _, s := range r.segments {
			if s.media != nil && s.slack() > longestFrame/2 {
				t.Errorf("segment %d may overlap by %d ticks", s.number, s.slack())
			}
		}
	}
	if given > 8 {
		t.Errorf("%d slots were given up in 16 s", given)
	}
}
