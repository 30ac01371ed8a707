package channel

import (
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
	"github.com/liveorigin/caddy-live-origin/store"
)

// An encoder that is back under another playlist name goes on as what viewers have, and still does when the process
// is restarted so long after that that nothing is left of what came under the first name.
func TestARestartKeepsTheNameOfAPlaylistThatWasRenamed(t *testing.T) {
	names, segments := testmedia.Segments(t, "48")
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		e := &encoder{t: t, input: "a", names: names, media: segments}
		n := 0
		play := func(c *Channel, until int) {
			for e.c = c; n < until; n++ {
				time.Sleep(segmentTime)
				e.deliver(n)
			}
		}
		var later time.Time
		lifeOf(t, dir, shortEndpoint(), func(c *Channel) {
			play(c, 4)
			time.Sleep(3 * segmentTime)
			n += 3
			e.playlist, e.list = "other.m3u8", nil
			play(c, 11)
			later = time.Now()
			play(c, 15)
		})
		forgetArrivals(t, dir, later)
		lifeOf(t, dir, shortEndpoint(), func(c *Channel) {
			play(c, 21)
			synctest.Wait()
			for _, s := range c.View("hls").Slots() {
				for _, r := range s.Renditions {
					if r.Path != "live.m3u8" || len(r.Parts) == 0 {
						t.Errorf("slot %d: %s, gap %t", s.MSN, r.Path, len(r.Parts) == 0)
					}
				}
			}
		})
	})
}

// forgetArrivals leaves a journal of arrivals as it is when all from before a time is forgotten.
func forgetArrivals(t *testing.T, dir string, before time.Time) {
	t.Helper()
	withArrivals(t, dir, func(j store.Journal, last uint64, records [][]byte) error {
		var later [][]byte
		for _, record := range records {
			var entry arrival
			if err := json.Unmarshal(record, &entry); err != nil {
				return err
			}
			if entry.Time.After(before) {
				later = append(later, record)
			}
		}
		if err := j.Forget(t.Context(), last+1); err != nil {
			return err
		}
		_, err := j.Append(t.Context(), last, later...)
		return err
	})
}
