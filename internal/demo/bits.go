package demo

// Syntax elements of H.264, bit by bit (ISO/IEC 14496-10, 7.3 and 9.1).

// bitReader reads bits. Past the end they are zero, and bad says so.
type bitReader struct {
	b   []byte
	pos int // in bits
	bad bool
}

func (r *bitReader) bit() uint32 {
	if r.pos >= 8*len(r.b) {
		r.bad = true
		return 0
	}
	v := uint32(r.b[r.pos/8]>>(7-r.pos%8)) & 1
	r.pos++
	return v
}

func (r *bitReader) flag() bool { return r.bit() == 1 }

// u reads an unsigned number of n bits.
func (r *bitReader) u(n int) uint32 {
	var v uint32
	for range n {
		v = v<<1 | r.bit()
	}
	return v
}

// ue reads an Exp-Golomb code. A signed one takes as many bits.
func (r *bitReader) ue() uint32 {
	zeros := 0
	for !r.flag() {
		if zeros++; r.bad || zeros > 31 {
			r.bad = true
			return 0
		}
	}
	return 1<<zeros - 1 + r.u(zeros)
}

// bitWriter appends bits.
type bitWriter struct {
	b   []byte
	pos int // in bits
}

// u writes an unsigned number of n bits.
func (w *bitWriter) u(v uint32, n int) {
	for n--; n >= 0; n-- {
		if w.pos%8 == 0 {
			w.b = append(w.b, 0)
		}
		w.b[w.pos/8] |= byte(v>>n&1) << (7 - w.pos%8)
		w.pos++
	}
}

// ue writes an Exp-Golomb code.
func (w *bitWriter) ue(v uint32) {
	length := 1
	for (v+1)>>length > 0 {
		length++
	}
	w.u(v+1, 2*length-1)
}

// unescape returns a NAL unit without its emulation prevention bytes (ISO/IEC
// 14496-10, 7.3.1).
func unescape(nal []byte) []byte {
	out := make([]byte, 0, len(nal))
	zeros := 0
	for _, c := range nal {
		if zeros >= 2 && c == 3 {
			zeros = 0
			continue
		}
		out = append(out, c)
		if zeros++; c != 0 {
			zeros = 0
		}
	}
	return out
}

// escape puts emulation prevention bytes into a NAL unit, where a start code would
// appear in it (ISO/IEC 14496-10, 7.4.1).
func escape(nal []byte) []byte {
	out := make([]byte, 0, len(nal)+4)
	zeros := 0
	for _, c := range nal {
		if zeros >= 2 && c <= 3 {
			out = append(out, 3)
			zeros = 0
		}
		out = append(out, c)
		if zeros++; c != 0 {
			zeros = 0
		}
	}
	return out
}
