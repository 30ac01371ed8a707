package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/hls"
	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
)

// fragments is a short programme in fragmented MP4.
func fragments(t *testing.T, seconds string) map[string][]byte {
	return made(t, append(testmedia.Source(seconds), "-f", "hls", "-hls_time", testmedia.SegmentSeconds, "-hls_list_size", "0",
		"-hls_segment_type", "fmp4", "-hls_segment_filename", "seg%d.m4s", "live.m3u8")...)
}

// deliver sends a fragment and the playlist that lists the last three.
func deliver(t *testing.T, o *origin, files map[string][]byte, n int, section string) {
	t.Helper()
	name := fmt.Sprintf("seg%d.m4s", n)
	mustUpload(t, o, "/in/sports/a/"+name, files[name])
	first := max(0, n-2)
	text := fmt.Sprintf("#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:%d\n#EXT-X-MAP:URI=%q\n", first, section)
	for i := first; i <= n; i++ {
		text += fmt.Sprintf("#EXTINF:1.92,\nseg%d.m4s\n", i)
	}
	mustUpload(t, o, "/in/sports/a/live.m3u8", []byte(text))
}

// TestWhatIsSentOnceOutlivesTheProcess: an encoder has sent its initialization section
// and its multivariant playlist, and goes on when the origin is killed and comes back
// with an empty store in memory.
func TestWhatIsSentOnceOutlivesTheProcess(t *testing.T) {
	t.Parallel()
	files := fragments(t, "24")
	o := startOrigin(t, oneEndpoint)
	mustUpload(t, o, "/in/sports/a/master.m3u8", []byte("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=5000000,VIDEO-RANGE=SDR\nlive.m3u8\n"))
	mustUpload(t, o, "/in/sports/a/init.mp4", files["init.mp4"])
	for n := range 4 {
		deliver(t, o, files, n, "init.mp4")
		time.Sleep(segmentTime)
	}
	for run := range 2 {
		o.killAndRestart(0)
		if get(t, o.url("/fast/sports/index.m3u8")) != nil {
			t.Fatal("the store has not forgotten")
		}
		for n := 4 + 3*run; n < 7+3*run; n++ {
			deliver(t, o, files, n, "init.mp4")
			time.Sleep(segmentTime)
		}
		text := get(t, o.url("/fast/sports/index.m3u8"))
		if !bytes.Contains(text, []byte("BANDWIDTH=5000000")) || !bytes.Contains(text, []byte("VIDEO-RANGE=SDR")) {
			t.Fatalf("restart %d: not what the encoder sent:\n%s", run, text)
		}
	}
}

// TestAnOpenUploadHoldsNothingBack: the head of an initialization section that a dead
// encoder has left open, and one that a living one never ends.
func TestAnOpenUploadHoldsNothingBack(t *testing.T) {
	t.Parallel()
	files := fragments(t, "24")
	for name, before := range map[string]bool{"begun before the complete one": true, "begun after it": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := startOrigin(t, oneEndpoint)
			open := func() {
				body, w := io.Pipe()
				t.Cleanup(func() { w.Close() })
				req, err := http.NewRequest(http.MethodPut, o.url("/in/sports/a/init.mp4"), body)
				if err != nil {
					t.Fatal(err)
				}
				go func() {
					if resp, err := http.DefaultClient.Do(req); err == nil {
						resp.Body.Close()
					}
				}()
				if _, err := w.Write(files["init.mp4"][:100]); err != nil {
					t.Fatal(err)
				}
			}
			if before {
				open()
			}
			mustUpload(t, o, "/in/sports/a/init.mp4", files["init.mp4"])
			if !before {
				open()
			}
			for n := range 6 {
				deliver(t, o, files, n, "init.mp4")
				time.Sleep(segmentTime)
			}
			if get(t, o.url("/fast/sports/index.m3u8")) == nil {
				t.Error("off air")
			}
		})
	}
}

