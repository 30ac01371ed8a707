package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/hls"
	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
)

// Encoders of the field are careless, old and deaf. Each test here is one kind of
// that, with a process of its own and media of ffmpeg.

// upload puts a body, and returns the status and the reason.
func upload(t *testing.T, o *origin, path string, body []byte) (int, string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPut, o.url(path), bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	reason, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(reason)
}

func mustUpload(t *testing.T, o *origin, path string, body []byte) {
	t.Helper()
	if status, reason := upload(t, o, path, body); status/100 != 2 {
		t.Fatalf("%s: %d %s", path, status, reason)
	}
}

// made is what ffmpeg writes into a folder, by name.
func made(t *testing.T, args ...string) map[string][]byte {
	t.Helper()
	dir := t.TempDir()
	testmedia.Run(t, dir, args...)
	files := map[string][]byte{}
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if files[filepath.Base(name)], err = os.ReadFile(name); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// warned waits for a warning with this kind, and returns its first one.
func warned(t *testing.T, o *origin, msg, what string) map[string]any {
	t.Helper()
	for range 100 {
		for _, e := range o.log.find(msg) {
			if e["what"] == what {
				return e
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("no %q about %q", msg, what)
	return nil
}

const segmentTime = 1920 * time.Millisecond

// TestOddPlaylists: documents that are wrong at many places put the input on air all
// the same, with one warning for each thing, and the input's name and line.
func TestOddPlaylists(t *testing.T) {
	t.Parallel()
	names, media := testmedia.Segments(t, "14")
	for name, text := range map[string]func(first int, names []string) string{
		"values": func(first int, names []string) string {
			return list("#EXTM3U\n#EXT-X-VERSION:x\n#EXT-X-TARGETDURATION:1,92\n#EXT-X-MEDIA-SEQUENCE:"+fmt.Sprint(first)+".0\n", names,
				"#EXTINF:-1.92,a\tb\n", "#EXTINF:NaN,\n", "#EXT-X-PROGRAM-DATE-TIME:today\n#EXTINF:1e-3,caf\xe9\n", "#EXTINF 1,920,\n", "#EXTINF:\n")
		},
		"entries": func(first int, names []string) string {
			// One of another host and a page of an error stand for a segment each.
			text := list(fmt.Sprintf("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:%d\n", first), names, "#EXTINF:1.92,\n")
			return strings.Replace(text, "#EXTINF", "#EXTINF:1.92,\nhttps://other.example.com/x.ts\n#EXTINF:1.92,\n<h1>502</h1>\nstray words\n#EXTINF", 1)
		},
		"line ends and header": func(first int, names []string) string {
			text := list(fmt.Sprintf("\xef\xbb\xbf#EXTM3U x=\"1\"\n#EXT-X-MEDIA-SEQUENCE:%d\n#EXT-X-KEY:KEYFORMAT=\"x\"\n", first), names, "#EXTINF:1.92\n")
			return strings.ReplaceAll(strings.ReplaceAll(text, "\nseg", "\n.//seg"), "\n", "\r")
		},
		"no numbers": func(first int, names []string) string {
			return list("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:-5\n", names, "#EXTINF:1.92,\n")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := startOrigin(t, oneEndpoint)
			master := "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-STREAM-INF:BANDWIDTH=1500000.5,FRAME-RATE=29,97,BANDWIDTH=2,RESOLUTION=320*180,CODECS=\"avc1.4d401f\n" +
				"live.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=99999999999999999999\n../b/live.m3u8\n#EXT-X-MEDIA:TYPE=audio,DEFAULT=yes\n"
			mustUpload(t, o, "/in/sports/a/master.m3u8", []byte(master))
			for n := range 6 {
				if n > 1 {
					time.Sleep(segmentTime)
				}
				mustUpload(t, o, "/in/sports/a/"+names[n], media[n])
				first := max(0, n-3)
				mustUpload(t, o, "/in/sports/a/live.m3u8", []byte(text(first, names[first:n+1])))
			}
			v := watch(t, o, "/fast/sports")
			if v.wait(5); v.problems != nil {
				t.Error(v.problems)
			}
			close(v.stop)
			v.done.Wait()
			for _, f := range v.renditions {
				if f.discontinuity > 0 {
					t.Errorf("%d discontinuities", f.discontinuity)
				}
			}
			warning := warned(t, o, "upload tolerated", "value")
			if warning["input"] != "a" || warning["path"] == "" || warning["line"] == nil || warning["found"] == "" {
				t.Errorf("warning %v", warning)
			}
			seen := map[string]bool{}
			for _, e := range o.log.find("upload tolerated") {
				key := fmt.Sprint(e["path"], e["what"], e["found"])
				if seen[key] {
					t.Errorf("said twice: %v", e)
				}
				seen[key] = true
			}
			if metrics := get(t, "http://"+o.admin+"/metrics"); !bytes.Contains(metrics, []byte(`caddy_live_origin_tolerated_total{channel="sports",input="a",store="memory",what="value"}`)) {
				t.Error("no metric")
			}
		})
	}
}

// list is a playlist whose entries have these lines before them, in turn.
func list(head string, names []string, before ...string) string {
	text := head
	for i, name := range names {
		text += before[i%len(before)] + name + "\n"
	}
	return text
}

// TestSegmentsThatDoNotRepeatEverything: key frames every 4.8 s in segments of about
// 1 s, in two codecs' ways, and sound that stops: nothing of it is a discontinuity.
func TestSegmentsThatDoNotRepeatEverything(t *testing.T) {
	t.Parallel()
	split := func(codec ...string) []string {
		args := []string{"-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000",
			"-t", "13", "-g", "120", "-keyint_min", "120"}
		args = append(args, codec...)
		return append(args, "-c:a", "aac", "-f", "hls", "-hls_time", "1", "-hls_list_size", "0",
			"-hls_flags", "split_by_time", "-hls_segment_filename", "seg%02d.ts", "live.m3u8")
	}
	for name, material := range map[string]map[string][]byte{
		"H.264":                              made(t, split("-c:v", "libx264", "-preset", "ultrafast", "-sc_threshold", "0", "-threads", "1")...),
		"H.265":                              made(t, split("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none:scenecut=0:keyint=120:min-keyint=120:pools=1")...),
		"no sound from the sixth segment on": silenced(made(t, split("-c:v", "libx264", "-preset", "ultrafast", "-sc_threshold", "0", "-threads", "1")...), 6),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := startOrigin(t, strings.Replace(oneEndpoint, "segment_duration 2s", "segment_duration 1s", 1))
			listed := strings.Split(string(material["live.m3u8"]), "#EXTINF")
			for n := 1; n < len(listed); n++ {
				uri := strings.Split(listed[n], "\n")[1]
				mustUpload(t, o, "/in/sports/a/"+uri, material[uri])
				mustUpload(t, o, "/in/sports/a/live.m3u8", []byte(strings.Join(listed[:n+1], "#EXTINF")))
				if n > 2 {
					time.Sleep(time.Second)
				}
			}
			v := watch(t, o, "/fast/sports")
			v.wait(8)
			close(v.stop)
			v.done.Wait()
			for _, f := range v.renditions {
				if f.discontinuity > 0 {
					t.Errorf("%d discontinuities", f.discontinuity)
				}
			}
			if n := len(o.log.find("generation started")); n != 1 {
				t.Errorf("%d generations", n)
			}
			if strings.HasPrefix(name, "no sound") {
				warned(t, o, "upload tolerated", "track_gone")
			}
		})
	}
}

// silenced takes the sound out of the segments from one on, but not out of the PMT.
func silenced(files map[string][]byte, from int) map[string][]byte {
	for n := from; n < 99; n++ {
		name := fmt.Sprintf("seg%02d.ts", n)
		segment, ok := files[name]
		if !ok {
			break
		}
		var kept []byte
		for p := segment; len(p) >= 188; p = p[188:] {
			if pid := int(p[1]&0x1f)<<8 | int(p[2]); pid != 0x101 {
				kept = append(kept, p[:188]...)
			}
		}
		files[name] = kept
	}
	return files
}

// TestRenditionsWithoutAMultivariantPlaylist: picture and sound in playlists of their
// own, with none at all, a refused one, and one that names the sound alone.
func TestRenditionsWithoutAMultivariantPlaylist(t *testing.T) {
	t.Parallel()
	_, media := testmedia.Segments(t, "14")
	picture, sound := only(media, 0x100), only(media, 0x101)
	for name, master := range map[string]string{
		"none":           "",
		"refused":        "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nhttps://other.example.com/v.m3u8\n",
		"only the sound": "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"aac\",NAME=\"English\",DEFAULT=YES,URI=\"sound.m3u8\"\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := startOrigin(t, oneEndpoint)
			if master != "" {
				upload(t, o, "/in/sports/a/master.m3u8", []byte(master))
			}
			for n := range 7 {
				for rendition, segments := range map[string][][]byte{"picture": picture, "sound": sound} {
					uri := fmt.Sprintf("%s-%d.ts", rendition, n)
					mustUpload(t, o, "/in/sports/a/"+uri, segments[n])
					text := "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:0\n"
					for i := range n + 1 {
						text += fmt.Sprintf("#EXTINF:1.92,\n%s-%d.ts\n", rendition, i)
					}
					mustUpload(t, o, "/in/sports/a/"+rendition+".m3u8", []byte(text))
				}
				if n > 0 {
					time.Sleep(segmentTime)
				}
			}
			text := get(t, o.url("/fast/sports/index.m3u8"))
			p, err := hls.Parse(text, hls.DefaultLimits)
			if err != nil || p.Multivariant == nil {
				t.Fatalf("%v\n%s", err, text)
			}
			m := p.Multivariant
			if len(m.Variants) != 1 || len(m.Renditions) != 1 || m.Renditions[0].Type != "AUDIO" || m.Variants[0].Audio != m.Renditions[0].GroupID || m.Variants[0].Width != 320 {
				t.Errorf("not one variant with one audio rendition:\n%s", text)
			}
			if master != "" && name == "refused" {
				if e := warned(t, o, "input is waiting", "waiting_multivariant"); e["path"] != "master.m3u8" {
					t.Errorf("warning %v", e)
				}
			}
		})
	}
}

