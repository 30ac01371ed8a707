package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/hls"
	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
)

// TestUploadsIntoNothing: a path that is no input's is answered with 404 and named in the
// log, with the input that it is nearest to; names in the query are refused with a text; and
// empty and "." parts mean nothing.
func TestUploadsIntoNothing(t *testing.T) {
	t.Parallel()
	o := startOrigin(t, oneEndpoint)
	for path, want := range map[string]int{
		"/in/sport/a/seg.ts":          http.StatusNotFound,
		"/IN/SPORTS/A/seg.ts":         http.StatusNotFound,
		"/in/sports/ab/seg.ts":        http.StatusNotFound,
		"/live.m3u8":                  http.StatusNotFound,
		"/in/sports/a?file=live.m3u8": http.StatusBadRequest,
		"/in/sports/a/?name=x.ts":     http.StatusBadRequest,
	} {
		if status, reason := upload(t, o, path, []byte("#EXTM3U\n")); status != want {
			t.Errorf("%s: %d %s, want %d", path, status, reason, want)
		}
	}
	if found := o.log.find("upload matches no input"); len(found) == 0 || !strings.HasPrefix(fmt.Sprint(found[0]["nearest_input"]), "/in/sports/") {
		t.Errorf("the log says %v", found)
	}
	for _, path := range []string{"/in//sports/a/live.m3u8", "/in/./sports//a/./live.m3u8", "//in/sports/a//live.m3u8"} {
		mustUpload(t, o, path, []byte("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\ns0.ts\n"))
	}
	if text := get(t, o.url("/in/sports/a/live.m3u8")); len(text) == 0 {
		t.Error("what was put at odd paths is not at the input's")
	}
}

// TestSelectionByLine: one playlist stands in several lines of the multivariant playlist,
// with other groups of sound. A limit of the bit rate leaves lines out, and no line names a
// group that is not listed.
func TestSelectionByLine(t *testing.T) {
	t.Parallel()
	_, media := testmedia.Segments(t, "10")
	picture, sound := only(media, 0x100), only(media, 0x101)
	o := startOrigin(t, strings.Replace(oneEndpoint, "segment_duration 2s", "segment_duration 2s\n\t\t\t\tstream_selection {\n\t\t\t\t\tmax_bitrate 2000000\n\t\t\t\t}", 1))
	mustUpload(t, o, "/in/sports/a/master.m3u8", []byte("#EXTM3U\n"+
		"#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"low\",NAME=\"English\",DEFAULT=YES,URI=\"sound.m3u8\"\n"+
		"#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"high\",NAME=\"English\",DEFAULT=YES,URI=\"sound-high.m3u8\"\n"+
		"#EXT-X-STREAM-INF:BANDWIDTH=1000000,AUDIO=\"low\"\npicture.m3u8\n"+
		"#EXT-X-STREAM-INF:BANDWIDTH=3000000,AUDIO=\"high\"\npicture.m3u8\n"))
	for n := range 5 {
		push(t, o, "a", "picture", n, picture[n], "1.92")
		push(t, o, "a", "sound", n, sound[n], "1.92")
		push(t, o, "a", "sound-high", n, sound[n], "1.92")
		time.Sleep(segmentTime)
	}
	text := get(t, o.url("/fast/sports/index.m3u8"))
	p, err := hls.Parse(text, hls.DefaultLimits)
	if err != nil || p.Multivariant == nil {
		t.Fatalf("%v\n%s", err, text)
	}
	groups := map[string]bool{}
	for _, r := range p.Multivariant.Renditions {
		groups[r.GroupID] = true
	}
	if len(p.Multivariant.Variants) != 1 || len(groups) != 1 {
		t.Errorf("not one line and one group:\n%s", text)
	}
	for _, v := range p.Multivariant.Variants {
		if !groups[v.Audio] {
			t.Errorf("group %q is not listed:\n%s", v.Audio, text)
		}
	}
}
