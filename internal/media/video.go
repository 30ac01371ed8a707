package media

import "bytes"

// pictures looks at the head of a track's first access unit: parameter sets, and the first
// slice, which tells whether a decoder can start there. If the parameter sets are missing,
// it looks for them in later ones.
type pictures struct {
	codec  codecID
	active bool // wants payload

	buf  []byte // not nil from the first PES packet on
	from int    // where the search for the next start code continues
	nal  int    // where the NAL unit in hand starts, -1 before the first

	seen         bool // the first slice of the track
	keyFrame     bool // it is one to start at
	randomAccess bool // random_access_indicator of the first access unit
	recovery     bool // recovery point in the first access unit

	sps    videoParams
	hasSPS bool
	config []byte
	tooBig bool // there are more parameter sets than config may hold
}

var startCode = []byte{0, 0, 1}

func newPictures(codec codecID) *pictures {
	return &pictures{codec: codec, nal: -1}
}

// begin is called when a PES packet starts.
func (v *pictures) begin(randomAccess bool) {
	switch {
	case !v.seen:
		// Also for a picture whose first slice is in a later PES packet.
		v.active = true
		v.randomAccess = v.randomAccess || randomAccess
	case !v.hasSPS:
		v.finishNAL()
		v.active = !v.hasSPS
		v.buf, v.from, v.nal = v.buf[:0], 0, -1
	}
}

// feed takes payload while active.
func (v *pictures) feed(b []byte) {
	v.buf = append(v.buf, b[:min(len(b), maxAccessUnitHead-len(v.buf))]...)
	v.search(false)
	if len(v.buf) == maxAccessUnitHead {
		v.search(true)
		v.active = false
	}
}

// finish is called at the end of the object.
func (v *pictures) finish() {
	if v.active {
		v.search(true)
		v.finishNAL()
	}
	v.active = false
}

// search goes through the NAL units of the buffer up to the first slice
// (byte stream format, ISO/IEC 14496-10, annex B). Unless it is the end, it
// waits for enough bytes of a slice to read its type.
func (v *pictures) search(end bool) {
	const sliceHead = 12
	for v.active {
		i := bytes.Index(v.buf[v.from:], startCode)
		if i < 0 {
			v.from = max(v.from, len(v.buf)-2)
			return
		}
		at := v.from + i
		if len(v.buf) < at+3+sliceHead && !end {
			v.from = at
			return
		}
		v.closeNAL(v.buf[:at])
		v.nal, v.from = at+3, at+3
		if v.nal < len(v.buf) && v.isSlice(v.buf[v.nal]) {
			v.slice(v.buf[v.nal:])
		}
	}
}

// finishNAL takes the rest of the buffer for the rest of a NAL unit.
func (v *pictures) finishNAL() { v.closeNAL(v.buf) }

func (v *pictures) closeNAL(b []byte) {
	if v.nal < 0 || v.nal >= len(b) {
		return
	}
	v.parameters(bytes.TrimRight(b[v.nal:], "\x00"))
	v.nal = -1
}

func (v *pictures) nalType(header byte) byte {
	if v.codec == codecH264 {
		return header & 0x1f
	}
	return header >> 1 & 0x3f
}

func (v *pictures) isSlice(header byte) bool {
	t := v.nalType(header)
	if v.codec == codecH264 {
		return t == h264Slice || t == h264Partition || t == h264IDR
	}
	return t <= h265LastVCL
}

// slice takes the first slice of an access unit.
func (v *pictures) slice(nal []byte) {
	v.nal = -1
	v.active = false
	if v.seen {
		return
	}
	v.seen = true
	t := v.nalType(nal[0])
	if v.codec == codecH265 {
		v.keyFrame = t >= h265FirstIRAP && t <= h265LastIRAP
		return
	}
	v.keyFrame = t == h264IDR || (v.recovery || v.randomAccess && v.hasSPS) && isH264Intra(nal)
}

// parameters takes a NAL unit other than a slice.
func (v *pictures) parameters(nal []byte) {
	if len(nal) == 0 {
		return
	}
	t := v.nalType(nal[0])
	if v.codec == codecH264 {
		switch t {
		case h264SPS:
			v.sequence(parseH264SPS(nal))
			v.keep(nal)
		case h264PPS:
			v.keep(nal)
		case h264SEI:
			v.recovery = v.recovery || !v.seen && hasRecoveryPoint(nal)
		}
		return
	}
	switch t {
	case h265SPS:
		v.sequence(parseH265SPS(nal))
		v.keep(nal)
	case h265VPS, h265PPS:
		v.keep(nal)
	}
}

// sequence takes the first sequence parameter set that can be read.
func (v *pictures) sequence(params videoParams, ok bool) {
	if ok && !v.hasSPS {
		v.sps, v.hasSPS = params, true
	}
}

// keep adds a parameter set to the configuration, unless it is repeated.
func (v *pictures) keep(nal []byte) {
	unit := make([]byte, 0, len(startCode)+len(nal))
	unit = append(append(unit, startCode...), nal...)
	if i := bytes.Index(v.config, unit); i >= 0 {
		after := v.config[i+len(unit):]
		if len(after) == 0 || bytes.HasPrefix(after, startCode) {
			return
		}
	}
	if len(v.config)+len(unit) > maxConfig {
		v.tooBig = true
		return
	}
	v.config = append(v.config, unit...)
}
