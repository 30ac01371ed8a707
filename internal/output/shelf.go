package output

import "sync"

// shelf keeps the blocks of an endpoint's long playlists, as long as their slots are
// in the window. They take a fiftieth of what the slots take. When it is full, others are
// made when they are asked for, and belong to the playlist that asked.
type shelf struct {
	mu     sync.Mutex
	blocks map[place]*block
	// tails are the partial blocks at the live edge, of the newest view that was asked for:
	// all playlists that grow end with them.
	tails   map[playlist]*block
	bytes   int
	maximum int

	// next is the view whose blocks are to be made ahead, nil if that has been done;
	// filling: somebody does it. edges are the blocks that the last one begins and ends in.
	next    *View
	filling bool
	closed  bool
	edges   [2]uint64
}

// place is where a whole block stands.
type place struct {
	playlist
	number uint64
}

// maxBlockBytes is how much the blocks of an endpoint may take. A day of 2 s slots is some
// 300 kB per rendition.
const maxBlockBytes = 64 << 20

// blockOverhead is what a block takes besides its compressed text.
const blockOverhead = 512

func newShelf() *shelf {
	return &shelf{blocks: map[place]*block{}, tails: map[playlist]*block{}, maximum: maxBlockBytes}
}

// block returns the block of these slots, which has to begin where the playlist stands at.
// kept reports that it takes no memory of its own.
func (s *shelf) block(l lister, slots []*Slot, at standing) (b *block, kept bool, err error) {
	whole := len(slots) == blockSlots
	if b := s.find(l, slots, at, whole); b != nil {
		return b, whole, nil
	}
	if b, err = l.render(slots, at, nil); err != nil {
		return nil, false, err
	}
	return b, s.keep(l.playlist, b, whole) && whole, nil
}

func (s *shelf) find(l lister, slots []*Slot, at standing, whole bool) *block {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.tails[l.playlist]
	if whole {
		b = s.blocks[place{l.playlist, slots[0].block()}]
	}
	if b == nil || !b.fits(l, slots, at) {
		return nil
	}
	return b
}

// keep puts a block in its place, if there is room.
func (s *shelf) keep(p playlist, b *block, whole bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.bytes+b.weight() > s.maximum {
		return false
	}
	s.bytes += b.weight()
	if whole {
		at := place{p, b.first.block()}
		s.remove(s.blocks[at])
		s.blocks[at] = b
	} else {
		s.remove(s.tails[p])
		s.tails[p] = b
	}
	return true
}

func (b *block) weight() int { return len(b.packed) + blockOverhead }

// remove counts a block that leaves, if there is one.
func (s *shelf) remove(b *block) {
	if b != nil {
		s.bytes -= b.weight()
	}
}

// sweep removes blocks whose slots have left the window.
func (s *shelf) sweep(v *View) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for at, b := range s.blocks {
		if !v.holds(b.first) {
			s.remove(b)
			delete(s.blocks, at)
		}
	}
	for p, b := range s.tails {
		if !v.holds(b.first) {
			s.remove(b)
			delete(s.tails, p)
		}
	}
}

// holds reports whether the slot is in the window.
func (v *View) holds(s *Slot) bool {
	if len(v.slots) == 0 || s.MSN < v.slots[0].MSN || s.MSN-v.slots[0].MSN >= uint64(len(v.slots)) {
		return false
	}
	return v.slots[s.MSN-v.slots[0].MSN] == s
}
