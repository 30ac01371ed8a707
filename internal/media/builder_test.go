package media

import (
	"encoding/binary"
	"testing"
)

// stream builds small transport streams, packet by packet.
type stream struct {
	b  []byte
	cc map[uint16]uint8
}

func newStream() *stream { return &stream{cc: map[uint16]uint8{}} }

// packet adds one packet. The adaptation field, without its length, is
// stretched to fill the packet; nil and a full payload make none.
func (s *stream) packet(pid uint16, start bool, adaptation, payload []byte) {
	p := make([]byte, 4, tsPacket)
	p[0] = tsSync
	binary.BigEndian.PutUint16(p[1:], pid)
	if start {
		p[1] |= 0x40
	}
	room := tsPacket - 4 - len(payload)
	if len(payload) > 0 {
		p[3] |= 0x10
	}
	p[3] |= s.cc[pid]
	if len(payload) > 0 {
		s.cc[pid] = (s.cc[pid] + 1) & 0xf
	} else {
		p[3] = p[3]&0xf0 | (s.cc[pid]-1)&0xf
	}
	if room > 0 {
		p[3] |= 0x20
		p = append(p, byte(room-1))
		if room > 1 {
			if len(adaptation) == 0 {
				adaptation = []byte{0}
			}
			p = append(p, adaptation...)
		}
		for len(p)+len(payload) < tsPacket {
			p = append(p, 0xff)
		}
	}
	p = append(p, payload...)
	if len(p) != tsPacket {
		panic("packet too large")
	}
	s.b = append(s.b, p...)
}

// unit adds payload in as many packets as it takes.
func (s *stream) unit(pid uint16, adaptation, payload []byte) {
	for start := true; start || len(payload) > 0; start = false {
		room := tsPacket - 4
		if start && len(adaptation) > 0 {
			room -= 1 + len(adaptation)
		}
		n := min(room, len(payload))
		a := adaptation
		if !start {
			a = nil
		}
		s.packet(pid, start, a, payload[:n])
		payload = payload[n:]
	}
}

func psiSection(table byte, id uint16, body []byte) []byte {
	b := []byte{table, 0, 0, byte(id >> 8), byte(id), 0xc1, 0, 0}
	b = append(b, body...)
	binary.BigEndian.PutUint16(b[1:], 0xb000|uint16(len(b)+4-3))
	return binary.BigEndian.AppendUint32(b, crc32MPEG(b))
}

func (s *stream) section(pid uint16, section []byte) {
	s.unit(pid, nil, append([]byte{0}, section...))
}

func (s *stream) pat(programs ...uint16) {
	var body []byte
	for i := 0; i+1 < len(programs); i += 2 {
		body = binary.BigEndian.AppendUint16(body, programs[i])
		body = binary.BigEndian.AppendUint16(body, 0xe000|programs[i+1])
	}
	s.section(0, psiSection(0, 1, body))
}

type pmtEntry struct {
	streamType  uint8
	pid         uint16
	descriptors []byte
}

func pmtSection(program, pcr uint16, entries ...pmtEntry) []byte {
	body := binary.BigEndian.AppendUint16(nil, 0xe000|pcr)
	body = append(body, 0xf0, 0)
	for _, e := range entries {
		body = append(body, e.streamType)
		body = binary.BigEndian.AppendUint16(body, 0xe000|e.pid)
		body = binary.BigEndian.AppendUint16(body, 0xf000|uint16(len(e.descriptors)))
		body = append(body, e.descriptors...)
	}
	return psiSection(2, program, body)
}

// tables adds a PAT and a PMT of one program on PID 0x1000.
func (s *stream) tables(entries ...pmtEntry) {
	s.pat(1, 0x1000)
	s.section(0x1000, pmtSection(1, entries[0].pid, entries...))
}

func pesTime(prefix byte, t int64) []byte {
	return []byte{
		prefix<<4 | byte(t>>29&0xe) | 1, byte(t >> 22), byte(t>>14) | 1, byte(t >> 7), byte(t<<1) | 1,
	}
}

// pes makes a PES packet; it tells its length if bounded.
func pes(id byte, pts, dts int64, payload []byte, bounded bool) []byte {
	b := []byte{0, 0, 1, id, 0, 0, 0x80, 0x80, 5}
	if dts == pts {
		b = append(b, pesTime(2, pts)...)
	} else {
		b[7], b[8] = 0xc0, 10
		b = append(append(b, pesTime(3, pts)...), pesTime(1, dts)...)
	}
	b = append(b, payload...)
	if bounded {
		binary.BigEndian.PutUint16(b[4:], uint16(len(b)-6))
	}
	return b
}

