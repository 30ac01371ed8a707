package media

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
)

// program is one program of a transport stream.
type program struct {
	number uint16
	pmtPID uint16
	known  bool // its PMT was read
	tracks []*elementary
}

// sections puts PSI sections together (ISO/IEC 13818-1, 2.4.4).
type sections struct {
	buf    []byte
	active bool
	last   []byte // the section that was read last; tables repeat
}

// table takes the payload of a packet that carries PSI.
func (s *tsScanner) table(st *pidState, payload []byte, start bool) *Fault {
	t := st.sections
	if start {
		s.repeatTables(st.pid)
	}
	if start && len(payload) > 0 {
		pointer := int(payload[0])
		payload = payload[1:]
		rest := payload[:min(pointer, len(payload))]
		if t.active {
			t.buf = append(t.buf, rest...)
			if fault := s.complete(st.pid, t); fault != nil {
				return fault
			}
		}
		payload = payload[len(rest):]
		t.buf, t.active = t.buf[:0], true
	}
	if !t.active {
		return nil
	}
	t.buf = append(t.buf, payload...)
	return s.complete(st.pid, t)
}

// repeatTables notes where tables begin that a player can start with: a PAT, and the PMT
// after it.
func (s *tsScanner) repeatTables(pid uint16) {
	switch {
	case pid == 0:
		s.patAt, s.tablesAt = s.offset, -1
	case s.patAt >= 0:
		s.tablesAt, s.patAt = s.patAt, -1
	}
}

// complete reads the sections that are complete.
func (s *tsScanner) complete(pid uint16, t *sections) *Fault {
	b := t.buf
	for {
		const stuffing = 0xff
		if len(b) == 0 || b[0] == stuffing {
			t.buf, t.active = t.buf[:0], false
			return nil
		}
		if len(b) < 3 {
			break
		}
		length := 3 + int(binary.BigEndian.Uint16(b[1:])&0xfff)
		if length > maxSection {
			t.buf, t.active = t.buf[:0], false
			return nil
		}
		if len(b) < length {
			break
		}
		if fault := s.section(pid, t, b[:length]); fault != nil {
			return fault
		}
		b = b[length:]
	}
	n := copy(t.buf, b)
	t.buf = t.buf[:n]
	return nil
}

// section reads a PAT or PMT section.
func (s *tsScanner) section(pid uint16, t *sections, b []byte) *Fault {
	const (
		pat, pmt    = 0, 2 // table_id
		minimum     = 12   // header and CRC_32
		syntaxBit   = 0x80
		currentFlag = 1
	)
	wanted := byte(pmt)
	if pid == 0 {
		wanted = pat
	}
	if len(b) < minimum || b[0] != wanted || b[1]&syntaxBit == 0 || b[5]&currentFlag == 0 {
		return nil
	}
	if bytes.Equal(b, t.last) {
		return nil
	}
	if crc32MPEG(b) != 0 {
		s.badCRC++
		return nil
	}
	t.last = append(t.last[:0], b...)
	body := b[8 : len(b)-4]
	if wanted == pat {
		return s.pat(body)
	}
	return s.pmt(pid, binary.BigEndian.Uint16(b[3:]), body)
}

// pat reads the programs of a PAT (ISO/IEC 13818-1, 2.4.4.3).
func (s *tsScanner) pat(b []byte) *Fault {
	for ; len(b) >= 4; b = b[4:] {
		number, pid := binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])&tsNullPID
		if number == 0 || pid < 0x10 || pid == tsNullPID { // network PID, reserved PIDs
			continue
		}
		if p := s.program(number); p != nil {
			if p.pmtPID != pid {
				return faultf(ReasonLayoutChanged, "PAT at byte %d moves the PMT of program %d from PID 0x%x to 0x%x",
					s.offset, number, p.pmtPID, pid)
			}
			continue
		}
		if len(s.programs) == maxPrograms {
			return faultf(ReasonUnsupported, "more than %d programs", maxPrograms)
		}
		st := s.state(pid)
		if st == nil {
			return faultf(ReasonUnsupported, "more than %d PIDs", maxPIDs)
		}
		if st.sections == nil {
			st.sections = new(sections)
			st.plain = false
		}
		s.programs = append(s.programs, &program{number: number, pmtPID: pid})
	}
	return nil
}

