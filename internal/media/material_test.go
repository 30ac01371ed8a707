package media

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/liveorigin/caddy-live-origin/internal/needs"
)

var materialDir string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "media-test-")
	if err != nil {
		panic(err)
	}
	materialDir = dir
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// needFFmpeg skips a test that needs real material, but not in CI.
func needFFmpeg(t testing.TB) {
	t.Helper()
	needs.Programs(t, "ffmpeg", "ffprobe")
}

const (
	pictures25 = "testsrc2=size=320x180:rate=25"
	sine48     = "sine=frequency=440:sample_rate=48000"
	x264       = "-c:v libx264 -preset veryfast -threads 2 -pix_fmt yuv420p -sc_threshold 0 "
	aac        = "-c:a aac -b:a 96k -ac 2 "
	cut2s      = "-f segment -segment_time 2 -segment_format mpegts "
)

// recipes are the ffmpeg options of each kind of material, inputs in front.
// They are cut into segments of 2 s where they say so.
var recipes = map[string]string{
	"h264":    in(pictures25, sine48) + x264 + "-bf 2 -g 50 " + aac + "-t 6 " + cut2s,
	"h264b":   in(pictures25, "sine=frequency=880:sample_rate=48000") + x264 + "-bf 2 -g 50 " + aac + "-t 6 " + cut2s,
	"ntsc":    in("testsrc2=size=320x180:rate=30000/1001", sine48) + x264 + "-bf 3 -g 60 " + aac + "-t 6 " + cut2s,
	"film":    in("testsrc2=size=320x180:rate=24000/1001", sine48) + x264 + "-bf 2 -g 48 " + aac + "-t 4 " + cut2s,
	"odd":     in("testsrc2=size=322x182:rate=50", sine48) + x264 + "-bf 0 -g 100 -profile:v baseline " + aac + "-t 2 -f mpegts",
	"fields":  in(pictures25, sine48) + x264 + "-vf setfield=tff -flags +ildct+ilme -bf 2 -g 50 " + aac + "-t 2 -f mpegts",
	"high10":  in("testsrc2=size=320x180:rate=25") + "-c:v libx264 -preset veryfast -pix_fmt yuv422p10le -g 50 -t 1 -f mpegts",
	"wrap":    in(pictures25, sine48) + x264 + "-bf 2 -g 50 " + aac + "-t 6 -output_ts_offset 95440 " + cut2s,
	"opengop": in(pictures25, sine48) + x264 + "-x264-params open-gop=1:keyint=50:min-keyint=50:bframes=3:b-adapt=0 -bsf:v dump_extra=freq=keyframe " + aac + "-t 6 " + cut2s,
	"bare":    in(pictures25) + x264 + "-x264-params open-gop=1:keyint=50:min-keyint=50:bframes=3:b-adapt=0 -t 4 " + cut2s,
	"single":  in(pictures25) + x264 + "-frames:v 1 -f mpegts",
	"hevc":    in(pictures25, sine48) + "-c:v libx265 -preset ultrafast -pix_fmt yuv420p -x265-params log-level=error:keyint=50:min-keyint=50:bframes=2:scenecut=0 " + aac + "-t 4 " + cut2s,
	"aac":     in(sine48) + "-c:a aac -t 6 " + cut2s,
	"aac44":   in("sine=frequency=440:sample_rate=44100") + "-c:a aac -t 4 " + cut2s,
	"mp3":     in(sine48) + "-c:a libmp3lame -b:a 128k -ac 2 -t 4 " + cut2s,
	"mp2":     in(sine48) + "-c:a mp2 -b:a 192k -t 4 " + cut2s,
	"ac3":     in(sine48) + "-c:a ac3 -b:a 192k -ac 6 -t 4 " + cut2s,
	"eac3":    in(sine48) + "-c:a eac3 -b:a 192k -ac 2 -t 4 " + cut2s,
	"opus":    in(pictures25, sine48) + x264 + "-bf 2 -g 50 -c:a libopus -b:a 96k -ac 2 -t 6 " + cut2s,
	"opus6":   in(sine48) + "-c:a libopus -b:a 256k -ac 6 -frame_duration 60 -t 4 " + cut2s,
	"dts":     in(pictures25, sine48) + x264 + "-bf 2 -g 50 -c:a dca -strict experimental -ac 2 -t 6 " + cut2s,
	"dts6":    in(sine48) + "-c:a dca -strict experimental -ac 6 -t 4 " + cut2s,
	"cbr":     in(pictures25, sine48) + x264 + "-b:v 500k -maxrate 500k -bufsize 250k -bf 2 -g 50 " + aac + "-t 4 -muxrate 1500k " + cut2s,
	"frames":  in(pictures25, sine48) + x264 + "-bf 2 -g 50 " + aac + "-t 2 -pes_payload_size 0 -mpegts_flags pat_pmt_at_frames -f mpegts",
	"latm":    in(sine48) + aac + "-t 1 -mpegts_flags latm -f mpegts",
	"m2ts":    in(sine48) + aac + "-t 1 -mpegts_m2ts_mode 1 -f mpegts",
	"mpeg2":   in(pictures25) + "-c:v mpeg2video -t 1 -f mpegts",
	"bench":   in("testsrc2=size=1280x720:rate=25", sine48) + x264 + "-b:v 3M -minrate 3M -maxrate 3M -bufsize 3M -x264-params nal-hrd=cbr -bf 2 -g 50 " + aac + "-t 2 " + cut2s,
	"keys":    in(pictures25, sine48) + x264 + "-bf 2 -g 15 " + aac + "-t 4 " + cut2s,
	"hls":     in(pictures25, sine48) + x264 + "-bf 2 -g 50 " + aac + "-t 6 -f hls -hls_time 2 -hls_list_size 0",
}

