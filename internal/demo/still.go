package demo

import "fmt"

// A still picture, as encoders produce it: pictures without any content between key frames,
// at the usual times.

// addStills makes the access units of a still picture: the key frame as it is, and the
// others saying nothing but that they look like the one before.
func (s *sample) addStills(seg *sampleSegment) error {
	var syntax sliceSyntax
	for at := 0; at < len(seg.bytes); at += packetSize {
		p := packet(seg.bytes[at : at+packetSize])
		if p.pid() != s.video || !p.startsUnit() {
			continue
		}
		if len(seg.stills) == 0 {
			key := s.accessUnit(seg.bytes[at:])
			var err error
			if syntax, err = parseParameters(key); err != nil {
				return err
			}
			seg.stills = append(seg.stills, key)
			continue
		}
		unit, err := syntax.still(p.payload()[p.pesHeader():])
		if err != nil {
			return fmt.Errorf("picture %d: %w", len(seg.stills), err)
		}
		seg.stills = append(seg.stills, unit)
	}
	return nil
}

// still returns the access unit of a picture that looks like the one before, given the
// beginning of the one that it is made from.
func (s sliceSyntax) still(unit []byte) ([]byte, error) {
	var out []byte
	slices := 0
	for _, nal := range nalUnits(unit) {
		if nal[0]&0x1f == nalSlice {
			var err error
			if nal, err = s.skipped(nal); err != nil {
				return nil, err
			}
			slices++
		}
		out = append(append(out, 0, 0, 0, 1), nal...)
	}
	if slices != 1 {
		return nil, errSlice
	}
	return out, nil
}

// accessUnit collects the picture with which b begins.
func (s *sample) accessUnit(b []byte) []byte {
	first := packet(b[:packetSize])
	unit := append([]byte(nil), first.payload()[first.pesHeader():]...)
	for b = b[packetSize:]; len(b) > 0; b = b[packetSize:] {
		p := packet(b[:packetSize])
		if p.pid() != s.video {
			continue
		}
		if p.startsUnit() {
			break
		}
		unit = append(unit, p.payload()...)
	}
	return unit
}

// still returns segment n with the first picture of segment since in place of all its own.
// The audio goes on.
func (s *sample) still(n, since int64) []byte {
	count := int64(len(s.segments))
	key := s.segments[since%count].stills[0]
	stills := s.segments[n%count].stills
	b := s.segment(n)
	out := make([]byte, 0, len(b))
	for picture := 0; len(b) > 0; b = b[packetSize:] {
		p := packet(b[:packetSize])
		switch {
		case p.pid() != s.video:
			out = append(out, p...)
		case p.startsUnit():
			unit := stills[picture]
			if picture == 0 {
				unit = key
			}
			out = append(out, p.carry(unit)...)
			picture++
		}
	}
	return renumbered(out)
}
