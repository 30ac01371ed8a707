package output

import (
	"testing"
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/hls"
	"github.com/liveorigin/caddy-live-origin/internal/media"
)

// Key frames that are listed are a second apart, across slots as well, and their numbers rise
// no faster than time, or than those of slots.
func TestIFrameSpacing(t *testing.T) {
	for _, length := range []failover.Ticks{failover.ClockRate * 6 / 5, failover.ClockRate * 2, failover.ClockRate * 29 / 10} {
		l := newTimeline(t, 0, "v.m3u8")
		l.w.config.IFramePlaylist = true
		first, begin := l.msn, l.at
		for range 100 {
			s := &Slot{MSN: l.msn, Input: "a", Start: l.at, End: l.at + length, TargetDuration: 3, Published: time.Now()}
			r := l.rendition("v.m3u8", testMaterial{})
			r.Duration, r.Size = length, 0
			info := &media.Info{Start: 0, End: int64(length)}
			for at := int64(0); at < int64(length); at += 18_000 {
				info.KeyFrames = append(info.KeyFrames, media.KeyFrame{PTS: at, Range: media.Range{Start: at / 180, End: at/180 + 50}})
			}
			r.AddIFrames(info, []media.Range{{Start: 0, End: 10_000}}, 0)
			r.Size = 10_000
			s.Renditions = []Rendition{r}
			l.w.NumberIFrames(s)
			l.w.Add(s)
			l.msn, l.at = l.msn+1, s.End
		}
		render(l.w, nil)
		next := l.w.track(RenditionID("v.m3u8")).nextIFrame
		if most := uint64((l.at-begin)/failover.ClockRate) + 1; next-first > most {
			t.Errorf("slots of %v: in %d s, the numbers rose by %d", length.Duration(), most-1, next-first)
		}
		last := failover.Ticks(0)
		for _, s := range l.w.slots {
			list := s.Renditions[0].IFrames
			if len(list) == 0 {
				t.Fatalf("slots of %v: one has no key frame", length.Duration())
			}
			for _, f := range list {
				if at := s.Start + f.At; at-last < iframeSpacing {
					t.Fatalf("slots of %v: two key frames are %v apart", length.Duration(), (at - last).Duration())
				} else {
					last = at
				}
			}
		}
		text := l.view().Playlist(RenditionID("v.m3u8") + iframesSuffix + ".m3u8").Body
		if _, err := hls.Parse(text, hls.DefaultLimits); err != nil {
			t.Error(err)
		}
	}
}
