package main

import (
	"encoding/binary"
	"errors"
	"time"
)

const (
	packetSize = 188
	clockRate  = 90000
	nullPID    = 0x1fff
)

// programme is a loop of MPEG-TS segments. Played for ever, its timestamps and
// continuity counters go on as if an encoder never stopped.
type programme struct {
	length   time.Duration // of one segment
	segments []segment
	// packets counts those with payload by PID: what the counters advance by in one turn of
	// the loop.
	packets [nullPID + 1]byte
}

// segment is one segment of the loop, with the positions of its timestamps.
type segment struct {
	data   []byte
	clocks []int // of PCR fields
	stamps []int // of PTS and DTS fields
}

// add appends a segment to the loop.
func (p *programme) add(data []byte) error {
	s, err := scan(data)
	if err != nil {
		return err
	}
	for at := 0; at < len(data); at += packetSize {
		if packet := data[at : at+packetSize]; packet[3]&0x10 != 0 {
			p.packets[pidOf(packet)]++
		}
	}
	p.segments = append(p.segments, s)
	return nil
}

// scan finds the timestamps of a segment.
func scan(data []byte) (segment, error) {
	s := segment{data: data}
	if len(data) == 0 || len(data)%packetSize != 0 {
		return s, errors.New("not whole packets")
	}
	for at := 0; at < len(data); at += packetSize {
		packet := data[at : at+packetSize]
		if packet[0] != 0x47 {
			return s, errors.New("no sync byte")
		}
		payload := 4
		if packet[3]&0x20 != 0 {
			if packet[4] > 0 && packet[5]&0x10 != 0 {
				s.clocks = append(s.clocks, at+6)
			}
			payload += 1 + int(packet[4])
		}
		if packet[3]&0x10 == 0 || packet[1]&0x40 == 0 || payload+19 > packetSize ||
			packet[payload] != 0 || packet[payload+1] != 0 || packet[payload+2] != 1 {
			continue
		}
		flags := packet[payload+7]
		if flags&0x80 != 0 {
			s.stamps = append(s.stamps, at+payload+9)
		}
		if flags&0x40 != 0 {
			s.stamps = append(s.stamps, at+payload+14)
		}
	}
	return s, nil
}

func pidOf(packet []byte) uint16 { return uint16(packet[1]&0x1f)<<8 | uint16(packet[2]) }

// reel plays a programme. Its segments are its own, so that they can be changed in
// place: the client shares the machine with what is measured and must cost little.
type reel struct {
	*programme
	segments []segment
	next     int
}

func (p *programme) reel() *reel {
	r := &reel{programme: p}
	for _, s := range p.segments {
		s.data = append([]byte(nil), s.data...)
		r.segments = append(r.segments, s)
	}
	return r
}

// segment returns the bytes of the next segment. They are valid until the loop
// comes round.
func (r *reel) segment() []byte {
	s := &r.segments[r.next%len(r.segments)]
	if r.next >= len(r.segments) {
		r.advance(s)
	}
	r.next++
	return s.data
}

// advance moves a segment on by one turn of the loop.
func (r *reel) advance(s *segment) { s.shift(r.turn(), &r.packets) }

// turn is how long the loop takes, in ticks of the timestamps' clock.
func (p *programme) turn() int64 {
	return int64(p.length) * int64(len(p.segments)) * clockRate / int64(time.Second)
}

// shift moves a segment in time, and its continuity counters by what is to be added to
// each PID's.
func (s *segment) shift(ticks int64, counters *[nullPID + 1]byte) {
	for _, at := range s.clocks {
		field := s.data[at:]
		base := int64(binary.BigEndian.Uint32(field))<<1 | int64(field[4]>>7)
		base += ticks
		binary.BigEndian.PutUint32(field, uint32(base>>1))
		field[4] = field[4]&0x7f | byte(base&1)<<7
	}
	for _, at := range s.stamps {
		f := s.data[at : at+5]
		t := stampIn(f) + ticks
		f[0] = f[0]&0xf1 | byte(t>>30&7)<<1
		f[1] = byte(t >> 22)
		f[2] = byte(t>>15)<<1 | 1
		f[3] = byte(t >> 7)
		f[4] = byte(t)<<1 | 1
	}
	for at := 0; at < len(s.data); at += packetSize {
		packet := s.data[at : at+4]
		packet[3] = packet[3]&0xf0 | (packet[3]+counters[pidOf(packet)])&0xf
	}
}

// stampIn reads a PTS or DTS field.
func stampIn(f []byte) int64 {
	return int64(f[0]>>1&7)<<30 | int64(f[1])<<22 | int64(f[2]>>1)<<15 | int64(f[3])<<7 | int64(f[4]>>1)
}
