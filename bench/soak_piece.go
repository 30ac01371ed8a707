package main

import (
	"errors"
	"fmt"
)

// timeline is the programme of a channel: piece k is what every encoder that is alive sends
// as segment of the time k. The loop of real media goes on for ever, with timestamps and
// continuity counters that do so, too.
type timeline struct {
	*programme
	base int64 // added to all timestamps
}

// clockMask is the range of timestamps, which start over after 26.5 hours.
const clockMask = 1<<33 - 1

// piece makes the bytes of a piece in buffer. Continuity counters are those of an encoder
// that began with the given offset.
func (t timeline) piece(k int, counter byte, buffer []byte) []byte {
	s := t.segments[k%len(t.segments)]
	turns := k / len(t.segments)
	var counters [nullPID + 1]byte
	for pid, packets := range t.packets {
		counters[pid] = packets*byte(turns) + counter
	}
	s.data = append(buffer[:0], s.data...)
	s.shift(t.base+int64(turns)*t.turn(), &counters)
	return s.data
}

// identify says which pieces a segment of the output consists of. All bytes have to be what
// an encoder sent, but for the continuity counters.
func (t timeline) identify(data []byte) ([]int, error) {
	var pieces []int
	var buffer []byte
	for len(data) > 0 {
		k, err := t.number(data)
		if err != nil {
			return pieces, fmt.Errorf("after pieces %v: %w", pieces, err)
		}
		buffer = t.piece(k, 0, buffer)
		if len(data) < len(buffer) {
			return pieces, fmt.Errorf("piece %d is cut: %d of %d bytes", k, len(data), len(buffer))
		}
		for at := 0; at < len(buffer); at += packetSize {
			if !samePacket(data[at:at+packetSize], buffer[at:at+packetSize]) {
				return pieces, fmt.Errorf("piece %d differs in packet %d", k, at/packetSize)
			}
		}
		pieces = append(pieces, k)
		data = data[len(buffer):]
	}
	return pieces, nil
}

// number tells from its first timestamp which piece media begins with.
func (t timeline) number(data []byte) (int, error) {
	found, err := scan(data[:len(data)-len(data)%packetSize])
	if err != nil {
		return 0, err
	}
	if len(found.stamps) == 0 {
		return 0, errors.New("no timestamp")
	}
	stamp := stampIn(found.data[found.stamps[0]:])
	for i, s := range t.segments {
		since := (stamp - t.base - stampIn(s.data[s.stamps[0]:])) & clockMask
		if since%t.turn() == 0 {
			return int(since/t.turn())*len(t.segments) + i, nil
		}
	}
	return 0, fmt.Errorf("timestamp %d begins no piece", stamp)
}

// samePacket compares packets but for their counters.
func samePacket(a, b []byte) bool {
	return a[3]&0xf0 == b[3]&0xf0 && string(a[:3]) == string(b[:3]) && string(a[4:]) == string(b[4:])
}

// continuity follows the counters of all PIDs.
type continuity map[uint16]byte

// follow reports how many counters jump.
func (c continuity) follow(data []byte) (jumps int) {
	for at := 0; at+packetSize <= len(data); at += packetSize {
		packet := data[at : at+packetSize]
		pid, counter := pidOf(packet), packet[3]&0xf
		if pid == nullPID {
			continue
		}
		want, known := c[pid]
		if packet[3]&0x10 != 0 {
			want++
		}
		if known && counter != want&0xf {
			jumps++
		}
		c[pid] = counter
	}
	return jumps
}
