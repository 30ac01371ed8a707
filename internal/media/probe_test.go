package media

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// Every segment says the same as ffprobe: tracks, codecs, and times to the tick.
func TestSegmentsAgreeWithFFprobe(t *testing.T) {
	for _, name := range []string{
		"h264", "ntsc", "film", "odd", "fields", "high10", "wrap", "opengop", "single", "hevc",
		"aac", "aac44", "mp3", "mp2", "ac3", "eac3", "opus", "opus6", "dts", "dts6", "hls", "cbr", "frames",
	} {
		t.Run(name, func(t *testing.T) {
			for i, file := range segments(t, name) {
				t.Run(filepath.Base(file), func(t *testing.T) {
					agree(t, probe(t, segment(t, name, i)), ffprobe(t, file))
				})
			}
		})
	}
}

func agree(t *testing.T, info *Info, want *probed) {
	t.Helper()
	if len(info.Tracks) != len(want.Streams) {
		t.Fatalf("%d tracks, ffprobe finds %d", len(info.Tracks), len(want.Streams))
	}
	if info.CounterErrors != 0 || info.ShortPES != 0 || info.EarlyPackets != 0 {
		t.Errorf("sound segment: %d counter errors, %d short PES, %d early packets", info.CounterErrors, info.ShortPES, info.EarlyPackets)
	}
	if info.Start < 0 || info.Start >= info.Modulus || info.End <= info.Start {
		t.Errorf("Start %d, End %d", info.Start, info.End)
	}
	// ffprobe puts times across a wrap below zero; the timeline is the same.
	same := func(what string, got, want, tolerance int64) {
		t.Helper()
		if d := wrapDiff(got, want); d > tolerance || d < -tolerance {
			t.Errorf("%s is %d, ffprobe says %d", what, got, want)
		}
	}
	ref := reference(info.Tracks)
	for _, stream := range want.Streams {
		track := trackByPID(t, info, stream.ID)
		n := 0
		var first, last, end, firstDTS, lastDTS int64
		key := false
		for _, p := range want.Packets {
			if p.Stream != stream.Index {
				continue
			}
			if n == 0 {
				first, last, firstDTS = p.PTS, p.PTS, p.DTS
				key = strings.HasPrefix(p.Flags, "K")
			}
			n++
			first, last, lastDTS = min(first, p.PTS), max(last, p.PTS), p.DTS
			end = max(end, p.PTS+p.Duration)
			if n == 1 {
				end = p.PTS + p.Duration
			}
		}
		name := stream.CodecName + " " + stream.ID
		if track.Samples != n {
			t.Errorf("%s: %d samples, ffprobe finds %d", name, track.Samples, n)
		}
		same(name+": FirstPTS", track.FirstPTS, first, 0)
		same(name+": FirstDTS", track.FirstDTS, firstDTS, 0)
		if stream.CodecType == "video" {
			same(name+": LastPTS", track.LastPTS, last, 0)
			same(name+": LastDTS", track.LastDTS, lastDTS, 0)
			if info.KeyFrameFirst != key {
				t.Errorf("%s: KeyFrameFirst is %v, ffprobe says %v", name, info.KeyFrameFirst, key)
			}
			if track.Width != stream.Width || track.Height != stream.Height {
				t.Errorf("%s: %dx%d, ffprobe says %dx%d", name, track.Width, track.Height, stream.Width, stream.Height)
			}
			var num, den float64
			fmt.Sscanf(stream.FrameRate, "%g/%g", &num, &den)
			if math.Abs(track.FrameRate-num/den) > 1e-9 {
				t.Errorf("%s: frame rate %v, ffprobe says %s", name, track.FrameRate, stream.FrameRate)
			}
			// ffprobe rounds a duration that is no whole number of ticks.
			same(name+": End", track.End, end, 1)
		} else {
			if fmt.Sprint(track.SampleRate) != stream.SampleRate || track.Channels != stream.Channels {
				t.Errorf("%s: %d Hz, %d channels; ffprobe says %s, %d", name, track.SampleRate, track.Channels, stream.SampleRate, stream.Channels)
			}
			// Frames of 44.1 kHz are no whole number of ticks.
			tolerance := int64(0)
			if track.SampleRate%8000 != 0 {
				tolerance = 1
			}
			same(name+": End", track.End, end, tolerance)
		}
		if got, want := track.Codec, codecString(stream.CodecName, stream.Profile, stream.Level); got != want {
			t.Errorf("%s: codec %q, want %q", name, got, want)
		}
		if len(track.Config) == 0 || track.Measure.StepBack > 0 {
			t.Errorf("%s: config %x, timestamps go back by %d", name, track.Config, track.Measure.StepBack)
		}
		if track == &info.Tracks[ref] {
			same("Start", info.Start, first, 0)
			if info.Start != track.FirstPTS || info.End != track.End {
				t.Errorf("Start %d and End %d are not those of the reference track, %d and %d", info.Start, info.End, track.FirstPTS, track.End)
			}
		}
	}
}

