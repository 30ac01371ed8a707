package caddymodule

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
)

// strayInterval is how often uploads to no input are logged, for each input that they
// may have been meant for.
const strayInterval = time.Minute

var errStray = errors.New("no input has this path; the log of the origin has the nearest one")

// brings reports whether the method is one that encoders use to upload or change something.
func brings(method string) bool {
	switch method {
	case http.MethodPut, http.MethodPost, http.MethodDelete, "MKCOL":
		return true
	}
	return false
}

// passOn lets the next handler serve a request that is not ours. If nobody answers an
// upload, Caddy would do so with 200, and the encoder would believe it.
func (h *Handler) passOn(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if !brings(r.Method) {
		return next.ServeHTTP(w, r)
	}
	watched := &watchedWriter{ResponseWriterWrapper: &caddyhttp.ResponseWriterWrapper{ResponseWriter: w}}
	err := next.ServeHTTP(watched, r)
	var refused *refusedError
	var failed caddyhttp.HandlerError
	switch {
	case watched.answered, errors.As(err, &refused):
		return err
	case err == nil:
		h.noteStray(r, http.StatusNotFound)
		return fail(w, r, http.StatusNotFound, errStray)
	case errors.As(err, &failed) && (failed.StatusCode == http.StatusNotFound || failed.StatusCode == http.StatusMethodNotAllowed):
		// As from file_server, which takes no uploads.
		h.noteStray(r, failed.StatusCode)
	}
	return err
}

func (h *Handler) noteStray(r *http.Request, status int) {
	counted.strayUploads.Inc()
	sent := sentPath(r)
	nearest, changes := h.nearestInput(r.URL.Path)
	if sent != r.URL.Path {
		if input, n := h.nearestInput(sent); n < changes {
			nearest = input
		}
	}
	silenced, ok := h.strays.pass(nearest)
	if !ok {
		return
	}
	fields := []zap.Field{
		zap.String("method", r.Method), zap.String("host", r.Host),
		zap.String("path", r.URL.Path[:min(len(r.URL.Path), maxComparedPath)]), zap.String("nearest_input", nearest),
		zap.String("client_ip", clientIP(r)), zap.Int("status", status), zap.Int("silenced", silenced),
	}
	if sent != r.URL.Path {
		fields = append(fields, zap.String("original_path", sent[:min(len(sent), maxComparedPath)]))
	}
	h.logger.Warn("upload matches no input", fields...)
}

// sentPath is the path that the encoder has sent, before directives such as `try_files`,
// `rewrite` or `handle_path` changed it. Its query is left out, as there may be a secret in it.
func sentPath(r *http.Request) string {
	if original, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request); ok && original.URL != nil {
		return original.URL.Path
	}
	return r.URL.Path
}

// maxComparedPath is how much of a path is compared, in bytes.
const maxComparedPath = 256

// nearestInput is the input path of the config that the fewest changes turn the head of the
// path into, and how many that takes.
func (h *Handler) nearestInput(path string) (nearest string, least int) {
	path = strings.ToLower(path[:min(len(path), maxComparedPath)])
	least = -1
	for _, u := range h.app.channels {
		for _, in := range u.spec.Inputs {
			if n := changesTo(path, strings.ToLower(in.Path)); least < 0 || n < least {
				nearest, least = in.Path, n
			}
		}
	}
	return nearest, least
}

// changesTo is the least number of bytes to insert, remove or replace that makes some
// head of the path the input's: Levenshtein's distance, with the rest for free.
func changesTo(path, input string) int {
	// row[i] is the distance of the input's first i bytes to the path's so far.
	row := make([]int, len(input)+1)
	for i := range row {
		row[i] = i
	}
	least := row[len(input)]
	for p := range len(path) {
		diagonal := row[0]
		row[0] = p + 1
		for i := range len(input) {
			cost := diagonal
			if path[p] != input[i] {
				cost++
			}
			diagonal = row[i+1]
			row[i+1] = min(cost, row[i]+1, diagonal+1)
		}
		least = min(least, row[len(input)])
	}
	return least
}

// watchedWriter knows whether anybody has answered.
type watchedWriter struct {
	*caddyhttp.ResponseWriterWrapper
	answered bool
}

// WriteHeader implements http.ResponseWriter.
func (w *watchedWriter) WriteHeader(status int) {
	w.answered = w.answered || status >= http.StatusOK
	w.ResponseWriterWrapper.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *watchedWriter) Write(p []byte) (int, error) {
	w.answered = true
	return w.ResponseWriterWrapper.Write(p)
}

// ReadFrom implements io.ReaderFrom.
func (w *watchedWriter) ReadFrom(r io.Reader) (int64, error) {
	w.answered = true
	return w.ResponseWriterWrapper.ReadFrom(r)
}

// FlushError is what http.ResponseController calls.
func (w *watchedWriter) FlushError() error {
	w.answered = true
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Hijack is what http.ResponseController calls.
func (w *watchedWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	w.answered = true
	return http.NewResponseController(w.ResponseWriter).Hijack()
}
