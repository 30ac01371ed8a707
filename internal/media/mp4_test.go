package media

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	mp4bits "github.com/Eyevinn/mp4ff/bits"
	"github.com/Eyevinn/mp4ff/mp4"
)

// Every segment of fragmented MP4 says the same as ffprobe with its edit list
// applied: tracks, codecs, key frames, and times to the tick.
func TestFragmentsAgreeWithFFprobe(t *testing.T) {
	for _, name := range []string{"muxed", "ntsc", "scale90k", "late", "single", "hevc", "audio", "cmaf", "negative", "chunked", "av1", "vp9", "own"} {
		t.Run(name, func(t *testing.T) {
			for k, r := range renditions(t, name) {
				for i, b := range r.segments {
					file := r.init
					if name == "own" {
						file = nil
					}
					want := ffprobe(t, temporary(t, "segment.mp4", file, b))
					t.Run(fmt.Sprintf("%d-%d", k, i), func(t *testing.T) {
						info := resolve(t, r.init, b)
						agreeMP4(t, info, want, name == "negative")
						agreeMP4ff(t, info, file, b)
					})
				}
			}
		})
	}
}

// inTicks rounds a time of a track to ticks of 90 kHz, exactly.
func inTicks(v int64, timescale uint32) int64 {
	r := big.NewRat(v*2, int64(timescale))
	r.Mul(r, big.NewRat(ClockRate, 1))
	// half away from zero: (2x+1)/2 rounded down for x >= 0
	n := new(big.Int).Add(new(big.Int).Abs(r.Num()), r.Denom())
	n.Quo(n, new(big.Int).Lsh(r.Denom(), 1))
	if v < 0 {
		n.Neg(n)
	}
	return n.Int64()
}

func agreeMP4(t *testing.T, info *Info, want *probed, negative bool) {
	t.Helper()
	if len(info.Tracks) != len(want.Streams) || info.Format != FormatMP4 || info.Modulus != 0 {
		t.Fatalf("%d tracks, ffprobe finds %d: %+v", len(info.Tracks), len(want.Streams), info)
	}
	ref := reference(info.Tracks)
	for _, stream := range want.Streams {
		track := trackByPID(t, info, stream.ID)
		equal := func(what string, got, ticks int64) {
			t.Helper()
			if want := inTicks(ticks, track.Timescale); got != want {
				t.Errorf("%s %d: %s is %d, ffprobe says %d", track.Kind, track.ID, what, got, want)
			}
		}
		n := 0
		first, last, end := int64(math.MaxInt64), int64(math.MinInt64), int64(math.MinInt64)
		var firstDTS, lastDTS int64
		for _, p := range want.Packets {
			if p.Stream != stream.Index {
				continue
			}
			if n == 0 {
				firstDTS = p.DTS
				if key := strings.HasPrefix(p.Flags, "K"); track == &info.Tracks[ref] && info.KeyFrameFirst != key {
					t.Errorf("KeyFrameFirst is %v, ffprobe says %v", info.KeyFrameFirst, key)
				}
			}
			n++
			first, last, lastDTS = min(first, p.PTS), max(last, p.PTS), p.DTS
			end = max(end, p.PTS+p.Duration)
		}
		if negative && stream.CodecType == "video" {
			// ffmpeg moves presentation times up until none is before its
			// decoding time. In the object they are a frame earlier.
			frame := int64(track.Timescale) / 25
			first, last, end = first-frame, last-frame, end-frame
		}
		if track.Samples != n || n == 0 {
			t.Errorf("%d samples, ffprobe finds %d", track.Samples, n)
		}
		equal("FirstPTS", track.FirstPTS, first)
		equal("LastPTS", track.LastPTS, last)
		equal("FirstDTS", track.FirstDTS, firstDTS)
		equal("LastDTS", track.LastDTS, lastDTS)
		if stream.CodecType == "video" {
			// Durations of audio are ffprobe's own.
			equal("End", track.End, end)
			var num, den float64
			fmt.Sscanf(stream.FrameRate, "%g/%g", &num, &den)
			if math.Abs(track.FrameRate-num/den) > 1e-9 || track.Width != stream.Width || track.Height != stream.Height {
				t.Errorf("%dx%d, %v frames a second; ffprobe says %dx%d, %s", track.Width, track.Height, track.FrameRate, stream.Width, stream.Height, stream.FrameRate)
			}
		} else if fmt.Sprint(track.SampleRate) != stream.SampleRate || track.Channels != stream.Channels {
			t.Errorf("%d Hz, %d channels; ffprobe says %s, %d", track.SampleRate, track.Channels, stream.SampleRate, stream.Channels)
		}
		if got, want := track.Codec, mp4CodecString(stream.CodecName, stream.Profile, stream.Level); got != want {
			t.Errorf("codec %q, want %q", got, want)
		}
		if len(track.Config) == 0 || track.Measure.StepBack > 0 {
			t.Errorf("config %x, timestamps go back by %d", track.Config, track.Measure.StepBack)
		}
		if track == &info.Tracks[ref] && (info.Start != track.FirstPTS || info.End != track.End) {
			t.Errorf("from %d to %d: not those of the reference track", info.Start, info.End)
		}
	}
}

