package media

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/liveorigin/caddy-live-origin/internal/needs"
)

// goodKind is a kind of sound material: the ffmpeg options without length and output.
type goodKind struct {
	name    string
	sources string
	options string
	// muxer is hls (the default) with options, dash, or segment.
	muxer string
}

const (
	tinyx264  = "-c:v libx264 -preset ultrafast -threads 1 -pix_fmt yuv420p "
	smallx264 = "-c:v libx264 -preset veryfast -threads 1 -pix_fmt yuv420p "
	tinyx265  = "-c:v libx265 -preset ultrafast -pix_fmt yuv420p "
	hlsTS     = "-f hls -hls_time 2 -hls_list_size 0"
	moving    = "testsrc2=size=160x90:rate=25"
	music     = "aevalsrc=0.3*sin(440*2*PI*t)+0.2*sin((200+50*sin(t))*2*PI*t)+0.05*random(0):s=48000"
	// speech pauses for up to 3 s, in digital silence.
	speech = "aevalsrc='if(lt(mod(t,7),4),0.3*sin((200+80*sin(9*t))*2*PI*t)*abs(sin(5*t)),0)':s=48000"
	// talking is a picture in which little moves, with the noise of a camera.
	talking = "testsrc2=size=320x180:rate=25,loop=loop=-1:size=1:start=0,noise=alls=6:allf=t,drawbox=x=150+8*sin(t*3):y=80:w=20:h=12:color=red:t=fill"
)

// goodKinds is material in which nothing is wrong.
var goodKinds = []goodKind{
	{"25 fps, B pictures, TS", in(moving, music), smallx264 + "-bf 2 -g 50 -c:a aac -b:a 96k", hlsTS},
	{"mandelbrot, VBR 400k, TS", in("mandelbrot=size=160x90:rate=25:maxiter=200:end_scale=0.0001:end_pts=7000", music), tinyx264 + "-b:v 400k -g 50 -c:a aac -b:a 64k", hlsTS},
	{"cells (life), fMP4", in("life=size=160x90:rate=25:mold=10:ratio=0.1", music), tinyx264 + "-g 50 -c:a aac -b:a 64k", hlsMP4},
	{"noise, TS", in("nullsrc=size=160x90:rate=25,noise=alls=60:allf=t", music), tinyx264 + "-crf 35 -g 50 -c:a aac -b:a 128k", hlsTS},
	{"talking head, 300k, speech, TS", in(talking, speech), smallx264 + "-b:v 300k -maxrate 300k -bufsize 600k -bf 3 -g 50 -c:a aac -b:a 48k -ac 1", hlsTS},
	{"talking head, 80k, fMP4", in(talking, speech), smallx264 + "-b:v 80k -maxrate 80k -bufsize 160k -bf 3 -g 50 -c:a aac -b:a 32k -ac 1", hlsMP4},
	{"fades to black, TS", in("testsrc2=size=160x90:rate=25,eq=eval=frame:brightness='if(lt(mod(t\\,20)\\,4)\\,-abs(2-mod(t\\,20))/2-0.0\\,0)'", music), smallx264 + "-bf 2 -g 50 -c:a aac", hlsTS},
	{"scene cuts, key frames as they fall, TS", in("testsrc2=size=160x90:rate=25,hue=H=floor(t/3.3)*2:s=1+mod(floor(t/3.3)\\,3)", music), smallx264 + "-bf 3 -g 250 -sc_threshold 20 -c:a aac", hlsTS},
	{"29.97 fps, TS", in("testsrc2=size=160x90:rate=30000/1001", "sine=frequency=440:sample_rate=44100"), smallx264 + "-bf 3 -g 60 -c:a aac -ar 44100", hlsTS},
	{"59.94 fps, fMP4", in("testsrc2=size=160x90:rate=60000/1001", music), tinyx264 + "-g 120 -c:a aac", hlsMP4},
	{"23.976 fps, two seconds of audio at 32 kHz, fMP4", in("testsrc2=size=160x90:rate=24000/1001", music), smallx264 + "-bf 2 -g 48 -c:a aac -ar 32000 -b:a 48k", hlsMP4},
	{"50 fps, TS", in("testsrc2=size=160x90:rate=50", music), tinyx264 + "-g 100 -c:a mp2 -b:a 128k", hlsTS},
	{"variable frame rate, a fifth of the pictures, TS", in("testsrc2=size=160x90:rate=25,select=gt(random(0)\\,0.8)", music), "-vsync vfr " + tinyx264 + "-g 50 -force_key_frames expr:gte(t,n_forced*2) -c:a aac", hlsTS},
	{"variable frame rate, 2 of 100 left out, fMP4", in("testsrc2=size=160x90:rate=30,select=gt(random(0)\\,0.02)", music), "-vsync vfr " + smallx264 + "-bf 2 -g 60 -c:a aac", hlsMP4},
	{"a screen, pictures only where something changes, TS", in("testsrc=size=160x90:rate=25,mpdecimate", music), "-vsync vfr " + tinyx264 + "-force_key_frames expr:gte(t,n_forced*2) -c:a aac", hlsTS},
	{"CBR with filler, TS of constant rate", in(moving, music), smallx264 + "-b:v 500k -minrate 500k -maxrate 500k -bufsize 250k -x264-params nal-hrd=cbr -bf 2 -g 50 -c:a aac", "-f segment -segment_time 2 -segment_format mpegts -segment_format_options muxrate=1000000"},
	{"B pyramid, TS", in(moving, music), smallx264 + "-bf 7 -b_strategy 0 -b-pyramid normal -g 50 -c:a aac", hlsTS},
	{"open GOP, TS", in(moving, music), smallx264 + "-x264-params open-gop=1:keyint=50:min-keyint=50:bframes=3:b-adapt=0 -bsf:v dump_extra=freq=keyframe -c:a aac", "-f segment -segment_time 2 -segment_format mpegts"},
	{"H.265, TS", in(moving, music), tinyx265 + "-x265-params log-level=error:keyint=50:min-keyint=50:bframes=2:scenecut=0:open-gop=0 -c:a aac", hlsTS},
	{"H.265, open GOP, fMP4", in(moving, music), tinyx265 + "-tag:v hvc1 -x265-params log-level=error:keyint=50:min-keyint=50:bframes=3:scenecut=0 -c:a aac", hlsMP4},
	{"audio only, 44.1 kHz, 32k, TS", in("sine=frequency=440:sample_rate=44100"), "-c:a aac -b:a 32k -ac 1", hlsTS},
	{"audio only, AC-3, TS", in(music), "-c:a ac3 -b:a 192k -ac 2", hlsTS},
	{"audio only, Opus, TS", in(music), "-c:a libopus -b:a 96k -ac 2", hlsTS},
	{"Opus that pauses (DTX), TS", in(moving, speech), tinyx264 + "-g 50 -c:a libopus -b:a 24k -ac 1 -application voip -dtx 1", hlsTS},
	{"DTS, TS", in(moving, music), tinyx264 + "-g 50 -c:a dca -strict experimental -ac 2", hlsTS},
	{"key frames every 5 s, split by time into 1 s, TS", in(moving, music), smallx264 + "-bf 2 -g 125 -c:a aac", "-f hls -hls_time 1 -hls_list_size 0 -hls_flags split_by_time"},
	{"no key frames (intra refresh), split by time, TS", in(moving, music), tinyx264 + "-x264-params intra-refresh=1:keyint=50 -c:a aac", "-f hls -hls_time 2 -hls_list_size 0 -hls_flags split_by_time"},
	{"video and audio each on its own grid, CMAF", in(moving, music), smallx264 + "-bf 2 -g 50 -c:a aac -b:a 96k", "-f dash -seg_duration 2 -use_template 1 -window_size 0"},
	{"a fragment for each frame, CMAF", in(moving, music), tinyx264 + "-g 50 -c:a aac", "-f dash -seg_duration 2 -use_template 1 -window_size 0 -streaming 1 -frag_type every_frame -ldash 1"},
	{"timestamps that wrap, 6 s, TS", in(moving, music), tinyx264 + "-g 50 -c:a aac -output_ts_offset 95430", "-f hls -hls_time 6 -hls_list_size 0"},
}

