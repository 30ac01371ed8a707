package output

import (
	"fmt"
	"testing"
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/hls"
)

// While an encoder whose clock is two hours off is on air, and after that, viewers who start over find the
// time that they ask for: by the dates that playlists show, and where no playlist shows such a date, by the
// clock. Before that, what followed was outside the window, or began elsewhere.
func TestStartoverWhereDatesJumpAndFallBack(t *testing.T) {
	const hours = 7200 * failover.ClockRate
	for _, off := range []failover.Ticks{hours, -hours} {
		for _, slots := range [][3]int{{30, 30, 30}, {30, 10, 70}, {30, 70, 20}, {100, 5, 50}, {30, 3, 13}} {
			l := newTimeline(t, 10*time.Minute, "v.m3u8")
			for i, n := range slots {
				l.dated = off * failover.Ticks(i%2)
				for range n {
					l.publish(testMaterial{})
				}
			}
			total := slots[0] + slots[1] + slots[2]
			if kept := len(l.w.slots); kept != total {
				t.Fatalf("%v: %d slots of %d are kept, and all are within the window", slots, kept, total)
			}
			for i := range total - 2 {
				_, _, vod := l.parsed(t, fmt.Sprintf("start=%s&end=%s", seconds(float64(2*i)), seconds(float64(2*i+4))))
				if vod.MediaSequence != uint64(100+i) || len(vod.Segments) != 2 || vod.PlaylistType != hls.VOD {
					t.Errorf("%v: 4 s from %d s on are %d segments from %d on, %s", slots, 2*i, len(vod.Segments), vod.MediaSequence, vod.PlaylistType)
				}
				if _, _, event := l.parsed(t, "start="+seconds(float64(2*i))); event.MediaSequence != uint64(100+i) {
					t.Errorf("%v: what grows from %d s on begins with %d", slots, 2*i, event.MediaSequence)
				}
			}
			shown := float64(2*slots[0]+2) + off.Seconds()
			if _, _, m := l.parsed(t, "start="+seconds(shown)); m.MediaSequence != uint64(100+slots[0]+1) {
				t.Errorf("%v: by the date that the playlist shows, it begins with %d", slots, m.MediaSequence)
			}
		}
	}
}

// A stretch that grows ends after as much time as was asked for, whatever the dates do meanwhile.
func TestStartoverGrowsWhileDatesJump(t *testing.T) {
	l := newTimeline(t, 10*time.Minute, "v.m3u8")
	publish := func(n int) {
		for range n {
			l.publish(testMaterial{})
		}
	}
	publish(10)
	uri, _, _ := l.parsed(t, "start="+seconds(10)+"&end="+seconds(60))
	l.dated = 7200 * failover.ClockRate
	publish(10)
	if m, text := l.media(t, uri); m.EndList || len(m.Segments) != 15 {
		t.Errorf("got\n%s", text)
	}
	l.dated = 0
	publish(20)
	if m, text := l.media(t, uri); !m.EndList || len(m.Segments) != 25 {
		t.Errorf("got\n%s", text)
	}
}
