package caddymodule

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/liveorigin/caddy-live-origin/store"
)

// room keeps a store from getting full as long as it holds anything that can be
// spared: the oldest part of the startover windows. It makes room before more of an
// upload is read, since what has been read can't be read again.
type room struct {
	// underWay is what uploads that have begun may take in their next step.
	underWay atomic.Int64

	mu sync.Mutex // only one makes room at a time
	// evicting and full throttle what would be logged and announced over and over.
	evicting, full *throttle
}

func newRoom() *room {
	return &room{evicting: newThrottle(quietInterval), full: newThrottle(quietInterval)}
}

const (
	// reserved is kept free in addition to the uploads, for journals.
	reserved = 256 << 10
	// An upload takes what has arrived, plus a step that grows with it. So what was only
	// announced counts for next to nothing.
	minRoomStep = 64 << 10
	maxRoomStep = 1 << 20
	// perUpload is what an engine needs around an object.
	perUpload = 4 << 10
)

// reservation is the room of one upload.
type reservation struct {
	of     *sharedChannel
	input  string
	limit  int64 // of what the input has under way, 0 for none
	size   int64 // as announced, -1 if unknown
	ahead  int64 // what it may take in its next step
	next   int64 // how much must have arrived before room is made for another step
	held   int64 // of the channel's inflight
	logger *zap.Logger
}

// reserve makes room for an upload of the input, of this size, or -1 if it is unknown. The
// caller calls arrived before it reads more of it, and done after it.
func (c *sharedChannel) reserve(input string, size int64, logger *zap.Logger) *reservation {
	c.begins(input, time.Now())
	return &reservation{of: c, input: input, limit: c.inputShare(), size: size, logger: logger}
}

// arrived makes sure there is room for what comes next. Error: *bodyError, if the channel
// or the input has used up its share.
func (r *reservation) arrived(n int64) error {
	if n < r.next {
		return nil
	}
	step := min(max(n, minRoomStep), maxRoomStep)
	r.next = n + step/2
	if n == 0 {
		step, r.next = 0, 1 // nothing is held for those who send nothing
	}
	if r.size >= 0 {
		step = min(step, max(r.size-n, 0))
	}
	step += perUpload
	s := r.of.store
	s.room.underWay.Add(step - r.ahead)
	r.ahead = step
	if err := r.hold(n); err != nil {
		return err
	}
	free := s.store.Usage().Free
	if free < 0 || free >= s.room.underWay.Load()+reserved && !r.of.crowds(free-step) && !r.of.overPart(r.input, free-step) {
		return nil
	}
	s.makeRoom(r)
	free = s.store.Usage().Free - step
	if r.of.overPart(r.input, free) {
		return &bodyError{http.StatusInsufficientStorage, fmt.Errorf("%w for this input: its media that is not published yet takes the room of the others", store.ErrFull)}
	}
	if r.of.crowds(free) {
		return &bodyError{http.StatusInsufficientStorage, fmt.Errorf("%w for this channel: its share is used up, see capacity of the channel and of the store (max_size of a directory)", store.ErrFull)}
	}
	return nil
}

// hold counts what has arrived and is not committed yet, which no playlist can list.
func (r *reservation) hold(n int64) error {
	sum := r.of.inflight(r.input, n-r.held)
	r.held = n
	if r.limit > 0 && sum > r.limit {
		return &bodyError{http.StatusInsufficientStorage, fmt.Errorf("%w for this input: its unfinished uploads take up half of the channel's share", store.ErrFull)}
	}
	return nil
}

// roomFor makes room for what another node has taken, of which nothing has come here yet. What that node has
// admitted is not refused here: if there is too little room all the same, the store says so.
func (c *sharedChannel) roomFor(input string, size int64) (release func()) {
	r := c.reserve(input, size, caddy.Log().Named("live_origin"))
	r.ahead = size + perUpload
	s := c.store
	s.room.underWay.Add(r.ahead)
	if free := s.store.Usage().Free; free >= 0 && (free < s.room.underWay.Load()+reserved || c.crowds(free-r.ahead)) {
		s.makeRoom(r)
	}
	return r.done
}

// done gives the room back.
func (r *reservation) done() {
	r.of.store.room.underWay.Add(-r.ahead)
	r.of.inflight(r.input, -r.held)
	r.ahead, r.held = 0, 0
}

// makeRoom evicts until what is under way fits, or nothing is left to evict.
func (s *sharedStore) makeRoom(r *reservation) {
	s.room.mu.Lock()
	defer s.room.mu.Unlock()
	s.cutSlowReaders()
	c := r.of
	full := func() bool {
		free := s.store.Usage().Free
		return free < s.room.underWay.Load()+reserved || c.crowds(free)
	}
	over := func() bool { return c.overPart(r.input, s.store.Usage().Free-r.ahead) }
	// What no playlist lists goes before anything that viewers can see.
	for share := s.shares().of(c); (over() || full() && c.held() >= share) && c.channel.DropUnlisted(share); {
	}
	if over() {
		return // it is refused, so nothing has to make room for it
	}
	evicted := false
	for full() && live.evictFor(c) {
		evicted = true
	}
	if !evicted {
		return
	}
	usage := s.store.Usage()
	fields := []zap.Field{zap.String("store", s.identity), zap.Int64("bytes", usage.Bytes), zap.Int64("capacity", usage.Capacity)}
	if usage.Scarce != "" {
		fields = append(fields, zap.String("scarce", usage.Scarce))
	}
	s.room.evicting.log(r.logger, zap.WarnLevel, struct{}{}, "store is full, so startover windows are cut short", fields...)
}

// evictFor evicts the oldest part of a startover window. A channel that has used up its
// share pays for itself first; one that has not takes from those that have more than
// theirs, the one with the largest excess first.
func (r *registry) evictFor(c *sharedChannel) bool {
	shares := c.store.shares()
	own := c.held() >= shares.of(c)
	if own && c.channel.Evict() {
		return true
	}
	var most *sharedChannel
	var excess int64
	r.eachChannel(func(o *sharedChannel) {
		if o.store != c.store || o == c {
			return
		}
		over := o.held() - shares.of(o)
		if _, spare := o.channel.Spare(); spare && over > 0 && (most == nil || over > excess) {
			most, excess = o, over
		}
	})
	if most != nil && most.acquire() {
		defer most.release()
		if most.channel.Evict() {
			return true
		}
	}
	return !own && c.channel.Evict()
}
