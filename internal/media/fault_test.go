package media

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
)

func refused(t *testing.T, b []byte, reason Reason, detail string) {
	t.Helper()
	probed, err := probeAny(b)
	refusedWith(t, probed, err, reason, detail)
}

func refusedWith(t *testing.T, accepted any, err error, reason Reason, detail string) {
	t.Helper()
	var fault *Fault
	if !errors.As(err, &fault) {
		t.Errorf("accepted: %+v", accepted)
		return
	}
	if fault.Reason != reason || !strings.Contains(fault.Detail, detail) {
		t.Errorf("refused with %q, want %s: ...%s...", fault.Error(), reason, detail)
	}
}

func TestSmallSegmentIsSound(t *testing.T) {
	for _, start := range []int64{126000, 0, 1<<33 - 1800} {
		info := probe(t, smallSegment(start).b)
		if info.Start != start || info.End != start+7200 || !info.KeyFrameFirst || info.FrameDuration != 3600 {
			t.Errorf("start %d: %+v", start, info)
		}
		v, a := info.Tracks[0], info.Tracks[1]
		if v.Codec != "avc1.42c00d" || v.Samples != 2 || a.Codec != "mp4a.40.2" || a.Samples != 6 || a.End != start+6*1920 {
			t.Errorf("start %d: tracks %+v", start, info.Tracks)
		}
	}
}

func TestWhatIsNoMediaIsRefused(t *testing.T) {
	zeros := make([]byte, 5000)
	for name, c := range map[string]struct {
		b      []byte
		reason Reason
		detail string
	}{
		"nothing":        {nil, ReasonEmpty, "no bytes"},
		"error page":     {[]byte("<html><body>502 Bad Gateway"), ReasonGarbage, `"<html><body>502`},
		"zeros":          {zeros, ReasonGarbage, `\x00`},
		"one sync byte":  {[]byte{tsSync}, ReasonTruncated, "ends 1 bytes into the packet at byte 0"},
		"sync by chance": {append([]byte{tsSync}, zeros...), ReasonGarbage, "byte 188 is 0x00"},
		"playlist":       {[]byte("#EXTM3U\n"), ReasonGarbage, "#EXTM3U"},
		"half a box":     {[]byte("\x00\x00\x00\x18st"), ReasonGarbage, "st"},
		"192 bytes":      {spread(smallSegment(0).b, 4, 0), ReasonUnsupported, "192 bytes"},
		"204 bytes":      {spread(smallSegment(0).b, 0, 16), ReasonUnsupported, "204 bytes"},
		"null packets":   {nullPackets(10), ReasonNoTables, "no PAT"},
	} {
		t.Run(name, func(t *testing.T) { refused(t, c.b, c.reason, c.detail) })
	}
}

// spread puts bytes before and after each packet.
func spread(b []byte, before, after int) []byte {
	var out []byte
	for ; len(b) > 0; b = b[tsPacket:] {
		out = join(out, make([]byte, before), b[:tsPacket], make([]byte, after))
	}
	return out
}

func nullPackets(n int) []byte {
	p := bytes.Repeat([]byte{0xff}, tsPacket)
	copy(p, []byte{tsSync, 0x1f, 0xff, 0x10})
	return bytes.Repeat(p, n)
}

