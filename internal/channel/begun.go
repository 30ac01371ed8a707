package channel

import "time"

// An initialization section whose upload is still open holds back what is bound to it, on the node that
// takes it. A load balancer brings what overtakes it to another node, which would bind that to the one before.
// So the others are told when such an upload begins.

// begunAtMost is how long an upload to another node counts as open: that node may be gone.
const begunAtMost = 10 * time.Second

// begunMessage is an upload that has begun, or that ended without bringing anything.
type begunMessage struct {
	Input string `json:"input"`
	Path  string `json:"path"`
	Ended bool   `json:"ended,omitempty"`
}

// begunKey is an upload to another node.
type begunKey struct{ node, input, path string }

// begun is when it was heard of.
type begun struct {
	at    time.Time
	timer *time.Timer
}

// tellBegun tells the others that an upload has begun, if it replaces an initialization section.
func (n *nodes) tellBegun(d *delivery) {
	if d.input.isSection(d.path) {
		d.begunTold = true
		n.group.Send(message{Begun: &begunMessage{Input: d.input.name, Path: d.path}}.encode())
	}
}

// tellEnded tells them that it has ended, if they are not told of it otherwise.
func (n *nodes) tellEnded(d *delivery) {
	if d.begunTold {
		n.group.Send(message{Begun: &begunMessage{Input: d.input.name, Path: d.path, Ended: true}}.encode())
	}
}

// hearBegun notes an upload to another node.
func (n *nodes) hearBegun(from string, m begunMessage) {
	key := begunKey{from, m.Input, m.Path}
	if m.Ended {
		n.goOnWithout(key)
		return
	}
	n.endBegun(key)
	in := n.channel.directory.Load().inputs[m.Input]
	if in == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.begun[key] = begun{in.begin(m.Path), time.AfterFunc(begunAtMost, func() { n.goOnWithout(key) })}
}

// endBegun notes that it has ended.
func (n *nodes) endBegun(key begunKey) {
	n.mu.Lock()
	b, ok := n.begun[key]
	delete(n.begun, key)
	n.mu.Unlock()
	if !ok {
		return
	}
	b.timer.Stop()
	if in := n.channel.directory.Load().inputs[key.input]; in != nil {
		in.end(key.path, b.at)
	}
}

// goOnWithout notes that it has ended and brought nothing, and binds what has waited for it.
func (n *nodes) goOnWithout(key begunKey) {
	n.endBegun(key)
	in := n.channel.directory.Load().inputs[key.input]
	if in == nil {
		return
	}
	n.locked(func() {
		in.bindWaiting()
		n.channel.arm(n.channel.now())
	})
}
