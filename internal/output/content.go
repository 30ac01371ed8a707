package output

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/liveorigin/caddy-live-origin/internal/media"
	"github.com/liveorigin/caddy-live-origin/store"
)

// Content is the bytes of a file: seekable for ranges, and written as a whole
// from the store's own buffers by WriteTo.
type Content interface {
	io.ReadSeeker
	io.WriterTo
	io.Closer
}

// sequence is Content made of parts of objects, one after another.
type sequence struct {
	parts []openPart
	size  int64
	at    int64
}

// openPart is a stretch of an open object. bytes are those that viewers get: the object
// itself, but for what is changed on the way.
type openPart struct {
	object       store.Object
	bytes        io.ReaderAt
	offset, size int64
}

// OpenParts opens all parts, or none.
func OpenParts(ctx context.Context, st store.Store, parts []Part) (Content, error) {
	s := &sequence{parts: make([]openPart, 0, len(parts))}
	var last store.Object
	lastKey := ""
	for _, p := range parts {
		if p.Key != lastKey {
			ob, err := st.Open(ctx, p.Key)
			if err != nil {
				return nil, errors.Join(fmt.Errorf("open segment: %w", err), s.Close())
			}
			last, lastKey = ob, p.Key
		}
		open := openPart{object: last, bytes: last, offset: p.Offset, size: p.Size}
		switch {
		case p.Counters != "":
			open.bytes = media.NewRewriter(last, p.Counters)
		case p.CueShift != 0:
			open.bytes = media.NewCueShifter(last, p.Unshifted, p.CueShift)
		}
		s.parts = append(s.parts, open)
		s.size += p.Size
	}
	return s, nil
}

func (s *sequence) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += s.at
	case io.SeekEnd:
		offset += s.size
	}
	if offset < 0 {
		return 0, errors.New("seek before the start")
	}
	s.at = offset
	return offset, nil
}

// Read implements io.Reader. A part that its object has no bytes for, as a file that was cut
// short, is an error and not the end: http.ServeContent would otherwise ask again for ever.
func (s *sequence) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	start := int64(0)
	for _, p := range s.parts {
		if s.at < start+p.size {
			within := s.at - start
			n, err := p.bytes.ReadAt(b[:min(int64(len(b)), p.size-within)], p.offset+within)
			s.at += int64(n)
			if n > 0 {
				return n, nil
			}
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return 0, err
		}
		start += p.size
	}
	return 0, io.EOF
}

func (s *sequence) WriteTo(w io.Writer) (int64, error) {
	if s.at != 0 {
		return io.Copy(w, struct{ io.Reader }{s})
	}
	var written int64
	for _, p := range s.parts {
		n, err := p.writeTo(w)
		written += n
		if err != nil {
			return written, err
		}
	}
	s.at = written
	return written, nil
}

func (p openPart) writeTo(w io.Writer) (int64, error) {
	n, err := p.copyTo(w)
	if err == nil && n < p.size {
		err = fmt.Errorf("read segment: %w", io.ErrUnexpectedEOF)
	}
	return n, err
}

func (p openPart) copyTo(w io.Writer) (int64, error) {
	if p.bytes == io.ReaderAt(p.object) && p.offset == 0 && p.size == p.object.Size() {
		return p.object.WriteTo(w)
	}
	buffer, release := copyBuffer()
	defer release()
	// Both have shortcuts of their own, with smaller buffers.
	return io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{io.NewSectionReader(p.bytes, p.offset, p.size)}, buffer)
}

func (s *sequence) Close() error {
	var all error
	var last store.Object
	for _, p := range s.parts {
		if p.object != last {
			all = errors.Join(all, p.object.Close())
			last = p.object
		}
	}
	s.parts = nil
	return all
}
