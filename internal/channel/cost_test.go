package channel

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
)

// What an upload costs beside the store: allocations of a segment's PUT, and of that of
// the playlist that lists it, with which the slot is published. bench/NOTES.md has the
// numbers.
func TestCostOfAnUpload(t *testing.T) {
	names, segments := testmedia.Segments(t, "24")
	synctest.Test(t, func(t *testing.T) {
		c := openChannel(t, testConfig(shortEndpoint()))
		put := func(path string, body []byte) uint64 {
			var before, after runtime.MemStats
			reader := bytes.NewReader(body)
			runtime.ReadMemStats(&before)
			_, err := c.Put(t.Context(), "a", path, reader, int64(len(body)))
			runtime.ReadMemStats(&after)
			if err != nil {
				t.Fatal(err)
			}
			return after.Mallocs - before.Mallocs
		}
		var segment, playlist uint64
		n := 0
		for round := range 3 {
			for i := range segments {
				time.Sleep(segmentTime)
				var list strings.Builder
				fmt.Fprintf(&list, "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:%d\n", max(0, i-5))
				for j := max(0, i-5); j <= i; j++ {
					fmt.Fprintf(&list, "#EXTINF:%s,\n%d-%s\n", testmedia.SegmentSeconds, round, names[j])
				}
				s := put(fmt.Sprintf("%d-%s", round, names[i]), segments[i])
				p := put("live.m3u8", []byte(list.String()))
				synctest.Wait()
				if round > 0 && i > 1 {
					segment, playlist, n = segment+s, playlist+p, n+1
				}
			}
		}
		t.Logf("%d allocations to PUT a segment, %d to PUT the playlist that lists it and publish the slot", segment/uint64(n), playlist/uint64(n))
		// 59 and 185 as a rule; the race detector's pools forget now and then.
		if segment > 80*uint64(n) || playlist > 215*uint64(n) {
			t.Error("an upload has become more expensive")
		}
	})
}
