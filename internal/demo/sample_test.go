package demo

import (
	"bytes"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/liveorigin/caddy-live-origin/internal/media"
	"github.com/liveorigin/caddy-live-origin/internal/needs"
)

// today is a segment somewhere in a round of the sample, of 2023.
const today = 850_000_017

// theWrap is the first segment after today in which timestamps start again at
// zero.
const theWrap = (today*segmentTicks/(timestampMask+1) + 1) * (timestampMask + 1) / segmentTicks

func theSample(t *testing.T) *sample {
	t.Helper()
	s, err := loadSample()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func probe(t *testing.T, b []byte) *media.Info {
	t.Helper()
	p := media.NewProber()
	if _, err := p.Write(b); err != nil {
		t.Fatal(err)
	}
	probed, err := p.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return probed.Info
}

func TestTheSampleIsAMinuteInLessThanAMebibyte(t *testing.T) {
	if s := theSample(t); len(s.segments) != 30 || len(sampleBytes) >= 1<<20 {
		t.Errorf("%d segments, %d bytes", len(s.segments), len(sampleBytes))
	}
}

// From the sample's end to its beginning, and where timestamps start again at
// zero, the programme goes on as it does everywhere else.
func TestTheProgrammeIsOneUnbrokenStream(t *testing.T) {
	s := theSample(t)
	for _, place := range []struct {
		name     string
		from, to int64
	}{
		{"the epoch", 0, 100},
		{"today", today, today + 100},
		{"the wrap of timestamps", theWrap - 40, theWrap + 40},
	} {
		t.Run(place.name, func(t *testing.T) {
			var state media.CounterState
			var before *media.Info
			var clock int64
			for n := place.from; n < place.to; n++ {
				segment := s.segment(n)
				info, pcr := probe(t, segment), firstPCR(t, segment)
				checkSegment(t, n, info)
				var deltas []media.CounterDelta
				if deltas, state = media.PlanCounters(state, []*media.Info{info}); deltas[0] != "" {
					t.Errorf("segment %d: continuity counters jump: %v", n, deltas[0])
				}
				if before != nil {
					checkNext(t, n, before, info)
					checkClock(t, n, clock, pcr, info.Start)
				}
				before, clock = info, pcr
			}
		})
	}
}

// checkSegment checks one segment by itself.
func checkSegment(t *testing.T, n int64, info *media.Info) {
	t.Helper()
	if info.Format != media.FormatTS || !info.KeyFrameFirst || len(info.Tracks) != 2 {
		t.Fatalf("segment %d: %+v", n, info)
	}
	if want := n * segmentTicks % info.Modulus; info.Start != want || info.End-info.Start != segmentTicks {
		t.Errorf("segment %d: from %d to %d, want from %d on for %d", n, info.Start, info.End, want, segmentTicks)
	}
	if info.CounterErrors+info.ShortPES+info.OpenPES+info.ContinuedPES+info.EarlyPackets > 0 {
		t.Errorf("segment %d: faults: %+v", n, info)
	}
	for _, track := range info.Tracks {
		lostPicture := track.Kind == media.Video && track.MaxStep != clockRate/25
		if track.Measure.StepBack > 0 || lostPicture {
			t.Errorf("segment %d: %+v", n, track)
		}
	}
}

// checkNext checks that nothing lies between two segments, and nothing twice.
func checkNext(t *testing.T, n int64, before, info *media.Info) {
	t.Helper()
	gap := func(from, to int64) int64 { return (to - from) & timestampMask }
	for i, track := range info.Tracks {
		last := before.Tracks[i]
		if d := gap(last.End, track.FirstPTS); d != 0 {
			t.Errorf("segment %d: %s begins %d ticks after the end of the one before", n, track.Kind, d)
		}
		if track.Codec != last.Codec || !bytes.Equal(track.Config, last.Config) {
			t.Errorf("segment %d: %s has another configuration", n, track.Kind)
		}
	}
}

// checkClock checks that the clock reference goes on like the media, ahead of it.
func checkClock(t *testing.T, n, before, pcr, start int64) {
	t.Helper()
	if d := (pcr - before) & timestampMask; d != segmentTicks {
		t.Errorf("segment %d: the clock reference is %d ticks ahead", n, d)
	}
	if lead := (start - pcr) & timestampMask; lead == 0 || lead > 2*clockRate {
		t.Errorf("segment %d: pictures arrive %d ticks before their time", n, lead)
	}
}

// firstPCR is the base of a segment's first clock reference (ISO/IEC 13818-1, 2.4.3.5).
func firstPCR(t *testing.T, segment []byte) int64 {
	t.Helper()
	for p := range slices.Chunk(segment, 188) {
		if p[3]&0x20 != 0 && p[4] >= 7 && p[5]&0x10 != 0 {
			return int64(binary.BigEndian.Uint32(p[6:]))<<1 | int64(p[10]>>7)
		}
	}
	t.Fatal("there is no clock reference")
	return 0
}

func TestEncodersSendTheSameBytes(t *testing.T) {
	s := theSample(t)
	b := s.segment(today)
	first := slices.Clone(b)
	clear(b)
	if !bytes.Equal(first, s.segment(today)) {
		t.Error("the segment is another one for the second encoder")
	}
}

// ffmpeg finds nothing to complain of in a minute and a half, and every frame.
func TestPlayersSeeNoSeam(t *testing.T) {
	needs.Programs(t, "ffmpeg", "ffprobe")
	s := theSample(t)
	for name, from := range map[string]int64{"rounds": today - today%30 + 10, "wrap": theWrap - 22} {
		t.Run(name, func(t *testing.T) {
			var all bytes.Buffer
			for n := from; n < from+45; n++ {
				all.Write(s.segment(n))
			}
			file := filepath.Join(t.TempDir(), "programme.ts")
			if err := os.WriteFile(file, all.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
			said, err := exec.Command("ffmpeg", "-nostdin", "-v", "warning", "-fflags", "+genpts", "-i", file, "-f", "null", "-").CombinedOutput()
			if err != nil || len(said) > 0 {
				t.Errorf("ffmpeg: %v %s", err, said)
			}
			for stream, want := range map[string]int{"v": 45 * 50, "a": 45 * 125 / 2} {
				out, err := exec.Command("ffprobe", "-v", "warning", "-select_streams", stream, "-count_frames",
					"-show_entries", "stream=nb_read_frames", "-of", "csv=p=0", file).CombinedOutput()
				if err != nil {
					t.Fatal(err)
				}
				if got := strings.Trim(strings.SplitN(string(out), "\n", 2)[0], ","); got != strconv.Itoa(want) && got != strconv.Itoa(want+1) {
					t.Errorf("%s: %s frames, want %d", stream, out, want)
				}
			}
		})
	}
}

func TestABrokenSampleIsRefused(t *testing.T) {
	segments := theSample(t).segments
	for name, b := range map[string][]byte{
		"nothing":           nil,
		"half a packet":     sampleBytes[:packetSize/2],
		"no tables first":   sampleBytes[3*packetSize:],
		"no sync byte":      append([]byte{0}, sampleBytes[:packetSize-1]...),
		"a missing segment": slices.Concat(segments[0].bytes, segments[2].bytes),
		"no picture":        segments[0].bytes[:3*packetSize],
	} {
		if _, err := parseSample(b); err == nil {
			t.Errorf("%s is taken for a sample", name)
		}
	}
}
