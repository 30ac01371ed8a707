package channel

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/media"
	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
)

const frame25 = media.ClockRate / 25

// goodSegment is segment n of a run of 2 s segments of a transport stream.
func goodSegment(n, width int) *media.Info {
	start := 126000 + int64(n)*2*media.ClockRate
	end := start + 2*media.ClockRate
	return &media.Info{
		Format: media.FormatTS, Modulus: 1 << 33, Start: start, End: end, FrameDuration: frame25, KeyFrameFirst: true,
		Tracks: []media.Track{
			{
				ID: 0x100, Kind: media.Video, Width: width, Height: width * 9 / 16, Samples: 50, FirstPTS: start, FirstDTS: start,
				LastPTS: end - frame25, LastDTS: end - frame25, End: end, MaxStep: frame25,
				Measure: media.Measure{Bytes: int64(width) * 800, Step: frame25, Steps: 49, Others: 49},
			},
			{
				ID: 0x101, Kind: media.Audio, Samples: 94, FirstPTS: start, FirstDTS: start, LastPTS: end - 1920, LastDTS: end - 1920, End: end,
				MaxStep: 1920, Measure: media.Measure{Bytes: 24_000, Step: 1920, Steps: 9, Others: 94},
			},
		},
	}
}

// lose takes pictures off the beginning of a segment.
func lose(info *media.Info, frames int64) *media.Info {
	info.Start += frames * frame25
	info.Tracks[0].FirstPTS += frames * frame25
	info.Tracks[0].FirstDTS += frames * frame25
	return info
}

// still makes a frozen and silent segment of it.
func still(info *media.Info) *media.Info {
	for i := range info.Tracks {
		m := &info.Tracks[i].Measure
		m.Small, m.Others, m.Still, m.StillTail = info.Tracks[i].Samples, 0, 2*media.ClockRate, 2*media.ClockRate
	}
	info.Tracks[0].Measure.Bytes = 1000
	return info
}

func found(g *media.Graded) string {
	var words []string
	for _, f := range g.Findings {
		words = append(words, string(f.Defect))
	}
	return strings.Join(words, " ")
}

// gradedSender sends segments, and each playlist after its newest segment.
type gradedSender struct {
	in *input
}

func (s *gradedSender) list(playlist string, paths ...string) {
	l := s.in.lists[playlist]
	if l == nil {
		l = &listing{}
		s.in.lists[playlist] = l
	}
	l.recent = append(l.recent, paths...)
	l.recent = slices.Clone(l.recent[max(0, len(l.recent)-5):])
}

func newGradedSender() *gradedSender {
	in := &input{}
	in.lists = map[string]*listing{}
	return &gradedSender{in}
}

// What only a comparison with the segment before shows is found whatever segments are called.
func TestSegmentsAreComparedWhateverTheirNames(t *testing.T) {
	clock := time.Date(2026, 11, 28, 23, 59, 30, 0, time.UTC)
	at := func(n int) time.Time { return clock.Add(time.Duration(n) * 2 * time.Second) }
	for name, path := range map[string]func(n int) string{
		"counted":                        func(n int) string { return fmt.Sprintf("v/seg%d.ts", n) },
		"counted with zeros":             func(n int) string { return fmt.Sprintf("v/%05d.ts", n) },
		"counted in front":               func(n int) string { return fmt.Sprintf("v/%d_720p.ts", n) },
		"counted around":                 func(n int) string { return fmt.Sprintf("v/seg%d.ts", n%12) },
		"by the second":                  func(n int) string { return fmt.Sprintf("v/%d.ts", at(n).Unix()) },
		"by the millisecond":             func(n int) string { return fmt.Sprintf("v/%d.ts", at(n).UnixMilli()+int64(n*n%7)) },
		"by date and time":               func(n int) string { return at(n).Format("v/20060102-150405.ts") },
		"by date and time, all apart":    func(n int) string { return at(n).Format("v/2006-01-02T15-04-05Z_720p.ts") },
		"by time, in folders of minutes": func(n int) string { return at(n).Format("2006/01/02/15/04/05.ts") },
		"some twice":                     func(n int) string { return fmt.Sprintf("v/%d.ts", n*2/3) },
		"by chance":                      func(n int) string { return fmt.Sprintf("v/%x.ts", uint64(n+1)*0x9e3779b97f4a7c15) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newGradedSender()
			for n := range 60 {
				info, want := goodSegment(n, 1280), ""
				switch {
				case n == 20 || n == 41:
					info, want = lose(info, 3), "hole"
				case n >= 30 && n < 35:
					info = still(info)
					want = []string{"", "starved", "starved frozen silent", "starved frozen silent", "starved frozen silent"}[n-30]
				case n == 50:
					info.Tracks[1] = media.Track{ID: 0x101, Kind: media.Audio}
					want = "track_gone"
				}
				if name == "by chance" && (want == "hole" || want == "track_gone") {
					want = "" // nothing proves where it belongs
				}
				if g := s.in.grade(path(n), info); found(g) != want {
					t.Errorf("segment %d, %s: %q, want %q", n, path(n), g.Text(), want)
				}
				s.list("live.m3u8", path(n))
			}
		})
	}
}

