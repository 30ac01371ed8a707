package nodes

import (
	"bytes"
	"sync"
	"time"
)

const (
	maxMessage = 8 << 20
	// maxPiece keeps a message below what servers take, and lets beats pass between pieces.
	maxPiece  = 256 << 10
	maxPieces = maxMessage / maxPiece
)

// sender numbers the messages of this node in a group. It outlives the membership, since
// the numbers go on.
type sender struct {
	mu   sync.Mutex
	last uint64
}

// Send gives a message to all other members, in order. It does not wait: what can't be sent
// now is kept in the ring, where the others ask for it.
func (g *Group) Send(message []byte) {
	if len(message) > maxMessage {
		g.n.teller.tell(Event{Kind: SendFailed, Count: 1, Err: errTooLarge})
		return
	}
	now := time.Now()
	g.n.mu.Lock()
	epoch, left := g.n.epoch, g.left
	g.n.mu.Unlock()
	if left {
		return
	}
	message = bytes.Clone(message)
	s := say{group: g.name, pieces: uint16(max(1, (len(message)+maxPiece-1)/maxPiece)), base: g.base, age: g.age(now)}
	subject := g.n.subjectGroup(g.name)

	// Under the lock, so that both connections have the messages in their order.
	g.sender.mu.Lock()
	defer g.sender.mu.Unlock()
	for s.index = 0; s.index < s.pieces; s.index++ {
		g.sender.last++
		piece := message[:min(len(message), maxPiece)]
		message = message[len(piece):]
		g.n.ring.put(ringKey{g.name, g.n.o.Node, epoch}, g.sender.last, kept{say: s, body: piece}, now)
		f := frame{kind: kindSay, node: g.n.o.Node, epoch: epoch, number: g.sender.last, head: s.encode(), body: piece}
		data := f.encode()
		for _, c := range g.n.links[:bulk] {
			c.push(parcel{subject: subject, data: data, group: g.name, number: g.sender.last})
		}
	}
}