func TestBrokenStreamsAreRefused(t *testing.T) {
	sound := smallSegment(126000).b
	at := func(i int) int { return i * tsPacket } // the third packet is the first of video
	change := func(i int, value byte) []byte {
		b := bytes.Clone(sound)
		b[i] = value
		return b
	}
	noTimes := newStream()
	noTimes.tables(pmtEntry{streamH264, videoPID, nil})
	noTimes.unit(videoPID, nil, join([]byte{0, 0, 1, 0xe0, 0, 0, 0x80, 0, 0}, testSPS, testIDR))
	noPicture := newStream()
	noPicture.tables(pmtEntry{streamH264, videoPID, nil})
	noPicture.unit(videoPID, nil, pes(0xe0, 0, 0, join(testSPS, testPPS), false))
	moved := smallSegment(126000)
	moved.section(0x1000, pmtSection(1, videoPID, pmtEntry{streamH264, 0x200, nil}, avTracks[1]))
	noVideo := smallSegment(126000)
	noVideo.section(0x1000, pmtSection(1, videoPID, avTracks[1]))
	movedPMT := smallSegment(126000)
	movedPMT.pat(1, 0x1001)
	patOnly := newStream()
	patOnly.pat(1, 0x1000)
	dataOnly := newStream()
	dataOnly.tables(pmtEntry{0x15, 0x102, nil})
	encrypted := newStream()
	encrypted.tables(pmtEntry{0xdb, videoPID, nil})
	mpeg2 := newStream()
	mpeg2.tables(pmtEntry{0x02, videoPID, nil})
	noise := newStream()
	noise.tables(pmtEntry{streamADTS, audioPID, nil})
	noise.unit(audioPID, nil, pes(0xc0, 0, 0, make([]byte, 400), true))
	noStart := newStream()
	noStart.tables(pmtEntry{streamH264, videoPID, nil})
	noStart.unit(videoPID, nil, testIDR[1:])
	audioOnly := newStream()
	audioOnly.tables(avTracks[1])
	audioOnly.unit(audioPID, nil, pes(0xc0, 0, 0, adts(3, 150), true))
	scrambledPES := newStream()
	scrambledPES.tables(avTracks[1])
	scrambledPES.unit(audioPID, nil, func() []byte { b := pes(0xc0, 0, 0, adts(2, 150), true); b[6] |= 0x10; return b }())

	for name, c := range map[string]struct {
		b      []byte
		reason Reason
		detail string
	}{
		"sync lost":             {change(at(7), 0x46), ReasonDamaged, "sync lost at byte 1316: 0x46"},
		"scrambled":             {change(at(2)+3, sound[at(2)+3]|0x80), ReasonEncrypted, "byte 376, PID 0x100"},
		"scrambled PES":         {scrambledPES.b, ReasonEncrypted, "scrambled PES packet at byte 376, PID 0x101"},
		"sample encryption":     {encrypted.b, ReasonEncrypted, "video 0x100: sample encryption"},
		"adaptation too long":   {change(at(2)+4, 184), ReasonDamaged, "adaptation field of 184 bytes at byte 376"},
		"PAT with a wrong CRC":  {change(at(0)+188-1, 0), ReasonNoTables, "no PAT; 1 sections with a wrong CRC"},
		"PAT lost":              {sound[at(1):], ReasonNoTables, "no PAT"},
		"PMT lost":              {join(sound[:at(1)], sound[at(2):]), ReasonNoTables, "no PMT"},
		"PAT only":              {patOnly.b, ReasonNoTables, "no PMT"},
		"data only":             {dataOnly.b, ReasonNoMedia, "no audio and no video"},
		"tables only":           {sound[:at(2)], ReasonNoMedia, "video 0x100: no picture in 0 PES packets"},
		"no picture":            {noPicture.b, ReasonNoMedia, "no picture in 1 PES packets"},
		"no timestamp":          {noTimes.b, ReasonNoTimestamps, "video 0x100 has no PTS"},
		"no audio frame":        {noise.b, ReasonDamaged, "audio 0x101: no frame header"},
		"no start code":         {noStart.b, ReasonDamaged, "no PES start code at byte 376, PID 0x100"},
		"unread video":          {mpeg2.b, ReasonUnsupported, "MPEG-2 video"},
		"video moves":           {moved.b, ReasonLayoutChanged, "video 0x200"},
		"video goes":            {noVideo.b, ReasonLayoutChanged, "drops video 0x100"},
		"PMT moves":             {movedPMT.b, ReasonLayoutChanged, "from PID 0x1000 to 0x1001"},
		"cut inside a packet":   {sound[:len(sound)-1], ReasonTruncated, "ends 187 bytes into the packet"},
		"cut in a frame":        {audioOnly.b[:len(audioOnly.b)-at(1)], ReasonTruncated, "audio 0x101: ends at byte"},
		"cut in the first unit": {sound[:at(2)+10], ReasonTruncated, "ends 10 bytes into the packet at byte 376"},
	} {
		t.Run(name, func(t *testing.T) { refused(t, c.b, c.reason, c.detail) })
	}
}

// A packet that is marked as damaged is left out, as players do; with many of them nothing
// is left to serve.
func TestMarkedPacketsAreLeftOut(t *testing.T) {
	s := newStream()
	s.tables(avTracks...)
	for n := range int64(20) {
		s.body(126000 + n*7200)
	}
	mark := func(every int) []byte {
		b := bytes.Clone(s.b)
		for i := 5; i < len(b)/tsPacket; i += every {
			b[i*tsPacket+1] |= 0x80
		}
		return b
	}
	packets := len(s.b) / tsPacket
	info := probe(t, mark(packets))
	if info.ErrorPackets != 1 || info.Tracks[0].Samples < 39 {
		t.Errorf("%d packets, %d pictures", info.ErrorPackets, info.Tracks[0].Samples)
	}
	refused(t, mark(3), ReasonDamaged, "transport_error_indicator of")
}