// Segments that do not follow each other are not compared, although their names are no help.
func TestSegmentsThatDoNotFollow(t *testing.T) {
	epoch := func(n int) string { return fmt.Sprintf("v/%d.ts", 1790000000+2*n) }
	begin := func(s *gradedSender) {
		for n := range 20 {
			s.in.grade(epoch(n), goodSegment(n, 1280))
			s.list("live.m3u8", epoch(n))
		}
	}
	for name, then := range map[string]func(t *testing.T, s *gradedSender) map[string]*media.Info{
		"one is lost": func(_ *testing.T, s *gradedSender) map[string]*media.Info {
			return map[string]*media.Info{epoch(21): goodSegment(21, 1280)}
		},
		"several at once": func(_ *testing.T, s *gradedSender) map[string]*media.Info {
			all := map[string]*media.Info{}
			for n := 20; n < 24; n++ {
				all[epoch(n)] = goodSegment(n, 1280) // in any order
			}
			return all
		},
		"one comes again": func(_ *testing.T, s *gradedSender) map[string]*media.Info {
			return map[string]*media.Info{epoch(19): goodSegment(19, 1280)}
		},
		"one comes again under another name": func(_ *testing.T, s *gradedSender) map[string]*media.Info {
			return map[string]*media.Info{epoch(20): goodSegment(19, 1280)}
		},
		"another run, with less of everything": func(_ *testing.T, s *gradedSender) map[string]*media.Info {
			all := map[string]*media.Info{}
			for n := range 4 {
				info := goodSegment(n, 1280)
				info.Tracks = info.Tracks[:1]
				info.Tracks[0].Measure.Bytes = 4000
				for _, v := range []*int64{&info.Start, &info.End, &info.Tracks[0].FirstPTS, &info.Tracks[0].LastPTS, &info.Tracks[0].FirstDTS, &info.Tracks[0].LastDTS, &info.Tracks[0].End} {
					*v += 5000 * media.ClockRate
				}
				all[epoch(100+n)] = info
			}
			return all
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newGradedSender()
			begin(s)
			for path, info := range then(t, s) {
				if g := s.in.grade(path, info); found(g) != "" {
					t.Errorf("%s: %s", path, g.Text())
				}
			}
		})
	}
}

// A segment that comes very late is not the first of another run: what is usual stays known.
func TestALateSegmentIsNoOtherRun(t *testing.T) {
	s := newGradedSender()
	for n := range 60 {
		path := fmt.Sprintf("v/%d.ts", n)
		if n == 40 {
			s.in.grade("v/9.ts", goodSegment(9, 1280))
		}
		info, want := goodSegment(n, 1280), ""
		if n == 41 {
			info.Tracks[1] = media.Track{ID: 0x101, Kind: media.Audio}
			want = "track_gone"
		}
		if g := s.in.grade(path, info); found(g) != want {
			t.Errorf("segment %d: %q, want %q", n, g.Text(), want)
		}
		s.list("live.m3u8", path)
	}
}