// encode makes material of a length in seconds and returns its renditions: the objects
// in order, resolved.
func encode(t testing.TB, kind goodKind, seconds int) [][]object {
	t.Helper()
	needFFmpeg(t)
	dir := t.TempDir()
	output := "index.m3u8"
	switch {
	case strings.Contains(kind.muxer, "-f dash"):
		output = "index.mpd"
	case strings.Contains(kind.muxer, "-f segment"):
		output = "%05d.ts"
	}
	args := append([]string{"-hide_banner", "-v", "error", "-nostdin"}, strings.Fields(kind.sources)...)
	args = append(args, strings.Fields(kind.options)...)
	args = append(args, "-t", strconv.Itoa(seconds))
	if strings.Contains(kind.muxer, "-f hls") {
		extension := ".ts"
		if strings.Contains(kind.muxer, "fmp4") {
			extension = ".m4s"
		}
		args = append(args, "-hls_segment_filename", filepath.Join(dir, "%05d"+extension))
	}
	args = append(args, strings.Fields(kind.muxer)...)
	out, err := exec.Command("ffmpeg", append(args, filepath.Join(dir, output))...).CombinedOutput()
	if err != nil {
		if strings.Contains(string(out), "Unknown encoder") {
			needs.Missing(t, fmt.Sprintf("ffmpeg has no encoder for %s: %s", kind.name, out))
		}
		t.Fatalf("ffmpeg: %v\n%s", err, out)
	}
	var made [][]object
	for _, pattern := range [][2]string{{"", "*.ts"}, {"init.mp4", "*.m4s"}, {"init-stream0.m4s", "chunk-stream0-*.m4s"}, {"init-stream1.m4s", "chunk-stream1-*.m4s"}} {
		files, _ := filepath.Glob(filepath.Join(dir, pattern[1]))
		if len(files) == 0 || pattern[0] == "init.mp4" && output != "index.m3u8" {
			continue
		}
		var init *Init
		if pattern[0] != "" {
			init = probeInit(t, readFile(t, filepath.Join(dir, pattern[0])))
		}
		var list []object
		for _, file := range files {
			list = append(list, object{readFile(t, file), init})
		}
		made = append(made, list)
	}
	return made
}

// object is a media object, with its initialization section if it needs one.
type object struct {
	b    []byte
	init *Init
}

func (o object) info(t testing.TB) *Info {
	t.Helper()
	probed, err := probeAny(o.b)
	if err != nil {
		t.Fatal(err)
	}
	if probed.Info != nil {
		return probed.Info
	}
	info, err := probed.Fragments.Resolve(o.init)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// gradeAll grades the objects of a rendition in order, as the origin does.
func gradeAll(t testing.TB, objects []object) []*Graded {
	t.Helper()
	var g Grader
	var before *Graded
	var all []*Graded
	var last *Info
	for _, o := range objects {
		info := o.info(t)
		if last != nil {
			info.InheritConfig(last)
		}
		last = info
		before = g.Grade(info, before)
		all = append(all, before)
	}
	return all
}
