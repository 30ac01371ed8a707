package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path"
	"regexp"
	"strings"
	"testing"
	"time"
)

const iframeEndpoint = `
		channel sports {
			input a /in/sports/a
			input b /in/sports/b
			endpoint fast /fast/sports {
				segment_duration 4s
				playlist_window 30s
				iframe_playlist
			}
		}`

// TestIFramesShow: what a player fetches for trick play, byte ranges of an I-frame
// playlist and the initialization section, are key frames, one by one.
func TestIFramesShow(t *testing.T) {
	t.Parallel()
	for name, output := range map[string]func(target string) []string{"transport stream": lockedOutput, "fragmented MP4": fmp4Output} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := startOrigin(t, iframeEndpoint)
			source := startContribution(t)
			target := o.url("/in/sports/a")
			source.startEncoder(target, output(target)...)
			var uri, list string
			for range 600 {
				if m := iframeURI.FindSubmatch(get(t, o.url("/fast/sports/index.m3u8"))); m != nil {
					uri = string(m[1])
					list = string(get(t, o.url("/fast/sports/"+uri)))
				}
				if strings.Count(list, "#EXT-X-BYTERANGE") >= 4 {
					break
				}
				time.Sleep(100 * time.Millisecond)
			}
			ranges := iframeRange.FindAllStringSubmatch(list, -1)
			if len(ranges) < 4 || !strings.Contains(list, "#EXT-X-I-FRAMES-ONLY") {
				t.Fatalf("I-frame playlist %q:\n%s", uri, list)
			}
			var section []byte
			if m := iframeMap.FindStringSubmatch(list); m != nil {
				section = get(t, o.url("/fast/sports/"+m[1]))
			}
			if (path.Ext(ranges[0][3]) == ".m4s") != (section != nil) {
				t.Errorf("an initialization section of %d bytes for %s", len(section), ranges[0][3])
			}
			pictures := map[string]bool{}
			for _, r := range ranges {
				body := getRange(t, o.url("/fast/sports/"+r[3]), r[1], r[2])
				pictures[keyFrame(t, append(bytes.Clone(section), body...))] = true
			}
			if len(pictures) != len(ranges) {
				t.Errorf("%d key frames show %d pictures", len(ranges), len(pictures))
			}
		})
	}
}

var (
	iframeURI   = regexp.MustCompile(`#EXT-X-I-FRAME-STREAM-INF:.*URI="([^"]+)"`)
	iframeMap   = regexp.MustCompile(`#EXT-X-MAP:URI="([^"]+)"`)
	iframeRange = regexp.MustCompile(`#EXT-X-BYTERANGE:(\d+)@(\d+)\n(?:#.*\n)*([^#\n]+)\n`)
)

func getRange(t *testing.T, url, length, offset string) []byte {
	t.Helper()
	var n, at int
	if _, err := fmt.Sscan(length, &n); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscan(offset, &at); err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequest("GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", at, at+n-1))
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusPartialContent || len(body) != n {
		t.Fatalf("%s, bytes %s@%s: %s, %d bytes, %v", url, length, offset, resp.Status, len(body), err)
	}
	return body
}

// keyFrame decodes the first picture, which has to be a key frame, and returns its
// hash.
func keyFrame(t *testing.T, media []byte) string {
	t.Helper()
	// Without what could stand in for a picture that is missing.
	cmd := exec.Command("ffmpeg", "-nostdin", "-v", "quiet", "-skip_frame", "nokey", "-i", "pipe:0", "-map", "0:v:0", "-frames:v", "1", "-f", "framemd5", "-")
	cmd.Stdin = bytes.NewReader(media)
	out, err := cmd.Output()
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	last := lines[len(lines)-1]
	if err != nil || last == "" || last[0] == '#' {
		t.Fatalf("no key frame in %d bytes: %v", len(media), err)
	}
	return last[strings.LastIndex(last, ",")+1:]
}
