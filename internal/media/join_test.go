package media

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	mp4bits "github.com/Eyevinn/mp4ff/bits"
	"github.com/Eyevinn/mp4ff/mp4"
)

// played lets ffmpeg decode a file, about which it must have nothing to say, and
// returns its packets: stream, times, size and hash. ffprobe makes up durations.
func played(t *testing.T, file string) []string {
	t.Helper()
	out, err := exec.Command("ffmpeg", "-hide_banner", "-nostdin", "-v", "warning", "-i", file, "-map", "0", "-f", "null", "-").CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("ffmpeg: %v %s", err, out)
	}
	out, err = exec.Command("ffprobe", "-v", "error", "-show_packets", "-show_data_hash", "sha256",
		"-show_entries", "packet=stream_index,pts,dts,size,data_hash", "-of", "csv", file).Output()
	if err != nil {
		t.Errorf("ffprobe: %v", err)
	}
	return strings.Fields(string(out))
}

// Segments joined to one play without a message, and packet by packet as one
// after the other. There is no styp and no sidx inside.
func TestJoinedFragmentsPlay(t *testing.T) {
	for _, name := range []string{"muxed", "ntsc", "hevc", "cmaf", "chunked"} {
		t.Run(name, func(t *testing.T) {
			for _, r := range renditions(t, name) {
				var joined []byte
				var packets []string
				n := min(len(r.segments), 3)
				infos := make([]*Info, n)
				for i, b := range r.segments[:n] {
					infos[i] = resolve(t, r.init, b)
					joined = append(joined, kept(b, infos[i].JoinRanges(i, n))...)
					packets = append(packets, played(t, temporary(t, "one.mp4", r.init, b))...)
				}
				got := played(t, temporary(t, "joined.mp4", r.init, joined))
				samePackets(t, got, packets)
				whole := resolve(t, r.init, joined)
				if whole.Start != infos[0].Start || whole.End != infos[n-1].End || whole.Signature() != infos[0].Signature() {
					t.Errorf("joined: from %d to %d, parts from %d to %d", whole.Start, whole.End, infos[0].Start, infos[n-1].End)
				}
				if bytes.Count(joined, []byte("styp")) > bytes.Count(r.segments[0], []byte("styp")) || bytes.Contains(joined, []byte("sidx")) {
					t.Error("styp or sidx inside")
				}
			}
		})
	}
}

// samePackets compares packets, whatever their interleaving.
func samePackets(t *testing.T, got, want []string) {
	t.Helper()
	if len(got) != len(want) || len(got) == 0 {
		t.Errorf("%d packets, want %d", len(got), len(want))
	}
	count := map[string]int{}
	for _, line := range got {
		count[line]++
	}
	for _, line := range want {
		count[line]--
	}
	for line, n := range count {
		if n != 0 {
			t.Errorf("packet %s: %+d times", line, n)
			return
		}
	}
}

// An object that is served alone keeps all its bytes.
func TestAloneStaysAsItIs(t *testing.T) {
	init, segment := smallMP4()
	for _, info := range []*Info{resolve(t, init, segment), probe(t, smallSegment(0).b)} {
		if got := fmt.Sprint(info.JoinRanges(0, 1)); got != fmt.Sprintf("[{0 %d}]", info.Size) {
			t.Errorf("%s: %s", info.Format, got)
		}
	}
	info := resolve(t, init, segment)
	if got := fmt.Sprint(info.JoinRanges(0, 2), info.JoinRanges(1, 2)); got != "[{0 16} {68 624}] [{68 624}]" {
		t.Errorf("joined: %s", got)
	}
}

// Defaults may be anywhere: in each sample, in the track fragment, or in the
// init section alone. The same samples have the same times.
func TestDefaultsInTheInitSectionAlone(t *testing.T) {
	r := renditions(t, "cmaf")[1] // audio, of which all frames last the same
	file, err := mp4.DecodeFileSR(mp4bits.NewFixedSliceReader(append(bytes.Clone(r.init), r.segments[1]...)))
	if err != nil {
		t.Fatal(err)
	}
	trex := file.Init.Moov.Mvex.Trex
	for _, s := range file.Segments {
		for _, f := range s.Fragments {
			f.EncOptimize = mp4.OptimizeNone
			tfhd := f.Moof.Traf.Tfhd
			trex.DefaultSampleDuration, trex.DefaultSampleFlags = tfhd.DefaultSampleDuration, tfhd.DefaultSampleFlags
			tfhd.Flags = mp4.TfhdDefaultBaseIsMoofFlag
			f.Moof.Traf.Trun.DataOffset -= 12 // three fields less
		}
	}
	var init, segment bytes.Buffer
	if err := file.Init.Encode(&init); err != nil {
		t.Fatal(err)
	}
	for _, s := range file.Segments {
		if err := s.Encode(&segment); err != nil {
			t.Fatal(err)
		}
	}
	if trex.DefaultSampleDuration != 1024 {
		t.Fatal("material is not what it should be")
	}
	got, want := resolve(t, init.Bytes(), segment.Bytes()), resolve(t, r.init, r.segments[1])
	if got.Start != want.Start || got.End != want.End || got.FrameDuration != want.FrameDuration || got.Tracks[0].Samples != want.Tracks[0].Samples {
		t.Errorf("%+v\nwant %+v", got, want)
	}
	if got.Signature() == want.Signature() {
		t.Error("defaults of an init section do not count")
	}
}

// Event messages that count from the segment's beginning, and everything else,
// stay where they are.
func TestEventsStay(t *testing.T) {
	init, segment := smallMP4()
	event := isoBox("emsg", u32(0), []byte("urn:scte:scte35:2013:bin\x00\x00"), u32(90000, 0, 0, 1))
	b := join(segment[:16], event, segment[16:])
	info := resolve(t, init, b)
	for part := range 2 {
		if !bytes.Contains(kept(b, info.JoinRanges(part, 2)), event) {
			t.Errorf("part %d has lost its event", part)
		}
	}
	if binary.BigEndian.Uint32(b) != 16 {
		t.Error("material is not what it should be")
	}
}
