package nodes

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/liveorigin/caddy-live-origin/store"
)

const (
	// maxAnswering bounds how many questions are being answered. More are asked again later
	// by who asks.
	maxAnswering = 128
	// answersBytes bounds the answers that wait to be pulled.
	answersBytes = 256 << 20
	// An answer that nobody has pulled for answerAge is forgotten. One that came whole is kept
	// for a second, to be sent again if it was lost.
	answerAge, smallAge = 10 * time.Second, time.Second
	// longestAnswer bounds how long a handler may take.
	longestAnswer = 10 * time.Minute
)

// answers are the questions of other nodes that are being answered, and the answers that
// were not fetched yet.
type answers struct {
	ctx    context.Context // of the handlers
	cancel context.CancelFunc
	all    sync.WaitGroup // handlers of topics

	mu      sync.Mutex
	ended   bool
	open    map[answerKey]*outgoing
	running int
	bytes   int
}

type answerKey struct {
	node  string
	epoch int64
	id    uint64
}

// outgoing is one answer.
type outgoing struct {
	cancel context.CancelFunc
	done   bool
	head   answer
	body   []byte
	at     time.Time // of use
}

func (a *answers) init() {
	a.ctx, a.cancel = context.WithCancel(context.Background())
	a.open = map[answerKey]*outgoing{}
}

// end waits for the handlers.
func (a *answers) end() {
	a.mu.Lock()
	a.ended = true
	a.mu.Unlock()
	a.cancel()
	a.all.Wait()
}

// onQuestion has a question answered, once. One that comes again wants the answer again.
func (n *Nodes) onQuestion(f frame) error {
	q, err := decodeHead[question](f)
	if err != nil {
		return err
	}
	key := answerKey{f.node, f.epoch, q.ID}
	a := &n.answers
	a.mu.Lock()
	defer a.mu.Unlock()
	if out := a.open[key]; out != nil {
		if out.done {
			n.sendAnswer(key.node, out)
		}
		return nil
	}
	if a.ended || a.running >= maxAnswering {
		return nil
	}
	handle, parent, release := n.handlerOf(q)
	within := longestAnswer
	if q.Within > 0 {
		within = time.Duration(min(q.Within, within.Milliseconds())) * time.Millisecond
	}
	ctx, cancel := context.WithTimeout(parent, within)
	out := &outgoing{cancel: cancel, head: answer{ID: q.ID}, at: time.Now()}
	a.open[key] = out
	a.running++
	go func() {
		body, err := handle(ctx, f.node, f.body)
		over := err != nil && ctx.Err() != nil
		cancel()
		release()
		n.answered(key, out, body, err, over)
	}()
	return nil
}

// handlerOf is who answers a question, the context for it, and what to do when it has.
func (n *Nodes) handlerOf(q question) (handler, context.Context, func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if q.Group == "" {
		n.answers.all.Add(1)
		if h := n.topics[q.Topic]; h != nil {
			return h, n.answers.ctx, n.answers.all.Done
		}
		return notFound, n.answers.ctx, n.answers.all.Done
	}
	g := n.groups[q.Group]
	if g == nil {
		return notFound, n.answers.ctx, func() {}
	}
	g.running.Add(1)
	return g.member.Answer, g.ctx, g.running.Done
}

func notFound(context.Context, string, []byte) ([]byte, error) { return nil, store.ErrNotFound }

// answered sends an answer, and keeps it for as long as it may be asked for. If the time is
// over, who asked knows it by itself, with the error of its own context.
func (n *Nodes) answered(key answerKey, out *outgoing, body []byte, err error, over bool) {
	a := &n.answers
	a.mu.Lock()
	defer a.mu.Unlock()
	a.running--
	if a.open[key] != out { // who asked has gone
		return
	}
	if over {
		a.drop(key, out)
		return
	}
	switch {
	case errors.Is(err, store.ErrNotFound):
		out.head.NotFound = true
	case err != nil:
		out.head.Err = err.Error()
	case len(body) > MaxAnswer:
		out.head.Err = errAnswerSize.Error()
	case a.bytes+len(body) > answersBytes:
		out.head.Err = errBusy.Error()
	default:
		out.body = body
	}
	out.head.Size = len(out.body)
	out.done, out.at = true, time.Now()
	a.bytes += len(out.body)
	n.sendAnswer(key.node, out)
}

func (n *Nodes) sendAnswer(node string, out *outgoing) {
	var body []byte
	if len(out.body) <= smallAnswer {
		body = out.body
	}
	n.tell(node, kindAnswer, head(out.head), body)
}

// onPull sends a chunk: over the connection for bulk first, then over the others.
func (n *Nodes) onPull(f frame) error {
	k, err := decodeHead[chunk](f)
	if err != nil {
		return err
	}
	a := &n.answers
	a.mu.Lock()
	defer a.mu.Unlock()
	out := a.open[answerKey{f.node, f.epoch, k.ID}]
	if out == nil || !out.done || k.Index < 0 || k.Index > len(out.body)/chunkBytes {
		return nil
	}
	out.at = time.Now()
	body := out.body[k.Index*chunkBytes:]
	c, subject := n.links[bulk], n.subjectBulk(f.node)
	if k.Try > 0 || !c.up.Load() {
		c, subject = n.anyFacts(), n.subjectTo(f.node)
	}
	answer := n.frame(kindChunk, n.counter.Add(1))
	answer.head, answer.body = head(k), body[:min(chunkBytes, len(body))]
	c.push(parcel{subject: subject, data: answer.encode()})
	return nil
}

// onDone forgets an answer that nobody needs any more.
func (n *Nodes) onDone(f frame) error {
	k, err := decodeHead[chunk](f)
	if err != nil {
		return err
	}
	a := &n.answers
	a.mu.Lock()
	defer a.mu.Unlock()
	key := answerKey{f.node, f.epoch, k.ID}
	if out := a.open[key]; out != nil {
		a.drop(key, out)
	}
	return nil
}

func (a *answers) drop(key answerKey, out *outgoing) {
	out.cancel()
	a.bytes -= len(out.body)
	out.body = nil
	delete(a.open, key)
}

func (a *answers) forget(now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for key, out := range a.open {
		age := answerAge
		if len(out.body) <= smallAnswer {
			age = smallAge
		}
		if out.done && now.Sub(out.at) > age {
			a.drop(key, out)
		}
	}
}
