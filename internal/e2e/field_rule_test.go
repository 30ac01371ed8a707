package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/hls"
	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
)

// push sends a segment to an input, and the playlist that lists the last five.
func push(t *testing.T, o *origin, input, playlist string, number int, media []byte, extinf string) {
	t.Helper()
	mustUpload(t, o, fmt.Sprintf("/in/sports/%s/%s-%d.ts", input, playlist, number), media)
	mustUpload(t, o, fmt.Sprintf("/in/sports/%s/%s.m3u8", input, playlist), []byte(listOf(playlist, number, extinf)))
}

// listOf lists five segments up to a number, the newest one with another length.
func listOf(playlist string, last int, extinf string) string {
	first := max(0, last-4)
	text := fmt.Sprintf("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:%d\n", first)
	for i := first; i <= last; i++ {
		length := "1.92"
		if i == last {
			length = extinf
		}
		text += fmt.Sprintf("#EXTINF:%s,\n%s-%d.ts\n", length, playlist, i)
	}
	return text
}

// playlists are the media playlists of the endpoint, in the order of its multivariant
// playlist: variants, then renditions.
func playlists(t *testing.T, o *origin) (list []*hls.MediaPlaylist, texts []string) {
	t.Helper()
	p, err := hls.Parse(get(t, o.url("/fast/sports/index.m3u8")), hls.DefaultLimits)
	if err != nil || p.Multivariant == nil {
		t.Fatal("no multivariant playlist", err)
	}
	var uris []string
	for _, v := range p.Multivariant.Variants {
		uris = append(uris, v.URI)
	}
	for _, r := range p.Multivariant.Renditions {
		uris = append(uris, r.URI)
	}
	for _, uri := range uris {
		text := get(t, o.url("/fast/sports/"+uri))
		m, err := hls.Parse(text, hls.DefaultLimits)
		if err != nil || m.Media == nil {
			t.Fatal(uri, err)
		}
		list, texts = append(list, m.Media), append(texts, string(text))
	}
	return list, texts
}

// TestTextDoesNotRuleThePicture: subtitles in segments of 6 s, and of a minute, beside a
// picture in segments of 1.92 s. The picture is as short and as early as without them, and
// the cues are shown.
func TestTextDoesNotRuleThePicture(t *testing.T) {
	t.Parallel()
	_, media := testmedia.Segments(t, "24")
	for name, length := range map[string]time.Duration{"of 6 s": 6 * time.Second, "of a minute": time.Minute} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := startOrigin(t, oneEndpoint)
			mustUpload(t, o, "/in/sports/a/master.m3u8", []byte("#EXTM3U\n"+
				"#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"subs\",NAME=\"English\",DEFAULT=YES,URI=\"text.m3u8\"\n"+
				"#EXT-X-STREAM-INF:BANDWIDTH=500000,SUBTITLES=\"subs\"\npicture.m3u8\n"))
			sent := 0
			for n := range 11 {
				push(t, o, "a", "picture", n, media[n], "1.92")
				// Text comes when the time is over that it is for; that of a minute at once.
				if over := time.Duration(n+1) * segmentTime / length; int(over) > sent || length > 30*time.Second && sent == 0 {
					mustUpload(t, o, fmt.Sprintf("/in/sports/a/text-%d.vtt", sent),
						fmt.Appendf(nil, "WEBVTT\n\n00:00:%02d.000 --> 00:00:%02d.500\ncue %d\n", 6*sent, 6*sent+2, sent))
					text := fmt.Sprintf("#EXTM3U\n#EXT-X-TARGETDURATION:%d\n#EXT-X-MEDIA-SEQUENCE:0\n", int(length.Seconds()))
					for i := range sent + 1 {
						text += fmt.Sprintf("#EXTINF:%d,\ntext-%d.vtt\n", int(length.Seconds()), i)
					}
					mustUpload(t, o, "/in/sports/a/text.m3u8", []byte(text))
					sent++
				}
				time.Sleep(segmentTime)
			}
			list, texts := playlists(t, o)
			if list[0].TargetDuration != 2 || len(list[0].Segments) < 10 {
				t.Errorf("not the picture alone:\n%s", texts[0])
			}
			if len(list) != 2 || len(list[1].Segments) != len(list[0].Segments) {
				t.Fatalf("text is not in step with the picture:\n%s", strings.Join(texts, "\n"))
			}
			cues := ""
			for _, s := range list[1].Segments {
				if !s.Gap {
					cues += string(get(t, o.url("/fast/sports/"+s.URI)))
				}
			}
			for i := range sent {
				if n := strings.Count(cues, fmt.Sprintf("cue %d\n", i)); n != 1 {
					t.Errorf("cue %d is given %d times", i, n)
				}
			}
		})
	}
}

