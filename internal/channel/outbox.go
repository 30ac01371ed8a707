package channel

import (
	"fmt"
	"sync"

	"github.com/liveorigin/caddy-live-origin/failover"
)

// Observer is told what happens in a channel.
type Observer interface {
	// Event is something that the core decided or found out.
	Event(channel string, e failover.Effect)
	// Trouble is a failure of the origin itself: a store that refuses a write,
	// a slot that could not be rendered.
	Trouble(channel string, err error)
}

// outboxSize is how many events wait for a slow observer. What is over it is
// counted and reported as trouble.
const outboxSize = 4096

// outbox hands events to the observer in order, from a goroutine that only lives
// while there are any.
type outbox struct {
	mu       sync.Mutex
	observer Observer
	queue    []func(Observer)
	lost     int
	running  bool
}

func (o *outbox) observe(observer Observer) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.observer = observer
}

func (o *outbox) send(channel string, e failover.Effect) {
	if _, ok := e.(failover.Released); ok {
		return
	}
	o.put(func(observer Observer) { observer.Event(channel, e) })
}

func (o *outbox) trouble(channel string, err error) {
	o.put(func(observer Observer) { observer.Trouble(channel, err) })
}

func (o *outbox) put(tell func(Observer)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.queue) >= outboxSize {
		o.lost++
		return
	}
	o.queue = append(o.queue, tell)
	if !o.running {
		o.running = true
		go o.run()
	}
}

func (o *outbox) run() {
	for {
		o.mu.Lock()
		if len(o.queue) == 0 {
			o.running = false
			o.mu.Unlock()
			return
		}
		batch, observer, lost := o.queue, o.observer, o.lost
		o.queue, o.lost = nil, 0
		o.mu.Unlock()
		if observer == nil {
			continue
		}
		for _, tell := range batch {
			tell(observer)
		}
		if lost > 0 {
			observer.Trouble("", fmt.Errorf("%d events were lost: the observer is too slow", lost))
		}
	}
}
