package channel

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
)

// An initialization section that comes last sets many fragments free. They are passed on bit by bit, so
// that others get the channel in between, and all of them.
func TestAnInitializationSectionSetsManyFragmentsFree(t *testing.T) {
	files := fragments(t, "6")
	const count = 5 * passedAtOnce
	synctest.Test(t, func(t *testing.T) {
		config := testConfig(shortEndpoint())
		config.Inputs[0].MaxUnlistedSize = 32 << 20
		c := openChannel(t, config)
		var list strings.Builder
		list.WriteString("#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:2\n#EXT-X-MAP:URI=\"init.mp4\"\n")
		for i := range count {
			upload(t, c, "a", fmt.Sprintf("%d.m4s", i), files[fmt.Sprintf("seg%d.m4s", i%2)])
			fmt.Fprintf(&list, "#EXT-X-DISCONTINUITY\n#EXTINF:%s,\n%d.m4s\n", testmedia.SegmentSeconds, i)
		}
		upload(t, c, "a", "live.m3u8", []byte(list.String()))
		waiting := func() int {
			c.mu.Lock()
			defer c.mu.Unlock()
			return len(c.inputs["a"].binder.waiting)
		}
		if n := waiting(); n != count {
			t.Fatalf("%d of %d fragments wait", n, count)
		}
		upload(t, c, "a", "init.mp4", files["init.mp4"])
		if n := waiting(); n == 0 || n < count-3*passedAtOnce {
			t.Errorf("%d of %d fragments were passed on at once", count-n, count)
		}
		time.Sleep(time.Millisecond)
		synctest.Wait()
		if n := waiting(); n != 0 {
			t.Errorf("%d of %d fragments still wait", n, count)
		}
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if n := len(playlist(t, c.View("hls")).Segments); n == 0 {
			t.Error("nothing is published")
		}
	})
}

// What no playlist ever lists is forgotten bit by bit, so that others get the channel in between, and
// all of it: fragments, which wait for their initialization section, and whole segments.
func TestWhatNoPlaylistListsIsForgottenBitByBit(t *testing.T) {
	fragment := fragments(t, "6")["seg0.m4s"]
	text := []byte("WEBVTT\n\n00:00.000 --> 00:01.000\nhello\n")
	for name, media := range map[string][]byte{"m4s": fragment, "vtt": text} {
		t.Run(name, func(t *testing.T) {
			const count = 400
			synctest.Test(t, func(t *testing.T) {
				config := testConfig(shortEndpoint())
				config.Inputs[0].MaxUnlistedSize = 60 << 20
				c := openChannel(t, config)
				for i := range count {
					upload(t, c, "a", fmt.Sprintf("%d.%s", i, name), media)
				}
				own := len(c.objects.supplies.byKey) // text without cues
				if n := c.store.Usage().Objects; int(n) != count+own {
					t.Fatalf("%d of %d objects are held", n, count)
				}
				held := func() int {
					c.objects.mu.Lock()
					defer c.objects.mu.Unlock()
					return len(c.objects.byKey) - own
				}
				forgotten := time.Now().Add(2*fragmentAge + sweepInterval)
				for left := count; left > 0; {
					if time.Now().After(forgotten) {
						t.Fatalf("%d of %d objects are still held", left, count)
					}
					// The timers of one moment fire one after the other, so each look is at one turn.
					time.Sleep(time.Second)
					c.wake()
					n := held()
					if left-n == count {
						t.Fatalf("%d objects were forgotten at once", left-n)
					}
					left = n
				}
				synctest.Wait()
				if n := c.store.Usage().Objects; int(n) != own {
					t.Errorf("%d objects are still in the store", n)
				}
			})
		})
	}
}
