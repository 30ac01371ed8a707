package media

import (
	"strings"
	"testing"
)

// opusDescriptors are those of ffmpeg, for two channels.
var opusDescriptors = []byte{5, 4, 'O', 'p', 'u', 's', 0x7f, 2, 0x80, 2}

// opusUnit is an access unit of Opus with a packet of 20 ms.
func opusUnit(size int) []byte {
	header := []byte{0x7f, 0xe0}
	for rest := size; ; rest -= 0xff {
		header = append(header, byte(min(rest, 0xff)))
		if rest < 0xff {
			break
		}
	}
	packet := make([]byte, size)
	packet[0] = 31 << 3
	return join(header, packet)
}

// dtsFrame is one of ffmpeg's, 512 samples at 48 kHz, stereo.
var dtsFrame = join([]byte{0x7f, 0xfe, 0x80, 0x01, 0xfc, 0x3c, 0x75, 0xb0, 0xb6, 0xc0, 0x01}, make([]byte, 1884-11))

// privateSegment is video with a stream of its own kind.
func privateSegment(streamType uint8, descriptors []byte, payload []byte) []byte {
	s := newStream()
	s.tables(pmtEntry{streamH264, videoPID, nil}, pmtEntry{streamType, audioPID, descriptors})
	s.unit(videoPID, nil, pes(0xe0, 126000, 126000, join(testAUD, testSPS, testPPS, testIDR, make([]byte, 500)), false))
	s.unit(audioPID, nil, pes(0xbd, 126000, 126000, payload, true))
	return s.b
}

// Audio in private streams is audio, whatever says so.
func TestPrivateStreams(t *testing.T) {
	units := join(opusUnit(40), opusUnit(3), opusUnit(600), opusUnit(254), opusUnit(255))
	// An extension substream of 64 bytes after the core adds no time.
	substream := join([]byte{0x64, 0x58, 0x20, 0x25, 0, 0, 0, 0x07, 0xe0}, make([]byte, 64-9))
	frames := join(dtsFrame, substream, dtsFrame, substream)
	for name, c := range map[string]struct {
		streamType     uint8
		descriptors    []byte
		payload        []byte
		codec          string
		samples, count int
	}{
		"Opus":                 {streamPrivatePES, opusDescriptors, units, "Opus", 5, 2},
		"DTS, registered":      {streamPrivatePES, []byte{5, 4, 'D', 'T', 'S', '1'}, frames, "dtsc", 2, 2},
		"DTS, of DVB":          {streamPrivatePES, []byte{0x7b, 5, 0, 0, 0, 0, 0}, frames, "dtsc", 2, 2},
		"DTS, of ffmpeg":       {0x82, nil, frames, "dtsc", 2, 2},
		"DTS, of hard headers": {0x8a, nil, frames, "dtsc", 2, 2},
	} {
		info := probe(t, privateSegment(c.streamType, c.descriptors, c.payload))
		track := trackByPID(t, info, "0x101")
		if track.Kind != Audio || track.Codec != c.codec || track.Samples != c.samples || track.Channels != c.count || len(track.Config) == 0 || !info.Complete() {
			t.Errorf("%s: %+v", name, track)
		}
	}
}

// What has the stream type of DTS, and is something else, is data.
func TestDTSThatIsNone(t *testing.T) {
	info := probe(t, privateSegment(0x82, nil, []byte("SCTE 27 subtitles, for example")))
	if track := trackByPID(t, info, "0x101"); track.Kind != Data || !info.Complete() {
		t.Errorf("%+v", track)
	}
}

// What viewers may lack is said.
func TestPrivateStreamsThatAreNotRead(t *testing.T) {
	for want, descriptors := range map[string][]byte{
		"0x101 carries AC-4 audio":                            {0x7f, 3, 0x15, 0, 0},
		"AC-4 audio: it is passed on":                         {5, 4, 'A', 'C', '-', '4'},
		"0x101 carries PCM audio":                             {5, 4, 'B', 'S', 'S', 'D'},
		"0x101 carries a private stream without a descriptor": nil,
	} {
		info := probe(t, privateSegment(streamPrivatePES, descriptors, []byte("what there is")))
		if len(info.Oddities) != 1 || !strings.Contains(info.Oddities[0], want) {
			t.Errorf("%q, want %q", info.Oddities, want)
		}
	}
	for name, descriptors := range map[string][]byte{"KLV": {5, 4, 'K', 'L', 'V', 'A'}, "teletext": {0x56, 5, 'd', 'e', 'u', 8, 0}} {
		if info := probe(t, privateSegment(streamPrivatePES, descriptors, []byte("what there is"))); len(info.Oddities) > 0 {
			t.Errorf("%s: %q", name, info.Oddities)
		}
	}
	_, err := tryProbe(privateSegment(streamPrivatePES, []byte{5, 4, 'A', 'V', '0', '1'}, []byte("what there is")))
	if err == nil || !strings.Contains(err.Error(), "AV1 video belongs into fragmented MP4") {
		t.Errorf("AV1: %v", err)
	}
}
