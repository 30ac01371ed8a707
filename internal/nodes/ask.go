package nodes

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/liveorigin/caddy-live-origin/store"
)

const (
	maxQuestion = 512 << 10
	// MaxAnswer is the size of the largest answer, in bytes.
	MaxAnswer = 64 << 20
	// An answer of up to smallAnswer comes at once over both connections for facts. A larger
	// one is pulled in chunks over the connection for bulk, so that a server never holds much
	// of it for a slow node.
	smallAnswer = 64 << 10
	chunkBytes  = 512 << 10
	pullWindow  = 4
	// What is not answered is asked again. Questions have an ID, so that the answer is still
	// there if it was lost on the way.
	askAgain = 300 * time.Millisecond
)

// Ask asks a node, on a topic that it handles. An empty name means any: all are asked, and
// the first that has an answer is heard. A question has up to 512 KiB, an answer up to
// MaxAnswer. Errors: that of the context, what the handler said, and store.ErrNotFound if the
// handler said that, if there is none, or if there is no such node or it has died meanwhile.
func (n *Nodes) Ask(ctx context.Context, node, topic string, body []byte) ([]byte, error) {
	return n.ask(ctx, node, question{Topic: topic}, body)
}

// Ask asks a member on another node, as store.Group says. A question has up to 512 KiB.
func (g *Group) Ask(ctx context.Context, node string, body []byte) ([]byte, error) {
	return g.n.ask(ctx, node, question{Group: g.name}, body)
}

