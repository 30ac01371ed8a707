package hls

import (
	"testing"
	"time"
)

// However it is cut, a playlist in pieces is the one that is rendered at once.
func TestPiecesMakeThePlaylist(t *testing.T) {
	m := window(12)
	m.EndList, m.PlaylistType, m.Tags = true, VOD, []string{"#EXT-X-I-FRAMES-ONLY"}
	other := &Map{URI: "other.mp4"}
	for i := range m.Segments {
		s := &m.Segments[i]
		s.Discontinuity = i == 5
		s.Gap = i == 0 || i == 3
		switch {
		case s.Gap:
			s.Map = nil
		case i > 6:
			s.Map = other
		}
		if i%4 == 1 {
			s.Tags = []string{"#EXT-X-CUE-OUT:30", "#EXT-X-TARGETDURATION-OF-SOMETHING:1"}
			s.ByteRange = &ByteRange{Length: 100, Offset: 188}
			s.Duration = 1500 * time.Millisecond
		}
	}
	want := mustEncode(t, m)
	for cut := range len(m.Segments) + 1 {
		var inForce *Map
		for _, s := range m.Segments[:cut] {
			if s.Map != nil {
				inForce = s.Map
			}
		}
		first, f, err := EncodeSegments(m.Segments[:cut], nil)
		if err != nil {
			t.Fatal(err)
		}
		second, g, err := EncodeSegments(m.Segments[cut:], inForce)
		if err != nil {
			t.Fatal(err)
		}
		head, err := EncodeHead(m, f.With(g))
		if err != nil {
			t.Fatal(err)
		}
		if got := string(head) + string(first) + string(second) + EndList; got != want {
			t.Errorf("cut at %d: got\n%s\nwant\n%s", cut, got, want)
		}
	}
	if _, _, err := EncodeSegments([]Segment{{URI: "a.ts"}}, other); err == nil {
		t.Error("EXT-X-MAP is taken back")
	}
}
