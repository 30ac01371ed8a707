package nodes

import (
	"errors"
	"math/rand/v2"

	"github.com/nats-io/nats.go"
)

// write sends what the queue holds, and a beat when it is time for one, before what waits:
// a node must not count as dead because it has much to say.
func (c *connection) write() {
	defer close(c.ended)
	for {
		select {
		case <-c.beat:
			c.sendBeat()
			continue
		case <-c.n.done:
			return
		default:
		}
		if p, ok := c.queue.pop(); ok {
			c.publish(p)
			continue
		}
		select {
		case <-c.beat:
			c.sendBeat()
		case <-c.queue.ready:
		case <-c.n.done:
			return
		}
	}
}

// publish sends, or drops what can't be sent now: nodes that miss it ask for it.
func (c *connection) publish(p parcel) {
	if c.up.Load() {
		c.send(p.subject, p.data)
	}
	if p.number > c.sent[p.group] {
		c.sent[p.group] = p.number
	}
	if p.gone != nil {
		close(p.gone)
	}
}

func (c *connection) send(subject string, data []byte) {
	err := c.nc.Publish(subject, data)
	if err == nil || errors.Is(err, nats.ErrReconnectBufExceeded) || errors.Is(err, nats.ErrConnectionClosed) || isNetwork(err) {
		return // the connection is told to be lost
	}
	c.n.teller.tell(Event{Kind: SendFailed, Connection: c.name(), Count: 1, Err: err})
}

// push queues a parcel.
func (c *connection) push(p parcel) {
	if dropped := c.queue.push(p); dropped > 0 {
		c.n.teller.tell(Event{Kind: QueueFull, Connection: c.name(), Count: dropped})
	}
}

// sendBeat says that the node is there. On the bulk connection it says it to itself alone.
func (c *connection) sendBeat() {
	if !c.up.Load() {
		return
	}
	if c.index == bulk {
		f := c.n.frame(kindEcho, c.n.beatNumber())
		f.path = bulk
		c.send(c.n.subjectBulk(c.n.o.Node), f.encode())
		return
	}
	c.send(c.n.subjectBeat(), c.n.beatFrame(c).encode())
}

// anyFacts is one of the connections for facts, one that works if there is one.
func (n *Nodes) anyFacts() *connection {
	i := rand.IntN(bulk)
	if !n.links[i].up.Load() {
		i = bulk - 1 - i
	}
	return n.links[i]
}
