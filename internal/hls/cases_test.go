package hls

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// playlistCase is one playlist of the table that feeds the unit tests, the
// goldens and the fuzzer.
type playlistCase struct {
	name string
	text string
	line int    // of the SyntaxError, 0 if there is none
	err  string // what its reason contains
}

const mediaHead = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:6\n#EXT-X-MEDIA-SEQUENCE:7\n"

// goodCases can be read; what EncodeMedia or EncodeMultivariant make of them
// is in testdata/golden.
var goodCases = []playlistCase{
	{name: "rfc_8_1_simple", text: `#EXTM3U
#EXT-X-TARGETDURATION:10
#EXT-X-VERSION:3
#EXTINF:9.009,
http://media.example.com/first.ts
#EXTINF:9.009,
http://media.example.com/second.ts
#EXTINF:3.003,
http://media.example.com/third.ts
#EXT-X-ENDLIST
`},
	{name: "rfc_8_2_live", text: `#EXTM3U
#EXT-X-VERSION:3
#EXT-X-TARGETDURATION:8
#EXT-X-MEDIA-SEQUENCE:2680

#EXTINF:7.975,
https://priv.example.com/fileSequence2680.ts
#EXTINF:7.941,
https://priv.example.com/fileSequence2681.ts
#EXTINF:7.975,
https://priv.example.com/fileSequence2682.ts
`},
	{name: "rfc_8_3_encrypted", text: `#EXTM3U
#EXT-X-VERSION:3
#EXT-X-MEDIA-SEQUENCE:7794
#EXT-X-TARGETDURATION:15

#EXT-X-KEY:METHOD=AES-128,URI="https://priv.example.com/key.php?r=52"

#EXTINF:2.833,
http://media.example.com/fileSequence52-A.ts
#EXTINF:15.0,
http://media.example.com/fileSequence52-B.ts
#EXTINF:13.333,
http://media.example.com/fileSequence52-C.ts

#EXT-X-KEY:METHOD=AES-128,URI="https://priv.example.com/key.php?r=53"

#EXTINF:15.0,
http://media.example.com/fileSequence53-A.ts
`},
	{name: "rfc_8_4_multivariant", text: `#EXTM3U
#EXT-X-STREAM-INF:BANDWIDTH=1280000,AVERAGE-BANDWIDTH=1000000
http://example.com/low.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=2560000,AVERAGE-BANDWIDTH=2000000
http://example.com/mid.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=7680000,AVERAGE-BANDWIDTH=6000000
http://example.com/hi.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=65000,CODECS="mp4a.40.5"
http://example.com/audio-only.m3u8
`},
	{name: "rfc_8_5_iframes", text: `#EXTM3U
#EXT-X-STREAM-INF:BANDWIDTH=1280000
low/audio-video.m3u8
#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=86000,URI="low/iframe.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=2560000
mid/audio-video.m3u8
#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=150000,URI="mid/iframe.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=65000,CODECS="mp4a.40.5"
audio-only.m3u8
`},
	{name: "rfc_8_6_alternative_audio", text: `#EXTM3U
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="aac",NAME="English",DEFAULT=YES,AUTOSELECT=YES,LANGUAGE="en",URI="main/english-audio.m3u8"
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="aac",NAME="Deutsch",DEFAULT=NO,AUTOSELECT=YES,LANGUAGE="de",URI="main/german-audio.m3u8"
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="aac",NAME="Commentary",DEFAULT=NO,AUTOSELECT=NO,LANGUAGE="en",URI="commentary/audio-only.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=1280000,CODECS="...",AUDIO="aac"
low/video-only.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=65000,CODECS="mp4a.40.5",AUDIO="aac"
main/english-audio.m3u8
`},
	{name: "rfc_8_7_alternative_video", text: `#EXTM3U
#EXT-X-MEDIA:TYPE=VIDEO,GROUP-ID="low",NAME="Main",DEFAULT=YES,URI="low/main/audio-video.m3u8"
#EXT-X-MEDIA:TYPE=VIDEO,GROUP-ID="low",NAME="Centerfield",DEFAULT=NO,URI="low/centerfield/audio-video.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=1280000,CODECS="...",VIDEO="low"
low/main/audio-video.m3u8
`},
	{name: "rfc_8_8_session_data", text: `#EXTM3U
#EXT-X-SESSION-DATA:DATA-ID="com.example.lyrics",URI="lyrics.json"
#EXT-X-SESSION-DATA:DATA-ID="com.example.title",LANGUAGE="en",VALUE="This is an example"
`},
	{name: "rfc_8_10_daterange_scte35", text: mediaHead + `#EXT-X-DATERANGE:ID="splice-6FFFFFF0",START-DATE="2014-03-05T11:15:00Z",PLANNED-DURATION=59.993,SCTE35-OUT=0xFC002F0000000000FF00001402
#EXT-X-DATERANGE:ID="second",START-DATE="2014-03-05T11:15:00Z",END-ON-NEXT=YES,CLASS="a,b"
#EXTINF:6.0,
a.ts
#EXT-X-DATERANGE:ID="splice-6FFFFFF0",DURATION=59.993,SCTE35-IN=0xFC002A0000000000FF00000F05
#EXTINF:6.0,
b.ts
`},
	{name: "bom_crlf_blanks", text: "\xef\xbb\xbf#EXTM3U\r\n#EXT-X-TARGETDURATION:2 \r\n\r\n#EXTINF:2.000,\t\r\n\r\n  \r\n seg 0.ts \r\n#EXTINF:2.000\r\n\r\nseg1.ts"},
	{name: "extinf_forms", text: mediaHead + "#EXTINF:2\na\n#EXTINF:2,title, with comma\nb\n#EXTINF:.5,\nc\n#EXTINF:2.,\nd\n#EXTINF: 6.0060060064 ,é \ne\n#EXTINF:0,\nf\n#EXTINF:1.9999999996\ng\n#EXTINF:86400,\nh\n"},
	{name: "target_duration_missing", text: "#EXTM3U\n#EXTINF:2,\na\n"},
	{name: "target_duration_zero", text: "#EXTM3U\n#EXT-X-TARGETDURATION:0\n#EXTINF:0.04,\na\n"},
	{name: "target_duration_fraction", text: "#EXTM3U\n#EXT-X-TARGETDURATION:2.002\n#EXTINF:2.002,\na\n"},
	{name: "no_segments", text: "#EXTM3U\n#EXT-X-TARGETDURATION:2\n"},
	{name: "date_forms", text: mediaHead + `#EXTINF:1,
#EXT-X-PROGRAM-DATE-TIME:2026-11-23T05:00:00.304+0000
a
#EXT-X-PROGRAM-DATE-TIME:2026-11-23T05:00:01Z
#EXTINF:1,
b
#EXT-X-PROGRAM-DATE-TIME:2026-11-23T07:00:02.5+02:00
#EXTINF:1,
c
#EXT-X-PROGRAM-DATE-TIME:2026-11-23T05:00:03
#EXTINF:1,
d
#EXT-X-PROGRAM-DATE-TIME:2026-11-22 19:00:04.123456789123-10
#EXTINF:1,
e
#EXT-X-PROGRAM-DATE-TIME:2016-12-31T23:59:60.25Z
#EXTINF:1,
f
`},
	{name: "maps_change", text: mediaHead + `#EXT-X-MAP:URI="init0.mp4"
#EXTINF:6,
a
#EXT-X-MAP:URI="init0.mp4"
#EXTINF:6,
b
#EXT-X-DISCONTINUITY
#EXTINF:6,
c
#EXT-X-MAP:URI="init1.mp4",BYTERANGE="700@10",X-NOTE="kept"
#EXTINF:6,
d
#EXT-X-DISCONTINUITY
#EXT-X-MAP:URI="init1.mp4",BYTERANGE="700"
#EXTINF:6,
e
`},
	{name: "byte_ranges", text: mediaHead + `#EXTINF:6,
#EXT-X-BYTERANGE:100@50
all.ts
#EXTINF:6,
#EXT-X-BYTERANGE:200
all.ts
#EXT-X-BYTERANGE:300
#EXTINF:6,
all.ts
`},
	{name: "keys", text: mediaHead + `#EXT-X-KEY:METHOD=SAMPLE-AES,URI="skd://a",KEYFORMAT="com.apple.streamingkeydelivery",KEYFORMATVERSIONS="1"
#EXT-X-KEY:METHOD=SAMPLE-AES-CTR,URI="data:,b",KEYFORMAT="urn:uuid:edef8ba9",KEYID=0xABCD
#EXTINF:6,
a
#EXT-X-KEY:METHOD=SAMPLE-AES,URI="skd://c",IV=0x0000000000000000000000000000000A,KEYFORMAT="com.apple.streamingkeydelivery",KEYFORMATVERSIONS="1"
#EXTINF:6,
b
#EXT-X-KEY:METHOD=NONE
#EXTINF:6,
c
#EXT-X-KEY:METHOD=AES-128,URI="k"
#EXTINF:6,
d
#EXT-X-KEY:METHOD=NONE
#EXT-X-KEY:METHOD=AES-128,URI="k",KEYFORMAT="other"
#EXTINF:6,
e
`},
	{name: "cues_and_gap", text: "#EXTM3U\n## Created by an encoder\n#EXT-X-FOO\n#EXT-X-VERSION:9\n#EXT-X-MEDIA-SEQUENCE:20261123041519\n#EXT-X-DISCONTINUITY-SEQUENCE:3\n#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-TARGETDURATION:6\n#EXT-X-START:TIME-OFFSET=-12.0\n" + `# of the first segment
#EXT-OATCLS-SCTE35:/DAlAAAAAAAAAP/wFAUAAAABf+//SVqZrP4Ae5igAAEBAQAAeG2xhA==
#EXT-X-CUE-OUT:30
#EXTINF:6,
a
#EXT-X-CUE-OUT-CONT:ElapsedTime=6,Duration=30
#EXT-X-GAP
#EXTINF:6,
b
#EXT-X-CUE-IN
#EXT-X-UNKNOWN:1
#EXT-X-UNKNOWN:2
#EXTINF:6,
c
#EXT-X-DATERANGE:ID="next",START-DATE="2014-03-05T11:15:00Z"
#EXT-X-DISCONTINUITY
`},
	{name: "event", text: mediaHead + "#EXT-X-PLAYLIST-TYPE:EVENT\n#EXT-X-ALLOW-CACHE:NO\n#EXTINF:6,\na\n"},
	{name: "vod", text: mediaHead + "#EXT-X-PLAYLIST-TYPE:VOD\n#EXTINF:6,\na\n#EXT-X-ENDLIST\n# after the end\n"},
	{name: "iframes_only", text: mediaHead + "#EXT-X-I-FRAMES-ONLY\n#EXT-X-MAP:URI=\"i\"\n#EXTINF:6,\n#EXT-X-BYTERANGE:9@0\na\n"},
	{name: "defined_variables", text: mediaHead + "#EXT-X-DEFINE:NAME=\"x\",VALUE=\"y\"\n#EXTINF:6,\n{$x}.ts\n"},
	{name: "low_latency", text: `#EXTM3U
#EXT-X-TARGETDURATION:4
#EXT-X-VERSION:9
#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1.0
#EXT-X-PART-INF:PART-TARGET=0.33334
#EXT-X-MEDIA-SEQUENCE:266
#EXT-X-MAP:URI="init.mp4"
#EXT-X-PART:DURATION=0.33334,URI="f266.0.mp4"
#EXT-X-PART:DURATION=0.33334,URI="f266.1.mp4",INDEPENDENT=YES
#EXTINF:4.00008,
f266.mp4
#EXT-X-PART:DURATION=0.33334,URI="f267.0.mp4"
#EXT-X-PRELOAD-HINT:TYPE=PART,URI="f267.1.mp4"
#EXT-X-RENDITION-REPORT:URI="../1M/wait.m3u8",LAST-MSN=266,LAST-PART=1
`},
	{name: "multivariant_rich", text: `#EXTM3U
#EXT-X-VERSION:7
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-CONTENT-STEERING:SERVER-URI="/steering",PATHWAY-ID="CDN-A"
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="English, 5.1",LANGUAGE="en",ASSOC-LANGUAGE="de",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="6",URI="a/en.m3u8",BIT-DEPTH=16
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="English, 5.1",LANGUAGE="en",DEFAULT=NO,URI="b/en.m3u8"
#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="s",NAME="Deutsch",LANGUAGE="de",FORCED="YES",AUTOSELECT=YES,CHARACTERISTICS="public.accessibility.describes-music-and-sound",URI="s/de.m3u8"
#EXT-X-MEDIA:TYPE=CLOSED-CAPTIONS,GROUP-ID="cc",NAME="CC1",INSTREAM-ID="SERVICE1"
#EXT-X-STREAM-INF:PROGRAM-ID=1,BANDWIDTH=5000000000,AVERAGE-BANDWIDTH=4000000000,CODECS="hvc1.2.4.L153.b0,mp4a.40.2",RESOLUTION=3840X2160,FRAME-RATE=59.9400599,HDCP-LEVEL=TYPE-1,VIDEO-RANGE=PQ,AUDIO="a",SUBTITLES="s",CLOSED-CAPTIONS="cc",SCORE=9.50,STABLE-VARIANT-ID="x",REQ-VIDEO-LAYOUT="CH-STEREO"
# a comment in between
uhd.m3u8?token=1
#EXT-X-STREAM-INF:BANDWIDTH=800000, CODECS="avc1.64001f", RESOLUTION=640x360, CLOSED-CAPTIONS=NONE, NAME="360p",
sd.m3u8
#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=86000,RESOLUTION=640x360,CODECS="avc1.64001f",URI="sd/iframe.m3u8"
#EXT-X-SESSION-KEY:METHOD=AES-128,URI="k"
`},
}

