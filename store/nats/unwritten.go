package nats

import (
	"errors"
	"fmt"
	"time"

	"github.com/liveorigin/caddy-live-origin/store"
)

// unwrittenTime is how long appends to a journal have to fail until that is told: longer than servers take
// to elect a leader.
const unwrittenTime = 12 * time.Second

// outcome takes what became of an append that began then, and tells when journals can't be written any more, and why: that
// servers are missing, or that those which are there refuse it, as for want of room.
func (j *journal) outcome(began time.Time, err error) {
	s := j.store
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case errors.Is(err, store.ErrClosed):
	case err == nil, errors.Is(err, store.ErrConflict):
		j.failing = time.Time{}
		if s.unwritten.CompareAndSwap(true, false) {
			s.tell(StreamsAvailable, "", nil)
		}
	case j.failing.IsZero():
		j.failing = began
	case time.Since(j.failing) > unwrittenTime && s.unwritten.CompareAndSwap(false, true):
		s.tell(StreamsUnavailable, "", fmt.Errorf("append to journal %q: %w", j.name, err))
	}
}
