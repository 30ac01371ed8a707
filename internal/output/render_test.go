package output

import (
	"context"
	"strings"
	"testing"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/hls"
)

// A single input segment may be longer than the target duration. It is listed with its true
// length, and what the other renditions lack is as long.
func TestLongSegmentsHaveTheirTrueLength(t *testing.T) {
	l := newTimeline(t, playlistWindow, "v.m3u8", "audio/en.m3u8")
	l.w.config.IFramePlaylist = true
	for range 3 {
		l.publish(testMaterial{iframes: 1})
	}
	l.publish(testMaterial{iframes: 1, seconds: 5, gapOf: "audio/en.m3u8"})
	l.publish(testMaterial{iframes: 1})
	check := func(name, text string) {
		t.Helper()
		if strings.Count(text, "#EXTINF:5.00000,") != 1 || strings.Count(text, "#EXTINF:2.00000,") != 4 {
			t.Errorf("%s:\n%s", name, text)
		}
		if p, err := hls.Parse([]byte(text), hls.DefaultLimits); err != nil || p.Media.TargetDuration != slotSeconds {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, path := range l.renditions {
		id := RenditionID(path)
		check(path, string(l.view().Playlist(id+".m3u8").Body))
		check("I-frames of "+path, string(l.view().Playlist(id+iframesSuffix+".m3u8").Body))
		text, err := l.view().Startover(context.Background(), id+".m3u8", "first=100")
		if err != nil {
			t.Fatal(err)
		}
		check("startover of "+path, string(plain(t, text)))
	}
	if end := l.view().slots[4].End; end != l.at || l.at != failover.Ticks(1_000_013)*failover.ClockRate {
		t.Errorf("the timeline ends at %s", stamp(end))
	}
}
