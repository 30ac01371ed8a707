package output

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"time"
)

// Packed is a rendered playlist that is only kept compressed. Those of the past may be long
// and many: a day of 2 s slots is some 4 MB of text, and a sixteenth of that compressed.
// Few clients want it uncompressed; it is unpacked for them while it is sent.
type Packed struct {
	// Size is the length of the text, GzipSize that of the compressed bytes.
	Size, GzipSize int
	ETag, GzipETag string // strong, with quotes; GzipETag of the compressed bytes
	// MaxAge is how long caches may keep it.
	MaxAge time.Duration
	// Held is how many bytes it takes that no other playlist shares.
	Held int

	// parts are the compressed bytes, one after another.
	parts [][]byte
	// head is the block that it begins with; one of the same stretch, which has grown,
	// begins with the same.
	head *block
	// unpacking allows one of an endpoint's playlists to be unpacked at a time; nil for no
	// limit.
	unpacking chan struct{}
}

// SendBuffer is what a client counts with to which a playlist is sent, in bytes. The buffer that it
// has is twice as long, or, where there are many, a quarter of that; so much of the text is unpacked in
// one go. Meanwhile others wait, but nobody does for a client that reads slowly.
const SendBuffer = 32 << 10

// Pack compresses a playlist as a whole.
func Pack(body []byte, maxAge time.Duration) *Packed {
	t := newText(body, maxAge)
	packed := Gzip(body)
	return &Packed{
		Size: len(body), GzipSize: len(packed), ETag: t.ETag, GzipETag: t.GzipETag, MaxAge: maxAge,
		Held: len(packed), parts: [][]byte{packed},
	}
}

// partOverhead is what a part takes besides its bytes.
const partOverhead = 24

// join puts a playlist together: what comes before its blocks, the blocks, and what ends it.
// Its ETag is made from the digests of these, so that it is the same wherever the text is:
// blocks are cut at the same slots everywhere. shared is how many bytes of the blocks are
// kept for others as well.
func join(head deflated, blocks []*block, end deflated, shared int, maxAge time.Duration) *Packed {
	p := &Packed{MaxAge: maxAge, head: blocks[0], parts: make([][]byte, 0, len(blocks)+4)}
	sum, digest := uint32(0), sha256.New()
	add := func(d *deflated) {
		sum = combine(sum, d.sum, d.shift)
		p.Size += d.size
		digest.Write(d.digest[:])
		p.parts = append(p.parts, d.packed)
	}
	p.parts = append(p.parts, gzipHead)
	add(&head)
	for _, b := range blocks {
		add(&b.deflated)
	}
	add(&end)
	p.parts = append(p.parts, gzipTail(sum, p.Size))
	for _, part := range p.parts {
		p.GzipSize += len(part)
	}
	p.Held = p.GzipSize - shared + partOverhead*len(p.parts)
	tag := hex.EncodeToString(digest.Sum(nil)[:8])
	p.ETag, p.GzipETag = `"`+tag+`"`, `"`+tag+`.gz"`
	return p
}

// WriteGzip writes the compressed bytes. Parts are short, and a write to a connection costs
// more than most of them, so they are collected.
func (p *Packed) WriteGzip(w io.Writer) error {
	if len(p.parts) == 1 {
		_, err := w.Write(p.parts[0])
		return err
	}
	buffer, release := copyBuffer()
	defer release()
	buffer = buffer[:0]
	for _, part := range p.parts {
		for len(part) > 0 {
			n := min(len(part), cap(buffer)-len(buffer))
			buffer, part = append(buffer, part[:n]...), part[n:]
			if len(buffer) < cap(buffer) {
				continue
			}
			if _, err := w.Write(buffer); err != nil {
				return err
			}
			buffer = buffer[:0]
		}
	}
	if len(buffer) == 0 {
		return nil
	}
	_, err := w.Write(buffer)
	return err
}

// WriteTo implements io.WriterTo: it writes the plain text.
func (p *Packed) WriteTo(w io.Writer) (int64, error) {
	parts := make([]io.Reader, len(p.parts))
	for i, part := range p.parts {
		parts[i] = bytes.NewReader(part)
	}
	plain, err := gzip.NewReader(io.MultiReader(parts...))
	if err != nil {
		return 0, err
	}
	buffer, release := copyBuffer()
	defer release()
	sent := int64(0)
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
