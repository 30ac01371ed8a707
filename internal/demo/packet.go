package demo

import "bytes"

// Packets of a transport stream and their times (ISO/IEC 13818-1, 2.4.3).

const (
	packetSize = 188
	headerSize = 4 // of a packet
	// clockRate is the number of timestamp ticks in a second.
	clockRate = 90000
	// timestampMask keeps the 33 bits that a timestamp has.
	timestampMask = 1<<33 - 1
)

// packet is bytes that begin with a packet.
type packet []byte

func (p packet) pid() uint16 { return uint16(p[1]&0x1f)<<8 | uint16(p[2]) }

// isMedia tells streams from tables, by the PIDs that ffmpeg gives them.
func (p packet) isMedia() bool { return p.pid() >= 0x100 && p.pid() < 0x1000 }

// startsUnit reports whether a PES packet, or a table, begins with the packet.
func (p packet) startsUnit() bool { return p[1]&0x40 != 0 }

func (p packet) hasPayload() bool { return p[3]&0x10 != 0 }

func (p packet) hasAdaptation() bool { return p[3]&0x20 != 0 }

// hasClock reports whether there is a program clock reference in the adaptation field
// (ISO/IEC 13818-1, 2.4.3.4).
func (p packet) hasClock() bool { return p.hasAdaptation() && p[4] >= 7 && p[5]&0x10 != 0 }

// payloadAt is where the payload begins.
func (p packet) payloadAt() int {
	if p.hasAdaptation() {
		return headerSize + 1 + int(p[4])
	}
	return headerSize
}

func (p packet) payload() []byte { return p[p.payloadAt():packetSize] }

// pesHeader is the size of the PES header with which the payload begins (ISO/IEC
// 13818-1, 2.4.3.6).
func (p packet) pesHeader() int { return 9 + int(p.payload()[8]) }

// carry returns packets that carry another access unit with the clock reference, the
// flags and the PES header of this one. Video has no length in it.
func (p packet) carry(unit []byte) []byte {
	pes := append(append([]byte(nil), p.payload()[:p.pesHeader()]...), unit...)
	adaptation := []byte{0} // flags
	if p.hasAdaptation() && p[4] > 0 {
		adaptation[0] = p[5] & 0xf0 // with nothing after the clock reference
	}
	if p.hasClock() {
		adaptation = append(adaptation, p[6:12]...)
	}
	var out []byte
	for starts := true; len(pes) > 0; starts = false {
		q := packet(bytes.Repeat([]byte{0xff}, packetSize)) // stuffing
		copy(q, p[:headerSize])
		if !starts {
			q[1] &^= 0x40
			adaptation = nil
		}
		size := min(len(pes), packetSize-headerSize)
		if adaptation != nil {
			size = min(size, packetSize-headerSize-1-len(adaptation))
		}
		q[3] = 0x10
		if length := packetSize - headerSize - 1 - size; length >= 0 {
			q[3], q[4] = 0x30, byte(length)
			if length > 0 {
				q[5] = 0
			}
			copy(q[5:], adaptation)
		}
		copy(q[packetSize-size:], pes[:size])
		pes = pes[size:]
		out = append(out, q...)
	}
	return out
}

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
