package caddymodule

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"
)

// uploads are those that a channel is receiving, so that a process that ends can say which
// ones it cut off.
type uploads struct {
	mu   sync.Mutex
	next uint64
	all  map[uint64]upload
}

// upload is one that is under way.
type upload struct {
	input, path string
	began       time.Time
	size        int64 // as announced, or -1
}

// begin adds an upload; end is called when it is over.
func (u *uploads) begin(input, path string, size int64) (end func()) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.all == nil {
		u.all = map[uint64]upload{}
	}
	id := u.next
	u.next++
	u.all[id] = upload{input: input, path: path, began: time.Now(), size: size}
	return func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		delete(u.all, id)
	}
}

// underWay lists the uploads, the oldest first.
func (u *uploads) underWay() []upload {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.SortedFunc(maps.Values(u.all), func(a, b upload) int { return cmp.Or(a.began.Compare(b.began), cmp.Compare(a.path, b.path)) })
}

// reportCut says which uploads the end of the process cuts off: those that are still under
// way when the servers have stopped, after the grace period. Nobody ever sees what was
// uploaded of them.
func (a *App) reportCut() {
	for _, u := range a.channels {
		if u.shared == nil {
			continue
		}
		for _, cut := range u.shared.uploads.underWay() {
			fields := []zap.Field{
				zap.String("channel", u.key.name), zap.String("input", cut.input),
				zap.String("path", cut.path), zap.Duration("after", time.Since(cut.began)),
			}
			if cut.size >= 0 {
				fields = append(fields, zap.Int64("size", cut.size))
			}
			a.logger.Warn("upload cut off by shutdown", fields...)
		}
	}
}
