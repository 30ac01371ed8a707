package media

import "sync"

// tsRoom is the part of a scanner's memory that is reused for the next object: most of what
// it needs. An object that is abandoned halfway leaves it to the garbage collector.
type tsRoom struct {
	index [tsPIDs]uint8 // all 0 while it is in the pool
	// pids is enough for what encoders send; more of them get memory of their own.
	pids [12]pidState
	// head is where the first video track keeps the head of its access unit.
	head     [usualHead]byte
	headUsed bool
}

// usualHead is what the head of an access unit usually takes, in bytes.
const usualHead = 2048

var tsRooms = sync.Pool{New: func() any { return new(tsRoom) }}

// takeHead is an empty buffer; it can be taken once.
func (r *tsRoom) takeHead() []byte {
	if r.headUsed {
		return make([]byte, 0, usualHead)
	}
	r.headUsed = true
	return r.head[:0]
}

// leave gives the room back. The scanner can't be used any more, and none of its results
// are in the room.
func (s *tsScanner) leave() {
	for i := range s.pids {
		s.index[s.pids[i].pid] = 0
	}
	clear(s.room.pids[:])
	s.room.headUsed = false
	tsRooms.Put(s.room)
	s.index, s.pids, s.room = nil, nil, nil
}