// badCases are refused: nothing is left of them.
var badCases = []playlistCase{
	{"empty", "", 1, "empty"},
	{"only_blank_lines", "\n\r\n  \n", 3, "empty"},
	{"html", "<!DOCTYPE html>\n<html>", 1, "<!DOCTYPE html>"},
	{"html_inside", mediaHead + "#EXTINF:2,\n<b>502 Bad Gateway</b>\n", 6, "markup"},
	{"json", `{"error":"not found"}`, 1, "not with #EXTM3U"},
	{"head_only", "#EXTM3U\n#EXT-X-VERSION:3\n", 2, "neither"},
	{"plain_m3u", "#EXTM3U\na.ts\n", 2, "neither"},
	{"nul_in_the_only_uri", mediaHead + "#EXTINF:2,\na\x00b\n", 6, "control character 0x00"},
	{"byte_range_bad", mediaHead + "#EXTINF:2,\n#EXT-X-BYTERANGE:x@1\na\n", 7, "BYTERANGE"},
	{"byte_range_empty", mediaHead + "#EXTINF:2,\n#EXT-X-BYTERANGE:0@1\na\n", 7, "empty"},
	{"byte_range_overflow", mediaHead + "#EXTINF:2,\n#EXT-X-BYTERANGE:9223372036854775807@1\na\n", 7, "too large"},
	{"byte_range_no_offset", mediaHead + "#EXTINF:2,\n#EXT-X-BYTERANGE:5\na\n", 7, "without an offset"},
	{"variant_without_uri", "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n", 2, "without a URI"},
	{"rendition_no_type", "#EXTM3U\n#EXT-X-MEDIA:GROUP-ID=\"a\"\n", 2, "no TYPE"},
	{"rendition_no_group", "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO\n", 2, "no GROUP-ID"},
	{"iframes_no_uri", "#EXTM3U\n#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1\n", 2, "no URI"},
	{"flood_in_error", mediaHead + "#EXTINF:2,\n<" + strings.Repeat("x", 5000) + ">\n", 6, `xxx"...`},
}

// ffmpegCases are what ffmpeg 5.1.9 wrote with its hls and dash muxers.
func ffmpegCases(t testing.TB) []playlistCase {
	t.Helper()
	files, err := filepath.Glob("testdata/ffmpeg/*.m3u8")
	if err != nil || len(files) == 0 {
		t.Fatalf("no playlists of ffmpeg: %v", err)
	}
	var cases []playlistCase
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := "ffmpeg_" + strings.TrimSuffix(filepath.Base(file), ".m3u8")
		cases = append(cases, playlistCase{name: name, text: string(text)})
	}
	return cases
}
