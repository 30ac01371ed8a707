package media

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/asticode/go-astits"
)

// streamTimes is what go-astits finds of one track.
type streamTimes struct {
	streamType uint8
	n          int
	minPTS     int64
	maxPTS     int64
	lastDTS    int64
	firstDTS   int64
}

// astitsProbe reads a segment with go-astits. Timestamps are unwrapped relative
// to the first one, which the library leaves to its caller.
func astitsProbe(t testing.TB, b []byte) map[uint16]*streamTimes {
	t.Helper()
	times := map[uint16]*streamTimes{}
	var anchor int64
	has := false
	unwrap := func(v int64) int64 {
		if !has {
			anchor, has = v, true
		}
		return anchor + wrapDiff(v, anchor)
	}
	d := astits.NewDemuxer(context.Background(), bytes.NewReader(b), astits.DemuxerOptPacketSize(tsPacket))
	for {
		data, err := d.NextData()
		if errors.Is(err, astits.ErrNoMorePackets) {
			return times
		}
		if err != nil {
			t.Fatal(err)
		}
		if data.PMT != nil {
			for _, es := range data.PMT.ElementaryStreams {
				if times[es.ElementaryPID] == nil {
					times[es.ElementaryPID] = &streamTimes{streamType: uint8(es.StreamType)}
				}
			}
		}
		if data.PES == nil || data.PES.Header.OptionalHeader == nil || data.PES.Header.OptionalHeader.PTS == nil {
			continue
		}
		h := data.PES.Header.OptionalHeader
		pts := unwrap(h.PTS.Base)
		dts := pts
		if h.DTS != nil {
			dts = unwrap(h.DTS.Base)
		}
		s := times[data.PID]
		if s.n == 0 {
			s.minPTS, s.maxPTS, s.firstDTS = pts, pts, dts
		}
		s.n++
		s.minPTS, s.maxPTS, s.lastDTS = min(s.minPTS, pts), max(s.maxPTS, pts), dts
	}
}

// Every segment says the same as go-astits, PES packet by PES packet.
func TestSegmentsAgreeWithAstits(t *testing.T) {
	for _, name := range []string{"h264", "ntsc", "wrap", "opengop", "hevc", "aac44", "mp3", "eac3"} {
		t.Run(name, func(t *testing.T) {
			for i := range segments(t, name) {
				b := segment(t, name, i)
				info, want := probe(t, b), astitsProbe(t, b)
				if len(info.Tracks) != len(want) {
					t.Fatalf("%d tracks, want %d", len(info.Tracks), len(want))
				}
				for _, track := range info.Tracks {
					w := want[uint16(track.ID)]
					if w == nil || w.streamType != track.StreamType {
						t.Fatalf("track %+v, want %+v", track, w)
					}
					got := [4]int64{track.FirstPTS, track.LastPTS, track.FirstDTS, track.LastDTS}
					for k, v := range [4]int64{w.minPTS, w.maxPTS, w.firstDTS, w.lastDTS} {
						if wrapDiff(got[k], v) != 0 {
							t.Errorf("segment %d, PID 0x%x: times %v, want %+v", i, track.ID, got, *w)
						}
					}
					if track.Kind == Video && track.Samples != w.n {
						t.Errorf("segment %d, PID 0x%x: %d samples, want %d", i, track.ID, track.Samples, w.n)
					}
				}
			}
		})
	}
}
