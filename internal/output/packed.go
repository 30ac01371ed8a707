package output

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"time"
)

// Packed is a rendered playlist that is only kept compressed. Those of the past may be long
// and many: a day of 2 s slots is some 4 MB of text, and a sixteenth of that compressed.
// Few clients want it uncompressed; it is unpacked for them while it is sent.
type Packed struct {
	Gzip []byte
	// Size is the length of the text.
	Size           int
	ETag, GzipETag string // strong, with quotes; GzipETag of the compressed bytes
	// MaxAge is how long caches may keep it.
	MaxAge time.Duration

	// unpacking allows one of an endpoint's playlists to be unpacked at a time; nil for no
	// limit.
	unpacking chan struct{}
}

// unpackedAtOnce is how much of a playlist is unpacked in one go, in bytes. Meanwhile others
// wait, but nobody does for a client that reads slowly.
const unpackedAtOnce = 32 << 10

func newPacked(body []byte, maxAge time.Duration) *Packed {
	t := newText(body, maxAge)
	return &Packed{Gzip: bytes.Clone(Gzip(body)), Size: len(body), ETag: t.ETag, GzipETag: t.GzipETag, MaxAge: maxAge}
}

// WriteTo implements io.WriterTo: it writes the plain text.
func (p *Packed) WriteTo(w io.Writer) (int64, error) {
	plain, err := gzip.NewReader(bytes.NewReader(p.Gzip))
	if err != nil {
		return 0, err
	}
	sent, buffer := int64(0), make([]byte, unpackedAtOnce)
	for {
		n, err := p.unpack(plain, buffer)
		if n > 0 {
			written, broken := w.Write(buffer[:n])
			sent += int64(written)
			if broken != nil {
				return sent, broken
			}
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF) && sent == int64(p.Size):
			return sent, nil
		case err != nil:
			return sent, err
		}
	}
}

// unpack fills the buffer, or reads what is left.
func (p *Packed) unpack(plain io.Reader, buffer []byte) (int, error) {
	if p.unpacking != nil {
		p.unpacking <- struct{}{}
		defer func() { <-p.unpacking }()
	}
	return io.ReadFull(plain, buffer)
}
