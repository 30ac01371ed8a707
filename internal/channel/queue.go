package channel

import "sync"

// queue hands over what is put into it, in order, from a goroutine that runs only while there
// is something.
type queue[T any] struct {
	// hand takes what has waited, and how many were dropped behind it for want of room.
	hand func(batch []T, dropped int)

	mu sync.Mutex
	// limit is how many may wait, 0 for any number.
	limit   int
	waiting []T
	dropped int
	// held: what is put in waits.
	held    bool
	running bool
}

func (q *queue[T]) put(item T) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.limit > 0 && len(q.waiting) >= q.limit {
		q.dropped++
		return
	}
	q.waiting = append(q.waiting, item)
	q.start()
}

// open begins to hand over what was held.
func (q *queue[T]) open() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.held = false
	q.start()
}

// bound sets the limit.
func (q *queue[T]) bound(limit int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.limit = limit
}

// start starts the goroutine if there is something for it to do. The lock is held.
func (q *queue[T]) start() {
	if q.running || q.held || len(q.waiting) == 0 {
		return
	}
	q.running = true
	go q.run()
}

func (q *queue[T]) run() {
	for {
		q.mu.Lock()
		if len(q.waiting) == 0 {
			q.running = false
			q.mu.Unlock()
			return
		}
		batch, dropped := q.waiting, q.dropped
		q.waiting, q.dropped = nil, 0
		q.mu.Unlock()
		q.hand(batch, dropped)
	}
}
