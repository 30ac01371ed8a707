package channel

import (
	"fmt"
	"sync"

	"github.com/liveorigin/caddy-live-origin/failover"
)

// Observer is told what happens in a channel.
type Observer interface {
	// Event is something that the core decided or found out. What it only noticed is a
	// Notice.
	Event(channel string, e failover.Effect)
	// Trouble is a failure of the origin itself: a store that refuses a write,
	// a slot that could not be rendered.
	Trouble(channel string, err error)
	// Node is a change among the nodes that run the channel together.
	Node(channel string, e NodeEvent)
	// Notice is something that the operator of an input or endpoint should know.
	Notice(channel string, n Notice)
}

// outboxSize is how many events may wait for a slow observer. Those beyond it are counted,
// and reported as trouble.
const outboxSize = 4096

// outbox hands events to the observer in order, from a goroutine that runs only while there
// are any.
type outbox struct {
	channel string // its name

	mu       sync.Mutex
	observer Observer
	tracer   Tracer
	queue    []entry
	lost     int
	// untraced: records are among what was lost.
	untraced bool
	running  bool
	// opened: what is in the queue is told. Before that there may be nobody yet who could be.
	opened bool
}

// entry is what somebody has to be told: the observer or, with a record, the tracer.
type entry struct {
	tell   func(Observer)
	record *failover.Record
}

func (o *outbox) traceTo(t Tracer) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.tracer = t
}

func (o *outbox) trace(r failover.Record) { o.put(entry{record: &r}) }

func (o *outbox) observe(observer Observer) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.observer = observer
}

func (o *outbox) send(e failover.Effect) {
	switch e := e.(type) {
	case failover.Released:
		return
	case failover.Noticed:
		o.notice(noticeOf(e))
		return
	}
	o.put(entry{tell: func(observer Observer) { observer.Event(o.channel, e) }})
}

// trouble reports an error of the origin itself; nil is none.
func (o *outbox) trouble(err error) {
	if err != nil {
		o.put(entry{tell: func(observer Observer) { observer.Trouble(o.channel, err) }})
	}
}

func (o *outbox) notice(n Notice) {
	o.put(entry{tell: func(observer Observer) { observer.Notice(o.channel, n) }})
}

func (o *outbox) put(e entry) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.queue) >= outboxSize {
		o.lost++
		o.untraced = o.untraced || e.record != nil
		return
	}
	o.queue = append(o.queue, e)
	o.start()
}

// open begins to tell what has been put in.
func (o *outbox) open() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.opened = true
	o.start()
}

// start starts the goroutine that tells, if there is something to tell. The lock is held.
func (o *outbox) start() {
	if o.running || !o.opened || len(o.queue) == 0 {
		return
	}
	o.running = true
	go o.run()
}

func (o *outbox) run() {
	for {
		o.mu.Lock()
		if len(o.queue) == 0 {
			o.running = false
			o.mu.Unlock()
			return
		}
		batch, observer, tracer, lost, untraced := o.queue, o.observer, o.tracer, o.lost, o.untraced
		o.queue, o.lost, o.untraced = nil, 0, false
		o.mu.Unlock()
		for _, e := range batch {
			e.deliver(observer, tracer)
		}
		if untraced && tracer != nil {
			tracer.Lost()
		}
		if lost > 0 && observer != nil {
			observer.Trouble("", fmt.Errorf("%d events were lost: the observer is too slow", lost))
		}
	}
}

func (e entry) deliver(observer Observer, tracer Tracer) {
	switch {
	case e.record != nil && tracer != nil:
		tracer.Trace(*e.record)
	case e.tell != nil && observer != nil:
		e.tell(observer)
	}
}
