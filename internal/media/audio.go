package media

import (
	"encoding/binary"
	"strconv"
)

// frame is the header of one audio frame.
type frame struct {
	size       int // in bytes, header included
	samples    int // that it adds to the time
	sampleRate int
	channels   int
	// config packs the header's fields that may not change, so that two frames
	// can be compared; codec and description are made from it at the end.
	config uint32
}

// frames walks the frames of an audio track from header to header. Frames may
// straddle PES packets; the timestamp of a PES packet is that of the first
// frame that starts in it (ISO/IEC 13818-1, 2.4.3.7).
type frames struct {
	codec codecID
	parse func(header []byte) (frame, bool)
	need  int // bytes of a header

	part   []byte // of a header that is split in two
	skip   int    // bytes until the next header
	inSync bool
	proven bool // last was followed by another frame exactly at its end
	last   frame

	first    frame // configuration of the track
	hasFirst bool

	count   int // frames
	samples int // since the last timestamp

	sizes  sampleSizes // in samples
	passed int64       // samples since the beginning of the object
	silent int64       // the size of a frame of silence, with its header
	layout byte        // channel_config_code of Opus
}

func newFrames(codec codecID) *frames {
	f := &frames{codec: codec}
	switch codec {
	case codecAAC:
		f.parse, f.need = parseADTS, adtsHeader
	case codecMPEGAudio:
		f.parse, f.need = parseMPEGAudio, 4
	case codecDTS:
		f.parse, f.need = parseDTS, dtsHeader
	case codecOpus:
		f.need = opusHeader
	default:
		f.parse, f.need = parseAC3, 7
	}
	f.part = make([]byte, 0, f.need+1)
	return f
}

// begin is called when a PES packet starts, with payload b.
func (f *frames) begin(b []byte, stamped bool) {
	if stamped {
		f.samples = 0
	}
	if f.codec == codecOpus { // a PES packet begins with an access unit
		f.skip, f.part = 0, f.part[:0]
		return
	}
	if f.skip == 0 && len(f.part) == 0 || len(b) < f.need {
		return
	}
	// In the middle of a frame: either frames straddle PES packets, or bytes
	// were lost. A header of this track right at the start is the latter.
	if h, ok := f.parse(b[:f.need]); ok && f.inSync && h.config == f.last.config {
		f.skip, f.part = 0, f.part[:0]
	}
}

// feed takes payload of the track.
func (f *frames) feed(b []byte) {
	if f.codec == codecOpus {
		f.feedOpus(b)
		return
	}
	for len(b) > 0 {
		if f.skip > 0 {
			n := min(f.skip, len(b))
			f.skip -= n
			b = b[n:]
			continue
		}
		if len(f.part) == 0 && len(b) >= f.need {
			b = b[f.header(b[:f.need]):]
			continue
		}
		n := min(f.need-len(f.part), len(b))
		f.part = append(f.part, b[:n]...)
		b = b[n:]
		if len(f.part) < f.need {
			return
		}
		used := f.header(f.part)
		f.part = f.part[:copy(f.part, f.part[used:])]
	}
}

// header takes what may be the header of a frame, and returns how many of its
// bytes it has consumed: all, or one if it is none.
func (f *frames) header(b []byte) int {
	h, ok := f.parse(b)
	if !ok {
		f.lost()
		return 1
	}
	if h.samples == 0 { // part of the frame before
		f.skip = h.size - len(b)
		return len(b)
	}
	f.accept(h)
	f.skip = h.size - len(b)
	return len(b)
}

// lost is called where a header should be and is not.
func (f *frames) lost() {
	if f.inSync && !f.proven {
		// The last header was not one either, only bytes that look like it.
		f.count--
		f.samples = max(0, f.samples-f.last.samples)
	}
	f.inSync = false
}

// accept takes the header of a frame.
func (f *frames) accept(h frame) {
	f.proven = f.inSync && (f.hasFirst || h.config == f.last.config)
	if f.proven && !f.hasFirst {
		f.first, f.hasFirst = f.last, true
	}
	f.inSync = true
	f.last = h
	f.count++
	f.samples += h.samples
	f.measure(h)
}

