package media

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestWebVTT(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want Text
	}{
		"no cue":             {"WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:900000,LOCAL:00:00:00.000\n\n", Text{HasMap: true, MapMPEGTS: 900000}},
		"header only":        {"WEBVTT", Text{}},
		"no map":             {"WEBVTT - x\n\n00:01.000 --> 00:02.500\nHello\n", Text{Cues: 1, FirstCue: 90000, LastCue: 225000, TimesSize: 23}},
		"other order":        {"WEBVTT\nX-TIMESTAMP-MAP=LOCAL:01:00:00.000,MPEGTS:900000\n\n", Text{HasMap: true, MapMPEGTS: 900000, MapLocal: 3600 * 90000}},
		"spaces":             {"WEBVTT\nX-TIMESTAMP-MAP= LOCAL:00:00.000, MPEGTS:8589934593 \n\n", Text{HasMap: true, MapMPEGTS: 1}},
		"BOM and CRLF":       {"\ufeffWEBVTT\r\nX-TIMESTAMP-MAP=MPEGTS:1,LOCAL:00:00:00.000\r\n\r\n1\r\n100:00:01.000 --> 100:00:02.000 align:start\r\nHello\r\n", Text{HasMap: true, MapMPEGTS: 1, Cues: 1, FirstCue: 360001 * 90000, LastCue: 360002 * 90000, TimesSize: 31}},
		"CR":                 {"WEBVTT\rX-TIMESTAMP-MAP=MPEGTS:1,LOCAL:00:00:00.000\r\r00:01.000 --> 00:02.000\rHello", Text{HasMap: true, MapMPEGTS: 1, Cues: 1, FirstCue: 90000, LastCue: 180000, TimesSize: 23}},
		"cues out of order":  {"WEBVTT\n\n00:05.000 --> 00:06.000\nb\n\n00:01.000-->00:09.000\na\n", Text{Cues: 2, FirstCue: 90000, LastCue: 810000, TimesSize: 44}},
		"cue without times":  {"WEBVTT\n\n00:05 --> 00:06\nb\n", Text{}},
		"map below the head": {"WEBVTT\n\nX-TIMESTAMP-MAP=MPEGTS:1,LOCAL:00:00:00.000\n", Text{}},
		"long lines":         {"WEBVTT\n\n00:01.000 --> 00:02.000\n" + strings.Repeat("ö", 1<<16) + "\n", Text{Cues: 1, FirstCue: 90000, LastCue: 180000, TimesSize: 23}},
		"style and note":     {"WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:1,LOCAL:00:00:00.000\n\nSTYLE\n::cue { color: red }\n\nNOTE x\n\n00:01.000 --> 00:02.000\nHello", Text{HasMap: true, MapMPEGTS: 1, Cues: 1, FirstCue: 90000, LastCue: 180000, TimesSize: 23}},
	} {
		for _, piece := range []int{1, 3, 1 << 20} {
			p := NewProber()
			for rest := []byte(c.text); len(rest) > 0; {
				n := min(piece, len(rest))
				p.Write(rest[:n])
				rest = rest[n:]
			}
			probed, err := p.Finish()
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			info := probed.Info
			holds(t, info)
			if *info.Text != c.want || !info.Untimed || info.Start != 0 || info.End != 0 || info.Format != FormatWebVTT {
				t.Errorf("%s: %+v, want %+v", name, *info.Text, c.want)
			}
		}
	}
}

func TestBrokenWebVTTIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		text   string
		reason Reason
		detail string
	}{
		"no header":  {"WEBVTTX\n\n", ReasonGarbage, "WEBVTTX"},
		"SubRip":     {"1\n00:00:01,000 --> 00:00:02,000\nHello\n", ReasonGarbage, "00:00:01,000"},
		"cut":        {"WEBVTT\n\n00:01.000 --> 00:02.000\nsch\xc3", ReasonTruncated, "inside a character"},
		"broken map": {"WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:x,LOCAL:00:00:00.000\n\n", ReasonDamaged, "MPEGTS:x"},
		"half a map": {"WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:1\n\n", ReasonDamaged, "MPEGTS:1"},
		"impossible": {"WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:1,LOCAL:00:61:00.000\n\n", ReasonDamaged, "LOCAL:00:61"},
		"cut map":    {"WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:900000,LOCAL:00:00", ReasonDamaged, "LOCAL:00:00"},
	} {
		t.Run(name, func(t *testing.T) { refused(t, []byte(c.text), c.reason, c.detail) })
	}
}

func TestWebVTTIsJoined(t *testing.T) {
	const head = "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:900000,LOCAL:00:00:00.000"
	first, second := head+"\n\n00:01.000 --> 00:02.000\nHello", head+"\n\n00:03.000 --> 00:04.000\nyou\n"
	a, b := probe(t, []byte(first)), probe(t, []byte(second))
	joined := string(kept([]byte(first), a.JoinRanges(0, 2))) + string(kept([]byte(second), b.JoinRanges(1, 2)))
	if joined != head+"\n\n00:01.000 --> 00:02.000\nHello\n\n00:03.000 --> 00:04.000\nyou\n" {
		t.Errorf("%q", joined)
	}
	shifted := probe(t, []byte("WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:990000,LOCAL:00:00:01.000\n\n"))
	other := probe(t, []byte("WEBVTT\n\n"))
	if a.Text.Offset() != shifted.Text.Offset() || a.Text.Offset() == other.Text.Offset() {
		t.Errorf("offsets %d, %d, %d", a.Text.Offset(), shifted.Text.Offset(), other.Text.Offset())
	}
	if a.Signature() != other.Signature() {
		t.Error("other cues make another signature")
	}
}

// What ffmpeg cuts is read, and its cues are as many as there were.
func TestWebVTTOfFFmpeg(t *testing.T) {
	needFFmpeg(t)
	dir := t.TempDir()
	source := filepath.Join(dir, "source.srt")
	const cues = "1\n00:00:00,500 --> 00:00:01,500\none\n\n2\n00:00:02,500 --> 00:00:03,250\ntwo\n\n3\n00:00:04,500 --> 00:00:05,000\nthree\n"
	if err := os.WriteFile(source, []byte(cues), 0o600); err != nil {
		t.Fatal(err)
	}
	args := strings.Fields("-hide_banner -v error -nostdin " + in(pictures25) + "-i " + source + " " + x264 + "-g 50 -t 6 -c:s webvtt -f hls -hls_time 2 -hls_list_size 0 " + filepath.Join(dir, "index.m3u8"))
	if out, err := exec.Command("ffmpeg", args...).CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg: %v\n%s", err, out)
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*.vtt"))
	var all Text
	for i, file := range files {
		info := probe(t, readFile(t, file))
		if i == 0 {
			all.FirstCue = info.Text.FirstCue
		}
		all.Cues += info.Text.Cues
		all.LastCue = info.Text.LastCue
	}
	if len(files) < 3 || all.Cues != 3 || all.LastCue-all.FirstCue != 405000 {
		t.Errorf("%d files: %+v", len(files), all)
	}
}

// Words in another encoding are shown with other signs, but they are shown.
func TestWebVTTInLatin1(t *testing.T) {
	whole := []byte("WEBVTT\n\n00:01.000 --> 00:02.000\nsch\xf6n und gro\xdf\xe4\n\n00:03.000 --> 00:04.000\n\xc3")
	for cut := range len(whole) {
		p := NewProber()
		_, _ = p.Write(whole[:cut])
		_, _ = p.Write(whole[cut:])
		probed, err := p.Finish()
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		if info := probed.Info; info.Text.Cues != 2 || len(info.Oddities) != 1 || info.Oddities[0] != "no UTF-8 at byte 35: players show another sign" {
			t.Errorf("cut at %d: %+v, %q", cut, info.Text, info.Oddities)
		}
	}
}
