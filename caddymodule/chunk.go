package caddymodule

import (
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

const (
	// segmentChunk is how many bytes of a segment are written at a time. Caddy's own number is
	// a quarter of it, which costs a tenth of the speed over plain HTTP. A chunk has to be
	// written within write_idle_timeout, so whoever takes less than 4 KiB/s is cut off by it.
	segmentChunk = 256 << 10

	// recordChunk is that over HTTP/2 and TLS: with the header of a frame (9 bytes, RFC 9113,
	// section 4.1) it fills a TLS record (16,384 bytes, RFC 8446, section 5.1). Larger writes
	// become frames of 16,384 bytes, the largest that a client has to take, and each of those a
	// full record and another one of 9 bytes, with a system call and a packet of its own.
	recordChunk = 16<<10 - 9
)

// leastIdleTimeout is Caddy's default of write_idle_timeout. With less, larger chunks might cut
// off viewers who are merely slow.
const leastIdleTimeout = time.Minute

// inFittingChunks makes the server write chunks that fit the protocol until the returned function
// is called. If max_write_chunk is set, it stays with that; and chunks are not made larger where
// write_idle_timeout or write_min_rate say what is to be done with slow viewers.
func inFittingChunks(r *http.Request) (restore func()) {
	_, w := caddyhttp.IdleTimeoutsFromContext(r.Context())
	switch {
	case w == nil || w.MaxChunk != caddyhttp.DefaultMaxWriteChunk:
		return func() {}
	case r.ProtoMajor == 2 && r.TLS != nil:
		return w.Override(w.Deadline.Timeout, w.Deadline.MinRate, recordChunk)
	case w.Deadline.Timeout < leastIdleTimeout || w.Deadline.MinRate > 0:
		return func() {}
	}
	return w.Override(w.Deadline.Timeout, 0, segmentChunk)
}
