package caddymodule

import (
	"compress/gzip"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A live playlist of an hour is served as one of a minute is.
func TestALongLivePlaylist(t *testing.T) {
	segments(t)
	synctest.Test(t, func(t *testing.T) {
		o := newOrigin(t, withEndpoint("playlist_window 1h\non_input_loss gap"))
		for n := range 4 {
			time.Sleep(segmentTime)
			o.deliver("/in/a", n)
		}
		uri := "/live/" + uris(o.do("GET", "/live/index.m3u8", nil).Body.String())[0]
		short := o.do("GET", uri, nil)
		time.Sleep(50*time.Minute + 100*time.Millisecond) // not just when a gap is due
		long := o.do("GET", uri, nil)
		want(t, long, 200, "#EXT-X-GAP")
		if n := len(uris(long.Body.String())); n < 1000 {
			t.Fatalf("%d segments are listed", n)
		}
		lines := strings.Split(short.Body.String(), "\n")
		if !strings.HasPrefix(long.Body.String(), strings.Join(lines[:len(lines)-1], "\n")) {
			t.Errorf("it began as\n%s\nand goes on as\n%.1000s", short.Body, long.Body)
		}
		for name, value := range short.Header() {
			switch name {
			case "Etag", "Content-Length":
			default:
				wantHeader(t, long.Header(), name, value[0])
			}
		}
		etag := long.Header().Get("ETag")
		want(t, o.do("GET", uri, nil, "If-None-Match", etag), 304, "")
		want(t, o.do("HEAD", uri, nil), 200, "")
		packed := o.do("GET", uri, nil, "Accept-Encoding", "gzip")
		wantHeader(t, packed.Header(), "Content-Encoding", "gzip")
		text, err := gzip.NewReader(packed.Body)
		if err != nil {
			t.Fatal(err)
		}
		if same, err := io.ReadAll(text); err != nil || string(same) != long.Body.String() {
			t.Errorf("compressed, it is %d bytes, not %d: %v", len(same), long.Body.Len(), err)
		}
		for _, segment := range uris(short.Body.String()) {
			want(t, o.do("GET", "/live/"+segment, nil), 200, "")
		}
	})
}