func in(sources ...string) string {
	var s strings.Builder
	for _, src := range sources {
		s.WriteString("-f lavfi -i " + src + " ")
	}
	return s.String()
}

var (
	materialLock sync.Mutex
	materialMade = map[string][]string{}
)

// segments returns the files of a recipe, made on first use.
func segments(t testing.TB, name string) []string {
	t.Helper()
	needFFmpeg(t)
	materialLock.Lock()
	defer materialLock.Unlock()
	if files := materialMade[name]; files != nil {
		return files
	}
	options := strings.Fields(recipes[name])
	dir := filepath.Join(materialDir, name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	output := "0.ts"
	switch {
	case strings.Contains(recipes[name], "-f segment"):
		output = "%d.ts"
	case strings.Contains(recipes[name], "-f hls"):
		output = "index.m3u8"
	}
	args := append([]string{"-hide_banner", "-v", "error", "-nostdin"}, options...)
	out, err := exec.Command("ffmpeg", append(args, filepath.Join(dir, output))...).CombinedOutput()
	if err != nil {
		if strings.Contains(string(out), "Unknown encoder") {
			needs.Missing(t, fmt.Sprintf("ffmpeg has no encoder for %s: %s", name, out))
		}
		t.Fatalf("ffmpeg: %v\n%s", err, out)
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*.ts"))
	sort.Strings(files)
	if len(files) == 0 {
		t.Fatalf("ffmpeg wrote nothing for %s", name)
	}
	materialMade[name] = files
	return files
}

// segment returns the bytes of one file of a recipe.
func segment(t testing.TB, name string, i int) []byte {
	t.Helper()
	b, err := os.ReadFile(segments(t, name)[i])
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// probed is what ffprobe says.
type probed struct {
	Streams []struct {
		Index      int    `json:"index"`
		ID         string `json:"id"`
		CodecName  string `json:"codec_name"`
		CodecType  string `json:"codec_type"`
		Profile    string `json:"profile"`
		Width      int    `json:"width"`
		Height     int    `json:"height"`
		Level      int    `json:"level"`
		FrameRate  string `json:"r_frame_rate"`
		SampleRate string `json:"sample_rate"`
		Channels   int    `json:"channels"`
	} `json:"streams"`
	Packets []struct {
		Stream   int    `json:"stream_index"`
		PTS      int64  `json:"pts"`
		DTS      int64  `json:"dts"`
		Duration int64  `json:"duration"`
		Flags    string `json:"flags"`
	} `json:"packets"`
}

func ffprobe(t testing.TB, file string) *probed {
	t.Helper()
	needFFmpeg(t)
	var stderr bytes.Buffer
	cmd := exec.Command("ffprobe", "-v", "error", "-show_streams", "-show_packets", "-of", "json", file)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("ffprobe: %v\n%s", err, stderr.String())
	}
	var p probed
	if err := json.Unmarshal(out, &p); err != nil {
		t.Fatal(err)
	}
	return &p
}

// probe runs a prober over b in one piece.
func probe(t testing.TB, b []byte) *Info {
	t.Helper()
	info, err := tryProbe(b)
	if err != nil {
		t.Fatalf("probe: %v", err)
	}
	return info
}

func tryProbe(b []byte) (*Info, error) {
	probed, err := probeAny(b)
	return probed.Info, err
}

func probeAny(b []byte) (Probed, error) {
	p := NewProber()
	p.Write(b)
	return p.Finish()
}

func trackByPID(t testing.TB, info *Info, id string) *Track {
	t.Helper()
	n, err := strconv.ParseUint(id, 0, 16)
	if err != nil {
		t.Fatal(err)
	}
	for i := range info.Tracks {
		if info.Tracks[i].ID == uint32(n) {
			return &info.Tracks[i]
		}
	}
	t.Fatalf("no track %s", id)
	return nil
}