func (n *Nodes) ask(ctx context.Context, node string, q question, body []byte) ([]byte, error) {
	if len(body) > maxQuestion {
		return nil, fmt.Errorf("question of %d bytes: up to %d are allowed", len(body), maxQuestion)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if node != "" {
		return n.askOne(ctx, node, q, body, nil)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	nodes := n.reachable(q.Group)
	type said struct {
		answer []byte
		err    error
	}
	all := make(chan said, len(nodes))
	turn := make(chan struct{}, 1)
	for _, node := range nodes {
		go func() {
			b, err := n.askOne(ctx, node, q, body, turn)
			all <- said{b, err}
		}()
	}
	failed := fmt.Errorf("no node: %w", store.ErrNotFound)
	for range nodes {
		s := <-all
		if s.err == nil {
			return s.answer, nil
		}
		if !errors.Is(s.err, store.ErrNotFound) {
			failed = s.err
		}
	}
	return nil, failed
}

// reachable are the nodes that are there, as members of a group if one is named.
func (n *Nodes) reachable(group string) []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var all []string
	for name := range n.peers {
		if n.canAnswer(name, group) {
			all = append(all, name)
		}
	}
	return all
}

func (n *Nodes) canAnswer(node, group string) bool {
	p := n.peers[node]
	return p != nil && p.alive && (group == "" || p.groups[group] != nil)
}

// call is a question under way.
type call struct {
	n       *Nodes
	node    string
	id      uint64
	answers chan frame
	patient time.Duration // until a chunk is pulled again

	result  []byte
	missing int         // chunks
	next    int         // chunk that was not pulled yet
	pulled  map[int]try // chunks under way

	// turn has an element while a large answer is pulled, where several nodes are asked: the
	// others wait for theirs. nil: nobody else was asked.
	turn    chan struct{}
	hasTurn bool
}

type try struct {
	count int
	at    time.Time
}

func (n *Nodes) askOne(ctx context.Context, node string, q question, body []byte, turn chan struct{}) ([]byte, error) {
	c := &call{
		n: n, node: node, id: n.counter.Add(1), answers: make(chan frame, 2*pullWindow),
		patient: askAgain, pulled: map[int]try{}, turn: turn,
	}
	defer c.end()
	n.mu.Lock()
	if n.closed {
		n.mu.Unlock()
		return nil, store.ErrClosed
	}
	n.calls[c.id] = c.answers
	n.mu.Unlock()
	defer func() {
		n.mu.Lock()
		delete(n.calls, c.id)
		n.mu.Unlock()
	}()

	q.ID = c.id
	asked := time.Time{}
	tick := time.NewTicker(askAgain / 3)
	defer tick.Stop()
	for {
		if c.result == nil {
			n.mu.Lock()
			there := n.canAnswer(node, q.Group)
			n.mu.Unlock()
			if !there {
				return nil, fmt.Errorf("node %s: %w", node, store.ErrNotFound)
			}
		}
		if c.result == nil && time.Since(asked) >= askAgain {
			asked = time.Now()
			if deadline, ok := ctx.Deadline(); ok {
				q.Within = max(1, time.Until(deadline).Milliseconds())
			}
			n.tell(node, kindQuestion, head(q), body)
		}
		select {
		case f := <-c.answers:
			if done, err := c.take(f); done || err != nil {
				return c.result, err
			}
		case <-tick.C:
			if err := c.pullAgain(); err != nil {
				return nil, err
			}
		case <-ctx.Done():
			n.tell(node, kindDone, head(chunk{ID: c.id}), nil)
			return nil, ctx.Err()
		case <-n.done:
			return nil, store.ErrClosed
		}
	}
}

// onAnswer brings an answer, or a chunk of one, to who waits for it.
func (n *Nodes) onAnswer(f frame) error {
	a, err := decodeHead[answer](f) // a chunk has an ID, too
	if err != nil {
		return err
	}
	n.mu.Lock()
	answers := n.calls[a.ID]
	n.mu.Unlock()
	select {
	case answers <- f: // nobody takes it from a channel that is nil
	default: // it is asked for again
	}
	return nil
}

// take takes what came, and reports whether the answer is complete.
func (c *call) take(f frame) (bool, error) {
	if f.node != c.node {
		return false, nil
	}
	if f.kind == kindChunk {
		return c.takeChunk(f)
	}
	a, err := decodeHead[answer](f)
	switch {
	case err != nil:
		return false, err
	case c.result != nil:
		return false, nil
	case a.NotFound:
		return false, fmt.Errorf("node %s: %w", c.node, store.ErrNotFound)
	case a.Err != "":
		return false, fmt.Errorf("node %s: %s", c.node, a.Err)
	case a.Size < 0 || a.Size > MaxAnswer:
		return false, errAnswerSize
	case a.Size == len(f.body):
		c.result = append([]byte{}, f.body...)
		return true, nil
	}
	if !c.takeTurn() {
		return false, nil // it comes again, for as long as it is asked for
	}
	c.result = make([]byte, a.Size)
	c.missing = (a.Size + chunkBytes - 1) / chunkBytes
	c.pullMore()
	return false, nil
}

func (c *call) takeTurn() bool {
	if c.turn == nil {
		return true
	}
	select {
	case c.turn <- struct{}{}:
		c.hasTurn = true
	default:
	}
	return c.hasTurn
}

func (c *call) end() {
	if c.hasTurn {
		<-c.turn
	}
}

func (c *call) takeChunk(f frame) (bool, error) {
	k, err := decodeHead[chunk](f)
	if err != nil {
		return false, err
	}
	t, wanted := c.pulled[k.Index]
	if !wanted || len(f.body) != min(chunkBytes, len(c.result)-k.Index*chunkBytes) {
		return false, nil
	}
	if t.count == 0 {
		// Where chunks take long by nature, they must not be pulled twice.
		c.patient = max(c.patient, 4*time.Since(t.at))
	}
	copy(c.result[k.Index*chunkBytes:], f.body)
	delete(c.pulled, k.Index)
	c.missing--
	if c.missing == 0 {
		c.n.tell(c.node, kindDone, head(chunk{ID: c.id}), nil)
		return true, nil
	}
	c.pullMore()
	return false, nil
}

func (c *call) pullMore() {
	for ; len(c.pulled) < pullWindow && c.next*chunkBytes < len(c.result); c.next++ {
		c.pull(c.next, 0)
	}
}

func (c *call) pull(index, count int) {
	c.pulled[index] = try{count, time.Now()}
	c.n.tell(c.node, kindPull, head(chunk{ID: c.id, Index: index, Try: count}), nil)
}

// pullAgain pulls what has not come, by another way. A node that is gone won't answer.
func (c *call) pullAgain() error {
	if c.result == nil {
		return nil
	}
	c.n.mu.Lock()
	there := c.n.canAnswer(c.node, "")
	c.n.mu.Unlock()
	if !there {
		return fmt.Errorf("node %s has gone: %w", c.node, store.ErrNotFound)
	}
	for index, t := range c.pulled {
		if time.Since(t.at) >= c.patient {
			c.pull(index, t.count+1)
		}
	}
	return nil
}

// handler answers questions.
type handler func(ctx context.Context, from string, question []byte) ([]byte, error)

// Handle answers the questions on a topic. The handler may be called many times at once. Its
// error goes to who asks: as store.ErrNotFound if it is that, else as its text. There is one
// handler for a topic; nil ends it.
func (n *Nodes) Handle(topic string, answer func(ctx context.Context, from string, question []byte) ([]byte, error)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if answer == nil {
		delete(n.topics, topic)
		return
	}
	n.topics[topic] = answer
}
