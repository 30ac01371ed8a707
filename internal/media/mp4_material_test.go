package media

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/liveorigin/caddy-live-origin/internal/needs"
)

// mp4Recipes are the ffmpeg options of fragmented MP4. What is cut by the HLS
// muxer has its tracks in one object, what is cut by the DASH muxer has one
// object for each track.
var mp4Recipes = map[string]string{
	"muxed":    in(pictures25, sine48) + x264 + "-bf 2 -g 50 " + aac + "-t 6 " + hlsMP4,
	"muxed2":   in("testsrc=size=320x180:rate=25", "sine=frequency=880:sample_rate=48000") + x264 + "-bf 2 -g 50 " + aac + "-t 6 -metadata title=x " + hlsMP4,
	"ntsc":     in("testsrc2=size=320x180:rate=30000/1001", "sine=frequency=440:sample_rate=44100") + x264 + "-bf 3 -g 60 " + aac + "-t 6 " + hlsMP4,
	"scale90k": in("testsrc2=size=320x180:rate=30000/1001", sine48) + x264 + "-bf 3 -g 60 -video_track_timescale 90000 -c:a ac3 -ac 6 -b:a 192k -t 4 " + hlsMP4,
	"late":     in(pictures25, sine48) + x264 + "-bf 2 -g 50 " + aac + "-t 4 -output_ts_offset 200000000 " + hlsMP4,
	"single":   in(pictures25) + x264 + "-frames:v 1 " + hlsMP4,
	"hevc":     in(pictures25, sine48) + "-c:v libx265 -preset ultrafast -pix_fmt yuv420p -tag:v hvc1 -x265-params log-level=error:keyint=50:min-keyint=50:bframes=2:scenecut=0 -c:a eac3 -b:a 192k -t 4 " + hlsMP4,
	"audio":    in(sine48) + "-c:a aac -t 6 " + hlsMP4,
	"cmaf":     in(pictures25, sine48) + x264 + "-bf 2 -g 50 " + aac + "-t 6 " + cmaf,
	"negative": in(pictures25, sine48) + x264 + "-bf 2 -g 50 -c:a libopus -b:a 64k -t 4 -format_options movflags=+negative_cts_offsets " + cmaf,
	"chunked":  in(pictures25, sine48) + x264 + "-bf 2 -g 50 -c:a flac -strict -2 -t 4 -ldash 1 -streaming 1 -frag_type every_frame " + cmaf,
	"av1":      in(pictures25) + "-c:v libsvtav1 -preset 12 -g 50 -t 2 " + cmaf,
	"vp9":      in(pictures25) + "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -g 50 -t 2 -dash_segment_type mp4 " + cmaf,
	"bench":    in("testsrc2=size=1280x720:rate=25", sine48) + x264 + "-b:v 3M -minrate 3M -maxrate 3M -bufsize 3M -x264-params nal-hrd=cbr -bf 2 -g 50 " + aac + "-t 2 " + hlsMP4,
	"own":      in(pictures25, sine48) + x264 + "-bf 2 -g 50 " + aac + "-t 4 -movflags frag_keyframe+empty_moov+default_base_moof -f mp4",
	"keys":     in(pictures25, sine48) + x264 + "-bf 2 -g 15 " + aac + "-t 4 -movflags frag_keyframe+empty_moov+default_base_moof -f mp4",
	"absolute": in(pictures25) + x264 + "-t 1 -movflags frag_keyframe+empty_moov -f mp4",
	"plain":    in(pictures25) + x264 + "-t 1 -movflags faststart -f mp4",
}

const (
	hlsMP4 = "-f hls -hls_time 2 -hls_list_size 0 -hls_segment_type fmp4"
	cmaf   = "-f dash -seg_duration 2 -use_template 1"
)

// rendition is an init section and its segments.
type rendition struct {
	init     []byte
	segments [][]byte
}

var mp4Made = map[string][]rendition{}

// renditions returns what a recipe makes, made on first use.
func renditions(t testing.TB, name string) []rendition {
	t.Helper()
	needFFmpeg(t)
	materialLock.Lock()
	defer materialLock.Unlock()
	if made := mp4Made[name]; made != nil {
		return made
	}
	dir := filepath.Join(materialDir, "mp4-"+name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	recipe := mp4Recipes[name]
	output := "index.m3u8"
	switch {
	case strings.Contains(recipe, "-f dash"):
		output = "index.mpd"
	case strings.HasSuffix(recipe, "-f mp4"):
		output = "whole.mp4"
	}
	args := append([]string{"-hide_banner", "-v", "error", "-nostdin"}, strings.Fields(recipe)...)
	out, err := exec.Command("ffmpeg", append(args, filepath.Join(dir, output))...).CombinedOutput()
	if err != nil {
		if strings.Contains(string(out), "Unknown encoder") {
			needs.Missing(t, fmt.Sprintf("ffmpeg has no encoder for %s: %s", name, out))
		}
		t.Fatalf("ffmpeg: %v\n%s", err, out)
	}
	var made []rendition
	for _, pattern := range []string{"init.mp4 index*.m4s", "init-stream0.m4s chunk-stream0-*.m4s", "init-stream1.m4s chunk-stream1-*.m4s", "whole.mp4 whole.mp4"} {
		initName, rest, _ := strings.Cut(pattern, " ")
		files, _ := filepath.Glob(filepath.Join(dir, rest))
		if len(files) == 0 {
			continue
		}
		sort.Strings(files)
		r := rendition{init: readFile(t, filepath.Join(dir, initName))}
		for _, file := range files {
			r.segments = append(r.segments, readFile(t, file))
		}
		made = append(made, r)
	}
	if len(made) == 0 {
		t.Fatalf("ffmpeg wrote nothing for %s", name)
	}
	mp4Made[name] = made
	return made
}

func readFile(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func probeInit(t testing.TB, b []byte) *Init {
	t.Helper()
	p, err := probeAny(b)
	if err != nil || p.Init == nil {
		t.Fatalf("probe of an init section: %+v, %v", p, err)
	}
	holdsInit(t, p.Init)
	return p.Init
}

func probeFragments(t testing.TB, b []byte) *Fragments {
	t.Helper()
	p, err := probeAny(b)
	if err != nil || p.Fragments == nil {
		t.Fatalf("probe of a segment: %+v, %v", p, err)
	}
	return p.Fragments
}

// resolve probes a segment with its init section.
func resolve(t testing.TB, init, segment []byte) *Info {
	t.Helper()
	info, err := probeFragments(t, segment).Resolve(probeInit(t, init))
	if err != nil {
		t.Fatal(err)
	}
	holds(t, info)
	return info
}

// temporary writes a file for ffmpeg.
func temporary(t testing.TB, name string, parts ...[]byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, bytes.Join(parts, nil), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// kept returns the bytes that stay of an object.
func kept(b []byte, ranges []Range) []byte {
	var out []byte
	for _, r := range ranges {
		out = append(out, b[r.Start:r.End]...)
	}
	return out
}