// only keeps the tables and one PID of segments; the PMT lists that PID alone.
func only(segments [][]byte, pid int) [][]byte {
	out := make([][]byte, len(segments))
	for i, segment := range segments {
		for p := segment; len(p) >= 188; p = p[188:] {
			switch at := int(p[1]&0x1f)<<8 | int(p[2]); at {
			case 0x1000:
				out[i] = append(out[i], pmtOf(p[:188], pid)...)
			case 0, pid:
				out[i] = append(out[i], p[:188]...)
			}
		}
	}
	return out
}

// pmtOf is a packet with a PMT that lists one PID only.
func pmtOf(packet []byte, pid int) []byte {
	p := bytes.Clone(packet)
	section := p[5:]
	length := int(section[1]&0xf)<<8 | int(section[2])
	entries := section[12+(int(section[10]&0xf)<<8|int(section[11])) : 3+length-4]
	kept := bytes.Clone(section[:12+(int(section[10]&0xf)<<8|int(section[11]))])
	for len(entries) >= 5 {
		size := 5 + (int(entries[3]&0xf)<<8 | int(entries[4]))
		if int(entries[1]&0x1f)<<8|int(entries[2]) == pid {
			kept = append(kept, entries[:size]...)
		}
		entries = entries[size:]
	}
	kept[1], kept[2] = kept[1]&0xf0|byte((len(kept)+1)>>8), byte(len(kept)+1)
	kept[8], kept[9] = 0xe0|byte(pid>>8), byte(pid)
	crc := ^uint32(0)
	for _, c := range kept {
		crc ^= uint32(c) << 24
		for range 8 {
			if crc&(1<<31) != 0 {
				crc = crc<<1 ^ 0x04c11db7
			} else {
				crc <<= 1
			}
		}
	}
	kept = append(kept, byte(crc>>24), byte(crc>>16), byte(crc>>8), byte(crc))
	for i := range section {
		section[i] = 0xff
	}
	copy(section, kept)
	return p
}