func mp4CodecString(name, profile string, level int) string {
	switch name {
	case "opus":
		return "Opus"
	case "flac":
		return "fLaC"
	case "av1":
		return fmt.Sprintf("av01.0.%02dM.08", level)
	case "vp9":
		return "vp09.00.11.08"
	}
	return codecString(name, profile, level)
}

// agreeMP4ff compares with mp4ff's own reading of the whole object: samples,
// and when they end.
func agreeMP4ff(t *testing.T, info *Info, init, segment []byte) {
	t.Helper()
	file, err := mp4.DecodeFileSR(mp4bits.NewFixedSliceReader(append(bytes.Clone(init), segment...)))
	if err != nil {
		t.Fatal(err)
	}
	for i := range info.Tracks {
		track := &info.Tracks[i]
		n, first, end := 0, int64(math.MaxInt64), int64(math.MinInt64)
		trex, _ := file.Init.Moov.Mvex.GetTrex(track.ID)
		for _, s := range file.Segments {
			for _, f := range s.Fragments {
				for _, traf := range f.Moof.Trafs {
					if traf.Tfhd.TrackID != track.ID {
						continue
					}
					dts := int64(traf.Tfdt.BaseMediaDecodeTime())
					for _, trun := range traf.Truns {
						trun.AddSampleDefaultValues(traf.Tfhd, trex)
						for _, s := range trun.Samples {
							n++
							pts := dts + int64(s.CompositionTimeOffset)
							first, end = min(first, pts), max(end, pts+int64(s.Dur))
							dts += int64(s.Dur)
						}
					}
				}
			}
		}
		shift := inTicks(first, track.Timescale) - track.FirstPTS
		if d := shift + editOf(file.Init.Moov, track.ID); n != track.Samples || d < -1 || d > 1 {
			t.Errorf("track %d: %d samples from %d, mp4ff says %d from %d", track.ID, track.Samples, track.FirstPTS, n, inTicks(first, track.Timescale))
		}
		if d := inTicks(end, track.Timescale) - shift - track.End; d < -1 || d > 1 {
			t.Errorf("track %d: End is %d, mp4ff says %d", track.ID, track.End, inTicks(end, track.Timescale)-shift)
		}
	}
}

// editOf is what the edit list adds to the composition times of a track, in ticks of 90 kHz.
func editOf(moov *mp4.MoovBox, id uint32) int64 {
	shift := int64(0)
	for _, trak := range moov.Traks {
		if trak.Tkhd.TrackID != id || trak.Edts == nil {
			continue
		}
		for _, list := range trak.Edts.Elst {
			for _, e := range list.Entries {
				if e.MediaTime >= 0 {
					return shift - inTicks(e.MediaTime, trak.Mdia.Mdhd.Timescale)
				}
				shift += inTicks(int64(e.SegmentDuration), moov.Mvhd.Timescale)
			}
		}
	}
	return shift
}

// The pieces in which an object of fragmented MP4 arrives don't matter.
func TestFragmentsInPiecesOfAnySize(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	r := renditions(t, "chunked")[0]
	for _, b := range [][]byte{r.init, r.segments[1], renditions(t, "own")[0].segments[0]} {
		want, err := probeAny(b)
		if err != nil {
			t.Fatal(err)
		}
		for round := range 30 {
			largest := []int{1, 7, 9, 188, 1500, 40000}[round%6]
			p := NewProber()
			for rest := b; len(rest) > 0; {
				n := min(1+rng.IntN(largest), len(rest))
				p.Write(rest[:n])
				rest = rest[n:]
			}
			if got, err := p.Finish(); err != nil || !reflect.DeepEqual(got, want) {
				t.Fatalf("in pieces of up to %d bytes: %+v, %v", largest, got, err)
			}
		}
	}
}

// One encoder writes negative composition offsets, the other one an edit list.
// The same picture has the same time.
func TestEditListsAndNegativeOffsetsAgree(t *testing.T) {
	edited, negative := renditions(t, "cmaf")[0], renditions(t, "negative")[0]
	a, b := resolve(t, edited.init, edited.segments[1]), resolve(t, negative.init, negative.segments[1])
	if a.Start != 180000 || b.Start != a.Start {
		t.Errorf("from %d with an edit list, from %d without", a.Start, b.Start)
	}
	var edits []int64
	for _, init := range [][]byte{edited.init, negative.init} {
		file, err := mp4.DecodeFileSR(mp4bits.NewFixedSliceReader(init))
		if err != nil {
			t.Fatal(err)
		}
		edits = append(edits, editOf(file.Init.Moov, file.Init.Moov.Traks[0].Tkhd.TrackID))
	}
	if edits[0] == edits[1] {
		t.Errorf("both edit lists add %d", edits[0])
	}
}