// measure takes the size of a frame.
func (f *frames) measure(h frame) {
	if f.sizes.n == 0 {
		f.sizes.run = int64(h.sampleRate) * stillRun / ClockRate
	}
	if f.codec == codecAAC && f.silent == 0 {
		f.silent = adtsHeader + silentFrame("mp4a.40.2", h.channels)
	}
	f.sizes.add(f.passed, int64(h.size), int64(h.size) <= f.silent, false)
	f.passed += int64(h.samples)
}

// finish is called at the end of the object. A single frame that nothing
// follows is taken at its word.
func (f *frames) finish() {
	if !f.hasFirst && f.inSync {
		f.first, f.hasFirst = f.last, true
	}
}

// inFrame reports whether the last frame lacks some of its bytes.
func (f *frames) inFrame() bool { return f.inSync && (f.skip > 0 || len(f.part) > 0) }

// config returns the configuration and the codec of the track.
func (f *frames) config() (config []byte, codec string) {
	if !f.hasFirst {
		return nil, ""
	}
	packed := f.first.config
	switch f.codec {
	case codecAAC:
		// AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1).
		object := packed >> 11
		return binary.BigEndian.AppendUint16(nil, uint16(packed)), "mp4a.40." + strconv.Itoa(int(object))
	case codecMPEGAudio:
		// RFC 6381 object types 32 to 34 are layers 1 to 3 of MPEG audio.
		layer := packed & 3
		return binary.BigEndian.AppendUint32(nil, packed), "mp4a.40." + [...]string{1: "32", 2: "33", 3: "34"}[layer]
	case codecDTS:
		return binary.BigEndian.AppendUint32(nil, packed), "dtsc"
	case codecOpus:
		return []byte{f.layout}, "Opus"
	}
	codec = "ac-3"
	if packed>>24 > 10 { // bsid
		codec = "ec-3"
	}
	return binary.BigEndian.AppendUint32(nil, packed), codec
}

var aacRates = [...]int{96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350}

// adtsHeader is the size of an ADTS header without a checksum.
const adtsHeader = 7

// parseADTS reads an ADTS header (ISO/IEC 14496-3, 1.A.2.2).
func parseADTS(b []byte) (frame, bool) {
	if b[0] != 0xff || b[1]&0xf6 != 0xf0 {
		return frame{}, false
	}
	object, rate := uint32(b[2]>>6)+1, int(b[2]>>2&0xf)
	channels := int(b[2]&1)<<2 | int(b[3]>>6)
	size := int(b[3]&3)<<11 | int(b[4])<<3 | int(b[5]>>5)
	blocks := int(b[6]&3) + 1
	if rate >= len(aacRates) || size < adtsHeader {
		return frame{}, false
	}
	f := frame{
		size: size, samples: 1024 * blocks, sampleRate: aacRates[rate], channels: channels,
		config: object<<11 | uint32(rate)<<7 | uint32(channels)<<3,
	}
	if channels == 7 { // 7.1
		f.channels = 8
	}
	return f, true
}

// mpegBitrates in kbit/s: MPEG-1 layers 1 to 3, then MPEG-2 layer 1 and layers
// 2 and 3 (ISO/IEC 11172-3, 2.4.2.3; ISO/IEC 13818-3, 2.4.2.3).
var mpegBitrates = [5][15]int{
	{0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448},
	{0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384},
	{0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320},
	{0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256},
	{0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160},
}

