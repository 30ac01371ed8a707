package nodes

import "sync"

// Bounds of what waits for one connection. It is more than a large message.
const (
	queueBytes = 32 << 20
	queueCount = 16384
)

// parcel is a frame that waits for its turn.
type parcel struct {
	subject string
	data    []byte
	// group and number are those of a message.
	group  string
	number uint64
	// gone is closed when it was published or dropped by the writer; nil if nobody waits.
	gone chan struct{}
}

// queue holds what one connection has to send. When it is full, the oldest goes: the others
// ask for what they miss.
type queue struct {
	ready chan struct{} // has an element after push

	mu      sync.Mutex
	parcels []parcel
	bytes   int
}

func newQueue() *queue {
	return &queue{ready: make(chan struct{}, 1)}
}

// push never waits. It returns how many were dropped for it.
func (q *queue) push(p parcel) (dropped int) {
	q.mu.Lock()
	for len(q.parcels) > 0 && (len(q.parcels) >= queueCount || q.bytes+len(p.data) > queueBytes) {
		q.drop()
		dropped++
	}
	q.parcels = append(q.parcels, p)
	q.bytes += len(p.data)
	q.mu.Unlock()
	select {
	case q.ready <- struct{}{}:
	default:
	}
	return dropped
}

func (q *queue) pop() (parcel, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.parcels) == 0 {
		return parcel{}, false
	}
	return q.drop(), true
}

// drop takes the first, under the lock.
func (q *queue) drop() parcel {
	p := q.parcels[0]
	q.parcels[0] = parcel{}
	q.parcels = q.parcels[1:]
	q.bytes -= len(p.data)
	if len(q.parcels) == 0 {
		q.parcels = nil
	}
	return p
}
