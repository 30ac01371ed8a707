package hls

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// window makes a live playlist as the origin publishes it.
func window(segments int) *MediaPlaylist {
	m := &MediaPlaylist{
		TargetDuration:        6,
		MediaSequence:         1795414344,
		DiscontinuitySequence: 4,
		IndependentSegments:   true,
		Segments:              make([]Segment, segments),
	}
	start := time.Date(2026, 11, 23, 5, 0, 0, 0, time.UTC)
	init := &Map{URI: "init-8c21f0.mp4"}
	for i := range m.Segments {
		duration := 6*time.Second + 6*time.Millisecond + 6006*time.Nanosecond
		m.Segments[i] = Segment{
			URI:             fmt.Sprintf("v0/%d-1f00c2.m4s", m.MediaSequence+uint64(i)),
			Duration:        duration,
			ProgramDateTime: start.Add(time.Duration(i) * duration),
			Map:             init,
		}
	}
	return m
}

func mustEncode(t testing.TB, m *MediaPlaylist) string {
	t.Helper()
	text, err := EncodeMedia(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestLibraryTraps has one test for each known fault of grafov/m3u8 that the
// writer has to go around.
func TestLibraryTraps(t *testing.T) {
	t.Run("all segments of a long window, in order", func(t *testing.T) {
		m := window(43_200)
		got := parseMedia(t, mustEncode(t, m))
		if len(got.Segments) != len(m.Segments) {
			t.Fatalf("%d segments", len(got.Segments))
		}
		for i := range m.Segments {
			if got.Segments[i].URI != m.Segments[i].URI {
				t.Fatalf("segment %d is %s", i, got.Segments[i].URI)
			}
		}
	})
	t.Run("an empty window does not panic", func(t *testing.T) {
		if text := mustEncode(t, window(0)); !strings.Contains(text, "#EXT-X-MEDIA-SEQUENCE:1795414344\n") {
			t.Error(text)
		}
	})
	t.Run("target duration is not raised", func(t *testing.T) {
		m := window(3)
		m.Segments[1].Duration = 6499 * time.Millisecond
		if text := mustEncode(t, m); !strings.Contains(text, "#EXT-X-TARGETDURATION:6\n") {
			t.Error(text)
		}
	})
	t.Run("durations do not drift", func(t *testing.T) {
		m := window(7_200)
		random := rand.New(rand.NewPCG(1, 2))
		var want, got time.Duration
		for i := range m.Segments {
			m.Segments[i].Duration = time.Duration(random.Int64N(int64(8 * time.Second)))
			want += m.Segments[i].Duration
		}
		for _, segment := range parseMedia(t, mustEncode(t, m)).Segments {
			got += segment.Duration
		}
		if got != want {
			t.Errorf("sum %v, want %v", got, want)
		}
	})
	t.Run("durations in place", func(t *testing.T) {
		m := window(2)
		m.Segments[0].Title = zeroInf
		m.Segments[0].Tags = []string{"# " + zeroInf}
		m.Segments[1].URI = "x" + zeroInf
		m.Segments[1].Duration = time.Second
		checkRoundTrip(t, Playlist{Media: m})
	})
	t.Run("discontinuity sequence 0 is written", func(t *testing.T) {
		m := window(1)
		m.DiscontinuitySequence = 0
		if text := mustEncode(t, m); !strings.Contains(text, "#EXT-X-DISCONTINUITY-SEQUENCE:0\n") {
			t.Error(text)
		}
	})
	t.Run("every map is written", func(t *testing.T) {
		m := window(5)
		other := &Map{URI: "init-other.mp4"}
		m.Segments[2].Map, m.Segments[3].Map, m.Segments[4].Map = other, other, other
		m.Segments[2].Discontinuity = true
		m.Segments[4].Discontinuity = true
		text := mustEncode(t, m)
		if strings.Count(text, "init-8c21f0") != 1 || strings.Count(text, "init-other") != 2 {
			t.Error(text)
		}
		m.Segments = m.Segments[1:] // slid: the map in force moves into the head
		if again := mustEncode(t, m); strings.Index(again, "init-8c21f0") > strings.Index(again, "EXTINF") || !strings.Contains(again, "init-8c21f0") {
			t.Error(again)
		}
	})
	t.Run("two tags of one name, and the order of tags", func(t *testing.T) {
		m := window(1)
		for i := range 50 {
			m.Tags = append(m.Tags, fmt.Sprintf("#EXT-X-START:%d", i))
			m.Segments[0].Tags = append(m.Segments[0].Tags, fmt.Sprintf("#EXT-X-DATERANGE:ID=\"%d\"", i), fmt.Sprintf("#X%d", i))
		}
		checkRoundTrip(t, Playlist{Media: m})
	})
	t.Run("dates keep their milliseconds", func(t *testing.T) {
		m := window(1)
		m.Segments[0].ProgramDateTime = time.Date(2026, 11, 23, 6, 0, 0, 0, time.FixedZone("", 3600))
		if text := mustEncode(t, m); !strings.Contains(text, "#EXT-X-PROGRAM-DATE-TIME:2026-11-23T05:00:00.000Z\n") {
			t.Error(text)
		}
	})
	t.Run("EVENT brings no ALLOW-CACHE", func(t *testing.T) {
		m := window(1)
		m.PlaylistType = Event
		if text := mustEncode(t, m); strings.Contains(text, "ALLOW-CACHE") || !strings.Contains(text, "#EXT-X-PLAYLIST-TYPE:EVENT\n") {
			t.Error(text)
		}
	})
	t.Run("the result is not a shared buffer", func(t *testing.T) {
		m := window(2)
		first, _ := EncodeMedia(m)
		was := string(first)
		m.Segments[0].URI = "another"
		if _, err := EncodeMedia(m); err != nil || string(first) != was {
			t.Error("changed afterwards")
		}
	})
	t.Run("multivariant: no PROGRAM-ID, 64-bit BANDWIDTH, equal renditions", func(t *testing.T) {
		m := &MultivariantPlaylist{
			Variants:   []Variant{{URI: "a", Bandwidth: 1 << 40}},
			Renditions: []Rendition{{Type: "AUDIO", GroupID: "a", URI: "1"}, {Type: "AUDIO", GroupID: "a", URI: "2"}},
		}
		text := string(checkRoundTrip(t, Playlist{Multivariant: m}))
		if strings.Contains(text, "PROGRAM-ID") || strings.Contains(text, "DEFAULT=YES") {
			t.Error(text)
		}
	})
}

func TestEncodeGapWithoutMap(t *testing.T) {
	m := window(4)
	m.Segments[0].Map, m.Segments[0].Gap = nil, true
	m.Segments[2].Map, m.Segments[2].Gap = nil, true
	text := mustEncode(t, m)
	if strings.Count(text, tagMap) != 1 || strings.Count(text, tagGap) != 2 {
		t.Error(text)
	}
}

// TestEncodeRefused makes sure that no value becomes a line of its own.
func TestEncodeRefused(t *testing.T) {
	for name, damage := range map[string]func(*MediaPlaylist, *Segment){
		"URI empty":             func(_ *MediaPlaylist, s *Segment) { s.URI = "" },
		"URI with a line break": func(_ *MediaPlaylist, s *Segment) { s.URI = "a\n#EXT-X-ENDLIST" },
		"URI like a tag":        func(_ *MediaPlaylist, s *Segment) { s.URI = "#a" },
		"URI with blanks":       func(_ *MediaPlaylist, s *Segment) { s.URI = " a" },
		"title with line break": func(_ *MediaPlaylist, s *Segment) { s.Title = "a\r\nb" },
		"negative duration":     func(_ *MediaPlaylist, s *Segment) { s.Duration = -1 },
		"long duration":         func(_ *MediaPlaylist, s *Segment) { s.Duration = 25 * time.Hour },
		"tag with line break":   func(_ *MediaPlaylist, s *Segment) { s.Tags = []string{"#a\nb"} },
		"tag without #":         func(_ *MediaPlaylist, s *Segment) { s.Tags = []string{"a"} },
		"tag with a field":      func(_ *MediaPlaylist, s *Segment) { s.Tags = []string{"#EXTINF:1,"} },
		"tag of a playlist":     func(_ *MediaPlaylist, s *Segment) { s.Tags = []string{"#EXT-X-START:X=1"} },
		"map without URI":       func(_ *MediaPlaylist, s *Segment) { s.Map = &Map{} },
		"map with quote":        func(_ *MediaPlaylist, s *Segment) { s.Map = &Map{URI: `a"b`} },
		"map attribute repeated": func(_ *MediaPlaylist, s *Segment) {
			s.Map = &Map{URI: "a", Attributes: []Attribute{{Name: "URI", Value: "b"}}}
		},
		"map attribute value": func(_ *MediaPlaylist, s *Segment) {
			s.Map = &Map{URI: "a", Attributes: []Attribute{{Name: "X", Value: "b,c"}}}
		},
		"no map any more": func(_ *MediaPlaylist, s *Segment) { s.Map = nil },
		"byte range":      func(_ *MediaPlaylist, s *Segment) { s.ByteRange = &ByteRange{} },
		"key":             func(_ *MediaPlaylist, s *Segment) { s.Keys = []*Key{{Method: "NONE"}} },
		"year":            func(_ *MediaPlaylist, s *Segment) { s.ProgramDateTime = time.Date(20000, 1, 1, 0, 0, 0, 0, time.UTC) },
		"target duration": func(m *MediaPlaylist, _ *Segment) { m.TargetDuration = -1 },
		"sequence":        func(m *MediaPlaylist, _ *Segment) { m.MediaSequence = 1 << 63 },
		"type":            func(m *MediaPlaylist, _ *Segment) { m.PlaylistType = "LIVE" },
		"playlist tag":    func(m *MediaPlaylist, _ *Segment) { m.Tags = []string{"#EXT-X-DATERANGE:ID=\"a\""} },
		"trailing line":   func(m *MediaPlaylist, _ *Segment) { m.Trailing = []string{"a"} },
	} {
		m := window(3)
		damage(m, &m.Segments[1])
		if text, err := EncodeMedia(m); err == nil || text != nil {
			t.Errorf("%s: %s", name, text)
		}
	}
	for name, m := range map[string]*MultivariantPlaylist{
		"empty":         {},
		"no URI":        {Variants: []Variant{{Bandwidth: 1}}},
		"quote":         {Variants: []Variant{{URI: "a", Codecs: `"`}}},
		"line break":    {Variants: []Variant{{URI: "a", Audio: "a\nb"}}},
		"frame rate":    {Variants: []Variant{{URI: "a", FrameRate: -1}}},
		"enumerated":    {Variants: []Variant{{URI: "a", VideoRange: "A,B"}}},
		"repeated":      {Variants: []Variant{{URI: "a", Attributes: []Attribute{{Name: "BANDWIDTH", Value: "1"}}}}},
		"no type":       {Renditions: []Rendition{{GroupID: "a"}}},
		"no group":      {Renditions: []Rendition{{Type: "AUDIO"}}},
		"I-frames":      {IFrames: []Variant{{}}},
		"tag":           {Tags: []string{"a"}},
		"tag of others": {Tags: []string{"#EXT-X-TARGETDURATION:1"}},
	} {
		if text, err := EncodeMultivariant(m); err == nil || text != nil {
			t.Errorf("%s: %s", name, text)
		}
	}
}
