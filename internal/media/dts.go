package media

import "encoding/binary"

// dtsHeader is how much of a DTS frame is looked at, in bytes.
const dtsHeader = 11

var dtsRates = [16]int{1: 8000, 16000, 32000, 6: 11025, 22050, 44100, 11: 12000, 24000, 48000}

var dtsChannels = [16]int{1, 2, 2, 2, 2, 3, 3, 4, 4, 5, 6, 6, 6, 7, 8, 8}

// parseDTS reads the header of a core frame, or of an extension substream, which follows one and
// adds no time (ETSI TS 102 114, 5.3 and 7.4).
func parseDTS(b []byte) (frame, bool) {
	const core, substream = 0x7ffe8001, 0x64582025
	sync := binary.BigEndian.Uint32(b)
	bits := binary.BigEndian.Uint64(b[3:]) // the last 8 of them are of the sync word
	field := func(at, n int) int { return int(bits << (at - 24) >> (64 - n)) }
	switch sync {
	case substream:
		size := field(51, 16)
		if field(42, 1) == 1 { // the long form
			size = field(55, 20)
		}
		if size++; size < dtsHeader {
			return frame{}, false
		}
		return frame{size: size}, true
	case core:
	default:
		return frame{}, false
	}
	blocks, size := field(39, 7)+1, field(46, 14)+1
	mode, rate, lfe := field(60, 6), field(66, 4), field(85, 2)
	const fewestBlocks, shortest = 6, 96
	if blocks < fewestBlocks || size < shortest || mode >= len(dtsChannels) || dtsRates[rate] == 0 {
		return frame{}, false
	}
	f := frame{
		size: size, samples: 32 * blocks, sampleRate: dtsRates[rate], channels: dtsChannels[mode],
		config: uint32(rate)<<16 | uint32(mode)<<8 | uint32(lfe),
	}
	if lfe == 1 || lfe == 2 {
		f.channels++
	}
	return f, true
}
