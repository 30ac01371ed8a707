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

func TestSegmentsAreWrittenInFittingChunks(t *testing.T) {
	const caddys = caddyhttp.DefaultMaxWriteChunk
	plain := httptest.NewRequest(http.MethodGet, "/", nil)
	http2 := httptest.NewRequest(http.MethodGet, "https://localhost/", nil)
	http2.ProtoMajor, http2.ProtoMinor = 2, 0
	h2c := httptest.NewRequest(http.MethodGet, "/", nil)
	h2c.ProtoMajor, h2c.ProtoMinor = 2, 0
	http3 := httptest.NewRequest(http.MethodGet, "https://localhost/", nil)
	http3.ProtoMajor, http3.ProtoMinor = 3, 0
	for name, test := range map[string]struct {
		request  *http.Request
		chunk    int
		deadline caddyhttp.IdleDeadline
		want     int
	}{
		"the server's defaults":          {plain, caddys, caddyhttp.IdleDeadline{Timeout: time.Minute}, segmentChunk},
		"more time":                      {plain, caddys, caddyhttp.IdleDeadline{Timeout: time.Hour}, segmentChunk},
		"max_write_chunk is set":         {plain, 8 << 10, caddyhttp.IdleDeadline{Timeout: time.Minute}, 8 << 10},
		"write_idle_timeout is short":    {plain, caddys, caddyhttp.IdleDeadline{Timeout: 5 * time.Second}, caddys},
		"write_min_rate is set":          {plain, caddys, caddyhttp.IdleDeadline{Timeout: time.Minute, MinRate: 1000}, caddys},
		"HTTP/2":                         {http2, caddys, caddyhttp.IdleDeadline{Timeout: time.Minute}, recordChunk},
		"HTTP/2, write_min_rate is set":  {http2, caddys, caddyhttp.IdleDeadline{Timeout: time.Second, MinRate: 1000}, recordChunk},
		"HTTP/2, max_write_chunk is set": {http2, 8 << 10, caddyhttp.IdleDeadline{Timeout: time.Minute}, 8 << 10},
		"HTTP/2 without TLS":             {h2c, caddys, caddyhttp.IdleDeadline{Timeout: time.Minute}, segmentChunk},
		"HTTP/3":                         {http3, caddys, caddyhttp.IdleDeadline{Timeout: time.Minute}, segmentChunk},
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
			restore := inFittingChunks(test.request.WithContext(caddyhttp.ContextWithIdleTimeouts(t.Context(), nil, w)))
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
		inFittingChunks(plain)()
	})
}
