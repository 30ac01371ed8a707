package media

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// A key frame's bytes, fetched by themselves, show the picture that is there in
// the whole segment.
func TestKeyFramesOfTransportStreamsShowByThemselves(t *testing.T) {
	for name, want := range map[string][]int{
		"h264": {1, 1, 1}, "keys": {4, 3}, "wrap": {1, 1, 1}, "opengop": {1, 1, 1}, "hevc": {1, 1},
		"cbr": {1, 1}, "frames": {1}, "bare": {1, 0}, "aac": {0, 0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			for i, file := range segments(t, name) {
				b := segment(t, name, i)
				info := probe(t, b)
				if len(info.KeyFrames) != want[i] {
					t.Fatalf("segment %d: %d key frames, want %d: %+v", i, len(info.KeyFrames), want[i], info.KeyFrames)
				}
				whole := shown(t, file)
				for _, k := range info.KeyFrames {
					showsByItself(t, info, k, whole, temporary(t, "key.ts", b[k.Start:k.End]))
				}
			}
		})
	}
}

func TestKeyFramesOfFragmentedMP4ShowByThemselves(t *testing.T) {
	for name, want := range map[string]int{"muxed": 1, "cmaf": 1, "hevc": 1, "chunked": 1, "own": 2, "keys": 7} {
		t.Run(name, func(t *testing.T) {
			r := renditions(t, name)[0]
			b := r.segments[0]
			info := resolve(t, r.init, b)
			if len(info.KeyFrames) != want {
				t.Fatalf("%d key frames, want %d: %+v", len(info.KeyFrames), want, info.KeyFrames)
			}
			init := r.init
			if len(info.Trims) > 0 && info.Trims[0].When == TrimAlways {
				init = kept(b, []Range{info.Trims[0].Range}) // it initialises itself
			}
			whole := shown(t, temporary(t, "whole.mp4", init, kept(b, info.JoinRanges(0, 1))))
			for _, k := range info.KeyFrames {
				showsByItself(t, info, k, whole, temporary(t, "key.mp4", init, b[k.Start:k.End]))
			}
		})
	}
}

func showsByItself(t *testing.T, info *Info, k KeyFrame, whole []string, file string) {
	t.Helper()
	if k.PTS < info.Start || k.PTS >= info.End {
		t.Errorf("key frame at %d, but the segment lasts from %d to %d", k.PTS, info.Start, info.End)
	}
	// Pictures before the key frame that need an earlier segment are not shown.
	most := int((k.PTS - info.Start + info.FrameDuration/2) / info.FrameDuration)
	got := shown(t, file, "-frames:v", "1")
	if len(got) != 1 || !slices.Contains(whole[:most+1], got[0]) {
		t.Errorf("key frame %+v shows %v, which is not among the first %d pictures of the segment", k, got, most+1)
	}
}

// shown decodes the video of a file and returns a hash of each picture, in the
// order in which they are shown.
func shown(t *testing.T, file string, options ...string) []string {
	t.Helper()
	args := append([]string{"-v", "quiet", "-i", file}, options...)
	out, err := exec.Command("ffmpeg", append(args, "-map", "0:v?", "-fps_mode", "passthrough", "-f", "framemd5", "-")...).Output()
	if err != nil {
		return nil // without video
	}
	var hashes []string
	for line := range strings.Lines(string(out)) {
		if line[0] != '#' {
			fields := strings.Fields(line)
			hashes = append(hashes, fields[len(fields)-1])
		}
	}
	return hashes
}
