// Package testmedia makes media for tests with ffmpeg. It is only imported by
// tests.
package testmedia

import (
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/liveorigin/caddy-live-origin/internal/needs"
)

// Run runs ffmpeg in a directory.
func Run(t testing.TB, dir string, args ...string) {
	t.Helper()
	needs.Programs(t, "ffmpeg")
	cmd := exec.Command("ffmpeg", append([]string{"-nostdin", "-v", "error", "-y"}, args...)...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// Source are the arguments for a synthetic programme of so many seconds: a
// moving picture at 25 frames/s with a key frame every 48 frames, and a tone
// with 90 AAC frames in the same time, 1.92 s. Video and audio of every segment
// begin and end together, so that encoders which start at different segments
// cut at the same places.
func Source(seconds string) []string {
	return []string{
		"-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25",
		"-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000",
		"-t", seconds,
		"-c:v", "libx264", "-preset", "ultrafast", "-b:v", "300k", "-bf", "2",
		"-g", "48", "-keyint_min", "48", "-sc_threshold", "0", "-threads", "1",
		"-c:a", "aac", "-b:a", "64k", "-ac", "1",
	}
}

// SegmentSeconds is the length of the segments that Source is made for.
const SegmentSeconds = "1.92"

// Segments encodes the source into a TS playlist and returns the segments in
// order.
func Segments(t testing.TB, seconds string, more ...string) (names []string, bytes [][]byte) {
	t.Helper()
	dir := t.TempDir()
	args := append(Source(seconds), more...)
	args = append(args, "-f", "hls", "-hls_time", SegmentSeconds, "-hls_list_size", "0",
		"-hls_segment_filename", "seg%03d.ts", "index.m3u8")
	Run(t, dir, args...)
	files, err := filepath.Glob(filepath.Join(dir, "*.ts"))
	if err != nil || len(files) == 0 {
		t.Fatal("ffmpeg made no segments", err)
	}
	sort.Strings(files)
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, filepath.Base(f))
		bytes = append(bytes, b)
	}
	return names, bytes
}
