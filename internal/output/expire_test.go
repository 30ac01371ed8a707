package output

import (
	"testing"
	"testing/synctest"
	"time"
)

// However many slots have left the window, no more go at once than the caller has time for.
func TestSlotsExpireBitByBit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newTimeline(t, time.Hour, "video")
		defer l.w.Close()
		const count = 100
		for range count {
			l.publish(testMaterial{})
		}
		l.w.Configure(Config{PlaylistWindow: playlistWindow, ManifestName: "index"})
		l.w.Expire(time.Now(), 0)
		time.Sleep(time.Minute)
		next := uint64(100)
		for _, want := range []int{30, 30, 30, 4, 0} {
			gone := l.w.Expire(time.Now(), 30)
			if len(gone) != want {
				t.Errorf("%d slots expired, and %d should have", len(gone), want)
			}
			for _, s := range gone {
				if s.MSN != next {
					t.Errorf("slot %d expired, and %d is the oldest", s.MSN, next)
				}
				next++
			}
		}
	})
}
