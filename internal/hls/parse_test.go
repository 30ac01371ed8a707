package hls

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write testdata/golden anew")

func encode(p Playlist) ([]byte, error) {
	if p.Media != nil {
		return EncodeMedia(p.Media)
	}
	return EncodeMultivariant(p.Multivariant)
}

// normalise takes away what a round trip is documented to change.
func normalise(p Playlist) Playlist {
	if p.Multivariant != nil {
		m := *p.Multivariant
		m.Variants, m.IFrames, m.Renditions = slices.Clone(m.Variants), slices.Clone(m.IFrames), slices.Clone(m.Renditions)
		for _, list := range [][]Variant{m.Variants, m.IFrames} {
			for i := range list {
				list[i].Line = 0
			}
		}
		for i := range m.Renditions {
			m.Renditions[i].Line = 0
		}
		return Playlist{Multivariant: &m}
	}
	m := *p.Media
	m.Unnumbered = false
	m.Segments = make([]Segment, len(p.Media.Segments))
	for i, segment := range p.Media.Segments {
		segment.ProgramDateTime, segment.Line = segment.ProgramDateTime.Round(time.Millisecond), 0
		m.Segments[i] = segment
	}
	return Playlist{Media: &m}
}

// checkRoundTrip encodes p, reads that again, and encodes it once more.
func checkRoundTrip(t *testing.T, p Playlist) []byte {
	t.Helper()
	text, err := encode(p)
	if err != nil {
		t.Fatalf("encode: %v", err)
	}
	again, err := Parse(text, Limits{Bytes: 64 << 20, LineBytes: 1 << 20})
	if err != nil {
		t.Fatalf("parse what was encoded: %v\n%s", err, text)
	}
	if want, got := normalise(p), normalise(again); !reflect.DeepEqual(want, got) {
		t.Fatalf("round trip changed the playlist\nwas %+v\nis  %+v\n%s", pick(want), pick(got), text)
	}
	second, err := encode(again)
	if err != nil || string(second) != string(text) {
		t.Fatalf("second encoding differs (%v)\n%s\n%s", err, text, second)
	}
	return text
}

func pick(p Playlist) any {
	if p.Media != nil {
		return *p.Media
	}
	return *p.Multivariant
}