// Segments of one encoder follow one another to the tick, in every track, and
// with the same signature.
func TestFragmentsFollowOneAnother(t *testing.T) {
	for _, name := range []string{"muxed", "ntsc", "scale90k", "late", "cmaf", "negative", "chunked"} {
		for _, r := range renditions(t, name) {
			var before *Info
			for i, b := range r.segments {
				info := resolve(t, r.init, b)
				for k := range info.Tracks {
					track := &info.Tracks[k]
					if before == nil {
						continue
					}
					// A rounded duration may end one tick beside the next start.
					if d := track.FirstPTS - before.Tracks[k].End; d != 0 {
						t.Errorf("%s: segment %d, %s starts %d ticks after the end of the one before", name, i, track.Kind, d)
					}
				}
				if before != nil && info.Signature() != before.Signature() {
					t.Errorf("%s: segment %d has another signature than the one before", name, i)
				}
				before = info
			}
		}
	}
}

// Two encoders with equal settings have init sections of one ID, whatever they
// show; another setting, edit list or timescale makes another one.
func TestInitsOfTwoEncoders(t *testing.T) {
	one, two := renditions(t, "muxed")[0], renditions(t, "muxed2")[0]
	a, b := probeInit(t, one.init), probeInit(t, two.init)
	if a.ID != b.ID {
		t.Error("equal settings, but other IDs")
	}
	if a.Hash == b.Hash {
		t.Error("material is not what it should be: equal bytes")
	}
	// The segments of one are the same under the init section of the other.
	info, err := probeFragments(t, two.segments[1]).Resolve(a)
	if err != nil || info.Signature() != resolve(t, one.init, one.segments[1]).Signature() {
		t.Errorf("%+v, %v", info, err)
	}
	// Other edit lists, timescales, codecs, channels, tracks.
	for _, name := range []string{"cmaf", "ntsc", "scale90k", "hevc", "audio"} {
		r := renditions(t, name)[0]
		if a.ID == probeInit(t, r.init).ID {
			t.Errorf("%s: equal IDs", name)
		}
		if resolve(t, one.init, one.segments[0]).Signature() == resolve(t, r.init, r.segments[0]).Signature() {
			t.Errorf("%s: equal signatures", name)
		}
	}
}

// An init section survives the journal.
func TestInitMarshals(t *testing.T) {
	r := renditions(t, "muxed")[0]
	init := probeInit(t, r.init)
	b, err := json.Marshal(init)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(b), `"ID":"`+init.ID.String()) {
		t.Errorf("%s", b)
	}
	var again Init
	if err := json.Unmarshal(b, &again); err != nil || !reflect.DeepEqual(&again, init) {
		t.Fatalf("%v: %+v", err, again)
	}
	if err := json.Unmarshal([]byte(`{"ID":"00"}`), &again); err == nil {
		t.Error("short digest accepted")
	}
}

// A segment that initialises itself is an init section and a segment.
func TestSegmentThatInitialisesItself(t *testing.T) {
	b := renditions(t, "own")[0].segments[0]
	p, err := probeAny(b)
	if err != nil || p.Init == nil || p.Fragments == nil || p.Info != nil {
		t.Fatalf("%+v, %v", p, err)
	}
	alone := probeInit(t, b[p.Init.Range.Start:p.Init.Range.End])
	if alone.ID != p.Init.ID || alone.Hash != p.Init.Hash || alone.Range != p.Init.Range {
		t.Errorf("%+v\n%+v", alone, p.Init)
	}
	info := whatHolds(t, p)
	again := resolve(t, b[:p.Init.Range.End], kept(b, info.JoinRanges(1, 2)))
	if again.Start != info.Start || again.End != info.End || again.Signature() != info.Signature() {
		t.Errorf("%+v\n%+v", again, info)
	}
	if len(kept(b, info.JoinRanges(0, 1))) != len(b)-int(p.Init.Range.End) {
		t.Error("its init section is not served by itself")
	}
}

// What fragmented MP4 can't be is refused in words.
func TestUnsupportedMP4IsRefused(t *testing.T) {
	refused(t, renditions(t, "plain")[0].init, ReasonUnsupported, "not fragmented")
	p, err := probeAny(renditions(t, "absolute")[0].init)
	if err != nil {
		t.Fatal(err)
	}
	info, err := p.Fragments.Resolve(p.Init)
	refusedWith(t, info, err, ReasonUnsupported, "absolute byte offsets")
}
