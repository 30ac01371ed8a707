package demo

// What can be wrong with a segment. All of it is made from the same bytes that the other
// encoder sends.

const (
	// holeFrom and holeLength say which pictures a hole takes: 0.4 s in the middle.
	holeFrom, holeLength = 20, 10
	// muteLength is how many segments have no audio.
	muteLength = 3
	// freezeLength is for how many segments the picture stands still: the origin detects a
	// still picture after 5 s.
	freezeLength = 5
)

// faultLength is how many segments an action spoils, 0 if it does nothing to segments.
func faultLength(a Action) int {
	switch a {
	case Drop, Corrupt, Hole:
		return 1
	case Mute:
		return muteLength
	case Freeze:
		return freezeLength
	}
	return 0
}

// spoiled returns segment n with a fault that began with segment since.
func (s *sample) spoiled(n int64, fault Action, since int64) []byte {
	switch fault {
	case Corrupt:
		return cutOff(s.segment(n))
	case Hole:
		return s.cutPictures(s.segment(n))
	case Mute:
		return s.withoutSound(s.segment(n))
	case Freeze:
		return s.still(n, since)
	}
	return s.segment(n)
}

// cutOff ends a segment in the middle of a packet.
func cutOff(b []byte) []byte {
	half := len(b) / packetSize / 2
	return b[:half*packetSize+packetSize/2]
}

// cutPictures takes pictures out, as if the encoder's source had stumbled: no packet is
// lost.
func (s *sample) cutPictures(b []byte) []byte {
	picture := -1
	return renumbered(kept(b, func(p packet) bool {
		if p.pid() != s.video {
			return true
		}
		if p.startsUnit() {
			picture++
		}
		return picture < holeFrom || picture >= holeFrom+holeLength
	}))
}

// withoutSound leaves the tables, which announce the audio, as they are.
func (s *sample) withoutSound(b []byte) []byte {
	return kept(b, func(p packet) bool { return !p.isMedia() || p.pid() == s.video })
}

// kept returns the packets that are wanted.
func kept(b []byte, wanted func(packet) bool) []byte {
	out := make([]byte, 0, len(b))
	for ; len(b) > 0; b = b[packetSize:] {
		if p := packet(b[:packetSize]); wanted(p) {
			out = append(out, p...)
		}
	}
	return out
}

// renumbered makes the continuity counters of a segment continue from its first packets, so
// that nothing seems lost in it. The next segment is the same as that of the other encoder,
// and so are its counters: they jump there, as with a restarted encoder.
func renumbered(b []byte) []byte {
	next := map[uint16]int64{}
	for at := 0; at < len(b); at += packetSize {
		p := packet(b[at : at+packetSize])
		if !p.hasPayload() {
			continue // there are none in the sample
		}
		counter, known := next[p.pid()]
		if !known {
			counter = int64(p[3])
		}
		p.setCounter(counter)
		next[p.pid()] = counter + 1
	}
	return b
}
