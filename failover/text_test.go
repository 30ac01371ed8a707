package failover

import (
	"fmt"
	"testing"
	"time"
)

// cued delivers video and WebVTT in segments of 2 s, the text just before its picture, and
// checks that every slot comes in time and has the text that belongs to it. media0 is the
// first timestamp, modulus where those of the video wrap, cues what is on screen in a
// segment that begins at a timestamp.
func cued(t *testing.T, media0, modulus Ticks, cues func(n int, start Ticks) Span) {
	t.Helper()
	w := newWorld()
	w.config = Config{Inputs: []string{"a"}, Endpoints: []EndpointConfig{{Name: "hls", SegmentDuration: 2 * time.Second}}}
	if err := w.open(); err != nil {
		t.Fatal(err)
	}
	var video, text []ListedSegment
	send := func(f Fact) {
		if err := w.step(f); err != nil {
			t.Fatal(err)
		}
	}
	send(Multivariant{Input: "a", Renditions: []Announced{{"v", Variant}, {"text", Subtitles}}})
	const count = 25
	for n := range count {
		if err := w.run(epoch.Add(time.Duration(n+1) * 2 * time.Second)); err != nil {
			t.Fatal(err)
		}
		start := media0 + Ticks(n)*2*ClockRate
		span := cues(n, start)
		length := span.To - span.From
		span.From &= 1<<33 - 1
		span.To = span.From + length
		list := func(list []ListedSegment, path string) []ListedSegment {
			return append(list, ListedSegment{Number: uint64(n), Path: path, Duration: 2 * ClockRate})
		}
		v, x := fmt.Sprintf("v%d", n), fmt.Sprintf("text%d", n)
		video, text = list(video, v), list(text, x)
		shown := &Media{Start: start, End: start + 2*ClockRate, Modulus: modulus, Frame: 3600, Video: true, Signature: "v"}
		if modulus > 0 {
			shown.Start %= modulus
			shown.End = shown.Start + 2*ClockRate
		}
		send(Object{Input: "a", Path: x, ID: x, Media: &Media{Untimed: true, Kind: Subtitles, Modulus: 1 << 33, Signature: "t", Cues: &span}})
		send(Playlist{Input: "a", Path: "text", TargetDuration: 2 * time.Second, Segments: text})
		send(Object{Input: "a", Path: v, ID: v, Media: shown})
		send(Playlist{Input: "a", Path: "v", TargetDuration: 2 * time.Second, Segments: video})
	}
	slots := w.all["hls"]
	if len(slots) != count {
		t.Errorf("%d slots, want %d", len(slots), count)
	}
	for n, s := range slots {
		at := epoch.Add(time.Duration(n+1) * 2 * time.Second)
		if late := s.Published.Sub(at); late != 0 {
			t.Errorf("slot %d is %s late", n, late)
		}
		for _, r := range s.Renditions {
			if r.Path == "text" && (len(r.Parts) != 1 || r.Parts[0].Object != fmt.Sprintf("text%d", n)) {
				t.Errorf("slot %d has text %v", n, r.Parts)
			}
		}
	}
}

// half is a cue in the middle of the segment.
func half(_ int, start Ticks) Span { return Span{start + ClockRate/2, start + ClockRate} }

// TestCuesWrap: X-TIMESTAMP-MAP has 33 bits, whatever the timestamps of the video have.
func TestCuesWrap(t *testing.T) {
	const wraps = Ticks(1) << 33
	for _, media0 := range []Ticks{0, wraps - 20*ClockRate, wraps - ClockRate, 3*wraps + 7, TicksAt(time.Unix(1_790_000_000, 0))} {
		for _, modulus := range []Ticks{0, wraps} {
			t.Run(fmt.Sprintf("%d of %d", media0, modulus), func(t *testing.T) { cued(t, media0, modulus, half) })
		}
	}
}

// TestLongCue: a cue that is on screen for several segments is in each of them. Where it
// began does not say where they do.
func TestLongCue(t *testing.T) {
	const media0 = Ticks(100 * ClockRate)
	for _, segments := range []int{1, 2, 3, 4, 10} {
		t.Run(fmt.Sprint(segments), func(t *testing.T) {
			cued(t, media0, 1<<33, func(n int, start Ticks) Span {
				if n < 5 || n >= 5+segments {
					return half(n, start)
				}
				from := media0 + 10*ClockRate + ClockRate/5
				return Span{from, from + Ticks(segments)*2*ClockRate - ClockRate/2}
			})
		})
	}
}

// TestCuesElsewhere: text whose numbers say one place and whose cues say another one lies
// where the cues are.
func TestCuesElsewhere(t *testing.T) {
	w := newWorld()
	w.config = Config{Inputs: []string{"a"}, Endpoints: []EndpointConfig{{Name: "hls", SegmentDuration: 2 * time.Second}}}
	if err := w.open(); err != nil {
		t.Fatal(err)
	}
	in := w.channel.input("a")
	for n := range 3 {
		start := Ticks(n) * 2 * ClockRate
		cue := start + ClockRate/2
		if n == 2 {
			cue += 20 * ClockRate // what lies between was never listed
		}
		path := fmt.Sprintf("v%d", n)
		for _, f := range []Fact{
			Object{Input: "a", Path: path, ID: path, Media: &Media{Start: start, End: start + 2*ClockRate, Frame: 3600, Video: true, Signature: "v"}},
			Playlist{Input: "a", Path: "v", TargetDuration: 2 * time.Second, Segments: []ListedSegment{{Number: uint64(n), Path: path, Duration: 2 * ClockRate}}},
			Object{Input: "a", Path: "t" + path, ID: "t" + path, Media: &Media{Untimed: true, Signature: "t", Cues: &Span{cue, cue + ClockRate}}},
			Playlist{Input: "a", Path: "text", TargetDuration: 2 * time.Second, Segments: []ListedSegment{{Number: uint64(n), Path: "t" + path, Duration: 2 * ClockRate}}},
		} {
			if err := w.step(f); err != nil {
				t.Fatal(err)
			}
		}
		w.now = w.now.Add(2 * time.Second)
	}
	list := in.rendition("text").segments
	for n, want := range []Ticks{0, 2, 24} {
		if got := list[n].start; got < want*ClockRate || got > (want+1)*ClockRate {
			t.Errorf("text %d begins at %s, want %ds", n, got.Duration(), want)
		}
	}
}
