package hls

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const variantHead = "#EXTM3U\n#EXT-X-STREAM-INF:"

// oddCases are read, and what makes no sense in them is passed over. What is said
// of them and what is kept is in testdata/odd.
var oddCases = []playlistCase{
	// What only describes.
	{name: "extinf_negative", text: mediaHead + "#EXTINF:-1.6,\na.ts\n#EXTINF:2,\nb.ts\n"},
	{name: "extinf_iptv", text: mediaHead + "#EXTINF:-1 tvg-id=\"x\",News\na.ts\n"},
	{name: "extinf_nan", text: mediaHead + "#EXTINF:NaN,\na.ts\n#EXTINF:inf,\nb.ts\n#EXTINF:-nan,\nc.ts\n"},
	{name: "extinf_exponent", text: mediaHead + "#EXTINF:1e-3,\na.ts\n#EXTINF:1.92E0,\nb.ts\n#EXTINF:+2,\nc.ts\n"},
	{name: "extinf_empty", text: mediaHead + "#EXTINF:,\na.ts\n#EXTINF:\nb.ts\n#EXTINF\nc.ts\n"},
	{name: "extinf_absurd", text: mediaHead + "#EXTINF:86400.5,\na.ts\n#EXTINF:99999999999999999999,\nb.ts\n"},
	{name: "extinf_decimal_comma", text: mediaHead + "#EXTINF:1,920,\na.ts\n#EXTINF:2,007\nb.ts\n"},
	{name: "extinf_no_colon", text: mediaHead + "#EXTINF 1.92,\na.ts\n#EXTINF=1.92,\nb.ts\n"},
	{name: "extinf_unit", text: mediaHead + "#EXTINF:1920ms,\na.ts\n"},
	{name: "extinf_quoted", text: mediaHead + "#EXTINF:\"1.92\",\na.ts\n"},
	{name: "extinf_missing", text: mediaHead + "#EXTINF:2,\na1.ts\na2.ts\n#EXTINF:2,\na3.ts\n"},
	{name: "extinf_missing_everywhere", text: mediaHead + "a1.ts\na2.ts\n"},
	{name: "target_duration_word", text: "#EXTM3U\n#EXT-X-TARGETDURATION:six\n#EXT-X-MEDIA-SEQUENCE:1\n#EXTINF:2,\na.ts\n"},
	{name: "target_duration_negative", text: "#EXTM3U\n#EXT-X-TARGETDURATION:-2147483648\n#EXT-X-MEDIA-SEQUENCE:1\n#EXTINF:2,\na.ts\n"},
	{name: "type_live", text: mediaHead + "#EXT-X-PLAYLIST-TYPE:LIVE\n#EXTINF:2,\na.ts\n"},
	{name: "type_lower_case", text: mediaHead + "#EXT-X-PLAYLIST-TYPE:event\n#EXTINF:2,\na.ts\n"},
	{name: "version_word", text: "#EXTM3U\n#EXT-X-VERSION:v3\n#EXT-X-MEDIA-SEQUENCE:1\n#EXTINF:2,\na.ts\n"},
	{name: "dates_bad", text: mediaHead + "#EXT-X-PROGRAM-DATE-TIME:yesterday\n#EXTINF:2,\na.ts\n#EXT-X-PROGRAM-DATE-TIME:2026-02-30T00:00:00Z\n#EXTINF:2,\nb.ts\n#EXT-X-PROGRAM-DATE-TIME:1795414344\n#EXTINF:2,\nc.ts\n#EXT-X-PROGRAM-DATE-TIME:9999-12-31T23:59:59.9999Z\n#EXTINF:2,\nd.ts\n"},
	{name: "dates_odd", text: mediaHead + "#EXT-X-PROGRAM-DATE-TIME:2026-11-23 05:00:00 +0100\n#EXTINF:2,\na.ts\n#EXT-X-PROGRAM-DATE-TIME:20261123T040002.5Z\n#EXTINF:2,\nb.ts\n#EXT-X-PROGRAM-DATE-TIME:\"2026-11-23T04:00:04,25 UTC\"\n#EXTINF:2,\nc.ts\n"},
	{name: "sequence_negative", text: "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:-1\n#EXTINF:2,\na.ts\n"},
	{name: "sequence_too_large", text: "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:9223372036854775808\n#EXTINF:2,\na.ts\n"},
	{name: "sequence_float", text: "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:12.0\n#EXTINF:2,\na.ts\n"},
	{name: "sequence_twice", text: "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:1\n#EXT-X-MEDIA-SEQUENCE:2\n#EXTINF:2,\na.ts\n"},
	{name: "sequence_twice_the_same", text: "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:7\n#EXT-X-MEDIA-SEQUENCE:7\n#EXTINF:2,\na.ts\n"},
	{name: "discontinuity_sequence_bad", text: mediaHead + "#EXT-X-DISCONTINUITY-SEQUENCE:x\n#EXTINF:2,\na.ts\n"},
	{name: "map_unquoted", text: mediaHead + "#EXT-X-MAP:URI=init.mp4\n#EXTINF:2,\na.m4s\n"},
	{name: "map_no_uri", text: mediaHead + "#EXT-X-MAP:URI=\"init.mp4\"\n#EXTINF:2,\na.m4s\n#EXT-X-MAP:BYTERANGE=\"1@0\"\n#EXTINF:2,\nb.m4s\n"},
	{name: "map_empty", text: mediaHead + "#EXT-X-MAP:\n#EXTINF:2,\na.ts\n"},
	{name: "key_bad", text: mediaHead + "#EXT-X-KEY:URI=\"k\"\n#EXTINF:2,\na.ts\n#EXT-X-KEY:METHOD=AES-128\n#EXTINF:2,\nb.ts\n#EXT-X-KEY:METHOD=none\n#EXTINF:2,\nc.ts\n#EXT-X-KEY:METHOD=AES-128,URI=\"k\",IV=12\n#EXTINF:2,\nd.ts\n"},
	{name: "bandwidth_forms", text: variantHead + "BANDWIDTH=1500000.5\na.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=9223372036854775808\nb.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=-1\nc.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=\"800000\"\nd.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=1.5e6\ne.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=\nf.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=NaN\ng.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=2000kbps,RESOLUTION=1280x720\nh.m3u8\n"},
	{name: "frame_rate_forms", text: variantHead + "BANDWIDTH=1,FRAME-RATE=29,97\na.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=2,FRAME-RATE=30000/1001\nb.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=3,FRAME-RATE=NaN\nc.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=4,FRAME-RATE=\"25\"\nd.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=5,FRAME-RATE=-25\ne.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=6,FRAME-RATE=\"29,97\"\nf.m3u8\n"},
	{name: "resolution_forms", text: variantHead + "BANDWIDTH=1,RESOLUTION=640\na.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=2,RESOLUTION=640*360\nb.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=3,RESOLUTION=\"640 x 360\"\nc.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=4,RESOLUTION=640.0x360.0\nd.m3u8\n"},
	{name: "attribute_twice", text: variantHead + "BANDWIDTH=1,CODECS=\"avc1.4d401f\",BANDWIDTH=2\na.m3u8\n"},
	{name: "attribute_quotes", text: variantHead + "BANDWIDTH=1,CODECS=\"avc1.4d401f,mp4a.40.2,RESOLUTION=640x360,AUDIO=\"aac\"\na.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=2,AUDIO=aac,CODECS=avc1.4d401f,mp4a.40.2\nb.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=3,NAME=\"x\"y\",AUDIO=aac\"\nc.m3u8\n"},
	{name: "attribute_strays", text: variantHead + ",,BANDWIDTH=1,FOO,=2,B A=3,RESOLUTION=640x360,,\na.m3u8\n#EXT-X-STREAM-INF:\nb.m3u8\n#EXT-X-STREAM-INF\nc.m3u8\n"},
	{name: "flags", text: "#EXTM3U\n#EXT-X-MEDIA:TYPE=audio,GROUP-ID=\"a\",NAME=\"x\",DEFAULT=yes,AUTOSELECT=True,URI=\"a.m3u8\"\n#EXT-X-MEDIA:TYPE=Subtitles,GROUP-ID=s,NAME=y,DEFAULT=MAYBE,FORCED=1,URI=s.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=1,VIDEO-RANGE=sdr,CLOSED-CAPTIONS=none,AUDIO=\"a\"\nv.m3u8\n"},
	{name: "date_ranges_of_nothing", text: mediaHead + "#EXT-X-DATERANGE:\n#EXTINF:2,\na.ts\n#EXT-X-DATERANGE:ID=\"x\",START-DATE=\"never\"\n#EXTINF:2,\nb.ts\n#EXT-X-DATERANGE:ID=x,SCTE35-IN=0xFC\n#EXTINF:2,\nc.ts\n#EXT-X-DATERANGE:START-DATE=\"2026-11-23T04:00:00Z\"\n#EXTINF:2,\nd.ts\n"},
	{name: "values_nobody_knows", text: "#EXTM3U\n#EXT-X-MEDIA:TYPE=SMELL,GROUP-ID=\"a\",NAME=\"x\",URI=\"a.m3u8\"\n#EXT-X-STREAM-INF:BANDWIDTH=99999999999999,AVERAGE-BANDWIDTH=5,VIDEO-RANGE=HDR10,HDCP-LEVEL=1\nv.m3u8\n"},

	// What concerns one entry.
	{name: "entry_markup", text: mediaHead + "#EXTINF:2,\na.ts\n#EXTINF:2,\n<b>502 Bad Gateway</b>\n#EXTINF:2,\nc.ts\n"},
	{name: "entry_nul", text: mediaHead + "#EXTINF:2,\na.ts\n#EXTINF:2,\nb\x00.ts\n#EXTINF:2,\nc\tc.ts\n"},
	{name: "entry_byte_range", text: mediaHead + "#EXTINF:2,\n#EXT-X-BYTERANGE:x\na.ts\n#EXTINF:2,\n#EXT-X-BYTERANGE:5\nb.ts\n#EXTINF:2,\nc.ts\n"},
	{name: "extinf_twice", text: mediaHead + "#EXTINF:2,\n#EXTINF:3,\na.ts\n"},
	{name: "variant_no_uri", text: variantHead + "BANDWIDTH=1\n#EXT-X-STREAM-INF:BANDWIDTH=2\na.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=3\n"},
	{name: "variant_uri_alone", text: variantHead + "BANDWIDTH=1\na.m3u8\nb.m3u8\n"},
	{name: "rendition_incomplete", text: "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,NAME=\"x\",URI=\"a.m3u8\"\n#EXT-X-MEDIA:GROUP-ID=\"g\",URI=\"b.m3u8\"\n#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1\n#EXT-X-STREAM-INF:BANDWIDTH=1\nv.m3u8\n"},

	// Lines that do not belong where they stand.
	{name: "m3u_attributes", text: "#EXTM3U x-tvg-url=\"\"\n#EXT-X-MEDIA-SEQUENCE:4\n#EXTINF:2,\na.ts\n"},
	{name: "m3u_not_first", text: "\n  \n#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:4\n#EXTINF:2,\na.ts\n"},
	{name: "m3u_missing", text: "#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:4\n#EXTINF:2,\na.ts\n"},
	{name: "m3u_twice", text: mediaHead + "#EXTINF:2,\na.ts\n#EXTM3U\n#EXTINF:2,\nb.ts\n"},
	{name: "appended_to", text: mediaHead + "#EXTINF:2,\na.ts\n" + strings.ReplaceAll(mediaHead, ":7", ":8") + "#EXTINF:2,\nb.ts\n"},
	{name: "stray_lines", text: mediaHead + "connection closed\n#EXTINF:2,\na.ts\nwarning: late\n\n#EXT-X-NEWS:1\n#EXTINF:2,\nb.ts\n"},
	{name: "media_with_tags_of_multivariant", text: mediaHead + "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\"\n#EXTINF:2,\na.ts\n#EXT-X-STREAM-INF:BANDWIDTH=1\nb.m3u8\n"},
	{name: "multivariant_with_tags_of_media", text: "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-STREAM-INF:BANDWIDTH=1\na.m3u8\n#EXT-X-ENDLIST\n"},
	{name: "delta_update_of_unknown_length", text: mediaHead + "#EXT-X-SKIP:SKIPPED-SEGMENTS=-3\n#EXTINF:2,\na.ts\n"},
	{name: "delta_update", text: mediaHead + "#EXT-X-SKIP:SKIPPED-SEGMENTS=3\n#EXTINF:2,\na.ts\n"},
	{name: "only_media", text: "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"x\",URI=\"a.m3u8\"\n"},

	// Characters.
	{name: "tab_in_title", text: mediaHead + "#EXTINF:2,a\tb\na.ts\n"},
	{name: "latin_1", text: mediaHead + "#EXTINF:2,caf\xe9\na.ts\n#EXTINF:2,\ncaf\xe9.ts\n"},
	{name: "c1_control", text: mediaHead + "#EXTINF:2,\u0085x\na.ts\n"},
	{name: "bell", text: mediaHead + "#EXTINF:2,x\x07\na.ts\n#EXT-X-\x01\n"},
	{name: "cr_only", text: "#EXTM3U\r#EXT-X-MEDIA-SEQUENCE:4\r#EXTINF:2,\ra.ts\r"},
	{name: "cr_cr_lf", text: "#EXTM3U\r\r\n#EXT-X-MEDIA-SEQUENCE:4\r\r\n#EXTINF:2,\r\r\na.ts\r\r\n"},
	{name: "utf_16", text: "\xff\xfe" + wide("#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:4\n#EXTINF:2,é\na.ts\n")},
}

