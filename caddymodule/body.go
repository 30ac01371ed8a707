package caddymodule

import (
	"compress/flate"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
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
// body that it has not been asked for yet. The limit applies to what is sent and to what it
// decodes to; rate is the minimum in bytes per second, 0 for none. size is the decoded
// length, -1 if unknown.
func newUploadBody(w http.ResponseWriter, r *http.Request, limit, rate int64) (body *uploadBody, size int64, err error) {
	if r.Header.Get("Content-Range") != "" {
		return nil, 0, &bodyError{http.StatusBadRequest, errors.New("partial uploads are not supported")}
	}
	if r.ContentLength > limit {
		return nil, 0, tooLarge(limit)
	}
	body = &uploadBody{}
	var sent io.Reader = http.MaxBytesReader(w, r.Body, limit)
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

func tooLarge(limit int64) *bodyError {
	return &bodyError{http.StatusRequestEntityTooLarge, fmt.Errorf("the upload is larger than %d bytes", limit)}
}

// Read implements io.Reader.
func (b *uploadBody) Read(p []byte) (int, error) {
	if b.arrived != nil {
		if err := b.arrived(b.read); err != nil {
			return 0, err
		}
	}
	n, err := b.source.Read(p)
	b.read += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		b.err = explain(err)
		return n, b.err
	}
	return n, err
}

func explain(err error) *bodyError {
	var large *http.MaxBytesError
	var wrong *gzipError
	switch {
	case errors.As(err, &large):
		return tooLarge(large.Limit)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &bodyError{http.StatusRequestTimeout, fmt.Errorf("the upload stalled: %w", err)}
	case errors.As(err, &wrong):
		return &bodyError{http.StatusBadRequest, err}
	}
	// A short Content-Length, a missing last chunk, a reset: the causes differ by protocol,
	// the meaning doesn't.
	return &bodyError{http.StatusBadRequest, fmt.Errorf("the upload broke off: %w", err)}
}

// gunzip decodes gzip. It reads nothing before its first Read, so that a client that waits
// for "100 Continue" gets it at the right moment.
type gunzip struct {
	source *readAhead
	reader *gzip.Reader
}

// gzipError is a body that is not gzip.
type gzipError struct{ err error }

func (e *gzipError) Error() string { return "decode gzip: " + e.err.Error() }
func (e *gzipError) Unwrap() error { return e.err }

// Read implements io.Reader.
func (g *gunzip) Read(p []byte) (int, error) {
	if g.reader == nil {
		reader, err := gzip.NewReader(g.source)
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF // an empty body is not gzip
		}
		if err != nil {
			return 0, g.fault(err)
		}
		g.reader = reader
	}
	n, err := g.reader.Read(p)
	return n, g.fault(err)
}

// fault marks errors of the format; those of the connection stay as they are.
func (g *gunzip) fault(err error) error {
	var corrupt flate.CorruptInputError
	if errors.Is(err, io.ErrUnexpectedEOF) && errors.Is(g.source.err, io.EOF) {
		return &gzipError{errors.New("it ends too early, and the body does not")}
	}
	if errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum) || errors.As(err, &corrupt) {
		return &gzipError{err}
	}
	return err
}
