package channel

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/hls"
	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
	"github.com/liveorigin/caddy-live-origin/store"
	"github.com/liveorigin/caddy-live-origin/store/memory"
)

// slowObjects is a store that takes its time for objects: until one is open, and until one is committed.
type slowObjects struct {
	store.Store
	takes time.Duration
}

func (s slowObjects) Create(ctx context.Context, key string, size int64) (store.Writer, error) {
	w, err := s.Store.Create(ctx, key, size)
	return slowWriter{w, s.takes}, err
}

func (s slowObjects) Open(ctx context.Context, key string) (store.Object, error) {
	time.Sleep(s.takes)
	return s.Store.Open(ctx, key)
}

type slowWriter struct {
	store.Writer
	takes time.Duration
}

func (w slowWriter) Commit() error {
	time.Sleep(w.takes)
	return w.Writer.Commit()
}

const textMaster = `#EXTM3U
#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="sub",NAME="English",LANGUAGE="en",URI="text.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=500000,CODECS="avc1.42c00d,mp4a.40.2",SUBTITLES="sub"
video.m3u8
`

// textSegment is text as long as a segment of the test material, with an X-TIMESTAMP-MAP of its own.
func textSegment(n int) []byte {
	return fmt.Appendf(nil, "WEBVTT\nX-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:%d\n\n00:01.000 --> 00:01.500\nHello %d\n", 133200+n*172800, n)
}

// listOf is a playlist of the first n segments of a name.
func listOf(n int, name string) []byte {
	text := "#EXTM3U\n#EXT-X-TARGETDURATION:2\n"
	for i := range n {
		text += fmt.Sprintf("#EXTINF:%s,\n%s\n", testmedia.SegmentSeconds, fmt.Sprintf(name, i))
	}
	return []byte(text)
}

// Segments of text are joined, each with an X-TIMESTAMP-MAP of its own: on a slow disk
// nobody waits for what the slots get in place of what the encoder sent, and cues are where they were meant.
func TestTextIsJoinedWithoutTheDisk(t *testing.T) {
	_, segments := testmedia.Segments(t, "24")
	synctest.Test(t, func(t *testing.T) {
		const slow = 300 * time.Millisecond
		st := slowObjects{memory.Open(64 << 20), slow}
		t.Cleanup(func() { st.Close() })
		endpoint := shortEndpoint()
		endpoint.SegmentDuration, endpoint.PlaylistWindow = 4*time.Second, time.Minute
		c, err := Open(t.Context(), testConfig(endpoint), st)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		asking, stop := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(asking)
			for {
				select {
				case <-stop:
					return
				case <-time.After(10 * time.Millisecond):
				}
				asked := time.Now()
				c.Status()
				if waited := time.Since(asked); waited > 0 {
					t.Errorf("the channel was not to be asked for %v", waited)
				}
			}
		}()
		upload(t, c, "a", "master.m3u8", []byte(textMaster))
		for i := range 8 {
			time.Sleep(segmentTime - 2*slow)
			if i < 4 {
				upload(t, c, "a", fmt.Sprintf("text%d.vtt", i), textSegment(i))
				upload(t, c, "a", "text.m3u8", listOf(i+1, "text%d.vtt"))
			} else {
				time.Sleep(slow)
			}
			upload(t, c, "a", fmt.Sprintf("video%d.ts", i), segments[i])
			upload(t, c, "a", "video.m3u8", listOf(i+1, "video%d.ts"))
		}
		time.Sleep(10 * time.Second)
		close(stop)
		<-asking

		v := c.View("hls")
		m, err := hls.Parse(v.Playlist("index.m3u8").Body, hls.DefaultLimits)
		if err != nil || len(m.Multivariant.Renditions) != 1 {
			t.Fatalf("%v\n%s", err, v.Playlist("index.m3u8").Body)
		}
		p, err := hls.Parse(v.Playlist(m.Multivariant.Renditions[0].URI).Body, hls.DefaultLimits)
		if err != nil || len(p.Media.Segments) != 4 {
			t.Fatalf("%v\n%s", err, v.Playlist(m.Multivariant.Renditions[0].URI).Body)
		}
		for i, s := range p.Media.Segments {
			if i >= 2 {
				if !s.Gap {
					t.Errorf("segment %d is no gap", i)
				}
				continue
			}
			want := fmt.Sprintf("WEBVTT\nX-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:%d\n\n00:01.000 --> 00:01.500\nHello %d\n\n00:00:02.920 --> 00:00:03.420\nHello %d\n", 133200+i*2*172800, i*2, i*2+1)
			if got := string(fetch(t, v, s.URI)); strings.ReplaceAll(got, "\n\n\n", "\n\n") != want || int64(len(got)) != v.Segment(s.URI).Size {
				t.Errorf("segment %d has %q, of %d bytes, and was to have %q", i, got, v.Segment(s.URI).Size, want)
			}
		}
	})
}
