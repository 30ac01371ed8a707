package media

import (
	"bytes"
	"encoding/binary"
	"math"
)

const (
	tsPacket  = 188  // ISO/IEC 13818-1, 2.4.3.2
	tsSync    = 0x47 // sync_byte
	tsNullPID = 0x1fff
	tsPIDs    = 1 << 13
)

// Bits of a packet's first four bytes, read as one big-endian number
// (ISO/IEC 13818-1, 2.4.3.2).
const (
	tsErrorBit      = 1 << 23 // transport_error_indicator
	tsStartBit      = 1 << 22 // payload_unit_start_indicator
	tsScrambledBits = 3 << 6  // transport_scrambling_control
	tsAdaptationBit = 1 << 5
	tsPayloadBit    = 1 << 4
)

// tsScanner walks the packets of a transport stream. Most packets only
// continue a picture: for those it reads four bytes and moves on.
type tsScanner struct {
	// index maps a PID to its state; 0 is a PID not seen yet. It lies in room.
	index *[tsPIDs]uint8
	pids  []pidState
	room  *tsRoom

	carry   [tsPacket]byte // a packet that is split in two
	carried int
	offset  int64 // of the packet in hand

	programs []*program
	// anchor is the first timestamp of audio or video; all others are
	// unwrapped relative to it.
	anchor    int64
	hasAnchor bool

	// patAt is where the last PAT begins, until a PMT follows; then that is tablesAt, until
	// a picture follows. Otherwise they are -1.
	patAt, tablesAt int64

	tracks    int
	heir      inheritance
	inherited Tables // the tables of the run, once they are in force

	badCRC int // PAT and PMT sections with a wrong CRC_32
	marked int // packets with transport_error_indicator
	// firstMarked is the offset of the first one.
	firstMarked int64
	shortPES    int
	oddities    []string
}

// pidState is what is known about one PID.
type pidState struct {
	pid   uint16
	first uint8 // see Counter
	last  uint8
	seen  bool
	// plain says that a packet with nothing but payload is only counted.
	plain      bool
	hasPayload bool
	// repeated says that the last packet with payload was taken for a duplicate of the one
	// before, startLast that it began a unit.
	repeated, startLast bool
	// jumpAllowed is a discontinuity_indicator that no payload has followed yet.
	jumpAllowed bool

	packets uint64
	errors  int
	early   int   // packets before the PMT made this PID a track
	got     int64 // bytes of the PES packet in hand, from its start code on
	filler  int64 // of these, what is filler data
	end     int64 // offset after the last packet with payload

	es       *elementary
	sections *sections
}

func newTSScanner() *tsScanner {
	room := tsRooms.Get().(*tsRoom)
	s := &tsScanner{index: &room.index, room: room, pids: room.pids[:1], patAt: -1, tablesAt: -1}
	s.state(0).sections = new(sections)
	return s
}

// state returns the state of a PID, making it if needed, or nil if there are
// too many. The pointer is good until the next call.
func (s *tsScanner) state(pid uint16) *pidState {
	if i := s.index[pid]; i > 0 {
		return &s.pids[i]
	}
	if len(s.pids) > maxPIDs {
		return nil
	}
	s.index[pid] = uint8(len(s.pids))
	s.pids = append(s.pids, pidState{pid: pid})
	return &s.pids[len(s.pids)-1]
}

func (s *tsScanner) write(b []byte) *Fault {
	if s.carried > 0 {
		n := copy(s.carry[s.carried:], b)
		s.carried += n
		b = b[n:]
		if s.carried < tsPacket {
			return nil
		}
		s.carried = 0
		if fault := s.walk(s.carry[:]); fault != nil {
			return fault
		}
	}
	whole := len(b) - len(b)%tsPacket
	if fault := s.walk(b[:whole]); fault != nil {
		return fault
	}
	s.carried = copy(s.carry[:], b[whole:])
	return nil
}

// Bits of a header that tell whether a packet has nothing but payload, and does
// not start a unit: such a packet only continues a picture.
const (
	tsPlainMask = 0xff<<24 | tsErrorBit | tsStartBit | tsScrambledBits | tsAdaptationBit | tsPayloadBit
	tsPlain     = tsSync<<24 | tsPayloadBit
)

// walk reads whole packets.
func (s *tsScanner) walk(b []byte) *Fault {
	for len(b) >= tsPacket {
		h := binary.BigEndian.Uint32(b)
		if h&tsPlainMask == tsPlain {
			st := &s.pids[s.index[h>>8&tsNullPID]]
			if st.plain && uint8(h&0xf) == (st.last+1)&0xf {
				n := plainRun(b, h)
				st.last = (st.last + uint8(n)) & 0xf
				st.packets += uint64(n)
				st.got += int64(n) * (tsPacket - 4)
				st.filler += int64(fillerAtEnd(b[:n*tsPacket])) * (tsPacket - 4)
				st.repeated, st.startLast = false, false
				s.offset += int64(n) * tsPacket
				st.end = s.offset
				b = b[n*tsPacket:]
				continue
			}
		}
		if fault := s.packet(b[:tsPacket:tsPacket], h); fault != nil {
			return fault
		}
		s.offset += tsPacket
		b = b[tsPacket:]
	}
	return nil
}

