package channel

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Fragments, sections and playlists in any order, under names that come again, with sections
// that are missing, elsewhere or part of a segment: nothing panics, and what the
// binder does not need any more is freed. A sound encoder is on air after that.
func TestFragmentsInDisorderAreFreed(t *testing.T) {
	files := fragments(t, "390")
	for seed := uint64(30); seed < 40; seed++ {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			endpoint := shortEndpoint()
			endpoint.PlaylistWindow = 6 * time.Second
			c := openChannel(t, testConfig(endpoint))
			put := func(path string, body []byte) {
				_, _ = c.Put(t.Context(), "a", path, bytes.NewReader(body), -1) // some are refused
			}
			for range 120 {
				time.Sleep(time.Duration(random.IntN(1500)) * time.Millisecond)
				segment := files[fmt.Sprintf("seg%d.m4s", random.IntN(6))]
				switch random.IntN(6) {
				case 0:
					put(fmt.Sprintf("init%d.mp4", random.IntN(3)), files["init.mp4"])
				case 1:
					put(fmt.Sprintf("s%d.m4s", random.IntN(8)), append(bytes.Clone(files["init.mp4"]), segment...))
				case 2, 3:
					put(fmt.Sprintf("s%d.m4s", random.IntN(8)), segment)
				default:
					var text strings.Builder
					fmt.Fprintf(&text, "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:%d\n", random.IntN(20))
					for range random.IntN(8) {
						switch random.IntN(6) {
						case 0:
							text.WriteString("#EXT-X-MAP:URI=\"/elsewhere.mp4\"\n")
						case 1, 2:
							fmt.Fprintf(&text, "#EXT-X-MAP:URI=\"init%d.mp4\"\n", random.IntN(4))
						case 3:
							fmt.Fprintf(&text, "#EXT-X-MAP:URI=\"s%d.m4s\"\n", random.IntN(8))
						}
						fmt.Fprintf(&text, "#EXTINF:1.92,\ns%d.m4s\n", random.IntN(8))
					}
					put(fmt.Sprintf("v%d.m3u8", random.IntN(3)), []byte(text.String()))
				}
			}
			// Another encoder goes on long enough for all of that to be over.
			put("init.mp4", files["init.mp4"])
			for n := range 200 {
				time.Sleep(segmentTime)
				put(fmt.Sprintf("t%d.m4s", n), files[fmt.Sprintf("seg%d.m4s", n)])
				put("live.m3u8", fmt.Appendf(nil, "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:%d\n#EXT-X-MAP:URI=\"init.mp4\"\n#EXTINF:1.92,\nt%d.m4s\n", n, n))
			}
			synctest.Wait()
			if late := time.Since(c.Status().Endpoints[0].End); late > time.Minute {
				t.Errorf("seed %d: nothing was published for %s", seed, late)
			}
			b := &c.inputs["a"].binder
			if len(b.waiting) > 0 || len(b.done) > 1 || len(b.inits) > 4+8 {
				t.Errorf("seed %d: %d fragments wait, %d names are remembered, %d sections are held", seed, len(b.waiting), len(b.done), len(b.inits))
			}
		})
	}
}