// Lost packets are visible to the caller.
func TestLostPacketsAreCounted(t *testing.T) {
	b := segment(t, "h264", 0)
	sound := probe(t, b)
	lost := 0
	for i := 100; i < 110; i++ {
		lost += probe(t, join(b[:i*tsPacket], b[(i+1)*tsPacket:])).CounterErrors
	}
	if lost != 10 {
		t.Errorf("10 lost packets show as %d counter errors", lost)
	}
	short := 0
	audio := uint16(sound.Tracks[1].ID)
	for i := 0; i < len(b)-20*tsPacket; i += tsPacket {
		if binary.BigEndian.Uint16(b[i+1:])&0x5fff != audio {
			continue // only those that continue a PES packet of audio
		}
		if info, err := tryProbe(join(b[:i], b[i+tsPacket:])); err == nil {
			short += info.ShortPES
		}
		break
	}
	if short != 1 {
		t.Errorf("lost audio packet shows as %d short PES packets", short)
	}
}

// Lost pictures and a clock that goes back are visible to the caller.
func TestStepsOfTimestampsAreMeasured(t *testing.T) {
	s := newStream()
	s.tables(avTracks[0])
	for i, dts := range []int64{0, 3600, 7200, 18000, 9000, 12600} {
		picture := join(testAUD, testP)
		if i == 0 {
			picture = join(testAUD, testSPS, testPPS, testIDR)
		}
		s.unit(videoPID, nil, pes(0xe0, dts+7200, dts, picture, false))
	}
	info := probe(t, s.b)
	v := info.Tracks[0]
	if v.MaxStep != 10800 || v.Measure.StepBack != 9000 || info.FrameDuration != 3600 || info.Start != 7200 || info.End != 18000+7200+3600 {
		t.Errorf("%+v", info)
	}
}

// A segment that starts with an ordinary picture says so, also if the encoder
// marks it as a random access point without being one.
func TestSegmentThatStartsInTheMiddle(t *testing.T) {
	for name, c := range map[string]struct {
		adaptation []byte
		picture    []byte
		key        bool
	}{
		"predicted":             {nil, join(testAUD, testSPS, testPPS, testP), false},
		"predicted, but marked": {[]byte{0x40}, join(testAUD, testSPS, testPPS, testP), false},
		"intra, not marked":     {nil, join(testAUD, testSPS, testPPS, testIntra), false},
		"intra, marked":         {[]byte{0x40}, join(testAUD, testSPS, testPPS, testIntra), true},
		"recovery point":        {nil, join(testAUD, testSPS, testPPS, []byte{0, 0, 1, 6, 6, 1, 0x84, 0x80}, testIntra), true},
		"recovery later":        {nil, join(testAUD, testSPS, testPPS, []byte{0, 0, 1, 6, 6, 1, 0x50, 0x80}, testIntra), false},
		"IDR":                   {nil, join(testAUD, testSPS, testPPS, testIDR), true},
	} {
		s := newStream()
		s.tables(avTracks[0])
		s.unit(videoPID, c.adaptation, pes(0xe0, 0, 0, c.picture, false))
		if got := probe(t, s.b).KeyFrameFirst; got != c.key {
			t.Errorf("%s: KeyFrameFirst is %v", name, got)
		}
	}
}

// Wherever a segment is cut, it is refused, or the caller can see that less is
// there: only the end of the last picture may be missing, as it doesn't tell.
func TestTruncationIsNoticed(t *testing.T) {
	for _, name := range []string{"h264", "hevc", "aac"} {
		b := segment(t, name, 0)
		whole := probe(t, b)
		for cut := 0; cut < len(b); cut += 1 + len(b)/700 {
			info, err := tryProbe(b[:cut])
			if err != nil {
				continue
			}
			if cut%tsPacket != 0 {
				t.Fatalf("%s cut at %d is accepted", name, cut)
			}
			if info.End > whole.End || info.Start != whole.Start {
				t.Fatalf("%s cut at %d: from %d to %d, whole from %d to %d", name, cut, info.Start, info.End, whole.Start, whole.End)
			}
		}
	}
}
