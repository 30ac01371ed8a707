package nodes

import "strings"

func (n *Nodes) subjectBeat() string             { return n.o.Prefix + ".beat" }
func (n *Nodes) subjectTo(node string) string    { return n.o.Prefix + ".to." + node }
func (n *Nodes) subjectBulk(node string) string  { return n.o.Prefix + ".bulk." + node }
func (n *Nodes) subjectGroup(name string) string { return n.o.Prefix + ".group." + escaped(name) }

// escaped makes one word of a channel's name, whose dots would be separators. Names have no
// "=", so that no two become the same.
func escaped(name string) string { return strings.ReplaceAll(name, ".", "=") }

// frame begins a frame of this node.
func (n *Nodes) frame(k kind, number uint64) frame {
	n.mu.Lock()
	defer n.mu.Unlock()
	return frame{kind: k, node: n.o.Node, epoch: n.epoch, number: number}
}

// tell sends a frame to one node, over both connections for facts. It returns the number.
func (n *Nodes) tell(node string, k kind, head, body []byte) uint64 {
	f := n.frame(k, n.counter.Add(1))
	f.head, f.body = head, body
	data := f.encode()
	for _, c := range n.links[:bulk] {
		c.push(parcel{subject: n.subjectTo(node), data: data})
	}
	return f.number
}

// receive takes what is for all nodes, or for this one.
func (n *Nodes) receive(c *connection, f frame) {
	switch f.kind {
	case kindBeat:
		n.hear(c, f)
		return
	case kindBye:
		n.hearBye(f)
		return
	case kindEcho:
		n.hearEcho(c, f)
		return
	case kindSay: // brought by a node that holds it
		n.hearMessage(f)
		return
	}
	if !n.first(f) {
		return
	}
	var err error
	switch f.kind {
	case kindRepair:
		err = n.onRepair(f)
	case kindRepaired:
		err = n.onRepaired(f)
	case kindQuestion:
		err = n.onQuestion(f)
	case kindAnswer, kindChunk:
		err = n.onAnswer(f)
	case kindPull:
		err = n.onPull(f)
	case kindDone:
		err = n.onDone(f)
	default:
		err = errMalformed
	}
	if err != nil {
		n.teller.tell(Event{Kind: UnknownFormat, Node: f.node, Err: err})
	}
}

// first reports whether a frame has not come before, by the other connection. It is asked
// before the head is decoded.
func (n *Nodes) first(f frame) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	p := n.peerOf(f)
	return p != nil && p.seen.add(f.number)
}

// seen remembers the last few thousand numbers.
type seen struct {
	young, old map[uint64]struct{}
}

const seenCount = 4096

func (s *seen) add(number uint64) bool {
	if _, ok := s.young[number]; ok {
		return false
	}
	if _, ok := s.old[number]; ok {
		return false
	}
	if s.young == nil || len(s.young) >= seenCount {
		s.young, s.old = map[uint64]struct{}{}, s.young
	}
	s.young[number] = struct{}{}
	return true
}
