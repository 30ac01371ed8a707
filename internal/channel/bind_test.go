package channel

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/hls"
	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
)

// fragments encodes the source as fragmented MP4 and returns all files by name.
func fragments(t *testing.T, seconds string, options ...string) map[string][]byte {
	t.Helper()
	dir := t.TempDir()
	args := append(testmedia.Source(seconds), options...)
	args = append(args, "-f", "hls", "-hls_time", testmedia.SegmentSeconds, "-hls_list_size", "0",
		"-hls_segment_type", "fmp4", "-hls_segment_filename", "seg%d.m4s", "live.m3u8")
	testmedia.Run(t, dir, args...)
	files := map[string][]byte{}
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		files[filepath.Base(name)] = b
	}
	return files
}

func upload(t *testing.T, c *Channel, input, path string, body []byte) {
	t.Helper()
	if _, err := c.Put(context.Background(), input, path, bytes.NewReader(body), int64(len(body))); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// fragmentList is a playlist of the first n segments.
func fragmentList(n int, init string) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:2\n#EXT-X-MAP:URI=%q\n", init)
	for i := range n {
		fmt.Fprintf(&b, "#EXTINF:%s,\nseg%d.m4s\n", testmedia.SegmentSeconds, i)
	}
	return []byte(b.String())
}

func TestFragmentsFindTheirInitializationSectionInAnyOrder(t *testing.T) {
	files := fragments(t, "6")
	init, list := "init.mp4", fragmentList(2, "init.mp4")
	for _, order := range [][]string{
		{init, "seg0.m4s", "seg1.m4s", "live.m3u8"},
		{"live.m3u8", "seg0.m4s", "seg1.m4s", init},
		{"seg1.m4s", "seg0.m4s", "live.m3u8", init},
		{"seg0.m4s", "live.m3u8", init, "seg1.m4s"},
	} {
		t.Run(strings.Join(order, " "), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := openChannel(t, testConfig(shortEndpoint()))
				for _, name := range order {
					body := files[name]
					if name == "live.m3u8" {
						body = list
					}
					upload(t, c, "a", name, body)
				}
				time.Sleep(2 * time.Second)
				synctest.Wait()
				p := playlist(t, c.View("hls"))
				if len(p.Segments) != 2 {
					t.Fatalf("%d segments are published", len(p.Segments))
				}
				for i, s := range p.Segments {
					if s.Map == nil || !bytes.Equal(fetch(t, c.View("hls"), s.Map.URI), files[init]) {
						t.Errorf("segment %d: wrong initialization section %v", i, s.Map)
					}
					if !bytes.Equal(fetch(t, c.View("hls"), s.URI), files[fmt.Sprintf("seg%d.m4s", i)]) {
						t.Errorf("segment %d: wrong bytes", i)
					}
				}
			})
		})
	}
}

func TestAnInitializationSectionIsReplacedUnderTheSameName(t *testing.T) {
	before, after := fragments(t, "6"), fragments(t, "6", "-s", "640x360")
	synctest.Test(t, func(t *testing.T) {
		c := openChannel(t, testConfig(shortEndpoint()))
		for i := range 3 {
			time.Sleep(segmentTime)
			upload(t, c, "a", "init.mp4", before["init.mp4"])
			upload(t, c, "a", fmt.Sprintf("seg%d.m4s", i), before[fmt.Sprintf("seg%d.m4s", i)])
			upload(t, c, "a", "live.m3u8", fragmentList(i+1, "init.mp4"))
		}
		// The encoder restarts with another resolution. It holds the upload of the
		// initialization section open until it has the first segment, and that and
		// the playlist overtake it.
		time.Sleep(10 * time.Second)
		body := &gated{open: make(chan struct{}), content: bytes.NewReader(after["init.mp4"])}
		done := make(chan error)
		go func() {
			_, err := c.Put(context.Background(), "a", "init.mp4", body, -1)
			done <- err
		}()
		synctest.Wait()
		upload(t, c, "a", "seg0.m4s", after["seg0.m4s"])
		upload(t, c, "a", "live.m3u8", fragmentList(1, "init.mp4"))
		time.Sleep(100 * time.Millisecond)
		close(body.open)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Second)
		synctest.Wait()
		p := playlist(t, c.View("hls"))
		last := p.Segments[len(p.Segments)-1]
		if len(p.Segments) != 4 || !last.Discontinuity {
			t.Fatalf("%d segments, the last one: %+v", len(p.Segments), last)
		}
		if !bytes.Equal(fetch(t, c.View("hls"), last.Map.URI), after["init.mp4"]) {
			t.Error("the new segment has the old initialization section")
		}
		if first := p.Segments[0]; !bytes.Equal(fetch(t, c.View("hls"), first.Map.URI), before["init.mp4"]) {
			t.Error("the old segments have lost their initialization section")
		}
	})
}

