package failover

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// sender is an encoder whose segments are called what name says.
type sender struct {
	t         *testing.T
	c         *Channel
	length    Ticks
	name      func(n int) string
	published []string
	notices   []string
}

func (s *sender) step(at Ticks, fact Fact) {
	s.t.Helper()
	for _, effect := range s.c.Step(at.Time(), fact) {
		switch effect := effect.(type) {
		case Published:
			if effect.Slot.Discontinuity && len(s.published) > 0 {
				s.t.Errorf("slot %d begins a discontinuity", effect.Slot.MSN)
			}
			for _, part := range effect.Slot.Renditions[0].Parts {
				s.published = append(s.published, part.Object)
			}
		case Noticed:
			s.notices = append(s.notices, fmt.Sprint(effect.What, ": ", effect.Detail))
		}
	}
}

// run sends so many segments as they end, the last six of which are listed.
func (s *sender) run(count int) {
	s.t.Helper()
	list := Playlist{Input: "a", Path: "v.m3u8", TargetDuration: time.Second}
	s.step(TicksAt(epoch), Multivariant{Input: "a", Renditions: []Announced{{Path: "v.m3u8", Kind: Variant}}})
	for n := range count {
		at := TicksAt(epoch) + Ticks(n+1)*s.length
		list.Segments = append(list.Segments, ListedSegment{Number: uint64(n), Path: s.name(n), Duration: s.length})
		now := list
		now.Segments = slices.Clone(list.Segments[max(0, n-5):])
		start := Ticks(n) * s.length
		object := Object{Input: "a", Path: s.name(n), ID: fmt.Sprint(n), Size: int64(1000 + n), Hash: fmt.Sprint(n), Media: &Media{
			Start: start, End: start + s.length, Frame: ClockRate / 25, Video: true, Signature: "avc",
		}}
		s.step(at, object)
		s.step(at+ClockRate/100, now)
	}
}

func newSender(t *testing.T) *sender {
	c, err := New(Config{
		Inputs:    []string{"a"},
		Endpoints: []EndpointConfig{{Name: "hls", SegmentDuration: time.Second, PlaylistWindow: time.Minute}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return &sender{t: t, c: c, length: 96 * ClockRate / 100}
}

// An encoder whose names have seconds of the clock gives two segments the same one now and then. That is neither
// two encoders nor a new run, and both are published.
func TestTwoSegmentsWithOneName(t *testing.T) {
	for _, first := range []int{1, 7, 25} { // 25ths of a second that the clock is behind
		t.Run(fmt.Sprint(first), func(t *testing.T) {
			s := newSender(t)
			s.name = func(n int) string {
				return fmt.Sprintf("seg-%d.ts", (Ticks(n)*s.length+ClockRate-Ticks(first)*ClockRate/25)/ClockRate)
			}
			s.run(60)
			if len(s.notices) > 0 {
				t.Errorf("noticed: %v", s.notices)
			}
			for n, object := range s.published {
				if object != fmt.Sprint(n) {
					t.Fatalf("published are %v", s.published)
				}
			}
			if len(s.published) < 59 {
				t.Errorf("only %d segments are published", len(s.published))
			}
		})
	}
}

// A segment that is listed twice, and was sent once, is one.
func TestASegmentThatIsListedTwice(t *testing.T) {
	s := newSender(t)
	list := Playlist{Input: "a", Path: "v.m3u8", TargetDuration: time.Second}
	for n := range 20 {
		at := TicksAt(epoch) + Ticks(n+1)*ClockRate
		name := fmt.Sprintf("%d.ts", n)
		for i := range 2 {
			list.Segments = append(list.Segments, ListedSegment{Number: uint64(2*n + i), Path: name, Duration: ClockRate})
		}
		s.step(at, Object{Input: "a", Path: name, ID: name, Size: 1000, Hash: name, Media: &Media{
			Start: Ticks(n) * ClockRate, End: Ticks(n+1) * ClockRate, Frame: ClockRate / 25, Video: true, Signature: "avc",
		}})
		now := list
		now.Segments = slices.Clone(list.Segments[max(0, 2*n-5):]) // the first may be the second of two
		s.step(at, now)
	}
	if len(s.published) < 19 || len(s.notices) > 0 {
		t.Errorf("published are %v, noticed %v", s.published, s.notices)
	}
	if faults := s.c.Status().Inputs[0].Faults; len(faults) > 0 {
		t.Errorf("missed: %v", faults)
	}
}