// TestTwoEncodersOnOneInput: a second programme is pushed to the same input, under the
// same names with the same numbers, and with numbers 500 apart. That is told, and viewers
// stay with the other input.
func TestTwoEncodersOnOneInput(t *testing.T) {
	t.Parallel()
	_, media := testmedia.Segments(t, "26")
	other := made(t, append([]string{"-f", "lavfi", "-i", "testsrc=size=320x180:rate=25", "-t", "26", "-c:v", "libx264",
		"-preset", "ultrafast", "-g", "48", "-sc_threshold", "0", "-output_ts_offset", "5000"},
		"-f", "hls", "-hls_time", testmedia.SegmentSeconds, "-hls_list_size", "0", "-hls_segment_filename", "x%d.ts", "live.m3u8")...)
	for name, ahead := range map[string]int{"the same numbers": 0, "numbers 500 apart": 500} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := startOrigin(t, oneEndpoint)
			for n := range 12 {
				push(t, o, "b", "live", n, media[n], "1.92")
				push(t, o, "a", "live", n, media[n], "1.92")
				if n > 2 {
					push(t, o, "a", "live", n-3+ahead, other[fmt.Sprintf("x%d.ts", n-3)], "1.92")
				}
				time.Sleep(segmentTime)
			}
			if e := warned(t, o, "noticed", "two_writers"); e["input"] != "a" {
				t.Errorf("warning %v", e)
			}
			list, texts := playlists(t, o)
			tail := list[0].Segments[max(0, len(list[0].Segments)-4):]
			for _, s := range tail {
				if s.Discontinuity || s.Gap {
					t.Fatalf("viewers are not with the other input:\n%s", texts[0])
				}
			}
		})
	}
}

// TestClaimsAreMeasured: the newest entry says EXTINF:0, as it has just begun, or ten
// minutes. No slot is due before it can be there, and no length is believed.
func TestClaimsAreMeasured(t *testing.T) {
	t.Parallel()
	_, media := testmedia.Segments(t, "16")
	for _, extinf := range []string{"0", "600", "0.001"} {
		t.Run(extinf, func(t *testing.T) {
			t.Parallel()
			o := startOrigin(t, strings.Replace(oneEndpoint, "segment_duration 2s", "segment_duration 2s\n\t\t\t\ton_input_loss gap", 1))
			for n := range 7 {
				// Listed when it begins, sent when it is over.
				mustUpload(t, o, "/in/sports/a/live.m3u8", []byte(listOf("live", n, extinf)))
				time.Sleep(segmentTime)
				mustUpload(t, o, fmt.Sprintf("/in/sports/a/live-%d.ts", n), media[n])
			}
			time.Sleep(200 * time.Millisecond)
			list, texts := playlists(t, o)
			if list[0].TargetDuration != 2 {
				t.Errorf("the claim is believed:\n%s", texts[0])
			}
			for _, s := range list[0].Segments {
				if s.Gap || s.Discontinuity {
					t.Fatalf("a slot was due too early:\n%s", texts[0])
				}
			}
		})
	}
}
