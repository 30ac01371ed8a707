package caddymodule

import (
	"bytes"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
)

// An initialization section has no time of its own: it carries no date at all rather than one
// that caches would take for its age.
func TestInitializationSectionHasNoDate(t *testing.T) {
	dir := t.TempDir()
	args := append(testmedia.Source("12"), "-f", "hls", "-hls_time", testmedia.SegmentSeconds, "-hls_list_size", "0",
		"-hls_segment_type", "fmp4", "-hls_fmp4_init_filename", "init.mp4", "-hls_segment_filename", "seg%03d.m4s", "live.m3u8")
	testmedia.Run(t, dir, args...)
	o := newOrigin(t, twoInputs)
	files, _ := filepath.Glob(filepath.Join(dir, "seg*.m4s"))
	for _, file := range append(append([]string{filepath.Join(dir, "init.mp4")}, files...), filepath.Join(dir, "live.m3u8")) {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if w := o.do("PUT", "/in/a/"+filepath.Base(file), bytes.NewReader(body)); w.Code/100 != 2 {
			t.Fatalf("%s: %d %s", file, w.Code, w.Body)
		}
	}
	eventually(t, "the first slot", func() bool { return o.do("GET", "/live/index.m3u8", nil).Code == 200 })
	media := "/live/" + uris(o.do("GET", "/live/index.m3u8", nil).Body.String())[0]
	text := o.do("GET", media, nil).Body.String()
	section := regexp.MustCompile(`#EXT-X-MAP:URI="([^"]+)"`).FindStringSubmatch(text)
	if section == nil {
		t.Fatalf("no initialization section:\n%s", text)
	}
	uri := path.Join(path.Dir(media), section[1])
	for _, method := range []string{"GET", "HEAD"} {
		w := o.do(method, uri, nil)
		want(t, w, 200, "")
		wantHeader(t, w.Header(), "Last-Modified", "")
	}
	if h := o.do("GET", path.Join(path.Dir(media), uris(text)[0]), nil).Header(); h.Get("Last-Modified") == "" {
		t.Error("a segment has no date")
	}
}
