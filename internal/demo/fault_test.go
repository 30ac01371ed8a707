package demo

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/liveorigin/caddy-live-origin/internal/media"
	"github.com/liveorigin/caddy-live-origin/internal/needs"
)

// faulty is what an encoder sends from a segment on, with a fault that begins with the
// one numbered at.
func faulty(s *sample, from int64, segments, at int, fault Action) [][]byte {
	var sent [][]byte
	since := from + int64(at)
	for n := from; n < from+int64(segments); n++ {
		if n < since || n >= since+int64(faultLength(fault)) {
			sent = append(sent, s.segment(n))
		} else {
			sent = append(sent, s.spoiled(n, fault, since))
		}
	}
	return sent
}

// The origin finds each fault in the segments that have it, and in no others: also
// where the sample begins anew, and where timestamps do.
func TestTheOriginSeesWhatIsWrong(t *testing.T) {
	s := theSample(t)
	const at = 12 // by then what is usual is known
	for fault, want := range map[Action]map[int]media.Defect{
		"":     {},
		Hole:   {at: media.DefectHole},
		Mute:   {at: media.DefectTrackGone, at + 1: media.DefectTrackGone, at + 2: media.DefectTrackGone},
		Freeze: {at + 2: media.DefectFrozen, at + 3: media.DefectFrozen, at + 4: media.DefectFrozen},
	} {
		for name, from := range map[string]int64{"today": today, "a new round": today - today%30 + 30 - at - 2, "the wrap": theWrap - at - 2} {
			var grader media.Grader
			var before *media.Graded
			for i, b := range faulty(s, from, 45, at, fault) {
				info := probe(t, b)
				if info.CounterErrors > 0 || !info.KeyFrameFirst || info.End-info.Start != segmentTicks {
					t.Errorf("%s, %s: segment %d: %+v", fault, name, i, info)
				}
				before = grader.Grade(info, before)
				var found []media.Defect
				for _, f := range before.Findings {
					found = append(found, f.Defect)
				}
				if d := want[i]; d == "" && len(found) > 0 || d != "" && !slices.Equal(found, []media.Defect{d}) {
					t.Errorf("%s, %s: segment %d is graded %s, want %q", fault, name, i, before.Text(), d)
				}
			}
		}
	}
}

// Nothing but the picture and the sound changes, and both encoders do it alike.
func TestFaultsAreTheSameForBoth(t *testing.T) {
	s := theSample(t)
	for _, fault := range []Action{Hole, Mute, Freeze} {
		sound := s.segment(today)
		b := s.spoiled(today, fault, today-2)
		if bytes.Equal(b, sound) || !bytes.Equal(b, s.spoiled(today, fault, today-2)) {
			t.Errorf("%s changes nothing, or each time another way", fault)
		}
		if !bytes.Equal(sound, s.segment(today)) {
			t.Errorf("%s changes the sample", fault)
		}
		was, is := probe(t, sound), probe(t, b)
		for i, track := range is.Tracks {
			other := was.Tracks[i]
			if track.Samples > 0 && (track.Codec != other.Codec || !bytes.Equal(track.Config, other.Config) || track.FirstPTS != other.FirstPTS || track.End != other.End) {
				t.Errorf("%s: %+v was %+v", fault, track, other)
			}
		}
		if firstPCR(t, b) != firstPCR(t, sound) {
			t.Errorf("%s moves the clock reference", fault)
		}
	}
}

// joined writes segments to a file the way the origin joins them.
func joined(t *testing.T, segments [][]byte) string {
	t.Helper()
	var all bytes.Buffer
	var state media.CounterState
	for _, b := range segments {
		var deltas []media.CounterDelta
		deltas, state = media.PlanCounters(state, []*media.Info{probe(t, b)})
		if _, err := io.Copy(&all, io.NewSectionReader(media.NewRewriter(bytes.NewReader(b), deltas[0]), 0, int64(len(b)))); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(t.TempDir(), "joined.ts")
	if err := os.WriteFile(file, all.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// pictures decodes a file and returns the hash of each picture.
func pictures(t *testing.T, file string) []string {
	t.Helper()
	var said bytes.Buffer
	cmd := exec.Command("ffmpeg", "-nostdin", "-v", "warning", "-i", file, "-f", "framehash", "-hash", "md5", "-map", "0:v", "-", "-map", "0:a", "-f", "null", "-")
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil || said.Len() > 0 {
		t.Errorf("ffmpeg: %v %s", err, &said)
	}
	var hashes []string
	for line := range strings.Lines(string(out)) {
		if !strings.HasPrefix(line, "#") {
			fields := strings.Fields(line)
			hashes = append(hashes, fields[len(fields)-1])
		}
	}
	return hashes
}

// A decoder complains of nothing in a still picture, shows nothing else for ten seconds,
// and what follows is the same as ever. It does so with every segment of the sample.
func TestAFrozenPictureStandsStill(t *testing.T) {
	needs.Programs(t, "ffmpeg")
	s := theSample(t)
	const perSegment, at, segments = 50, 2, 10
	for from := int64(today); from < today+30; from += freezeLength {
		t.Run(fmt.Sprint(from), func(t *testing.T) {
			want := pictures(t, joined(t, faulty(s, from, segments, at, "")))
			got := pictures(t, joined(t, faulty(s, from, segments, at, Freeze)))
			if len(want) != segments*perSegment || len(got) != len(want) {
				t.Fatalf("%d pictures, and %d with a frozen one", len(want), len(got))
			}
			const begins, ends = at * perSegment, (at + freezeLength) * perSegment
			for i, hash := range got {
				if i >= begins && i < ends && hash != want[begins] {
					t.Fatalf("picture %d moves", i)
				}
				if (i < begins || i >= ends) && hash != want[i] {
					t.Fatalf("picture %d is another one", i)
				}
			}
		})
	}
}

// Mute leaves every picture, a hole leaves all but ten.
func TestPicturesWithoutSoundAndWithAHole(t *testing.T) {
	needs.Programs(t, "ffmpeg")
	s := theSample(t)
	want := pictures(t, joined(t, faulty(s, today, 5, 1, "")))
	if got := pictures(t, joined(t, faulty(s, today, 5, 1, Mute))); !slices.Equal(got, want) {
		t.Errorf("%d pictures without sound, %d with it", len(got), len(want))
	}
	hole := joined(t, faulty(s, today, 5, 1, Hole))
	out, err := exec.Command("ffprobe", "-v", "error", "-select_streams", "v", "-count_packets",
		"-show_entries", "stream=nb_read_packets", "-of", "default=nk=1:nw=1", hole).Output()
	if got, _, _ := strings.Cut(string(out), "\n"); err != nil || got != fmt.Sprint(len(want)-holeLength) {
		t.Errorf("%v: %q pictures with a hole, %d without", err, got, len(want))
	}
}
