package channel

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
)

// texts bounds what an input's playlists take while they are received and read.
type texts struct {
	// buffered is how much of them is in memory, in bytes.
	buffered atomic.Int64
	// reading lets one playlist be parsed at a time: a few MiB of text are ten times as
	// much in memory, and only the input itself waits.
	reading sync.Mutex
}

const (
	// buffersAtATime is how many playlists of the largest size an input may have in
	// memory at a time.
	buffersAtATime = 8
	firstBuffer    = 4 << 10
)

// receive reads a text that must not be longer than limit. size is the announced length or
// -1. It counts as buffered until release is called, which is never nil.
func (t *texts) receive(body io.Reader, size, limit int64, what string) (text []byte, release func(), err error) {
	counted := int64(0)
	release = func() { t.buffered.Add(-counted) }
	first := int64(firstBuffer)
	if size >= 0 && size < first {
		first = size + 1 // and what tells the end
	}
	text = make([]byte, 0, first)
	for {
		if len(text) == cap(text) {
			text = slices.Grow(text, cap(text))
		}
		if more := int64(cap(text)) - counted; more > 0 {
			counted += more
			if t.buffered.Add(more) > buffersAtATime*max(limit, firstBuffer) {
				return nil, release, refuse(TooMany, "too many playlists at a time: the input has %d bytes of them in memory", t.buffered.Load())
			}
		}
		n, err := body.Read(text[len(text):cap(text)])
		text = text[:len(text)+n]
		if int64(len(text)) > limit {
			return nil, release, refuse(TooLarge, "%s is larger than %d bytes", what, limit)
		}
		if errors.Is(err, io.EOF) {
			if len(text)+1 < cap(text) {
				// What is kept should not be twice as long as it is.
				text = slices.Clone(text)
			}
			return slices.Clip(text), release, nil
		}
		if err != nil {
			return nil, release, fmt.Errorf("read body: %w", err)
		}
	}
}
