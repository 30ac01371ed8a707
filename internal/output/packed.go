package output

import (
	"bytes"
	"compress/gzip"
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
}

func newPacked(body []byte, maxAge time.Duration) *Packed {
	t := newText(body, maxAge)
	return &Packed{Gzip: bytes.Clone(pack(body)), Size: len(body), ETag: t.ETag, GzipETag: t.GzipETag, MaxAge: maxAge}
}

// WriteTo implements io.WriterTo: it writes the plain text.
func (p *Packed) WriteTo(w io.Writer) (int64, error) {
	plain, err := gzip.NewReader(bytes.NewReader(p.Gzip))
	if err != nil {
		return 0, err
	}
	return io.Copy(w, plain)
}
