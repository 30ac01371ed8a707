package caddymodule

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
)

// largestWrite remembers how much was written at a time.
type largestWrite struct {
	http.ResponseWriter
	bytes int
}

func (w *largestWrite) Write(p []byte) (int, error) {
	w.bytes = max(w.bytes, len(p))
	return len(p), nil
}

func (w *largestWrite) SetWriteDeadline(time.Time) error { return nil }

func TestSegmentsAreWrittenInLargerChunks(t *testing.T) {
	const caddys = caddyhttp.DefaultMaxWriteChunk
	for name, test := range map[string]struct {
		chunk    int
		deadline caddyhttp.IdleDeadline
		want     int
	}{
		"the server's defaults":       {caddys, caddyhttp.IdleDeadline{Timeout: time.Minute}, segmentChunk},
		"more time":                   {caddys, caddyhttp.IdleDeadline{Timeout: time.Hour}, segmentChunk},
		"max_write_chunk is set":      {8 << 10, caddyhttp.IdleDeadline{Timeout: time.Minute}, 8 << 10},
		"write_idle_timeout is short": {caddys, caddyhttp.IdleDeadline{Timeout: 5 * time.Second}, caddys},
		"write_min_rate is set":       {caddys, caddyhttp.IdleDeadline{Timeout: time.Minute, MinRate: 1000}, caddys},
	} {
		t.Run(name, func(t *testing.T) {
			below := &largestWrite{ResponseWriter: httptest.NewRecorder()}
			w := &caddyhttp.IdleTimeoutWriter{
				ResponseWriterWrapper: &caddyhttp.ResponseWriterWrapper{ResponseWriter: below},
				Ctrl:                  http.NewResponseController(below),
				Deadline:              test.deadline,
				MaxChunk:              test.chunk,
				Logger:                zap.NewNop(),
			}
			before := w.Deadline
			restore := inLargerChunks(caddyhttp.ContextWithIdleTimeouts(t.Context(), nil, w))
			segment := make([]byte, 1<<20)
			if _, err := w.Write(segment); err != nil {
				t.Fatal(err)
			}
			if below.bytes != test.want {
				t.Errorf("wrote %d bytes at a time, want %d", below.bytes, test.want)
			}
			restore()
			if w.MaxChunk != test.chunk || w.Deadline.Timeout != before.Timeout || w.Deadline.MinRate != before.MinRate {
				t.Errorf("the server's options were not put back: %d bytes, %+v", w.MaxChunk, w.Deadline)
			}
		})
	}
	t.Run("a server without idle timeouts", func(t *testing.T) {
		inLargerChunks(t.Context())()
	})
}