// gated is a body that begins when it is opened.
type gated struct {
	open    chan struct{}
	content io.Reader
}

func (g *gated) Read(p []byte) (int, error) {
	<-g.open
	return g.content.Read(p)
}

// An encoder that is started again uses the names of the run before for its segments, and not
// for its initialization section. What the old playlist says is not about the new segments.
func TestANameThatIsUsedAgainFindsTheNewInitializationSection(t *testing.T) {
	before, after := fragments(t, "8"), fragments(t, "8", "-s", "640x360")
	for _, init := range []string{"init.mp4", "init_2.mp4"} {
		t.Run(init, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := openChannel(t, testConfig(shortEndpoint()))
				upload(t, c, "a", "init.mp4", before["init.mp4"])
				for i := range 3 {
					time.Sleep(segmentTime)
					upload(t, c, "a", fmt.Sprintf("seg%d.m4s", i), before[fmt.Sprintf("seg%d.m4s", i)])
					upload(t, c, "a", "live.m3u8", fragmentList(i+1, "init.mp4"))
				}
				time.Sleep(10 * time.Second)
				upload(t, c, "a", init, after["init.mp4"])
				for i := range 4 {
					time.Sleep(segmentTime)
					upload(t, c, "a", fmt.Sprintf("seg%d.m4s", i), after[fmt.Sprintf("seg%d.m4s", i)])
					upload(t, c, "a", "live.m3u8", fragmentList(i+1, init))
				}
				time.Sleep(4 * time.Second)
				synctest.Wait()
				published := 0
				for _, s := range playlist(t, c.View("hls")).Segments {
					for i := range 4 {
						if bytes.Equal(fetch(t, c.View("hls"), s.URI), after[fmt.Sprintf("seg%d.m4s", i)]) {
							published++
							if !bytes.Equal(fetch(t, c.View("hls"), s.Map.URI), after["init.mp4"]) {
								t.Errorf("segment %d has the initialization section of the run before", i)
							}
						}
					}
				}
				if published != 4 {
					t.Errorf("%d of 4 segments are published", published)
				}
				if n := len(c.inputs["a"].binder.done); n > 4 {
					t.Errorf("%d names are remembered", n)
				}
			})
		})
	}
}

