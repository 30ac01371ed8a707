package caddymodule

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"

	"github.com/liveorigin/caddy-live-origin/internal/channel"
)

// uploadBody is the decoded body of an upload. It remembers its own error, so
// that a failure of the sender can be told from one of the store.
type uploadBody struct {
	source io.Reader
	paced  *pacedReader // nil for no minimum rate
	packed *readAhead   // nil unless it is compressed
	// arrived is called before each read, with how much has arrived; it may be nil.
	arrived func(int64) error
	read    int64
	option  string // that limits it
	limit   int64  // which it sets
	err     *bodyError
}

// done is called when nothing more will be read.
func (b *uploadBody) done() {
	if b.paced != nil {
		b.paced.done()
	}
}

// TakeTurns implements channel.Packed.
func (b *uploadBody) TakeTurns(t *channel.Turn) {
	if b.packed != nil {
		b.packed.turn = t
	}
}

// bodyError is a failure of the sender.
type bodyError struct {
	status int
	err    error
}

func (e *bodyError) Error() string { return e.err.Error() }
func (e *bodyError) Unwrap() error { return e.err }

// newUploadBody refuses what can be told from the headers alone, before the client sends a
// body that it has not been asked for yet. The limit, which is that of the option, applies to what is
// sent and to what it decodes to; rate is the minimum in bytes per second, 0 for none. size is the
// decoded length, -1 if unknown.
func newUploadBody(w http.ResponseWriter, r *http.Request, limit int64, option string, rate int64) (body *uploadBody, size int64, err error) {
	if r.Header.Get("Content-Range") != "" {
		return nil, 0, &bodyError{http.StatusBadRequest, errors.New("partial uploads are not supported")}
	}
	if r.ContentLength > limit {
		return nil, 0, tooLarge(limit, option)
	}
	body = &uploadBody{option: option, limit: limit}
	var sent io.Reader = http.MaxBytesReader(w, r.Body, limit)
	if r.ContentLength > 0 {
		sent = &announcedReader{source: sent, left: r.ContentLength}
	}
	if rate > 0 && r.Body != nil && r.Body != http.NoBody {
		body.paced = newPacedReader(w, sent, rate)
		sent = body.paced
	}
	switch encoding := strings.ToLower(strings.TrimSpace(r.Header.Get("Content-Encoding"))); encoding {
	case "", "identity":
		body.source = sent
		return body, r.ContentLength, nil
	case "gzip", "x-gzip":
		// A second limit: a small body may decode to a huge one.
		body.packed = &readAhead{source: sent}
		body.source = http.MaxBytesReader(nil, io.NopCloser(&gunzip{source: body.packed}), limit)
		return body, -1, nil
	default:
		return nil, 0, &bodyError{http.StatusUnsupportedMediaType, fmt.Errorf("content encoding %q is not supported", encoding)}
	}
}

// announcedReader is a body whose length was announced. Over HTTP/3, one that ends before that ends
// cleanly for the server (quic-go), although the request is malformed (RFC 9114, 4.1.2).
type announcedReader struct {
	source io.Reader
	left   int64
}

// Read implements io.Reader.
func (a *announcedReader) Read(p []byte) (int, error) {
	n, err := a.source.Read(p)
	a.left -= int64(n)
	if errors.Is(err, io.EOF) && a.left > 0 {
		err = fmt.Errorf("%d bytes less than announced: %w", a.left, io.ErrUnexpectedEOF)
	}
	return n, err
}

func tooLarge(limit int64, option string) *bodyError {
	return &bodyError{http.StatusRequestEntityTooLarge, fmt.Errorf("the upload is larger than %d bytes (%s)", limit, option)}
}

// Read implements io.Reader.
func (b *uploadBody) Read(p []byte) (int, error) {
	if b.arrived != nil {
		if err := b.arrived(b.read); err != nil {
			_ = errors.As(err, &b.err)
			return 0, err
		}
	}
	n, err := b.source.Read(p)
	b.read += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		b.err = b.explain(err)
		return n, b.err
	}
	return n, err
}

func (b *uploadBody) explain(err error) *bodyError {
	var large *http.MaxBytesError
	var wrong *gzipError
	var slow *slowError
	var op *net.OpError
	switch {
	case errors.As(err, &large) && large.Limit == b.limit:
		return tooLarge(b.limit, b.option)
	case errors.As(err, &large): // a handler in front has a limit of its own
		return tooLarge(large.Limit, "max_size of request_body, which comes before live_origin")
	case errors.As(err, &slow):
		return &bodyError{http.StatusRequestTimeout, fmt.Errorf("the upload stalled: %w", slow)}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &bodyError{http.StatusRequestTimeout, errors.New("the upload stalled: nothing came for longer than the server waits, a minute unless timeouts (read_timeout, read_body_idle) say otherwise")}
	case errors.As(err, &wrong):
		return &bodyError{http.StatusBadRequest, err}
	}
	// A short Content-Length, a missing last chunk, a reset: the causes differ by protocol,
	// the meaning doesn't. Addresses of the server are nobody's business.
	if errors.As(err, &op) {
		err = op.Err
	}
	return &bodyError{http.StatusBadRequest, fmt.Errorf("the upload broke off: %w", err)}
}