// parseMPEGAudio reads the header of an MPEG-1, MPEG-2 or MPEG-2.5 audio frame
// (ISO/IEC 11172-3, 2.4.1.3). Free format (bitrate index 0) isn't understood.
func parseMPEGAudio(b []byte) (frame, bool) {
	if b[0] != 0xff || b[1]&0xe0 != 0xe0 {
		return frame{}, false
	}
	version := int(b[1] >> 3 & 3) // 0 is 2.5, 2 is MPEG-2, 3 is MPEG-1
	layer := 4 - int(b[1]>>1&3)
	bitrate, rate := int(b[2]>>4), int(b[2]>>2&3)
	padding := int(b[2] >> 1 & 1)
	if version == 1 || layer == 4 || bitrate == 0 || bitrate == 15 || rate == 3 {
		return frame{}, false
	}
	hz := [3]int{44100, 48000, 32000}[rate]
	row := layer - 1
	switch version {
	case 2:
		hz /= 2
	case 0:
		hz /= 4
	}
	if version != 3 {
		row = min(3+layer-1, 4)
	}
	kbits := mpegBitrates[row][bitrate]
	f := frame{samples: 1152, sampleRate: hz, channels: 2}
	switch {
	case layer == 1:
		f.samples = 384
		f.size = (12000*kbits/hz + padding) * 4
	case layer == 3 && version != 3:
		f.samples = 576
		f.size = 72000*kbits/hz + padding
	default:
		f.size = 144000*kbits/hz + padding
	}
	if b[3]>>6 == 3 {
		f.channels = 1
	}
	f.config = uint32(version)<<24 | uint32(rate)<<16 | uint32(f.channels)<<8 | uint32(layer)
	return f, true
}

// ac3Kbits is the bitrate by frmsizecod/2 in kbit/s (ETSI TS 102 366, table 4.13).
var ac3Kbits = [19]int{32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640}

var ac3Channels = [8]int{2, 1, 2, 3, 3, 4, 4, 5}

// parseAC3 reads the start of an AC-3 or E-AC-3 frame (ETSI TS 102 366, 4.3
// and E.1.2). The stream type does not always say which of the two it is.
func parseAC3(b []byte) (frame, bool) {
	if b[0] != 0x0b || b[1] != 0x77 {
		return frame{}, false
	}
	bsid := uint32(b[5] >> 3)
	switch {
	case bsid <= 10:
		return parsePlainAC3(b, bsid)
	case bsid <= 16:
		return parseEAC3(b, bsid)
	}
	return frame{}, false
}

func parsePlainAC3(b []byte, bsid uint32) (frame, bool) {
	rate, code := int(b[4]>>6), int(b[4]&0x3f)
	if rate == 3 || code/2 >= len(ac3Kbits) {
		return frame{}, false
	}
	hz := [3]int{48000, 44100, 32000}[rate]
	words := ac3Kbits[code/2] * 1000 * 1536 / 16 / hz
	if rate == 1 {
		words += code & 1
	}
	mode := b[6] >> 5
	// lfeon comes after two bits each for the mix levels that the mode has.
	at := 4
	if mode&1 == 1 && mode != 1 {
		at -= 2
	}
	if mode&4 == 4 {
		at -= 2
	}
	if mode == 2 {
		at -= 2
	}
	lfe := b[6] >> at & 1
	return frame{
		size: words * 2, samples: 1536, sampleRate: hz, channels: ac3Channels[mode] + int(lfe),
		config: bsid<<24 | uint32(rate)<<16 | uint32(b[5]&7)<<8 | uint32(mode)<<1 | uint32(lfe),
	}, true
}

func parseEAC3(b []byte, bsid uint32) (frame, bool) {
	kind, substream := b[2]>>6, b[2]>>3&7
	size := ((int(b[2]&7)<<8 | int(b[3])) + 1) * 2
	rate := int(b[4] >> 6)
	blocks := [4]int{1, 2, 3, 6}[b[4]>>4&3]
	mode, lfe := b[4]>>1&7, b[4]&1
	if kind == 3 || size < 7 {
		return frame{}, false
	}
	var hz int
	switch {
	case rate < 3:
		hz = [3]int{48000, 44100, 32000}[rate]
	case b[4]>>4&3 == 3:
		return frame{}, false
	default:
		hz = [3]int{24000, 22050, 16000}[b[4]>>4&3]
		blocks = 6
	}
	f := frame{
		size: size, samples: 256 * blocks, sampleRate: hz, channels: ac3Channels[mode] + int(lfe),
		config: bsid<<24 | uint32(rate)<<16 | uint32(b[4]>>4&3)<<8 | uint32(mode)<<1 | uint32(lfe),
	}
	if kind == 1 || substream > 0 {
		// It adds channels or another service to a frame, but no time.
		f.samples = 0
	}
	return f, true
}
