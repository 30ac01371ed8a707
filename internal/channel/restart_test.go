package channel

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/hls"
	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
	filestore "github.com/liveorigin/caddy-live-origin/store/file"
)

// life runs a channel on a directory until the store is closed under it, as by the
// end of the process.
func life(t *testing.T, dir string, run func(c *Channel)) {
	t.Helper()
	st, err := filestore.Open(filestore.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	c, err := Open(t.Context(), testConfig(shortEndpoint()), st)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	run(c)
}

func TestARestartIsSeamlessIfNoMediaIsLost(t *testing.T) {
	names, segments := testmedia.Segments(t, "24")
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		master := []byte("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=400000,CODECS=\"avc1.42c00d,mp4a.40.2\"\nlive.m3u8\n")
		var before *hls.MediaPlaylist
		bodies := map[string][]byte{}
		var e *encoder
		life(t, dir, func(c *Channel) {
			e = &encoder{t: t, c: c, input: "a", names: names, media: segments}
			upload(t, c, "a", "master.m3u8", master)
			for n := range 5 {
				time.Sleep(segmentTime)
				e.deliver(n)
			}
			before = playlist(t, c.View("hls"))
			for _, s := range before.Segments {
				bodies[s.URI] = fetch(t, c.View("hls"), s.URI)
			}
		})
		life(t, dir, func(c *Channel) {
			// What was published is there before the encoder has sent anything.
			again := playlist(t, c.View("hls"))
			if len(again.Segments) != len(before.Segments) || again.MediaSequence != before.MediaSequence {
				t.Fatalf("%d segments from %d, not %d from %d", len(again.Segments), again.MediaSequence, len(before.Segments), before.MediaSequence)
			}
			for _, s := range again.Segments {
				if !bytes.Equal(fetch(t, c.View("hls"), s.URI), bodies[s.URI]) {
					t.Errorf("%s has other bytes", s.URI)
				}
			}
			// The encoder goes on and has nothing to say about renditions.
			e.c = c
			for n := 5; n < 8; n++ {
				time.Sleep(segmentTime)
				e.deliver(n)
			}
			p := playlist(t, c.View("hls"))
			for i, s := range p.Segments {
				msn := p.MediaSequence + uint64(i)
				n := int(msn - before.MediaSequence)
				if s.Discontinuity {
					t.Errorf("segment %d has a discontinuity", n)
				}
				if !bytes.Equal(fetch(t, c.View("hls"), s.URI), segments[n]) {
					t.Errorf("segment %d is not what the encoder sent", n)
				}
			}
			if last := p.MediaSequence + uint64(len(p.Segments)) - before.MediaSequence; last != 8 {
				t.Errorf("the playlist ends behind segment %d, not 8", last)
			}
		})
		// Two segments are lost: one discontinuity.
		life(t, dir, func(c *Channel) {
			e.c = c
			time.Sleep(2 * segmentTime)
			for n := 10; n < 12; n++ {
				time.Sleep(segmentTime)
				e.deliver(n)
			}
			breaks := 0
			for _, s := range playlist(t, c.View("hls")).Segments {
				if s.Discontinuity {
					breaks++
				}
			}
			if breaks != 1 {
				t.Errorf("%d discontinuities", breaks)
			}
		})
	})
}