// A segment that is sent again is no longer silence.
func TestSegmentsSentAgainCountOnce(t *testing.T) {
	path := func(n int) string { return fmt.Sprintf("v/%d.ts", 1790000000+2*n) }
	s := newGradedSender()
	for n := range 22 {
		info := goodSegment(n, 1280)
		if n >= 20 {
			info = still(info)
		}
		for range 3 {
			if g := s.in.grade(path(n), info); strings.Contains(found(g), "frozen") || strings.Contains(found(g), "silent") {
				t.Errorf("segment %d: %s", n, g.Text())
			}
		}
		s.list("live.m3u8", path(n))
	}
}

// Renditions in one folder are told apart by numbers in their names, wherever these are.
func TestRenditionsInOneFolder(t *testing.T) {
	clock := time.Date(2026, 11, 28, 23, 59, 30, 0, time.UTC)
	at := func(n int) time.Time { return clock.Add(time.Duration(n) * 2 * time.Second) }
	for name, path := range map[string]func(width, n int) string{
		"in front":         func(w, n int) string { return fmt.Sprintf("%dp_%d.ts", w, n) },
		"behind":           func(w, n int) string { return fmt.Sprintf("%d_%dp.ts", n, w) },
		"time":             func(w, n int) string { return fmt.Sprintf("%d_%s.ts", w, at(n).Format("20060102-150405")) },
		"time in front":    func(w, n int) string { return fmt.Sprintf("%s-%d.ts", at(n).Format("2006-01-02-15-04-05"), w) },
		"numbered, behind": func(w, n int) string { return fmt.Sprintf("%d_%d.ts", n, w/640) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newGradedSender()
			for n := range 60 {
				for _, width := range []int{1280, 640} {
					info, want := goodSegment(n, width), ""
					if width == 640 { // nothing but pictures, of another size
						info.Tracks, info.Tracks[0].Measure.Bytes = info.Tracks[:1], 20_000
					}
					if n == 40 && width == 1280 {
						info.Tracks[1] = media.Track{ID: 0x101, Kind: media.Audio}
						want = "track_gone"
					}
					if n == 20 {
						info, want = lose(info, 3), "hole"
					}
					if g := s.in.grade(path(width, n), info); found(g) != want {
						t.Errorf("segment %d, %s: %q, want %q", n, path(width, n), g.Text(), want)
					}
				}
				for _, width := range []int{1280, 640} {
					s.list(fmt.Sprintf("%d.m3u8", width), path(width, n))
				}
			}
		})
	}
}

// A segment in which the timestamps step back is missing, and the others are as good as ever.
func TestASegmentThatStepsBackIsMissing(t *testing.T) {
	_, segments := testmedia.Segments(t, "24")
	synctest.Test(t, func(t *testing.T) {
		ch := openChannel(t, testConfig(shortEndpoint()))
		told := faultTracer{}
		ch.Trace(told)
		put := func(path, body string) {
			if _, err := ch.Put(t.Context(), "a", path, strings.NewReader(body), -1); err != nil {
				t.Fatal(err)
			}
		}
		list := "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:0\n"
		const bad = 6
		for n, body := range segments[:10] {
			time.Sleep(segmentTime)
			if n == bad {
				body = append(slices.Clone(body), body...) // the same two seconds twice
			}
			path := fmt.Sprintf("v/%d.ts", n)
			put(path, string(body))
			list += fmt.Sprintf("#EXTINF:1.92,\n%s\n", path)
			put("live.m3u8", list)
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		for n := range 10 {
			path := fmt.Sprintf("v/%d.ts", n)
			if o := told[path]; (o.Fault == failover.ReasonRepeated) != (n == bad) || n != bad && len(o.Media.Defects) > 0 {
				t.Errorf("%s: %q, %v", path, o.Fault, o.Media)
			}
		}
		if s := ch.Status().Inputs[0]; s.Faults[failover.ReasonRepeated] != 1 {
			t.Errorf("faults: %v", s.Faults)
		}
	})
}

// faultTracer collects the objects that the core was told of.
type faultTracer map[string]*failover.Object

func (f faultTracer) Trace(r failover.Record) Following {
	if r.Object != nil {
		f[r.Object.Path] = r.Object
	}
	return Records
}
