package media

import (
	"crypto/sha256"
	"encoding/binary"
)

// Bytes of a sample entry before the boxes in it (ISO/IEC 14496-12, 12.1.3 and
// 12.2.3).
const (
	visualEntry = 78
	audioEntry  = 28
)

// canonicalID is the hash of the payload of a moov box, without what does not matter; see
// [Init.ID].
func canonicalID(moov []byte) Digest {
	return sha256.Sum256(canonicalBoxes(make([]byte, 0, len(moov)), moov, 0))
}

// canonicalBoxes appends the boxes of a container to dst.
func canonicalBoxes(dst, b []byte, depth int) []byte {
	in := boxes{b: b}
	for raw, body := range in.all() {
		dst = canonicalBox(dst, raw, body, depth)
	}
	return append(dst, in.b...) // what is not a box counts as it is
}

func canonicalBox(dst, raw, body []byte, depth int) []byte {
	const maxDepth = 8 // moov, trak, mdia, minf, dinf, dref
	switch string(raw[4:8]) {
	case "free", "skip", "udta", "meta", "mehd", "btrt":
		return dst
	}
	start := len(dst)
	dst = append(append(dst, raw[4:8]...), 0, 0, 0, 0)
	switch name := string(raw[4:8]); {
	case isContainer(name) && depth < maxDepth:
		dst = canonicalBoxes(dst, body, depth+1)
	case name == "mvhd" || name == "tkhd" || name == "mdhd":
		dst = canonicalHeader(dst, name, body)
	case name == "hdlr" && len(body) >= 12:
		dst = append(dst, body[8:12]...) // handler_type
	case name == "stsd" && len(raw) >= boxHeader+8:
		dst = canonicalSampleDescriptions(dst, raw)
	case name == "esds":
		dst = append(dst, body...)
		clearBitrates(dst[len(dst)-len(body):])
	default:
		dst = append(dst, body...)
	}
	binary.BigEndian.PutUint32(dst[start+4:], uint32(len(dst)-start))
	return dst
}

func isContainer(name string) bool {
	switch name {
	case "trak", "mdia", "minf", "stbl", "dinf", "edts", "mvex":
		return true
	}
	return false
}

// canonicalHeader appends a header box without its times (ISO/IEC 14496-12, 8.2.2, 8.3.2
// and 8.4.2), which makes both of its versions the same.
func canonicalHeader(dst []byte, name string, body []byte) []byte {
	width := 4 // of a time
	if len(body) > 0 && body[0] == 1 {
		width = 8
	}
	// Version and flags, creation time, modification time, then the timescale,
	// or the track ID and a reserved field, then the duration.
	fixed := 4
	if name == "tkhd" {
		fixed = 8
	}
	number, duration := 4+2*width, 4+2*width+fixed
	if len(body) < duration+width {
		return append(dst, body...)
	}
	rest := body[duration+width:]
	if name == "mvhd" {
		rest = rest[:max(0, len(rest)-4)] // next_track_ID
	}
	dst = append(append(dst, body[1:4]...), body[number:duration]...)
	return append(dst, rest...)
}

// canonicalSampleDescriptions appends an stsd box, from its header on.
func canonicalSampleDescriptions(dst, stsd []byte) []byte {
	dst = append(dst, stsd[boxHeader:boxHeader+8]...)
	in := boxes{b: stsd[boxHeader+8:]}
	for raw, body := range in.all() {
		start := len(dst)
		dst = append(append(dst, raw[4:8]...), 0, 0, 0, 0)
		dst = canonicalEntry(dst, body)
		binary.BigEndian.PutUint32(dst[start+4:], uint32(len(dst)-start))
	}
	return append(dst, in.b...)
}

// canonicalEntry appends the payload of a sample entry. Whether it is visual or audio shows
// in where boxes fill it exactly to the end; if nowhere, it counts as it is.
func canonicalEntry(dst, body []byte) []byte {
	for _, fixed := range []int{visualEntry, audioEntry} {
		if len(body) < fixed || !boxesFill(body[fixed:]) {
			continue
		}
		dst = append(dst, body[:fixed]...)
		if fixed == visualEntry {
			const name, end = 42, 74 // compressorname
			clear(dst[len(dst)-fixed+name : len(dst)-fixed+end])
		}
		return canonicalBoxes(dst, body[fixed:], 0)
	}
	return append(dst, body...)
}

func boxesFill(b []byte) bool {
	in := boxes{b: b}
	for range in.all() {
	}
	return !in.bad
}

// clearBitrates clears the buffer size and the bitrates of an esds box
// (DecoderConfigDescriptor; ISO/IEC 14496-1, 7.2.6.6).
func clearBitrates(b []byte) {
	const esTag, configTag = 3, 4
	b, ok := descriptor(b[min(4, len(b)):], esTag)
	if !ok || len(b) < 3 {
		return
	}
	flags := b[2]
	b = b[3:]
	skip := 0
	if flags&0x80 != 0 { // streamDependenceFlag
		skip += 2
	}
	if flags&0x40 != 0 && len(b) > skip { // URL_Flag
		skip += 1 + int(b[skip])
	}
	if flags&0x20 != 0 { // OCRstreamFlag
		skip += 2
	}
	b, ok = descriptor(b[min(skip, len(b)):], configTag)
	if !ok || len(b) < 13 {
		return
	}
	clear(b[2:13])
}

// descriptor returns the rest of b after the head of a descriptor (ISO/IEC
// 14496-1, 8.3.3).
func descriptor(b []byte, tag byte) ([]byte, bool) {
	if len(b) < 2 || b[0] != tag {
		return nil, false
	}
	for i := 1; i < min(5, len(b)); i++ {
		if b[i]&0x80 == 0 {
			return b[i+1:], true
		}
	}
	return nil, false
}