func TestGolden(t *testing.T) {
	for _, c := range append(ffmpegCases(t), goodCases...) {
		t.Run(c.name, func(t *testing.T) {
			p, err := Parse([]byte(c.text), Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if (p.Media == nil) == (p.Multivariant == nil) {
				t.Fatal("not exactly one kind")
			}
			text := checkRoundTrip(t, p)
			file := filepath.Join("testdata", "golden", c.name+".m3u8")
			if *update {
				if err := os.WriteFile(file, text, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if string(want) != string(text) {
				t.Errorf("got\n%s\nwant\n%s", text, want)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	for _, c := range badCases {
		t.Run(c.name, func(t *testing.T) {
			p, err := Parse([]byte(c.text), Limits{})
			var syntax *SyntaxError
			if !errors.As(err, &syntax) {
				t.Fatalf("got %+v, %v, want a SyntaxError", p, err)
			}
			if syntax.Line != c.line || !strings.Contains(syntax.Reason, c.err) {
				t.Errorf("got %v, want line %d: ...%s...", err, c.line, c.err)
			}
			if len(err.Error()) > 300 {
				t.Errorf("error has %d bytes", len(err.Error()))
			}
		})
	}
}

func TestLimits(t *testing.T) {
	media := mediaHead + strings.Repeat("#EXTINF:6,\na\n", 3)
	if _, err := Parse([]byte(media), Limits{Bytes: len(media) - 1}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("too many bytes: %v", err)
	}
	if p, err := Parse([]byte(media), Limits{Bytes: len(media), LineBytes: 23, Segments: 3}); err != nil || len(p.Media.Segments) != 3 || p.Notes != nil {
		t.Errorf("what just fits: %+v, %v", p, err)
	}
	p, err := Parse([]byte(media), Limits{LineBytes: 22})
	if err != nil || !p.Media.Unnumbered && p.Media.TargetDuration != 0 || len(p.Notes) != 1 || p.Notes[0].Kind != NoteLine {
		t.Errorf("a long line: %+v, %v", p, err)
	}
	variants := "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\"\n#EXT-X-STREAM-INF:BANDWIDTH=1\na\n#EXT-X-I-FRAME-STREAM-INF:URI=\"a\"\n"
	p, err = Parse([]byte(variants), Limits{Renditions: 2})
	if err != nil || len(p.Multivariant.Variants) != 1 || len(p.Multivariant.IFrames) != 0 || len(p.Notes) != 1 {
		t.Errorf("too many renditions: %+v, %v", p, err)
	}
	if p, err := Parse([]byte(variants), Limits{Renditions: 3}); err != nil || len(p.Multivariant.IFrames) != 1 || p.Notes != nil {
		t.Errorf("renditions that just fit: %+v, %v", p, err)
	}
	if p, err := Parse([]byte(media+strings.Repeat("\n", 1_000_000)), Limits{}); err != nil || len(p.Media.Segments) != 3 {
		t.Errorf("a million blank lines: %v", err)
	}
}

// Of a playlist of any length the newest part is read, with what holds where it
// begins.
func TestTheNewestPart(t *testing.T) {
	var text strings.Builder
	text.WriteString("#EXTM3U\n#EXT-X-PLAYLIST-TYPE:EVENT\n#EXT-X-MEDIA-SEQUENCE:5\n#EXT-X-DISCONTINUITY-SEQUENCE:2\n")
	for i := range 60_000 {
		switch i {
		case 0:
			text.WriteString("#EXT-X-MAP:URI=\"first.mp4\"\n#EXT-X-PROGRAM-DATE-TIME:2026-11-23T00:00:00Z\n")
		case 10:
			text.WriteString("#EXT-X-DISCONTINUITY\n#EXT-X-MAP:URI=\"second.mp4\"\n#EXT-X-PROGRAM-DATE-TIME:2026-11-23T01:00:00Z\n")
		}
		fmt.Fprintf(&text, "#EXTINF:2,\nseg%d.m4s\n", i)
	}
	p, err := Parse([]byte(text.String()), Limits{Segments: 1_000})
	if err != nil {
		t.Fatal(err)
	}
	m := p.Media
	first := m.Segments[0]
	if len(m.Segments) != 1_000 || m.MediaSequence != 5+59_000 || m.DiscontinuitySequence != 3 || first.URI != "seg59000.m4s" {
		t.Errorf("%d segments from %d, %d, %+v", len(m.Segments), m.MediaSequence, m.DiscontinuitySequence, first)
	}
	want := time.Date(2026, 11, 23, 1, 0, 0, 0, time.UTC).Add(58_990 * 2 * time.Second)
	if first.Map == nil || first.Map.URI != "second.mp4" || !first.ProgramDateTime.Equal(want) {
		t.Errorf("map %+v, date %s, want %s", first.Map, first.ProgramDateTime, want)
	}
	if p, err = Parse([]byte("#EXTM3U\n#EXT-X-TARGETDURATION:2\n"+strings.Repeat("a\n", 5_000)), Limits{Segments: 1_000}); err != nil {
		t.Fatal(err)
	}
	if n := len(p.Media.Segments); n < 1_000 || n >= 2_000 || p.Media.MediaSequence != uint64(5_000-n) {
		t.Errorf("%d segments from %d", n, p.Media.MediaSequence)
	}
}

func TestIsPlaylist(t *testing.T) {
	for text, want := range map[string]bool{
		"#EXTM3U":                true,
		"#EXTM3U\n":              true,
		"#EXTM3U\r\n#EXTINF":     true,
		"\xef\xbb\xbf#EXTM3U \n": true,
		" \r\n#EXTM3U\n":         true,
		"#EXTM3":                 false,
		"#EXTM3U8":               false,
		"":                       false,
		"G@\x00":                 false,
	} {
		if got := IsPlaylist([]byte(text)); got != want {
			t.Errorf("IsPlaylist(%q) = %v", text, got)
		}
	}
}

func parseMedia(t *testing.T, text string) *MediaPlaylist {
	t.Helper()
	p, err := Parse([]byte(text), Limits{})
	if err != nil || p.Media == nil {
		t.Fatalf("%+v, %v", p, err)
	}
	return p.Media
}

func caseText(t testing.TB, name string) string {
	t.Helper()
	for _, c := range append(ffmpegCases(t), goodCases...) {
		if c.name == name {
			return c.text
		}
	}
	t.Fatalf("no case %s", name)
	return ""
}

func TestReadValues(t *testing.T) {
	m := parseMedia(t, caseText(t, "cues_and_gap"))
	if m.MediaSequence != 20261123041519 || m.DiscontinuitySequence != 3 || !m.IndependentSegments {
		t.Errorf("head: %+v", m)
	}
	if want := []string{"## Created by an encoder", "#EXT-X-FOO", "#EXT-X-START:TIME-OFFSET=-12.0"}; !reflect.DeepEqual(m.Tags, want) {
		t.Errorf("tags %q", m.Tags)
	}
	if len(m.Segments[0].Tags) != 3 || !m.Segments[1].Gap || len(m.Segments[2].Tags) != 3 {
		t.Errorf("segments %+v", m.Segments)
	}
	if len(m.Trailing) != 2 || m.Trailing[1] != tagDiscontinuity {
		t.Errorf("trailing %q", m.Trailing)
	}

	m = parseMedia(t, caseText(t, "extinf_forms"))
	for i, want := range []time.Duration{2e9, 2e9, 5e8, 2e9, 6006006006, 0, 2e9, 24 * time.Hour} {
		if got := m.Segments[i].Duration; got != want {
			t.Errorf("EXTINF %d: %d, want %d", i, got, want)
		}
	}
	if got := m.Segments[1].Title; got != "title, with comma" {
		t.Errorf("title %q", got)
	}

	m = parseMedia(t, caseText(t, "date_forms"))
	for i, want := range []string{"2026-11-23T05:00:00.304Z", "2026-11-23T05:00:01Z", "2026-11-23T05:00:02.5Z",
		"2026-11-23T05:00:03Z", "2026-11-23T05:00:04.123456789Z", "2017-01-01T00:00:00.25Z"} {
		if got := m.Segments[i].ProgramDateTime.Format(time.RFC3339Nano); got != want {
			t.Errorf("date %d: %s, want %s", i, got, want)
		}
	}

	m = parseMedia(t, caseText(t, "byte_ranges"))
	if got := *m.Segments[2].ByteRange; got != (ByteRange{Length: 300, Offset: 350}) {
		t.Errorf("implicit offset: %+v", got)
	}

	m = parseMedia(t, caseText(t, "maps_change"))
	if a, b := m.Segments[0].Map, m.Segments[2].Map; a.URI != "init0.mp4" || b.URI != a.URI {
		t.Errorf("maps %+v %+v", a, b)
	}
	if got := m.Segments[3].Map; got.URI != "init1.mp4" || *got.ByteRange != (ByteRange{700, 10}) || len(got.Attributes) != 1 {
		t.Errorf("map %+v", got)
	}

	m = parseMedia(t, caseText(t, "keys"))
	if s := m.Segments; len(s[0].Keys) != 2 || s[1].Keys[0].URI != "skd://c" || s[1].Keys[1].URI != "data:,b" || s[2].Keys != nil || len(s[4].Keys) != 1 {
		t.Errorf("keys %+v", s)
	}
	if s := parseMedia(t, caseText(t, "bom_crlf_blanks")).Segments; len(s) != 2 || s[0].URI != "seg 0.ts" || s[1].URI != "seg1.ts" {
		t.Errorf("blank lines: %+v", s)
	}
	if got := parseMedia(t, caseText(t, "target_duration_fraction")).TargetDuration; got != 3 {
		t.Errorf("target duration %d", got)
	}
}

func TestReadMultivariant(t *testing.T) {
	p, err := Parse([]byte(caseText(t, "multivariant_rich")), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	m := p.Multivariant
	v := m.Variants[0]
	if v.Bandwidth != 5_000_000_000 || v.Width != 3840 || v.Height != 2160 || v.FrameRate != 59.940 || v.VideoRange != "PQ" || v.ClosedCaptions != "cc" {
		t.Errorf("variant %+v", v)
	}
	if want := []Attribute{{"SCORE", "9.50", false}, {"STABLE-VARIANT-ID", "x", true}, {"REQ-VIDEO-LAYOUT", "CH-STEREO", true}}; !reflect.DeepEqual(v.Attributes, want) {
		t.Errorf("attributes %+v", v.Attributes)
	}
	if m.Variants[1].ClosedCaptions != "NONE" || m.Variants[1].Name != "360p" {
		t.Errorf("variant %+v", m.Variants[1])
	}
	if len(m.Renditions) != 4 || m.Renditions[0].Name != "English, 5.1" || m.Renditions[0].AssocLanguage != "de" || !m.Renditions[2].Forced || m.Renditions[3].InstreamID != "SERVICE1" {
		t.Errorf("renditions %+v", m.Renditions)
	}
	if len(m.IFrames) != 1 || len(m.Tags) != 3 {
		t.Errorf("I-frames %+v, tags %q", m.IFrames, m.Tags)
	}
}