// codecString makes the codec of a recipe from what ffprobe says about it.
func codecString(name, profile string, level int) string {
	switch name {
	case "h264":
		flags := map[string]string{
			"High": "6400", "Constrained Baseline": "42c0", "Main": "4d40", "High 4:2:2": "7a00",
		}[profile]
		return fmt.Sprintf("avc1.%s%02x", flags, level)
	case "hevc":
		return fmt.Sprintf("hvc1.1.6.L%d.90", level)
	case "aac":
		return "mp4a.40.2"
	case "mp3":
		return "mp4a.40.34"
	case "mp2":
		return "mp4a.40.33"
	case "ac3":
		return "ac-3"
	case "eac3":
		return "ec-3"
	case "opus":
		return "Opus"
	case "dts":
		return "dtsc"
	}
	return "?"
}

// The pieces in which an object arrives don't matter.
func TestPiecesOfAnySizeGiveTheSameResult(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, name := range []string{"h264", "hevc", "mp3", "eac3", "opus", "dts"} {
		b := segment(t, name, 1)
		want := probe(t, b)
		for round := range 40 {
			largest := []int{1, 7, 188, 189, 1500, 40000}[round%6]
			p := NewProber()
			for rest := b; len(rest) > 0; {
				n := min(1+rng.IntN(largest), len(rest))
				p.Write(rest[:n])
				rest = rest[n:]
			}
			got, err := p.Finish()
			if err != nil {
				t.Fatalf("%s in pieces of up to %d bytes: %v", name, largest, err)
			}
			if !reflect.DeepEqual(got.Info, want) {
				t.Fatalf("%s in pieces of up to %d bytes:\n%+v\nin one:\n%+v", name, largest, got.Info, want)
			}
		}
	}
}

// Segments of one encoder follow one another to the tick, across the wrap too.
func TestSegmentsFollowOneAnother(t *testing.T) {
	for _, name := range []string{"h264", "ntsc", "wrap", "hls", "hevc", "opus", "dts"} {
		t.Run(name, func(t *testing.T) {
			var before *Info
			wrapped := false
			for i := range segments(t, name) {
				info := probe(t, segment(t, name, i))
				wrapped = wrapped || info.End > info.Modulus
				if before != nil {
					if d := wrapDiff(info.Start, before.End); d != 0 {
						t.Errorf("segment %d starts %d ticks after the end of the one before", i, d)
					}
					if info.Signature() != before.Signature() {
						t.Errorf("segment %d has another signature than the one before", i)
					}
				}
				before = info
			}
			if name == "wrap" && !wrapped {
				t.Error("no segment has the wrap inside")
			}
		})
	}
}

// With an open GOP the leading pictures come before the key frame: they are the start.
func TestOpenGOPStartsWithItsLeadingPictures(t *testing.T) {
	info := probe(t, segment(t, "opengop", 1))
	video := info.Tracks[0]
	if !info.KeyFrameFirst {
		t.Error("recovery point is not taken for a key frame")
	}
	leading := false
	for _, p := range ffprobe(t, segments(t, "opengop")[1]).Packets {
		if p.Stream == 0 {
			leading = p.PTS > video.FirstPTS
			break
		}
	}
	if !leading {
		t.Error("material has no leading pictures")
	}
}