func TestSubtitlesAndPackedAudioGoWithThePicture(t *testing.T) {
	_, segments := testmedia.Segments(t, "10")
	sound := packedAudio(t, "10")
	synctest.Test(t, func(t *testing.T) {
		c := openChannel(t, testConfig(shortEndpoint()))
		upload(t, c, "a", "master.m3u8", []byte(`#EXTM3U
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="aud",NAME="English",LANGUAGE="en",DEFAULT=YES,URI="audio.m3u8"
#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="sub",NAME="English",LANGUAGE="en",URI="text.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=500000,CODECS="avc1.42c00d,mp4a.40.2",AUDIO="aud",SUBTITLES="sub"
video.m3u8
`))
		list := func(n int, name string) []byte {
			text := "#EXTM3U\n#EXT-X-TARGETDURATION:2\n"
			for i := range n {
				text += fmt.Sprintf("#EXTINF:%s,\n%s\n", testmedia.SegmentSeconds, fmt.Sprintf(name, i))
			}
			return []byte(text)
		}
		for i := range 4 {
			time.Sleep(segmentTime)
			upload(t, c, "a", fmt.Sprintf("text%d.vtt", i), []byte("WEBVTT\nX-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:126000\n\n00:00:01.000 --> 00:00:02.000\nHello\n"))
			upload(t, c, "a", "text.m3u8", list(i+1, "text%d.vtt"))
			// The first picture is shown 1.48 s into the stream's clock.
			upload(t, c, "a", fmt.Sprintf("audio%d.aac", i), append(timestampTag(133200+uint64(i)*172800), sound[i]...))
			upload(t, c, "a", "audio.m3u8", list(i+1, "audio%d.aac"))
			upload(t, c, "a", fmt.Sprintf("video%d.ts", i), segments[i])
			upload(t, c, "a", "video.m3u8", list(i+1, "video%d.ts"))
		}
		synctest.Wait()
		v := c.View("hls")
		m, err := hls.Parse(v.Playlist("index.m3u8").Body, hls.DefaultLimits)
		if err != nil || len(m.Multivariant.Variants) != 1 || len(m.Multivariant.Renditions) != 2 {
			t.Fatalf("%v\n%s", err, v.Playlist("index.m3u8").Body)
		}
		for _, r := range m.Multivariant.Renditions {
			p, err := hls.Parse(v.Playlist(r.URI).Body, hls.DefaultLimits)
			if err != nil || len(p.Media.Segments) != 4 {
				t.Fatalf("%s: %v\n%s", r.Type, err, v.Playlist(r.URI).Body)
			}
			for i, s := range p.Media.Segments {
				if s.Gap || s.Discontinuity {
					t.Errorf("%s: segment %d: gap %t, discontinuity %t", r.Type, i, s.Gap, s.Discontinuity)
				}
			}
			want := map[string]string{"AUDIO": "audio/aac", "SUBTITLES": "text/vtt"}[r.Type]
			if got := v.Segment(p.Media.Segments[0].URI).ContentType; got != want {
				t.Errorf("%s: content type %s", r.Type, got)
			}
		}
	})
}

// packedAudio encodes the source's sound as ADTS, cut like the picture.
func packedAudio(t *testing.T, seconds string) [][]byte {
	t.Helper()
	dir := t.TempDir()
	args := append(testmedia.Source(seconds), "-vn", "-f", "segment", "-segment_format", "adts",
		"-segment_time", testmedia.SegmentSeconds, "sound%d.aac")
	testmedia.Run(t, dir, args...)
	var all [][]byte
	for i := 0; ; i++ {
		b, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("sound%d.aac", i)))
		if err != nil {
			return all
		}
		all = append(all, b)
	}
}

// timestampTag is the ID3 tag that begins a segment of packed audio (RFC 8216 3.4).
func timestampTag(timestamp uint64) []byte {
	content := binary.BigEndian.AppendUint64([]byte("com.apple.streaming.transportStreamTimestamp\x00"), timestamp)
	frame := append([]byte{'P', 'R', 'I', 'V', 0, 0, 0, byte(len(content)), 0, 0}, content...)
	return append([]byte{'I', 'D', '3', 4, 0, 0, 0, 0, 0, byte(len(frame))}, frame...)
}

// TestDiscontinuityNumbersStay: whatever version of a playlist a player has read,
// a segment's discontinuity sequence number is the same in all of them.
func TestDiscontinuityNumbersStay(t *testing.T) {
	names, segments := testmedia.Segments(t, "6")
	synctest.Test(t, func(t *testing.T) {
		endpoint := shortEndpoint()
		endpoint.PlaylistWindow = 8 * time.Second
		c := openChannel(t, testConfig(endpoint))
		number := map[uint64]uint64{}
		for range 6 {
			e := &encoder{t: t, c: c, input: "a", names: names, media: segments}
			for n := range segments {
				time.Sleep(segmentTime)
				e.deliver(n)
				synctest.Wait()
				if c.View("hls").Playlist("index.m3u8") == nil {
					continue // a multivariant playlist is still waited for
				}
				p := playlist(t, c.View("hls"))
				current := p.DiscontinuitySequence
				for i, s := range p.Segments {
					if s.Discontinuity {
						current++
					}
					msn := p.MediaSequence + uint64(i)
					if was, ok := number[msn]; ok && was != current {
						t.Fatalf("segment %d had number %d and has %d", msn, was, current)
					}
					number[msn] = current
				}
			}
		}
		if len(number) < 15 {
			t.Errorf("only %d segments", len(number))
		}
	})
}
