package channel

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/hls"
	"github.com/liveorigin/caddy-live-origin/internal/output"
	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
)

// iframesOf parses the only I-frame playlist.
func iframesOf(t *testing.T, v *output.View) *hls.MediaPlaylist {
	t.Helper()
	m, err := hls.Parse(v.Playlist("index.m3u8").Body, hls.DefaultLimits)
	if err != nil || len(m.Multivariant.IFrames) != 1 {
		t.Fatalf("%v: not one I-frame playlist", err)
	}
	name := m.Multivariant.IFrames[0].URI
	text := v.Playlist(name)
	p, err := hls.Parse(text.Body, hls.DefaultLimits)
	if err != nil || p.Media == nil {
		t.Fatalf("%s: %v\n%s", name, err, text.Body)
	}
	return p.Media
}

// Numbers of I-frame playlists never go back, also when the endpoint was out of the
// config for a while and nothing is left but the last record of its journal.
func TestIFrameNumbersGoOnWhenAnEndpointComesBack(t *testing.T) {
	names, segments := testmedia.Segments(t, "48")
	synctest.Test(t, func(t *testing.T) {
		endpoint := shortEndpoint()
		endpoint.SegmentDuration, endpoint.IFramePlaylist = 4*time.Second, true
		c := openChannel(t, testConfig(endpoint))
		e := &encoder{t: t, c: c, input: "a", names: names, media: segments}
		n := 0
		deliver := func(count int) {
			for range count {
				time.Sleep(segmentTime)
				e.deliver(n)
				n++
			}
			synctest.Wait()
		}
		deliver(12)
		before := iframesOf(t, c.View("hls"))
		next := before.MediaSequence + uint64(len(before.Segments))
		if err := c.Configure(testConfig()); err != nil {
			t.Fatal(err)
		}
		if err := c.Configure(testConfig(endpoint)); err != nil {
			t.Fatal(err)
		}
		deliver(4)
		if after := iframesOf(t, c.View("hls")); after.MediaSequence < next {
			t.Errorf("begins with %d, %d was to come", after.MediaSequence, next)
		}
	})
}

// A fragment that was acknowledged, and whose playlist had not come yet, is there after
// a restart.
func TestAFragmentThatWaitsForItsPlaylistOutlivesARestart(t *testing.T) {
	files := fragments(t, "14")
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		segment := func(n int) string { return fmt.Sprintf("seg%d.m4s", n) }
		life(t, dir, func(c *Channel) {
			upload(t, c, "a", "init.mp4", files["init.mp4"])
			for n := range 3 {
				time.Sleep(segmentTime)
				upload(t, c, "a", segment(n), files[segment(n)])
				if n < 2 {
					upload(t, c, "a", "live.m3u8", fragmentList(n+1, "init.mp4"))
				}
			}
		})
		life(t, dir, func(c *Channel) {
			upload(t, c, "a", "live.m3u8", fragmentList(3, "init.mp4"))
			for n := 3; n < 5; n++ {
				time.Sleep(segmentTime)
				upload(t, c, "a", segment(n), files[segment(n)])
				upload(t, c, "a", "live.m3u8", fragmentList(n+1, "init.mp4"))
			}
			time.Sleep(5 * time.Second)
			synctest.Wait()
			p := playlist(t, c.View("hls"))
			if len(p.Segments) != 5 {
				t.Errorf("%d segments are listed, not 5", len(p.Segments))
			}
			for i, s := range p.Segments {
				if s.Discontinuity || s.Gap {
					t.Errorf("segment %d: %+v", i, s)
				}
			}
		})
	})
}
