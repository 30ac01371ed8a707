// Package bitstream reads the syntax elements of video and audio headers, bit by bit.
package bitstream

// Reader reads the bits of Bytes. Past the end it returns zeros and remembers it in Bad, so
// that a parser checks once.
type Reader struct {
	Bytes []byte
	Pos   int // in bits
	Bad   bool
}

// U reads an unsigned integer of n bits, at most 32.
func (r *Reader) U(n int) uint32 {
	if r.Bad || n > len(r.Bytes)*8-r.Pos {
		r.Bad = true
		return 0
	}
	var v uint32
	for n > 0 {
		free := 8 - r.Pos&7
		k := min(free, n)
		chunk := uint32(r.Bytes[r.Pos>>3]) >> (free - k) & (1<<k - 1)
		v = v<<k | chunk
		r.Pos += k
		n -= k
	}
	return v
}

// Flag reads one bit.
func (r *Reader) Flag() bool { return r.U(1) == 1 }

// Skip passes over n bits.
func (r *Reader) Skip(n int) {
	if r.Bad || n > len(r.Bytes)*8-r.Pos {
		r.Bad = true
		return
	}
	r.Pos += n
}

// UE reads an Exp-Golomb code (ISO/IEC 14496-10, 9.1).
func (r *Reader) UE() uint32 {
	zeros := 0
	for !r.Flag() {
		zeros++
		if r.Bad || zeros > 31 {
			r.Bad = true
			return 0
		}
	}
	return 1<<zeros - 1 + r.U(zeros)
}

// SE reads a signed Exp-Golomb code (ISO/IEC 14496-10, 9.1.1).
func (r *Reader) SE() int32 {
	k := r.UE()
	if k&1 == 1 {
		return int32(k>>1) + 1
	}
	return -int32(k >> 1)
}

// UpTo reads an Exp-Golomb code that counts or measures something, and takes a value above
// the limit for damage.
func (r *Reader) UpTo(limit uint32) int {
	v := r.UE()
	if v > limit {
		r.Bad = true
		return 0
	}
	return int(v)
}

// Unescape appends a NAL unit to dst without its emulation prevention bytes (ISO/IEC
// 14496-10, 7.3.1).
func Unescape(dst, nal []byte) []byte {
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
