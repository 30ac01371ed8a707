package caddymodule

import (
	"compress/flate"
	"compress/gzip"
	"errors"
	"io"
)

// gunzip decodes gzip. It reads nothing before its first Read, so that a client that waits
// for "100 Continue" gets it at the right moment.
type gunzip struct {
	source *readAhead
	reader *gzip.Reader
	// ended: what has been read so far is whole; another member may follow (RFC 1952, 2.2).
	ended bool
}

// gzipError is a body that is not gzip.
type gzipError struct{ err error }

func (e *gzipError) Error() string { return "decode gzip: " + e.err.Error() }
func (e *gzipError) Unwrap() error { return e.err }

var (
	errGzipCut   = errors.New("the compressed data is cut off, and the encoder has sent no more than this")
	errGzipAfter = errors.New("the compressed data has ended, and more follows that is not gzip")
)

// Read implements io.Reader.
func (g *gunzip) Read(p []byte) (int, error) {
	for {
		if g.reader == nil || g.ended {
			if err := g.next(); err != nil {
				return 0, err
			}
		}
		n, err := g.reader.Read(p)
		if errors.Is(err, io.EOF) {
			g.ended, err = true, nil
		}
		if n > 0 || err != nil {
			return n, g.fault(err)
		}
	}
}

// next begins a member. After the last one, it returns io.EOF.
func (g *gunzip) next() (err error) {
	if g.reader == nil {
		if g.reader, err = gzip.NewReader(g.source); errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF // an empty body is not gzip
		}
	} else {
		err = g.reader.Reset(g.source)
	}
	if err == nil {
		g.ended = false
		g.reader.Multistream(false)
		return nil
	}
	if g.ended && !errors.Is(err, io.EOF) && (g.source.err == nil || errors.Is(g.source.err, io.EOF)) {
		return &gzipError{errGzipAfter}
	}
	return g.fault(err)
}

// fault marks errors of the format; those of the connection stay as they are.
func (g *gunzip) fault(err error) error {
	var corrupt flate.CorruptInputError
	if errors.Is(err, io.ErrUnexpectedEOF) && errors.Is(g.source.err, io.EOF) {
		return &gzipError{errGzipCut}
	}
	if errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum) || errors.As(err, &corrupt) {
		return &gzipError{err}
	}
	return err
}
