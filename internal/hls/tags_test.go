package hls

import (
	"slices"
	"strings"
	"testing"
)

// sample is a line with the tag that can be read.
func (t *tag) sample() string {
	switch t.name {
	case tagInf:
		return tagInf + ":6,"
	case tagVersion, tagTargetDuration, tagMediaSequence, tagDiscontinuitySequence:
		return t.name + ":6"
	case tagPlaylistType:
		return t.name + ":EVENT"
	case tagByteRange:
		return t.name + ":9@0"
	case tagKey:
		return t.name + `:METHOD=AES-128,URI="k"`
	case tagMap:
		return t.name + `:URI="i"`
	case tagProgramDateTime:
		return t.name + ":2026-11-23T05:00:00.000Z"
	case tagM3U, tagIndependentSegments, tagDiscontinuity, tagGap, tagEndList, tagIFramesOnly:
		return t.name
	case tagStreamInf:
		return t.name + ":BANDWIDTH=1\nv.m3u8"
	case tagIFrameStreamInf:
		return t.name + `:BANDWIDTH=1,URI="i.m3u8"`
	case tagMedia:
		return t.name + `:TYPE=AUDIO,GROUP-ID="a",NAME="n",DEFAULT=NO`
	case tagSkip:
		return t.name + ":SKIPPED-SEGMENTS=3"
	}
	return t.name + `:ID="1"`
}

// TestTable: every tag that is known can be read and written, and whether it goes
// on to viewers is said by the same row.
func TestTable(t *testing.T) {
	seen := map[string]bool{}
	for i := range tags {
		row := &tags[i]
		t.Run(row.name[1:], func(t *testing.T) {
			if seen[row.name] || !strings.HasPrefix(row.name, "#EXT") {
				t.Error("is there twice, or no tag")
			}
			seen[row.name] = true
			if row.carried && (row.level != levelSegment || row.modelled) || row.cue && !row.carried {
				t.Error("only lines of segments are carried, and only what is carried is a cue")
			}
			line := row.sample()
			text := mediaHead + line + "\n#EXTINF:6,\na.ts\n"
			switch {
			case row.level == levelMultivariant:
				text = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=2\nw.m3u8\n" + line + "\n"
			case row.name == tagInf, row.name == tagM3U:
				text = mediaHead + "#EXTINF:6,\na.ts\n"
			}
			p, err := Parse([]byte(text), Limits{})
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range p.Notes {
				if n.Subject != tagMediaSequence[1:] { // the head has another one
					t.Errorf("note %+v", n)
				}
			}
			out := string(checkRoundTrip(t, p))
			written, _, _ := strings.Cut(line, "\n")
			if row.name != tagSkip && row.name != tagVersion && row.name != tagMediaSequence && row.name != tagInf && !strings.Contains(out, written) {
				t.Errorf("%s is not in\n%s", written, out)
			}
			carried, cue := Carried(line)
			if carried != row.carried || cue != row.cue {
				t.Errorf("carried %v, cue %v", carried, cue)
			}
			if p.Media != nil && row.level == levelSegment && !row.modelled && !slices.Contains(p.Media.Segments[0].Tags, line) {
				t.Errorf("tags %q", p.Media.Segments[0].Tags)
			}
		})
	}
	if _, cue := Carried(`#EXT-X-DATERANGE:ID="x",SCTE35-OUT=0xFC`); !cue {
		t.Error("a date range that begins a break is no cue")
	}
}