// plainRun returns how many packets at the front of b are plain, of one PID and with
// continuous counters, given the header of the first one. Nearly all packets of a segment
// are counted here.
func plainRun(b []byte, h uint32) int {
	const mask = tsPlainMask | tsNullPID<<8 | 0xf
	want := h & mask
	n := 0
	for i := 0; i+tsPacket <= len(b); i += tsPacket {
		if binary.BigEndian.Uint32(b[i:])&mask != want {
			break
		}
		want = want&^0xf | (want+1)&0xf
		n++
	}
	return n
}

// fillerAtEnd returns how many packets at the end of plain ones carry filler data (ISO/IEC
// 14496-10, 7.3.2.7): payload that begins with nothing but ones, like no other in a
// picture. It pads a picture to the size that a constant bit rate needs, and ends it.
func fillerAtEnd(b []byte) (n int) {
	for ; len(b) >= tsPacket; b = b[:len(b)-tsPacket] {
		if binary.BigEndian.Uint64(b[len(b)-tsPacket+4:]) != math.MaxUint64 {
			break
		}
		n++
	}
	return n
}

// packet reads one packet in full.
func (s *tsScanner) packet(b []byte, h uint32) *Fault {
	pid := uint16(h >> 8 & tsNullPID)
	switch {
	case h>>24 != tsSync && s.offset == 0:
		return faultf(ReasonGarbage, "no transport stream: starts with 0x%02x", b[0])
	case h>>24 != tsSync:
		return faultf(ReasonDamaged, "sync lost at byte %d: 0x%02x instead of 0x47", s.offset, b[0])
	case h&tsErrorBit != 0:
		// Any bit of it may be wrong, even the PID. Players drop it.
		if s.marked++; s.marked == 1 {
			s.firstMarked = s.offset
		}
		return nil
	case pid == tsNullPID:
		return nil
	case h&tsScrambledBits != 0:
		return faultf(ReasonEncrypted, "scrambled packet at byte %d, PID 0x%x", s.offset, pid)
	}
	st := s.state(pid)
	if st == nil {
		return faultf(ReasonUnsupported, "more than %d PIDs at byte %d", maxPIDs, s.offset)
	}

	payload := b[4:]
	var flags uint8 // of the adaptation field (ISO/IEC 13818-1, 2.4.3.4)
	if h&tsAdaptationBit != 0 {
		length := int(b[4])
		if length > len(b)-5 {
			return faultf(ReasonDamaged, "adaptation field of %d bytes at byte %d, PID 0x%x", length, s.offset, pid)
		}
		if length > 0 {
			flags = b[5]
		}
		payload = b[5+length:]
	}
	if s.heir.tables != nil && h&tsStartBit != 0 && bytes.HasPrefix(payload, startCode) {
		if fault := s.inherit(pid); fault != nil {
			return fault
		}
		st = s.state(pid)
	}
	const discontinuity, randomAccess = 0x80, 0x40
	start := h&tsStartBit != 0
	has := h&tsPayloadBit != 0
	if !st.count(uint8(h&0xf), has, start, flags&discontinuity != 0) || !has {
		st.plain = st.plain && !st.jumpAllowed
		return nil
	}
	switch {
	case st.sections != nil:
		return s.table(st, payload, start)
	case st.es != nil:
		fault := s.unit(st, payload, start, flags&randomAccess != 0)
		st.plain = !st.es.wantsPayload()
		st.end = s.offset + tsPacket
		return fault
	}
	st.plain = true
	if start {
		st.got = 0
	}
	return nil
}

// count checks and takes a continuity counter (ISO/IEC 13818-1, 2.4.3.3), and reports
// whether the packet is to be read: a duplicate is not.
func (st *pidState) count(cc uint8, has, start, jump bool) bool {
	st.packets++
	st.jumpAllowed = st.jumpAllowed || jump
	if !st.seen {
		st.seen = true
		st.first, st.last = cc, cc
		st.hasPayload, st.startLast = has, start
		st.jumpAllowed = st.jumpAllowed && !has
		return true
	}
	if !has {
		if cc != st.last && !st.jumpAllowed {
			st.errors++
		}
		if !st.hasPayload {
			st.last = cc
		}
		return true
	}
	// A packet may be sent twice. An equal counter where a unit starts after a
	// packet that didn't start one, or a third time, is something else.
	if cc == st.last && st.hasPayload && !st.jumpAllowed && !st.repeated && start == st.startLast {
		st.repeated = true
		return false
	}
	if cc != (st.last+1)&0xf && !st.jumpAllowed {
		st.errors++
	}
	if !st.hasPayload {
		st.first, st.hasPayload = cc, true
	}
	st.last, st.startLast = cc, start
	st.repeated, st.jumpAllowed = false, false
	return true
}
