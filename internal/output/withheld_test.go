package output

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
)

// Whoever asks for a playlist in an outage is told so, and not that the URL is wrong.
func TestWhyAPlaylistIsNotThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newTimeline(t, 0, "v.m3u8")
		l.w.config.OnInputLoss = Fail
		l.at = failover.TicksAt(time.Now())
		if err := l.view().Withheld("index.m3u8"); !errors.Is(err, ErrNotYet) {
			t.Errorf("before the first slot: %v", err)
		}
		l.publish(testMaterial{})
		names := []string{"index.m3u8", RenditionID("v.m3u8") + ".m3u8"}
		for _, name := range names {
			if err := l.view().Withheld(name); err != nil || l.view().Playlist(name) == nil {
				t.Errorf("%s on air: %v", name, err)
			}
		}
		time.Sleep(3*slotSeconds*time.Second + time.Millisecond)
		for _, name := range names {
			if err := l.view().Withheld(name); !errors.Is(err, ErrNoMore) || l.view().Playlist(name) != nil {
				t.Errorf("%s in an outage: %v", name, err)
			}
		}
		if err := l.view().Withheld("other.m3u8"); err != nil {
			t.Errorf("of a name that there never was: %v", err)
		}
	})
}
