package channel

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
)

// bare takes a PID out of a segment, but not out of its PMT.
func bare(segment []byte, pid int) []byte {
	var kept []byte
	for p := segment; len(p) >= 188; p = p[188:] {
		if int(p[1]&0x1f)<<8|int(p[2]) != pid {
			kept = append(kept, p[:188]...)
		}
	}
	return kept
}

// Segments without sound among others, in every order of segments and playlists, are
// of one run, and nothing waits for ever where there never is any.
func TestSegmentsInheritInAnyOrder(t *testing.T) {
	_, media := testmedia.Segments(t, "24")
	const sound = 0x101
	put := func(t *testing.T, c *Channel, path string, body []byte) {
		if _, err := c.Put(t.Context(), "a", path, strings.NewReader(string(body)), -1); err != nil {
			t.Fatal(err)
		}
	}
	list := func(n int) []byte {
		text := "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:0\n"
		for i := range n + 1 {
			text += fmt.Sprintf("#EXTINF:1.92,\nseg%d.ts\n", i)
		}
		return []byte(text)
	}
	for name, c := range map[string]struct {
		without       func(n int) bool
		playlistFirst bool
		generations   int
	}{
		"some, segment first":  {func(n int) bool { return n%3 == 1 }, false, 1},
		"some, playlist first": {func(n int) bool { return n%3 == 1 }, true, 1},
		"the first":            {func(n int) bool { return n < 1 }, false, 1},
		"all":                  {func(int) bool { return true }, true, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ch := openChannel(t, testConfig(shortEndpoint()))
				r := &recorder{}
				ch.Observe(r)
				for n := range 9 {
					time.Sleep(segmentTime)
					body := media[n]
					if c.without(n) {
						body = bare(body, sound)
					}
					if c.playlistFirst {
						put(t, ch, "live.m3u8", list(n))
					}
					put(t, ch, fmt.Sprintf("seg%d.ts", n), body)
					if !c.playlistFirst {
						put(t, ch, "live.m3u8", list(n))
					}
					synctest.Wait()
				}
				time.Sleep(5 * time.Second)
				synctest.Wait()
				p := playlist(t, ch.View("hls"))
				if len(p.Segments) < 7 {
					t.Errorf("%d segments", len(p.Segments))
				}
				generations := 0
				for _, e := range r.events {
					if _, ok := e.(failover.GenerationStarted); ok {
						generations++
					}
				}
				if generations != c.generations {
					t.Errorf("%d generations", generations)
				}
				if len(ch.inputs["a"].held) > 0 {
					t.Errorf("%d segments are held", len(ch.inputs["a"].held))
				}
			})
		})
	}
}
