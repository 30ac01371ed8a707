package output

// Blocks are made before anybody asks for them: a block every few minutes, and after a
// restart those of the whole window. That is some 2 µs per slot and rendition, outside of
// all locks, and the first viewer of a programme waits no longer than the next one.

// makingAhead lets one block of the whole process be made ahead at a time: what is asked
// for now needs the other processors.
var makingAhead = make(chan struct{}, 1)

// follow makes the whole blocks of the view ahead, if it has others than the one before.
// Views come in order; it returns at once.
func (s *shelf) follow(v *View) {
	if len(v.slots) == 0 {
		return
	}
	// Those in which the window begins and ends are not whole.
	edges := [2]uint64{v.slots[0].block(), v.slots[len(v.slots)-1].block()}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.edges == edges || s.closed {
		return
	}
	s.edges, s.next = edges, v
	if !s.filling {
		s.filling = true
		go s.fill()
	}
}

// close ends what is made ahead, and drops all blocks.
func (s *shelf) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed, s.next = true, nil
	clear(s.blocks)
	clear(s.tails)
	s.bytes = 0
}

// fill makes blocks until there is no other view.
func (s *shelf) fill() {
	for v := s.take(); v != nil; v = s.take() {
		s.sweep(v)
		s.fillFrom(v)
	}
}

func (s *shelf) take() *View {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.next
	s.next, s.filling = nil, v != nil
	return v
}

// fillFrom begins with the newest blocks, which most viewers want.
func (s *shelf) fillFrom(v *View) {
	lists := v.playlistsAhead()
	for end := len(v.slots); end > 0; {
		begin := max(0, end-1-int(v.slots[end-1].MSN%blockSlots))
		for _, p := range lists {
			if end-begin == blockSlots && !s.makeAhead(v.lister(p), v.slots, begin) {
				return
			}
		}
		end = begin
	}
}

// playlistsAhead are the media playlists of the view.
func (v *View) playlistsAhead() []playlist {
	var lists []playlist
	for _, r := range v.slots[len(v.slots)-1].list() {
		lists = append(lists, playlist{id: r.ID})
		if p := (playlist{id: r.ID, iframes: true}); v.lists(p.name()) {
			lists = append(lists, p)
		}
	}
	return lists
}

// makeAhead makes the block that begins with this slot. It reports whether to go on.
func (s *shelf) makeAhead(l lister, slots []*Slot, begin int) bool {
	if !s.wants(l.playlist, slots[begin]) {
		return s.goesOn()
	}
	makingAhead <- struct{}{}
	defer func() { <-makingAhead }()
	if !s.goesOn() {
		return false
	}
	// An error is told to whoever asks for the playlist.
	_, _, _ = s.block(l, slots[begin:begin+blockSlots], l.before(slots, begin))
	return true
}

// wants reports whether there is no block that begins with the slot.
func (s *shelf) wants(p playlist, first *Slot) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.blocks[place{p, first.block()}]
	return b == nil || b.first != first
}

// goesOn is false once there is another view, no more room, or nothing to be made.
func (s *shelf) goesOn() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.next == nil && !s.closed && s.bytes < s.maximum
}
