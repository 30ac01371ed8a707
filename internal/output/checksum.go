package output

import "hash/crc32"

// A gzip stream ends in the CRC-32 of its text (RFC 1952 2.3.1). That of a text which is
// put together from others follows from theirs: a CRC is a polynomial over GF(2), modulo
// that of crc32.IEEE, and n more bytes behind a text multiply its own by x^(8n). Coefficients
// stand in a uint32 as hash/crc32 has them, x^0 in the highest bit.

const (
	one  = 1 << 31 // x^0
	xOne = 1 << 30 // x^1
)

// shift is the factor for n more bytes. It is worth keeping, if the same bytes follow many
// others: finding it costs much more than combine.
func shift(n int) uint32 {
	product := uint32(one)
	for power := 3; n > 0; n, power = n>>1, power+1 { // 2^3 bits are a byte
		if n&1 != 0 {
			product = multiply(powers[power%len(powers)], product)
		}
	}
	return product
}

// combine is the checksum of two texts together, given that of each and the shift of the
// second one's length.
func combine(first, second, secondShift uint32) uint32 { return multiply(secondShift, first) ^ second }

// powers are x^(2^k). They repeat: x^(2^32) is x^1, modulo this polynomial, since the
// order of x divides 2^32-1.
var powers = func() (p [32]uint32) {
	p[0] = xOne
	for k := 1; k < len(p); k++ {
		p[k] = multiply(p[k-1], p[k-1])
	}
	return p
}()

// multiply is a times b, modulo the polynomial.
func multiply(a, b uint32) uint32 {
	product := uint32(0)
	for bit := uint32(one); bit != 0; bit >>= 1 {
		if a&bit != 0 {
			product ^= b
		}
		// b times x: what falls out is x^32, which is the polynomial without it.
		carry := b & 1
		b = b>>1 ^ crc32.IEEE*carry
	}
	return product
}
