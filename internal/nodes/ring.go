package nodes

import (
	"sync"
	"time"
)

// ring keeps what this node has sent and received, for nodes that missed it. When it is
// full, the oldest goes of who takes the most: a group that says much does not cost the
// others their messages.
type ring struct {
	capacity int
	age      time.Duration

	mu    sync.Mutex
	bytes int
	parts map[ringKey]*ringPart
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

// ringPart is what is kept of one publisher.
type ringPart struct {
	bytes int
	order []ringEntry // by age
	kept  map[uint64]kept
}

type ringEntry struct {
	number uint64
	size   int
	at     time.Time
}

func newRing(capacity int, age time.Duration) *ring {
	return &ring{capacity: capacity, age: age, parts: map[ringKey]*ringPart{}}
}

// overhead is what a message takes in the ring beside its bytes.
const overhead = 200

func (r *ring) put(key ringKey, number uint64, k kept, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	part := r.parts[key]
	if part == nil {
		part = &ringPart{kept: map[uint64]kept{}}
		r.parts[key] = part
	}
	if _, ok := part.kept[number]; ok {
		return
	}
	e := ringEntry{number, len(k.body) + overhead, now}
	part.kept[number] = k
	part.order = append(part.order, e)
	part.bytes += e.size
	r.bytes += e.size
	for r.bytes > r.capacity {
		r.drop(r.largest())
	}
}

// largest is who takes the most, if there is anything.
func (r *ring) largest() ringKey {
	var key ringKey
	most := -1
	for k, part := range r.parts {
		if part.bytes > most {
			key, most = k, part.bytes
		}
	}
	return key
}

func (r *ring) get(key ringKey, number uint64) (kept, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	part := r.parts[key]
	if part == nil {
		return kept{}, false
	}
	k, ok := part.kept[number]
	return k, ok
}

// next is the lowest number from first to last that is held, or 0.
func (r *ring) next(key ringKey, first, last uint64) uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	part := r.parts[key]
	if part == nil {
		return 0
	}
	of := part.kept
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
	for key, part := range r.parts {
		for len(part.order) > 0 && now.Sub(part.order[0].at) > r.age {
			r.drop(key)
		}
	}
}

// drop takes the oldest of a publisher out, under the lock.
func (r *ring) drop(key ringKey) {
	part := r.parts[key]
	e := part.order[0]
	part.order = part.order[1:]
	part.bytes -= e.size
	r.bytes -= e.size
	delete(part.kept, e.number)
	if len(part.order) == 0 {
		delete(r.parts, key)
	}
}

// rename is for a node that takes another epoch.
func (r *ring) rename(node string, old, epoch int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for key, part := range r.parts {
		if key.node == node && key.epoch == old {
			delete(r.parts, key)
			key.epoch = epoch
			r.parts[key] = part
		}
	}
}
