package caddymodule

import (
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// room keeps a store from getting full as long as it holds anything that can be
// spared: the oldest part of the startover windows, over all channels. It makes room
// before an upload begins, since what has been read of a body can't be read again.
type room struct {
	// largest is the size of the largest recent upload, for those that do not tell
	// theirs; underWay is what uploads that have begun may still need.
	largest, underWay atomic.Int64

	mu sync.Mutex // one makes room at a time
	// evicting and full hold back what is logged and announced over and over.
	evicting, full *throttle
}

func newRoom() *room {
	return &room{evicting: newThrottle(quietInterval), full: newThrottle(quietInterval)}
}

// reserve makes room for an upload of this size, -1 for one that does not tell.
// done is called when it has ended, with its size.
func (s *sharedStore) reserve(size int64, logger *zap.Logger) (done func(size int64)) {
	if size < 0 {
		size = s.room.largest.Load()
	}
	// An engine needs something around each object.
	size += size/16 + 64<<10
	waiting := s.room.underWay.Add(size)
	if free := s.store.Usage().Free; free >= 0 && free < waiting+reserved {
		s.makeRoom(logger)
	}
	return func(n int64) {
		s.room.underWay.Add(-size)
		// It fades, so that a single large one does not count for ever.
		largest := s.room.largest.Load()
		s.room.largest.Store(max(n, largest-largest/256))
	}
}

// reserved is kept free beside the uploads, for journals.
const reserved = 256 << 10

// makeRoom evicts until what is under way fits, or nothing is left to evict.
func (s *sharedStore) makeRoom(logger *zap.Logger) {
	s.room.mu.Lock()
	defer s.room.mu.Unlock()
	evicted := false
	for {
		if s.store.Usage().Free >= s.room.underWay.Load()+reserved || !live.evictFrom(s) {
			break
		}
		evicted = true
	}
	if !evicted {
		return
	}
	if _, ok := s.room.evicting.pass(struct{}{}); ok {
		logger.Warn("store is full, so startover windows are cut short", zap.String("store", s.identity),
			zap.Int64("bytes", s.store.Usage().Bytes))
	}
}

// evictFrom evicts the oldest of what channels on the store can spare.
func (r *registry) evictFrom(s *sharedStore) bool {
	var oldest *sharedChannel
	var at time.Time
	r.eachChannel(func(c *sharedChannel) {
		if c.store != s {
			return
		}
		if t, ok := c.channel.Spare(); ok && (oldest == nil || t.Before(at)) {
			oldest, at = c, t
		}
	})
	if oldest == nil || !oldest.acquire() {
		return false
	}
	defer oldest.release()
	return oldest.channel.Evict()
}
