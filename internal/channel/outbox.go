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

// outbox hands events to the observer.
type outbox struct {
	channel string // its name
	// events are held until there may be somebody who is told.
	events queue[func(Observer)]

	mu       sync.Mutex
	observer Observer
}

func newOutbox(channel string) *outbox {
	o := &outbox{channel: channel}
	o.events = queue[func(Observer)]{hand: o.tell, limit: outboxSize, held: true}
	return o
}

func (o *outbox) observe(observer Observer) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.observer = observer
}

func (o *outbox) tell(events []func(Observer), dropped int) {
	o.mu.Lock()
	observer := o.observer
	o.mu.Unlock()
	if observer == nil {
		return
	}
	for _, tell := range events {
		tell(observer)
	}
	if dropped > 0 {
		observer.Trouble("", fmt.Errorf("%d events were lost: the observer is too slow", dropped))
	}
}

// send hands over an effect once what it is about can be seen: after is closed then; nil at once.
func (o *outbox) send(e failover.Effect, after <-chan struct{}) {
	switch e := e.(type) {
	case failover.Released:
		return
	case failover.Noticed:
		o.notice(noticeOf(e))
		return
	}
	o.events.put(func(observer Observer) {
		if after != nil {
			<-after
		}
		observer.Event(o.channel, e)
	})
}

// trouble reports an error of the origin itself; nil is none.
func (o *outbox) trouble(err error) {
	if err != nil {
		o.events.put(func(observer Observer) { observer.Trouble(o.channel, err) })
	}
}

func (o *outbox) notice(n Notice) {
	o.events.put(func(observer Observer) { observer.Notice(o.channel, n) })
}
