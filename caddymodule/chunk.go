package caddymodule

import (
	"context"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// segmentChunk is how many bytes of a segment are written at a time. Caddy's own number is a
// quarter of it, which costs a tenth of the speed over plain HTTP. A chunk has to be written
// within write_idle_timeout, so whoever takes less than 4 KiB/s is cut off by it.
const segmentChunk = 256 << 10

// leastIdleTimeout is Caddy's default of write_idle_timeout. With less, larger chunks might cut
// off viewers who are merely slow.
const leastIdleTimeout = time.Minute

// inLargerChunks makes the server write larger chunks until the returned function is called,
// unless its options say what is to be done with slow viewers (max_write_chunk,
// write_idle_timeout, write_min_rate).
func inLargerChunks(ctx context.Context) (restore func()) {
	_, w := caddyhttp.IdleTimeoutsFromContext(ctx)
	if w == nil || w.MaxChunk != caddyhttp.DefaultMaxWriteChunk ||
		w.Deadline.Timeout < leastIdleTimeout || w.Deadline.MinRate > 0 {
		return func() {}
	}
	return w.Override(w.Deadline.Timeout, 0, segmentChunk)
}
