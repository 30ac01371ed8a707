package media

import (
	"encoding/binary"
	"strings"
	"testing"
)

// What is odd but harmless is no fault.
func TestOddStreamsAreAccepted(t *testing.T) {
	want := probe(t, smallSegment(126000).b)
	same := func(t *testing.T, b []byte) *Info {
		t.Helper()
		info := probe(t, b)
		if info.Start != want.Start || info.End != want.End || info.Signature() != want.Signature() {
			t.Errorf("%+v\nwant %+v", info, want)
		}
		return info
	}
	t.Run("null packets first", func(t *testing.T) { same(t, join(nullPackets(8), smallSegment(126000).b)) })
	t.Run("null packets with junk inside", func(t *testing.T) {
		n := nullPackets(3)
		n[tsPacket+3] = 0xf7
		same(t, join(smallSegment(126000).b, n))
	})
	t.Run("tables repeat", func(t *testing.T) {
		s := smallSegment(126000)
		s.tables(avTracks...)
		same(t, s.b)
	})
	t.Run("new version of the same tables", func(t *testing.T) {
		s := smallSegment(126000)
		section := pmtSection(1, videoPID, append(avTracks[:2:2], pmtEntry{0x86, 0x1f0, nil})...)
		section[5] |= 2
		s.section(0x1000, binary.BigEndian.AppendUint32(section[:len(section)-4], crc32MPEG(section[:len(section)-4])))
		same(t, s.b)
	})
	t.Run("a track comes", func(t *testing.T) {
		s := newStream()
		s.tables(avTracks...)
		s.body(126000)
		s.section(0x1000, pmtSection(1, videoPID, append(avTracks[:2:2], pmtEntry{streamADTS, 0x102, nil})...))
		s.unit(0x102, nil, pes(0xc0, 126000, 126000, adts(3, 150), true))
		if info := same(t, s.b); len(info.Oddities) != 1 || !strings.Contains(info.Oddities[0], "adds audio 0x102") {
			t.Errorf("oddities %q", info.Oddities)
		}
	})
	t.Run("a track goes", func(t *testing.T) {
		s := smallSegment(126000)
		for range 20 {
			s.section(0x1000, pmtSection(1, videoPID, avTracks[0]))
			s.tables(avTracks...)
		}
		if info := same(t, s.b); len(info.Oddities) != maxOddities || !strings.Contains(info.Oddities[0], "drops audio 0x101") {
			t.Errorf("oddities %q", info.Oddities)
		}
	})
	t.Run("another PID carries the clock", func(t *testing.T) {
		s := newStream()
		s.pat(1, 0x1000)
		s.section(0x1000, pmtSection(1, 0x1ff, avTracks...))
		s.body(126000)
		same(t, s.b)
	})
	t.Run("section in two packets", func(t *testing.T) {
		s := newStream()
		s.pat(1, 0x1000)
		b := append([]byte{0}, pmtSection(1, videoPID, avTracks...)...)
		s.packet(0x1000, true, nil, b[:9])
		s.packet(0x1000, false, nil, b[9:])
		s.body(126000)
		same(t, s.b)
	})
	t.Run("packets without payload", func(t *testing.T) {
		s := newStream()
		s.tables(avTracks...)
		s.packet(videoPID, false, []byte{0}, nil)
		s.body(126000)
		s.packet(videoPID, false, []byte{0}, nil)
		if info := same(t, s.b); info.CounterErrors != 0 {
			t.Errorf("%d counter errors", info.CounterErrors)
		}
	})
	t.Run("packet sent twice", func(t *testing.T) {
		b := smallSegment(126000).b
		if info := same(t, join(b[:4*tsPacket], b[3*tsPacket:])); info.CounterErrors != 0 {
			t.Errorf("%d counter errors", info.CounterErrors)
		}
	})
	t.Run("PES header in two packets", func(t *testing.T) {
		s := newStream()
		s.tables(avTracks...)
		u := pes(0xe0, 126000, 126000, join(testAUD, testSPS, testPPS, testIDR), false)
		s.packet(videoPID, true, nil, u[:7])
		s.packet(videoPID, false, nil, u[7:11])
		s.packet(videoPID, false, nil, u[11:])
		s.unit(audioPID, nil, pes(0xc0, 126000, 126000, adts(3, 150), true))
		s.unit(videoPID, nil, pes(0xe0, 129600, 129600, join(testAUD, testP), false))
		same(t, s.b)
	})
	t.Run("audio frames straddle PES packets", func(t *testing.T) {
		s := newStream()
		s.tables(avTracks[1])
		b := adts(8, 150)
		s.unit(audioPID, nil, pes(0xc0, 9000, 9000, b[:500], true))               // frames 0 to 3
		s.unit(audioPID, nil, pes(0xc0, 9000+4*1920, 9000+4*1920, b[500:], true)) // 4 to 7
		info := probe(t, s.b)
		if info.End != 9000+8*1920 || info.Tracks[0].Samples != 8 {
			t.Errorf("%+v", info)
		}
	})
	t.Run("two programs", func(t *testing.T) {
		s := newStream()
		s.pat(7, 0x1007, 1, 0x1000)
		s.section(0x1007, pmtSection(7, 0x300, pmtEntry{streamADTS, 0x300, nil}))
		s.section(0x1000, pmtSection(1, videoPID, avTracks...))
		s.body(126000)
		if info := same(t, s.b); info.ProgramNumber != 1 {
			t.Errorf("program %d", info.ProgramNumber)
		}
	})
	t.Run("end of a picture of the segment before", func(t *testing.T) {
		s := newStream()
		s.tables(avTracks...)
		s.packet(videoPID, false, nil, make([]byte, 100))
		s.body(126000)
		same(t, s.b)
	})
	t.Run("audio that goes on in the next segment", func(t *testing.T) {
		s := newStream()
		s.tables(avTracks...)
		s.packet(audioPID, false, nil, make([]byte, 100))
		s.body(126000)
		if info := same(t, s.b[:len(s.b)-tsPacket]); info.OpenPES != 1 || info.ContinuedPES != 1 {
			t.Errorf("%d open, %d continued", info.OpenPES, info.ContinuedPES)
		}
	})
	t.Run("media before the tables", func(t *testing.T) {
		s := newStream()
		s.unit(videoPID, nil, pes(0xe0, 1, 1, join(testAUD, testP), false))
		s.tables(avTracks...)
		s.body(126000)
		if info := same(t, s.b); info.EarlyPackets != 1 {
			t.Errorf("%d early packets", info.EarlyPackets)
		}
	})
	t.Run("metadata with timestamps of its own", func(t *testing.T) {
		s := newStream()
		s.tables(append(avTracks[:2:2], pmtEntry{0x15, 0x102, nil})...)
		s.unit(0x102, nil, pes(0xbd, 1<<33-90000, 1<<33-90000, []byte("ID3"), true))
		s.body(126000)
		if info := same(t, s.b); info.Tracks[2].Kind != Data || info.Tracks[2].FirstPTS != -90000 {
			t.Errorf("%+v", info.Tracks[2])
		}
	})
	t.Run("private data described as AC-3", func(t *testing.T) {
		frame := join([]byte{0x0b, 0x77, 0, 0, 0x14, 0x40, 0x43}, make([]byte, 768-7))
		s := newStream()
		s.tables(pmtEntry{streamPrivatePES, audioPID, []byte{0x6a, 1, 0}})
		s.unit(audioPID, nil, pes(0xbd, 9000, 9000, join(frame, frame), true))
		info := probe(t, s.b)
		if a := info.Tracks[0]; a.Codec != "ac-3" || a.Channels != 2 || a.SampleRate != 48000 || info.End != 9000+2*2880 {
			t.Errorf("%+v", info)
		}
	})
}
