package output_test

import (
	"encoding/xml"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/media"
	"github.com/liveorigin/caddy-live-origin/internal/output"
)

// The manifest of another protocol, in the form of DASH: what it would take to list the
// slots of a view in another way. It is only a test: it knows no more than the package
// exports, and nothing outside this file knows of it.
type mpd struct {
	XMLName xml.Name `xml:"MPD"`
	Type    string   `xml:"type,attr"`
	Periods []period `xml:"Period"`
}

// period is what is listed between two discontinuities.
type period struct {
	ID              string           `xml:"id,attr"`
	Start           string           `xml:"start,attr"`
	Representations []representation `xml:"AdaptationSet>Representation"`
}

type representation struct {
	ID       string  `xml:"id,attr"`
	MimeType string  `xml:"mimeType,attr"`
	Codecs   string  `xml:"codecs,attr"`
	Init     *source `xml:"SegmentList>Initialization,omitempty"`
	Segments []entry `xml:"SegmentList>SegmentURL"`
}

type source struct {
	URL string `xml:"sourceURL,attr"`
}

type entry struct {
	Media    string `xml:"media,attr"`
	Duration int64  `xml:"duration,attr"` // in 90 kHz
}

// manifest lists what the live playlists list.
func manifest(v *output.View) mpd {
	m := mpd{Type: "dynamic"}
	for _, s := range v.Listed() {
		if len(m.Periods) == 0 || s.Discontinuity {
			m.Periods = append(m.Periods, period{ID: fmt.Sprint(s.DiscontinuityNumber), Start: s.Start.Time().UTC().Format(time.RFC3339)})
		}
		p := &m.Periods[len(m.Periods)-1]
		for i := range s.Renditions {
			p.add(v, s, &s.Renditions[i])
		}
	}
	return m
}

func (p *period) add(v *output.View, s *output.Slot, r *output.Rendition) {
	if len(r.Parts) == 0 {
		return // nothing to play: a hole in the timeline
	}
	var to *representation
	for i := range p.Representations {
		if p.Representations[i].ID == r.ID {
			to = &p.Representations[i]
		}
	}
	if to == nil {
		p.Representations = append(p.Representations, representation{ID: r.ID, MimeType: r.Format.ContentType, Codecs: r.Format.Codecs})
		to = &p.Representations[len(p.Representations)-1]
		if r.Map != nil {
			to.Init = &source{URL: r.Map.Name}
		}
	}
	to.Segments = append(to.Segments, entry{Media: v.URI(s, r), Duration: int64(r.Duration)})
}

func TestAnotherProtocolReadsTheSameView(t *testing.T) {
	w := output.New(output.Config{PlaylistWindow: 6 * time.Second, ManifestName: "index"}, nil, func(err error) { t.Error(err) })
	w.SetEpoch("epoch")
	for i := range 5 {
		start := failover.Ticks(1_000_000+2*i) * failover.ClockRate
		s := &output.Slot{MSN: uint64(100 + i), Start: start, End: start + 2*failover.ClockRate, TargetDuration: 2, Published: time.Now()}
		if s.Discontinuity = i == 3; i >= 3 {
			s.DiscontinuityNumber = 1
		}
		for _, path := range []string{"video.m3u8", "audio.m3u8"} {
			r := output.Rendition{ID: output.RenditionID(path), Path: path, Duration: 2 * failover.ClockRate}
			info := &media.Info{Format: media.FormatMP4, Tracks: []media.Track{{Kind: media.Video, Codec: "avc1.64001f"}}}
			if path == "audio.m3u8" {
				info.Tracks = []media.Track{{Kind: media.Audio, Codec: "mp4a.40.2"}}
			}
			if i != 4 || path != "audio.m3u8" {
				r.Parts, r.Size = []output.Part{{Key: fmt.Sprint(path, i), Size: 1000}}, 1000
				r.Map = &output.Section{Name: r.ID + "/epoch-init.mp4", Part: output.Part{Key: "init", Size: 10}}
			}
			r.Format = w.FormatOf(r.ID, info)
			s.Renditions = append(s.Renditions, r)
		}
		w.Add(s)
	}
	w.Render(nil)
	w.Show(w.Latest())
	v := w.View()
	text, err := xml.MarshalIndent(manifest(v), "", " ")
	if err != nil {
		t.Fatal(err)
	}
	video, audio := output.RenditionID("video.m3u8"), output.RenditionID("audio.m3u8")
	want := `<MPD type="dynamic">
 <Period id="0" start="1970-01-12T13:46:44Z">
  <AdaptationSet>
   <Representation id="VIDEO" mimeType="video/mp4" codecs="avc1.64001f">
    <SegmentList>
     <Initialization sourceURL="VIDEO/epoch-init.mp4"></Initialization>
     <SegmentURL media="VIDEO/epoch-102.m4s" duration="180000"></SegmentURL>
    </SegmentList>
   </Representation>
   <Representation id="AUDIO" mimeType="audio/mp4" codecs="mp4a.40.2">
    <SegmentList>
     <Initialization sourceURL="AUDIO/epoch-init.mp4"></Initialization>
     <SegmentURL media="AUDIO/epoch-102.m4s" duration="180000"></SegmentURL>
    </SegmentList>
   </Representation>
  </AdaptationSet>
 </Period>
 <Period id="1" start="1970-01-12T13:46:46Z">
  <AdaptationSet>
   <Representation id="VIDEO" mimeType="video/mp4" codecs="avc1.64001f">
    <SegmentList>
     <Initialization sourceURL="VIDEO/epoch-init.mp4"></Initialization>
     <SegmentURL media="VIDEO/epoch-103.m4s" duration="180000"></SegmentURL>
     <SegmentURL media="VIDEO/epoch-104.m4s" duration="180000"></SegmentURL>
    </SegmentList>
   </Representation>
   <Representation id="AUDIO" mimeType="audio/mp4" codecs="mp4a.40.2">
    <SegmentList>
     <Initialization sourceURL="AUDIO/epoch-init.mp4"></Initialization>
     <SegmentURL media="AUDIO/epoch-103.m4s" duration="180000"></SegmentURL>
    </SegmentList>
   </Representation>
  </AdaptationSet>
 </Period>
</MPD>`
	want = strings.NewReplacer("VIDEO", video, "AUDIO", audio).Replace(want)
	if string(text) != want {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
	// What it lists is served to its viewers under the same names.
	for _, p := range manifest(v).Periods {
		for _, r := range p.Representations {
			for _, s := range append(r.Segments, entry{Media: r.Init.URL}) {
				if v.Segment(s.Media) == nil {
					t.Errorf("%s is not served", s.Media)
				}
			}
		}
	}
}