// An access unit's parts. The parameter set is Constrained Baseline without timing.
var (
	testAUD   = []byte{0, 0, 0, 1, 9, 0xf0}
	testSPS   = []byte{0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x0d, 0x8c, 0x8d, 0x40, 0xa0, 0xcb, 0xff, 0x00, 0x08, 0x80}
	testPPS   = []byte{0, 0, 0, 1, 0x68, 0xce, 0x3c, 0x80}
	testIDR   = []byte{0, 0, 1, 0x65, 0x88, 0x84, 0x21, 0xa0, 0x55, 0xaa, 0x55, 0xaa, 0x55, 0xaa, 0x55, 0xaa}
	testIntra = []byte{0, 0, 1, 0x41, 0x88, 0x84, 0x21, 0xa0, 0x55, 0xaa, 0x55, 0xaa, 0x55, 0xaa, 0x55, 0xaa}
	testP     = []byte{0, 0, 1, 0x41, 0x9a, 0x24, 0x6c, 0x41, 0x4f, 0xfe, 0xaa, 0x55, 0xaa, 0x55, 0xaa, 0x55}
)

func join(parts ...[]byte) []byte {
	var b []byte
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

// adts makes n frames of AAC LC, 48 kHz, stereo, of the given size.
func adts(n, size int) []byte {
	var b []byte
	for range n {
		f := make([]byte, size)
		copy(f, []byte{0xff, 0xf1, 0x4c, 0x80 | byte(size>>11), byte(size >> 3), byte(size<<5) | 0x1f, 0xfc})
		for i := 7; i < size; i++ {
			f[i] = byte(i)
		}
		b = append(b, f...)
	}
	return b
}

const (
	videoPID = 0x100
	audioPID = 0x101
)

var avTracks = []pmtEntry{{streamH264, videoPID, nil}, {streamADTS, audioPID, nil}}

// smallSegment is two pictures and six audio frames.
func smallSegment(start int64) *stream {
	s := newStream()
	s.tables(avTracks...)
	s.body(start)
	return s
}

func (s *stream) body(start int64) {
	clock := []byte{0x50, byte(start >> 25), byte(start >> 17), byte(start >> 9), byte(start >> 1), byte(start<<7) | 0x7e, 0}
	s.unit(videoPID, clock, pes(0xe0, start&(1<<33-1), start&(1<<33-1), join(testAUD, testSPS, testPPS, testIDR, make([]byte, 500)), false))
	s.unit(audioPID, nil, pes(0xc0, start&(1<<33-1), start&(1<<33-1), adts(3, 150), true))
	s.unit(videoPID, nil, pes(0xe0, (start+3600)&(1<<33-1), (start+3600)&(1<<33-1), join(testAUD, testP, make([]byte, 300)), false))
	s.unit(audioPID, nil, pes(0xc0, (start+5760)&(1<<33-1), (start+5760)&(1<<33-1), adts(3, 150), true))
}

// insertCue adds a SCTE-35 PID with one splice_null to a segment of ffmpeg.
func insertCue(t testing.TB, b []byte) []byte {
	t.Helper()
	const pmtPID, cuePID = 0x1000, 0x1f0
	s := newStream()
	var out []byte
	done := false
	for ; len(b) >= tsPacket; b = b[tsPacket:] {
		p := b[:tsPacket]
		if binary.BigEndian.Uint16(p[1:])&0x1fff != pmtPID {
			out = append(out, p...)
			continue
		}
		section := p[5:]
		section = section[:3+int(binary.BigEndian.Uint16(section[1:])&0xfff)]
		body := append([]byte{}, section[8:len(section)-4]...)
		// The registration of SCTE 35, 8.1, has to be in the program's descriptors.
		body = append(append(append([]byte{}, body[:2]...), 0xf0, 6, 5, 4, 'C', 'U', 'E', 'I'), body[4:]...)
		body = append(body, 0x86, 0xe0|cuePID>>8, cuePID&0xff, 0xf0, 0)
		s.b, s.cc[pmtPID] = nil, p[3]&0xf
		s.section(pmtPID, psiSection(2, 1, body))
		out = append(out, s.b...)
		if done {
			continue
		}
		done = true
		s.b = nil
		spliceNull := []byte{0xfc, 0x30, 0x11, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xf0, 0, 0, 0, 0}
		s.section(cuePID, binary.BigEndian.AppendUint32(spliceNull, crc32MPEG(spliceNull)))
		out = append(out, s.b...)
	}
	return out
}