func (s *tsScanner) program(number uint16) *program {
	for _, p := range s.programs {
		if p.number == number {
			return p
		}
	}
	return nil
}

// pmt reads the tracks of a program (ISO/IEC 13818-1, 2.4.4.8).
func (s *tsScanner) pmt(pid, number uint16, b []byte) *Fault {
	p := s.program(number)
	if p == nil || p.pmtPID != pid || len(b) < 4 {
		return nil
	}
	skip := 4 + int(binary.BigEndian.Uint16(b[2:])&0xfff)
	b = b[min(skip, len(b)):]
	tracks := make([]*elementary, 0, 4)
	for len(b) >= 5 {
		streamType, esPID := b[0], binary.BigEndian.Uint16(b[1:])&tsNullPID
		end := min(5+int(binary.BigEndian.Uint16(b[3:])&0xfff), len(b))
		tracks = append(tracks, newElementary(esPID, streamType, b[5:end]))
		b = b[end:]
	}
	if p.known {
		return s.compare(p, tracks)
	}
	p.known, p.tracks = true, tracks
	return s.enlist(tracks)
}

// compare takes a later PMT of a program. The first one counts for the object: an added
// track shows in the next object, and a removed one lacks samples. But a track that is
// replaced by another of its kind can't be served as one. What a cue or metadata PID does
// is of no concern to a decoder.
func (s *tsScanner) compare(p *program, tracks []*elementary) *Fault {
	for _, was := range p.tracks {
		if was.kind == Data || listed(tracks, was) {
			continue
		}
		for _, now := range tracks {
			if now.kind == was.kind && !listed(p.tracks, now) {
				return faultf(ReasonLayoutChanged, "PMT at byte %d changes the tracks: %s 0x%x, stream type 0x%02x", s.offset, now.kind, now.pid, now.streamType)
			}
		}
		if was.kind == Video {
			return faultf(ReasonLayoutChanged, "PMT at byte %d drops %s 0x%x", s.offset, was.kind, was.pid)
		}
		s.odd("PMT at byte %d drops %s 0x%x: the track counts for as long as it goes", s.offset, was.kind, was.pid)
	}
	for _, now := range tracks {
		if now.kind != Data && !listed(p.tracks, now) {
			s.odd("PMT at byte %d adds %s 0x%x: the track counts from the next segment on", s.offset, now.kind, now.pid)
		}
	}
	return nil
}

// listed reports whether a track is among others.
func listed(tracks []*elementary, es *elementary) bool {
	return slices.ContainsFunc(tracks, func(o *elementary) bool {
		return o.pid == es.pid && o.streamType == es.streamType && o.kind == es.kind
	})
}

// maxOddities bounds [Info.Oddities].
const maxOddities = 8

func (s *tsScanner) odd(format string, args ...any) {
	if len(s.oddities) < maxOddities {
		s.oddities = append(s.oddities, fmt.Sprintf(format, args...))
	}
}

// enlist makes the scanner read the tracks of a PMT.
func (s *tsScanner) enlist(tracks []*elementary) *Fault {
	s.tracks += len(tracks)
	if s.tracks > maxTracks {
		return faultf(ReasonUnsupported, "more than %d tracks", maxTracks)
	}
	for _, es := range tracks {
		if es.unread != "" {
			s.odd("PID 0x%x carries %s: it is passed on without being looked into", es.pid, es.unread)
		}
		if es.pid == tsNullPID {
			continue
		}
		st := s.state(es.pid)
		if st == nil {
			return faultf(ReasonUnsupported, "more than %d PIDs", maxPIDs)
		}
		if st.sections != nil || st.es != nil {
			continue // tables come first; the first of two programs reads a shared PID
		}
		st.es = es
		st.early = int(st.packets)
		st.plain = false
	}
	return nil
}

// crc32MPEG is the CRC of ISO/IEC 13818-1, annex A. Over a section with its
// CRC_32 it is 0. Sections are short and checked once: no table is needed.
func crc32MPEG(b []byte) uint32 {
	crc := ^uint32(0)
	for _, c := range b {
		crc ^= uint32(c) << 24
		for range 8 {
			if crc&(1<<31) != 0 {
				crc = crc<<1 ^ 0x04c11db7
			} else {
				crc <<= 1
			}
		}
	}
	return crc
}