// TestWhatAnInputWaitsForIsNamed: an initialization section that never comes, and a
// rendition that is announced and not delivered.
func TestWhatAnInputWaitsForIsNamed(t *testing.T) {
	t.Parallel()
	files := fragments(t, "16")
	o := startOrigin(t, oneEndpoint)
	mustUpload(t, o, "/in/sports/a/master.m3u8", []byte("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=500000\nlive.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=900000\nhd/live.m3u8\n"))
	for n := range 5 {
		deliver(t, o, files, n, "sub/init.mp4")
		time.Sleep(segmentTime)
	}
	for kind, path := range map[string]string{"waiting_init": "sub/init.mp4", "waiting_rendition": "hd/live.m3u8"} {
		if e := warned(t, o, "input is waiting", kind); e["path"] != path || e["input"] != "a" || e["advice"] == nil {
			t.Errorf("warning %v", e)
		}
		if !bytes.Contains(get(t, "http://"+o.admin+"/metrics"), []byte(fmt.Sprintf(`caddy_live_origin_input_waiting{channel="sports",for=%q,input="a",store="memory"} 1`, kind))) {
			t.Errorf("no metric of %s", kind)
		}
		var status struct {
			Inputs []struct {
				Name    string
				Waiting []struct{ For, Path string }
			}
		}
		if err := json.Unmarshal(get(t, "http://"+o.admin+"/live_origin/channels/sports"), &status); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(fmt.Sprint(status.Inputs), kind+" "+path) {
			t.Errorf("status %+v", status.Inputs)
		}
	}
	mustUpload(t, o, "/in/sports/a/sub/init.mp4", files["init.mp4"])
	deliver(t, o, files, 5, "sub/init.mp4")
	for range 50 {
		time.Sleep(100 * time.Millisecond)
		get(t, "http://"+o.admin+"/metrics")
		if len(o.log.find("input is no longer waiting")) > 0 {
			return
		}
	}
	t.Error("that it waits no longer is not said")
}

// TestAPlaylistThatOnlyGrows: of a list of any length the newest part is read, and
// before it is too large it is said.
func TestAPlaylistThatOnlyGrows(t *testing.T) {
	t.Parallel()
	names, media := testmedia.Segments(t, "14")
	o := startOrigin(t, oneEndpoint)
	var head strings.Builder
	head.WriteString("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-PLAYLIST-TYPE:EVENT\n#EXT-X-MEDIA-SEQUENCE:0\n")
	for i := range 60_000 {
		fmt.Fprintf(&head, "#EXTINF:1.920000,\nsegment-of-the-programme-%020d.ts\n", i)
	}
	if size := head.Len(); size < 3_400_000 || size > 4<<20 {
		t.Fatalf("%d bytes", size)
	}
	for n := range 6 {
		mustUpload(t, o, "/in/sports/a/"+names[n], media[n])
		fmt.Fprintf(&head, "#EXTINF:1.92,\n%s\n", names[n])
		mustUpload(t, o, "/in/sports/a/live.m3u8", []byte(head.String()))
		time.Sleep(segmentTime)
	}
	v := watch(t, o, "/fast/sports")
	v.wait(3)
	close(v.stop)
	v.done.Wait()
	if e := warned(t, o, "upload tolerated", "playlist_size"); !strings.Contains(fmt.Sprint(e["advice"]), "max_playlist_size") {
		t.Errorf("warning %v", e)
	}
	if status, reason := upload(t, o, "/in/sports/a/live.m3u8", append([]byte(head.String()), make([]byte, 1<<20)...)); status != http.StatusRequestEntityTooLarge {
		t.Errorf("over the limit: %d %s", status, reason)
	}
}

// TestPlaylistsOfPictures: I-frame playlists that an encoder pushes, with byte ranges,
// are taken and ignored.
func TestPlaylistsOfPictures(t *testing.T) {
	t.Parallel()
	names, media := testmedia.Segments(t, "10")
	o := startOrigin(t, oneEndpoint)
	mustUpload(t, o, "/in/sports/a/master.m3u8", []byte("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=500000\nlive.m3u8\n#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=50000,URI=\"iframes.m3u8\"\n"))
	for n := range 4 {
		mustUpload(t, o, "/in/sports/a/"+names[n], media[n])
		mustUpload(t, o, "/in/sports/a/live.m3u8", []byte(list("#EXTM3U\n#EXT-X-TARGETDURATION:2\n", names[:n+1], "#EXTINF:1.92,\n")))
		for _, other := range []string{"iframes.m3u8", "b/iframes.m3u8"} {
			mustUpload(t, o, "/in/sports/a/"+other, []byte(list("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-I-FRAMES-ONLY\n", names[:n+1], "#EXTINF:1.92,\n#EXT-X-BYTERANGE:9000@376\n")))
		}
		time.Sleep(segmentTime)
	}
	p, err := hls.Parse(get(t, o.url("/fast/sports/index.m3u8")), hls.DefaultLimits)
	if err != nil || p.Multivariant == nil || len(p.Multivariant.Variants) != 1 {
		t.Fatalf("%+v, %v", p.Multivariant, err)
	}
	warned(t, o, "upload tolerated", "iframes")
	if body := get(t, o.url("/in/sports/a/iframes.m3u8")); !bytes.Contains(body, []byte("I-FRAMES-ONLY")) {
		t.Error("the encoder can't read it back")
	}
}
