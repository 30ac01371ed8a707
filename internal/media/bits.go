package media

// bitReader reads the syntax elements of a parameter set. Past the end it
// returns zeros and remembers it in bad, so that a parser checks once.
type bitReader struct {
	b   []byte
	pos int // in bits
	bad bool
}

// u reads an unsigned integer of n bits, at most 32.
func (r *bitReader) u(n int) uint32 {
	if r.bad || n > len(r.b)*8-r.pos {
		r.bad = true
		return 0
	}
	var v uint32
	for n > 0 {
		free := 8 - r.pos&7
		k := min(free, n)
		chunk := uint32(r.b[r.pos>>3]) >> (free - k) & (1<<k - 1)
		v = v<<k | chunk
		r.pos += k
		n -= k
	}
	return v
}

func (r *bitReader) flag() bool { return r.u(1) == 1 }

func (r *bitReader) skip(n int) {
	if r.bad || n > len(r.b)*8-r.pos {
		r.bad = true
		return
	}
	r.pos += n
}

// ue reads an Exp-Golomb code (ISO/IEC 14496-10, 9.1).
func (r *bitReader) ue() uint32 {
	zeros := 0
	for !r.flag() {
		zeros++
		if r.bad || zeros > 31 {
			r.bad = true
			return 0
		}
	}
	return 1<<zeros - 1 + r.u(zeros)
}

// se reads a signed Exp-Golomb code (ISO/IEC 14496-10, 9.1.1).
func (r *bitReader) se() int32 {
	k := r.ue()
	if k&1 == 1 {
		return int32(k>>1) + 1
	}
	return -int32(k >> 1)
}

// upTo reads an Exp-Golomb code that counts or measures something, and takes a
// value above the limit for damage.
func (r *bitReader) upTo(limit uint32) int {
	v := r.ue()
	if v > limit {
		r.bad = true
		return 0
	}
	return int(v)
}

// unescape appends a NAL unit to dst without its emulation prevention bytes
// (ISO/IEC 14496-10, 7.3.1).
func unescape(dst, nal []byte) []byte {
	zeros := 0
	for _, c := range nal {
		if zeros >= 2 && c == 3 {
			zeros = 0
			continue
		}
		if c == 0 {
			zeros++
		} else {
			zeros = 0
		}
		dst = append(dst, c)
	}
	return dst
}
