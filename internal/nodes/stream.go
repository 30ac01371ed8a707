package nodes

import (
	"sync"
	"time"
)

const (
	// Bounds of what waits for the member, or for a message before it. What is over them is
	// in the ring, or asked for again.
	waitingBytes = 16 << 20
	waitingCount = 8192
	// maxLives bounds how many epochs of a publisher wait to be finished.
	maxLives = 4
)

// stream is what a member receives of one publisher, in order. It has a goroutine of its
// own, which calls the member and asks for what is missing.
type stream struct {
	g    *Group
	from string
	wake chan struct{} // has room for one
	quit chan struct{} // closed when the publisher is forgotten

	mu sync.Mutex
	// lives are the epochs of the publisher, the last one the present. Earlier ones are
	// finished first.
	lives []*life
	// patience is how long a node may take to bring what is missing.
	patience time.Duration
}

// life is one epoch of a publisher.
type life struct {
	epoch   int64
	next    uint64 // is delivered next
	high    uint64 // the last that is known of
	waiting map[uint64]kept
	bytes   int
	hole    hole
	parts   []byte // of a large message
	index   uint16 // of the part that comes next; 0: none is expected
}

func newLife(epoch int64, start uint64) *life {
	return &life{epoch: epoch, next: start, high: start - 1, waiting: map[uint64]kept{}}
}

// stream is that of a publisher. A first one begins at a message. Under the lock of Nodes.
func (g *Group) stream(from string, epoch int64, start uint64) *stream {
	s := g.streams[from]
	if s == nil {
		s = &stream{
			g: g, from: from, wake: make(chan struct{}, 1), quit: make(chan struct{}),
			lives: []*life{newLife(epoch, start)}, patience: leastPatience,
		}
		g.streams[from] = s
		g.running.Add(1)
		go s.run()
	}
	return s
}

// hearMessage takes a message of another node, from itself or from one that holds it.
func (n *Nodes) hearMessage(f frame) {
	if f.node == n.o.Node || f.kind != kindSay {
		return
	}
	said, err := decodeSay(f.head)
	if err != nil || f.number == 0 {
		n.teller.tell(Event{Kind: UnknownFormat, Node: f.node, Err: errMalformed})
		return
	}
	s, start := n.streamOf(f, said)
	if s != nil {
		s.take(f, said, start)
	}
}

func (n *Nodes) streamOf(f frame, said say) (*stream, uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	g := n.groups[said.group]
	if g == nil {
		return nil, 0
	}
	p := n.peers[f.node]
	if p == nil || f.epoch > p.epoch {
		if p = n.peerOf(f); p == nil {
			return nil, 0
		}
	}
	start := g.start(said.base, said.age, f.number, time.Now())
	if f.epoch < p.epoch { // it may be missing at the end of that epoch, or is late
		return g.streams[f.node], start
	}
	return g.stream(f.node, f.epoch, start), start
}

// life is that of an epoch. One that is later than those known begins at start; nil for one
// that is over: a server that hung hands on what it has when it wakes.
func (s *stream) life(epoch int64, start uint64) *life {
	for _, l := range s.lives {
		if l.epoch == epoch {
			return l
		}
	}
	if epoch < s.lives[len(s.lives)-1].epoch {
		return nil
	}
	l := newLife(epoch, start)
	s.lives = append(s.lives, l)
	if len(s.lives) > maxLives { // the one under way is the first
		s.lives = append(s.lives[:1], s.lives[2:]...)
	}
	s.signal()
	return l
}

// take takes a message, which may have come before.
func (s *stream) take(f frame, said say, start uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.life(f.epoch, start)
	if l == nil || f.number < l.next {
		return
	}
	if _, ok := l.waiting[f.number]; ok {
		return
	}
	k := kept{say: said, body: f.body}
	s.g.n.ring.put(ringKey{s.g.name, s.from, f.epoch}, f.number, k, time.Now())
	l.high = max(l.high, f.number)
	// The next one is always taken, so that it goes on.
	if f.number == l.next || l.bytes+len(f.body) <= waitingBytes && len(l.waiting) < waitingCount {
		l.waiting[f.number] = k
		l.bytes += len(f.body)
	}
	if f.number == l.next || l.hole.since.IsZero() {
		s.signal()
	}
}

// heard takes the last number that the publisher says it has sent.
func (s *stream) heard(epoch int64, last, start uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.life(epoch, start)
	if l == nil || last <= l.high {
		return
	}
	l.high = last
	if l.hole.since.IsZero() {
		s.signal()
	}
}

func (s *stream) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// action is what a stream does next.
type action struct {
	message []byte // to be received; not nil, if it is that
	lost    int
	again   bool
	wait    time.Duration // 0: until something comes
}

func (s *stream) run() {
	defer s.g.running.Done()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for s.g.ctx.Err() == nil {
		s.mu.Lock()
		a := s.next(time.Now())
		s.mu.Unlock()
		switch {
		case a.message != nil:
			s.g.member.Receive(s.from, a.message)
			continue
		case a.lost > 0:
			s.g.member.Lost(s.from, a.lost)
			continue
		case a.again:
			continue
		case a.wait > 0:
			timer.Reset(a.wait)
		default:
			timer.Stop()
		}
		select {
		case <-s.wake:
		case <-timer.C:
		case <-s.quit:
			return
		case <-s.g.ctx.Done():
		}
	}
}

// next decides what to do, under the lock.
func (s *stream) next(now time.Time) action {
	l := s.lives[0]
	if k, ok := s.nextPiece(l); ok {
		l.next++
		if m := l.assemble(k); m != nil {
			return action{message: m}
		}
		return action{again: true}
	}
	if l.next <= l.high {
		return s.mend(l, now)
	}
	l.hole = hole{}
	if len(s.lives) > 1 {
		s.lives = s.lives[1:]
		return action{again: true}
	}
	return action{}
}

// nextPiece is the next message if it is there. What did not fit may be in the ring.
func (s *stream) nextPiece(l *life) (kept, bool) {
	if k, ok := l.waiting[l.next]; ok {
		delete(l.waiting, l.next)
		l.bytes -= len(k.body)
		return k, true
	}
	if l.next > l.high {
		return kept{}, false
	}
	return s.g.n.ring.get(ringKey{s.g.name, s.from, l.epoch}, l.next)
}

// assemble returns a message when it is whole. Pieces of one that was lost in part, or that
// began before this node listened, are dropped.
func (l *life) assemble(k kept) []byte {
	if k.say.index != l.index {
		l.parts, l.index = nil, 0
		if k.say.index != 0 {
			return nil
		}
	}
	l.parts = append(l.parts, k.body...)
	if k.say.index+1 < k.say.pieces {
		l.index = k.say.index + 1
		return nil
	}
	m := l.parts
	l.parts, l.index = nil, 0
	if m == nil {
		m = []byte{}
	}
	return m
}
