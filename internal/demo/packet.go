package demo

// Packets of a transport stream and their times (ISO/IEC 13818-1, 2.4.3).

const (
	packetSize = 188
	// clockRate is what timestamps count in a second.
	clockRate = 90000
	// timestampMask keeps the 33 bits that a timestamp has.
	timestampMask = 1<<33 - 1
)

// packet is what begins with a packet.
type packet []byte

func (p packet) pid() uint16 { return uint16(p[1]&0x1f)<<8 | uint16(p[2]) }

// isMedia tells streams from tables, by the numbers that ffmpeg gives them.
func (p packet) isMedia() bool { return p.pid() >= 0x100 && p.pid() < 0x1000 }

func (p packet) setCounter(n int64) { p[3] = p[3]&0xf0 | byte(n&0xf) }

// timestamp reads a PTS or DTS of a PES header.
func timestamp(b []byte) int64 {
	return int64(b[0]>>1&7)<<30 | int64(b[1])<<22 | int64(b[2]>>1)<<15 | int64(b[3])<<7 | int64(b[4]>>1)
}

// putTimestamp changes a PTS or DTS and leaves the bits around it alone.
func putTimestamp(b []byte, t int64) {
	t &= timestampMask
	b[0] = b[0]&0xf1 | byte(t>>30)<<1
	b[1] = byte(t >> 22)
	b[2] = byte(t>>15)<<1 | 1
	b[3] = byte(t >> 7)
	b[4] = byte(t)<<1 | 1
}

// clock reads the base of a program clock reference.
func clock(b []byte) int64 {
	return int64(b[0])<<25 | int64(b[1])<<17 | int64(b[2])<<9 | int64(b[3])<<1 | int64(b[4]>>7)
}

// putClock changes the base of a program clock reference, in steps of 300 of its
// own, and leaves the rest alone.
func putClock(b []byte, t int64) {
	t &= timestampMask
	b[0] = byte(t >> 25)
	b[1] = byte(t >> 17)
	b[2] = byte(t >> 9)
	b[3] = byte(t >> 1)
	b[4] = b[4]&0x7f | byte(t<<7)
}
