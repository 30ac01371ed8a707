package output

import (
	"testing"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/hls"
)

// Where nodes meet that have counted apart, a slot may pass over some discontinuity numbers. Each
// segment keeps its number as the playlist goes on, in the one of I-frames too, and from any start.
func TestTheDiscontinuityNumberOfASegmentNeverChanges(t *testing.T) {
	l := newTimeline(t, time.Minute, "v.m3u8")
	l.w.config.IFramePlaylist = true
	numbers := map[string]uint64{}
	check := func(m *hls.MediaPlaylist) {
		t.Helper()
		number := m.DiscontinuitySequence
		for _, s := range m.Segments {
			if s.Discontinuity {
				number += 1 + uint64(s.Further)
			}
			if was, ok := numbers[s.URI]; ok && was != number {
				t.Errorf("the discontinuity number of %s was %d and is %d", s.URI, was, number)
			}
			numbers[s.URI] = number
		}
	}
	for i := range 16 {
		m := testMaterial{iframes: 1, discontinuity: i == 4 || i == 9}
		if i == 4 {
			m.passed = 3
		}
		l.publish(m)
		for _, name := range []string{RenditionID("v.m3u8") + ".m3u8", RenditionID("v.m3u8") + iframesSuffix + ".m3u8"} {
			text := l.view().Playlist(name)
			if text == nil {
				t.Fatalf("there is no %s", name)
			}
			p, err := hls.Parse(text.Body, hls.DefaultLimits)
			if err != nil {
				t.Fatal(err)
			}
			check(p.Media)
		}
	}
	for start := range 16 {
		_, _, m := l.parsed(t, "start="+seconds(float64(2*start)))
		check(m)
	}
	if n := numbers[RenditionID("v.m3u8")+"/epoch-115.ts"]; n != 5 || len(numbers) != 16 {
		t.Errorf("the numbers are %v", numbers)
	}
}
