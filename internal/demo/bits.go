package demo

// Syntax elements of H.264, written bit by bit (ISO/IEC 14496-10, 7.3 and 9.1).

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
