package nodes

import (
	"sync"
	"time"
)

// ring keeps what this node has sent and received, for nodes that missed it. When it is
// full, the oldest goes.
type ring struct {
	capacity int
	age      time.Duration

	mu    sync.Mutex
	bytes int
	order []ringEntry // by age
	kept  map[ringKey]map[uint64]kept
}

// ringKey is the messages of one publisher.
type ringKey struct {
	group, node string
	epoch       int64
}

// kept is a message, or a piece of one.
type kept struct {
	say  say
	body []byte
}

type ringEntry struct {
	key    ringKey
	number uint64
	size   int
	at     time.Time
}

func newRing(capacity int, age time.Duration) *ring {
	return &ring{capacity: capacity, age: age, kept: map[ringKey]map[uint64]kept{}}
}

// overhead is what a message takes in the ring beside its bytes.
const overhead = 200

func (r *ring) put(key ringKey, number uint64, k kept, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	of := r.kept[key]
	if of == nil {
		of = map[uint64]kept{}
		r.kept[key] = of
	}
	if _, ok := of[number]; ok {
		return
	}
	of[number] = k
	e := ringEntry{key, number, len(k.body) + overhead, now}
	r.order = append(r.order, e)
	r.bytes += e.size
	for r.bytes > r.capacity && len(r.order) > 1 {
		r.drop()
	}
}

func (r *ring) get(key ringKey, number uint64) (kept, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	k, ok := r.kept[key][number]
	return k, ok
}

// next is the lowest number from first to last that is held, or 0.
func (r *ring) next(key ringKey, first, last uint64) uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	of := r.kept[key]
	if count := last - first; count < uint64(len(of)) {
		for i := range count + 1 {
			if _, ok := of[first+i]; ok {
				return first + i
			}
		}
		return 0
	}
	var lowest uint64
	for number := range of {
		if number >= first && number <= last && (lowest == 0 || number < lowest) {
			lowest = number
		}
	}
	return lowest
}

func (r *ring) forget(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.order) > 0 && now.Sub(r.order[0].at) > r.age {
		r.drop()
	}
}

// drop takes the oldest out, under the lock.
func (r *ring) drop() {
	e := r.order[0]
	r.order = r.order[1:]
	if len(r.order) == 0 {
		r.order = nil
	}
	r.bytes -= e.size
	delete(r.kept[e.key], e.number)
	if len(r.kept[e.key]) == 0 {
		delete(r.kept, e.key)
	}
}

// rename is for a node that takes another epoch.
func (r *ring) rename(node string, old, epoch int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, e := range r.order {
		if e.key.node == node && e.key.epoch == old {
			r.order[i].key.epoch = epoch
		}
	}
	for key, of := range r.kept {
		if key.node == node && key.epoch == old {
			delete(r.kept, key)
			key.epoch = epoch
			r.kept[key] = of
		}
	}
}
