package hls

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// checkNewest compares the newest part of a playlist with the end of the whole.
func checkNewest(t *testing.T, text []byte, most int) {
	t.Helper()
	all, err := Parse(text, Limits{Segments: 1 << 30})
	if err != nil || all.Media == nil {
		return
	}
	part, err := Parse(text, Limits{Segments: most})
	whole := all.Media
	if err != nil {
		// Nothing of the newest part can be served.
		if !slices.ContainsFunc(whole.Segments, func(s Segment) bool { return s.Fault != "" }) {
			t.Fatalf("of the newest %d: %v", most, err)
		}
		return
	}
	got := part.Media
	left := len(whole.Segments) - len(got.Segments)
	if left < 0 || len(got.Segments) >= 2*most {
		t.Fatalf("%d segments of %d, at most %d", len(got.Segments), len(whole.Segments), most)
	}
	want := *whole
	want.MediaSequence += uint64(left)
	want.Segments = append([]Segment(nil), whole.Segments[left:]...)
	var date time.Time
	for _, s := range whole.Segments[:left] {
		if s.Discontinuity {
			want.DiscontinuitySequence += 1 + uint64(s.Further)
			date = time.Time{}
		}
		if !s.ProgramDateTime.IsZero() {
			date = s.ProgramDateTime
		}
		if !date.IsZero() {
			date = date.Add(s.Duration)
		}
	}
	if left > 0 && len(want.Segments) > 0 {
		if first := &want.Segments[0]; first.ProgramDateTime.IsZero() && !first.Discontinuity {
			first.ProgramDateTime = date
		}
	}
	if len(want.Segments) == 0 {
		want.Segments = got.Segments
	}
	if !reflect.DeepEqual(*got, want) {
		t.Fatalf("the newest %d of\n%s\nare\n%+v\nand not\n%+v", most, text, *got, want)
	}
}

// FuzzNewest: what is passed over changes nothing of what is kept.
func FuzzNewest(f *testing.F) {
	for _, cases := range [][]playlistCase{goodCases, badCases, oddCases, ffmpegCases(f)} {
		for _, c := range cases {
			f.Add([]byte(c.text), uint8(1))
		}
	}
	for _, most := range []uint8{1, 2, 7} {
		f.Add([]byte(dayOf(40)), most)
		f.Add([]byte(strings.ReplaceAll(dayOf(40), "\n", "\r\n")), most)
	}
	f.Fuzz(func(t *testing.T, text []byte, most uint8) {
		checkNewest(t, text, max(int(most), 1))
	})
}

// dayOf is a playlist with everything that may stand between entries.
func dayOf(entries int) string {
	var b strings.Builder
	b.WriteString("#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-PLAYLIST-TYPE:EVENT\n#EXT-X-MEDIA-SEQUENCE:7\n#EXT-X-MAP:URI=\"a.mp4\"\n")
	at := time.Date(2026, 2, 27, 23, 59, 0, 0, time.UTC)
	for i := range entries {
		switch i % 13 {
		case 2, 3:
			b.WriteString("#EXT-X-DISCONTINUITY\n")
		case 4:
			fmt.Fprintf(&b, "#EXT-X-MAP:URI=\"b%d.mp4\"\n", i)
		case 5:
			b.WriteString("#EXT-X-CUE-OUT:30\n# a comment\n\n")
		case 6:
			b.WriteString("#EXT-X-BYTERANGE:100@0\n")
		case 7:
			b.WriteString("#EXT-X-PROGRAM-DATE-TIME:2026-02-30T00:00:00.000Z\n")
		case 8:
			b.WriteString("#EXT-X-GAP\n#EXT-X-TARGETDURATION:2\n")
		case 9:
			b.WriteString("#EXTINF:2,\n") // without a URI
		case 10:
			b.WriteString("#EXT-X-KEY:METHOD=NONE\n#EXT-X-START:TIME-OFFSET=1\n")
		}
		if i%4 != 3 {
			fmt.Fprintf(&b, "#EXT-X-PROGRAM-DATE-TIME:%s\n", at.Format("2006-01-02T15:04:05.000Z"))
		}
		at = at.Add(2 * time.Second)
		fmt.Fprintf(&b, "#EXTINF:%s\nseg%d.m4s\n", []string{"2,", "2.002000,", "1.92,title", "2", "1,920,", "1e0,", "-1,"}[i%7], i)
	}
	return b.String()
}

func TestNewestIsTheEndOfTheWhole(t *testing.T) {
	for entries := 1; entries < 60; entries++ {
		for most := 1; most < 30; most++ {
			checkNewest(t, []byte(dayOf(entries)), most)
		}
	}
	day := []byte(mustEncode(t, window(5_000)))
	for _, most := range []int{1, 100, 2_048, 4_999, 5_000, 5_001} {
		checkNewest(t, day, most)
	}
}

// What makes a line odd is found by eight bytes at a time as by one.
func TestPlainText(t *testing.T) {
	for at := range 20 {
		for c := range 256 {
			text := []byte(strings.Repeat("a\r\n", 7))[:20]
			text[at] = byte(c)
			want := c == '\n' || c == '\r' || c >= 0x20 && c < 0x7f
			if got := plainText(string(text)); got != want {
				t.Fatalf("%q: %t", text, got)
			}
		}
	}
}
