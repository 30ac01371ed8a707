package caddymodule

import (
	"errors"
	"io"
	"io/fs"
	"net/http"
	"strconv"
	"syscall"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/liveorigin/caddy-live-origin/internal/output"
	"github.com/liveorigin/caddy-live-origin/store"
)

// serveSegment sends a segment or an initialization section.
func (h *Handler) serveSegment(w http.ResponseWriter, r *http.Request, rt *route, s *output.Segment) error {
	if !rt.use.shared.acquire() {
		return notFound(w, r, errNotThere)
	}
	defer rt.use.shared.release()
	opened, err := s.Open(r.Context())
	if err != nil {
		return h.unavailable(w, r, rt, err)
	}
	content := &readContent{Content: opened}
	defer content.Close()
	// It ends before the content is closed, as defers run backward: whoever is among the
	// downloads still holds the room that cutting them off would free.
	d := rt.use.shared.downloads.begin(w, r, s.Keys(), rt.endpoint, rt.patience)
	defer rt.use.shared.endDownload(d)
	defer inFittingChunks(r)()

	header := w.Header()
	header["Access-Control-Expose-Headers"] = exposedOfSegments
	header["Content-Type"] = []string{s.ContentType}
	header["Etag"] = []string{s.ETag}
	header["Cache-Control"] = []string{"public, max-age=" + strconv.Itoa(int(s.MaxAge/time.Second)) + ", immutable"}
	if s.Input != "" {
		header["X-Live-Origin-Input"] = []string{s.Input}
		header["Cmsd-Static"] = []string{s.Static}
	}
	if s.Defects != "" {
		header["X-Live-Origin-Defects"] = []string{s.Defects}
	}
	if r.Method != http.MethodGet || conditional(r.Header) {
		http.ServeContent(d, withRange(r, s.Size), "", s.Published, content)
		if content.err != nil {
			h.unreadable(rt, content.err)
		}
		if d.broken || content.err != nil {
			abort(r)
		}
		return nil
	}
	if !s.Published.IsZero() { // initialization sections have no time of their own
		header["Last-Modified"] = []string{s.Published.UTC().Format(http.TimeFormat)}
	}
	header["Accept-Ranges"] = acceptBytes
	header["Content-Length"] = []string{strconv.FormatInt(s.Size, 10)}
	w.WriteHeader(http.StatusOK)
	// ServeContent would copy through a buffer; the store writes its own. If it
	// breaks off, the server closes the connection, as the length was promised.
	if _, err := content.WriteTo(d); err != nil {
		if !d.broken || ofDisk(err) {
			h.unreadable(rt, err)
		} else if c := h.logger.Check(zapcore.DebugLevel, "segment download ended early"); c != nil {
			c.Write(zap.String("channel", rt.channel), zap.String("endpoint", rt.endpoint), zap.Error(err))
		}
		abort(r)
	}
	return nil
}

// unavailable answers for a segment that is listed and can't be opened. Only what was deleted is not
// there: the viewer is late. Anything else is a fault of this machine, such as no file descriptors
// left; 404 would make players and CDNs give up a segment that is whole.
func (h *Handler) unavailable(w http.ResponseWriter, r *http.Request, rt *route, cause error) error {
	if errors.Is(cause, store.ErrNotFound) {
		if c := h.logger.Check(zapcore.DebugLevel, "segment is not available"); c != nil {
			c.Write(zap.String("channel", rt.channel), zap.String("endpoint", rt.endpoint), zap.Error(cause))
		}
		return notFound(w, r, errNotThere)
	}
	if r.Context().Err() == nil {
		h.unreadable(rt, cause)
	}
	return busy(w, r, errUnreadable)
}

var errUnreadable = errors.New("the segment can't be read at the moment; try again in a second")

// unreadable tells the operator that viewers don't get what the playlist lists, and why.
func (h *Handler) unreadable(rt *route, cause error) {
	h.quiet.log(h.logger, zap.WarnLevel, missKey{channel: rt.channel, from: rt.endpoint, why: "unreadable"},
		"segment can't be read from the store",
		zap.String("channel", rt.channel), zap.String("endpoint", rt.endpoint), zap.Error(cause))
}

// ofDisk reports whether a copy from a file to a socket failed where it read.
func ofDisk(err error) bool {
	var file *fs.PathError
	return errors.As(err, &file) || errors.Is(err, syscall.EIO)
}

// readContent remembers whether it could be read: http.ServeContent keeps that to itself.
type readContent struct {
	output.Content
	err error
}

// Read implements io.Reader.
func (c *readContent) Read(p []byte) (int, error) {
	n, err := c.Content.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		c.err = err
	}
	return n, err
}