func wide(text string) string {
	var out strings.Builder
	for _, r := range text {
		out.WriteByte(byte(r))
		out.WriteByte(byte(r >> 8))
	}
	return out.String()
}

// kept is the playlist without the entries that can't be served.
func kept(p Playlist) Playlist {
	if p.Media == nil {
		return p
	}
	m := *p.Media
	m.Segments = make([]Segment, 0, len(p.Media.Segments))
	for _, s := range p.Media.Segments {
		if s.Fault == "" {
			m.Segments = append(m.Segments, s)
		}
	}
	return Playlist{Media: &m}
}

func TestOdd(t *testing.T) {
	for _, c := range oddCases {
		t.Run(c.name, func(t *testing.T) {
			p, err := Parse([]byte(c.text), Limits{})
			if err != nil {
				t.Fatal(err)
			}
			var out strings.Builder
			for _, n := range p.Notes {
				fmt.Fprintf(&out, "line %d, %d times: %s %s: %s\n", n.Line, n.Times, n.Kind, n.Subject, n.Text)
			}
			if p.Media != nil {
				for i, s := range p.Media.Segments {
					fmt.Fprintf(&out, "%d: %s %s %s\n", p.Media.MediaSequence+uint64(i), s.URI, s.Duration, s.Fault)
				}
			}
			got := strings.ToValidUTF8(strings.ReplaceAll(out.String(), "\x00", "\\0"), "?") + "\n" + string(checkRoundTrip(t, kept(p)))
			file := filepath.Join("testdata", "odd", c.name+".txt")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if string(want) != got {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// Whatever is wrong with every line, the notes are few and short.
func TestNotesAreBounded(t *testing.T) {
	var text strings.Builder
	text.WriteString(mediaHead)
	for i := range 20_000 {
		fmt.Fprintf(&text, "#EXTINF:-%d,\n#EXT-X-PROGRAM-DATE-TIME:%s\n#EXT-X-KEY:X%d=\na.ts\n", i, strings.Repeat("x", 200), i)
	}
	p, err := Parse([]byte(text.String()), Limits{Bytes: 64 << 20})
	if err != nil || len(p.Media.Segments) != 20_000 {
		t.Fatal(err)
	}
	size := 0
	for _, n := range p.Notes {
		size += len(n.Text) + len(n.Subject)
	}
	if len(p.Notes) > maxNotes || size > maxNotes*400 || p.Notes[0].Times != 20_000 {
		t.Errorf("%d notes with %d bytes; %+v", len(p.Notes), size, p.Notes[0])
	}
}
