package media

import (
	"encoding/binary"
	"slices"
)

// Tables are the PAT and the PMT of a transport stream, as packets that can be put in front
// of it (ISO/IEC 13818-1, 2.4.4). Every segment ought to begin with them (RFC 8216, 3.2),
// but some encoders send them only once, or at fixed intervals.
type Tables []byte

// Inherit gives the prober the tables of an earlier object of the same run, for a transport
// stream whose media begins without any. They are used if a unit begins on a PID that they
// list before the object's own tables come. If the object's own tables then differ, that is
// a fault: ReasonLayoutChanged. It must be called before the first Write.
func (p *Prober) Inherit(tables Tables) { p.tables = tables }

// inheritance are the tables of the run, until they are in force.
type inheritance struct {
	tables Tables
	pids   []uint16 // of audio and video, once they were read
}

// inherit puts the tables of the run in force, if the packet in hand begins a unit on one
// of their PIDs, and the object has had no tables so far.
func (s *tsScanner) inherit(pid uint16) *Fault {
	if s.anyKnown() {
		s.heir = inheritance{}
		return nil
	}
	if s.heir.pids == nil {
		s.heir.pids = s.heir.tables.list()
	}
	if !slices.Contains(s.heir.pids, pid) {
		return nil
	}
	s.inherited, s.heir = s.heir.tables, inheritance{}
	for b := s.inherited; len(b) >= tsPacket; b = b[tsPacket:] {
		st := s.state(binary.BigEndian.Uint16(b[1:]) & tsNullPID)
		if st == nil || st.sections == nil {
			continue
		}
		if fault := s.table(st, b[4:tsPacket], b[1]&0x40 != 0); fault != nil {
			return fault
		}
	}
	s.patAt, s.tablesAt = -1, -1 // these can't be fetched with a picture
	return nil
}

// list returns the PIDs of audio and video.
func (t Tables) list() []uint16 {
	s := newTSScanner()
	defer s.leave()
	pids := []uint16{}
	if s.walk(t[:len(t)-len(t)%tsPacket]) != nil {
		return pids
	}
	for _, p := range s.programs {
		for _, es := range p.tracks {
			if es.kind == Video || es.kind == Audio {
				pids = append(pids, es.pid)
			}
		}
	}
	return pids
}

// anyKnown reports whether the object has had a PMT of its own so far.
func (s *tsScanner) anyKnown() bool {
	return slices.ContainsFunc(s.programs, func(p *program) bool { return p.known })
}

// ownTables are the tables that the object brings for its program, nil if they are not
// its own.
func (s *tsScanner) ownTables(info *Info) Tables {
	pat, pmt := s.state(0), s.state(info.PMTPID)
	if s.inherited != nil || pmt == nil || pmt.sections == nil {
		return nil
	}
	first, second := pat.sections.last, pmt.sections.last
	out := make([]byte, 0, (packetsOf(first)+packetsOf(second))*tsPacket)
	return appendSection(appendSection(out, 0, first), info.PMTPID, second)
}

const sectionRoom = tsPacket - 4 // for a section, and the pointer_field before it

func packetsOf(section []byte) int { return (1 + len(section) + sectionRoom - 1) / sectionRoom }

// appendSection puts a section into packets, with counters from 0.
func appendSection(out []byte, pid uint16, section []byte) []byte {
	const start = 0x40 // payload_unit_start_indicator
	for n := range packetsOf(section) {
		flags, room := byte(0), sectionRoom
		if n == 0 {
			flags, room = start, sectionRoom-1
		}
		out = append(out, tsSync, flags|byte(pid>>8), byte(pid), 0x10|byte(n)&0xf)
		if n == 0 {
			out = append(out, 0) // pointer_field
		}
		k := min(len(section), room)
		out = append(out, section[:k]...)
		section = section[k:]
		for ; k < room; k++ {
			out = append(out, 0xff)
		}
	}
	return out
}

// Info describes tables as a part of their own, in front of the object that has inherited
// them.
func (t Tables) Info() *Info {
	info := &Info{Size: int64(len(t)), Tables: t}
	for b := t; len(b) >= tsPacket; b = b[tsPacket:] {
		pid, counter := binary.BigEndian.Uint16(b[1:])&tsNullPID, b[3]&0xf
		k := slices.IndexFunc(info.Counters, func(c Counter) bool { return c.PID == pid })
		if k < 0 {
			k = len(info.Counters)
			info.Counters = append(info.Counters, Counter{PID: pid, First: counter, HasPayload: true})
		}
		info.Counters[k].Last = counter
		info.Counters[k].Packets++
	}
	return info
}