// Some encoders write parameter sets at IDR pictures only. What such a segment
// lacks is visible, and not taken for equal.
func TestSegmentWithoutParameterSets(t *testing.T) {
	first, second := probe(t, segment(t, "bare", 0)), probe(t, segment(t, "bare", 1))
	if len(first.Tracks[0].Config) == 0 || len(second.Tracks[0].Config) != 0 {
		t.Fatal("material is not what it should be")
	}
	if second.Signature() == first.Signature() {
		t.Error("what is lacking is taken for equal")
	}
	if !second.KeyFrameFirst {
		t.Error("recovery point is not taken for a key frame")
	}
	second.InheritConfig(probe(t, segment(t, "h264", 0)))
	if second.Signature() == first.Signature() {
		t.Error("configuration taken from other tracks")
	}
	second.InheritConfig(first)
	if second.Signature() != first.Signature() {
		t.Error("with the configuration of the segment before, it is another signature")
	}
	if !second.Complete() {
		t.Error("not complete with what it has inherited")
	}
}

// A track that is announced and has no samples is absent, and yet does not change
// the signature of its run.
func TestTrackWithoutSamples(t *testing.T) {
	whole, mute := probe(t, smallSegment(126000).b), newStream()
	mute.tables(avTracks...)
	mute.unit(videoPID, nil, pes(0xe0, 126000, 126000, join(testAUD, testSPS, testPPS, testIDR), false))
	mute.unit(videoPID, nil, pes(0xe0, 129600, 129600, join(testAUD, testP), false))
	info := probe(t, mute.b)
	if info.Complete() || info.Tracks[1].Samples != 0 || !whole.Complete() {
		t.Fatalf("%+v", info)
	}
	info.InheritConfig(whole)
	if info.Signature() != whole.Signature() || info.Tracks[1].Samples != 0 {
		t.Error("with the configuration of its run, it has another signature")
	}
}

// Encoders can be told to make what this origin can't join.
func TestUnsupportedMaterialIsRefused(t *testing.T) {
	refused(t, segment(t, "latm", 0), ReasonUnsupported, "audio 0x100: AAC in LATM")
	refused(t, segment(t, "m2ts", 0), ReasonUnsupported, "packets of 192 bytes")
	refused(t, segment(t, "mpeg2", 0), ReasonUnsupported, "video 0x100: MPEG-2 video")
}

// The only picture of an object lasts as long as its parameter set says.
func TestSinglePictureLastsAsLongAsItsParameterSetSays(t *testing.T) {
	info := probe(t, segment(t, "single", 0))
	if info.FrameDuration != 3600 || info.End-info.Start != 3600 {
		t.Errorf("frame duration %d, from %d to %d", info.FrameDuration, info.Start, info.End)
	}
}

// Signatures are equal for equal settings, and for nothing else.
func TestSignatures(t *testing.T) {
	a, b := probe(t, segment(t, "h264", 0)), probe(t, segment(t, "h264b", 1))
	if a.Signature() != b.Signature() {
		t.Error("same encoder settings, other signatures")
	}
	for _, name := range []string{"odd", "ntsc", "aac", "hevc", "single"} {
		if a.Signature() == probe(t, segment(t, name, 0)).Signature() {
			t.Errorf("%s: equal signatures", name)
		}
	}
}

// A cue PID that comes or goes is no other layout.
func TestCuesAreListedButDoNotCount(t *testing.T) {
	b := segment(t, "h264", 0)
	plain := probe(t, b)
	with := probe(t, insertCue(t, b))
	if with.Signature() != plain.Signature() {
		t.Error("with SCTE-35, it is another signature")
	}
	cue := with.Tracks[len(with.Tracks)-1]
	if cue.Kind != Data || cue.StreamType != 0x86 || cue.Samples != 1 {
		t.Errorf("cue track: %+v", cue)
	}
	if with.Start != plain.Start || with.End != plain.End {
		t.Errorf("times differ")
	}
	file := filepath.Join(t.TempDir(), "cue.ts")
	if err := os.WriteFile(file, insertCue(t, b), 0o600); err != nil {
		t.Fatal(err)
	}
	streams := ffprobe(t, file).Streams
	if got := streams[len(streams)-1].CodecName; got != "scte_35" {
		t.Errorf("ffprobe takes the cue track for %q", got)
	}
}
