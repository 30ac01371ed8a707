package channel

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"
)

// texts bounds the memory that an input's playlists take while they are received and read.
type texts struct {
	// buffered is how much of them is in memory, in bytes.
	buffered atomic.Int64
}

const (
	// buffersAtATime is how many playlists of the largest size an input may have in
	// memory at a time.
	buffersAtATime = 8
	firstBuffer    = 4 << 10
)

// receive reads a text that must not be longer than limit. size is the announced length or
// -1. It counts as buffered until release, which is never nil, is called.
func (t *texts) receive(body io.Reader, size, limit int64, what string) (text []byte, release func(), err error) {
	counted := int64(0)
	release = func() { t.buffered.Add(-counted) }
	first := int64(firstBuffer)
	if size >= 0 && size < first {
		first = size + 1 // and one more, to see the end
	}
	text = make([]byte, 0, first)
	for {
		if len(text) == cap(text) {
			text = slices.Grow(text, cap(text))
		}
		if more := int64(cap(text)) - counted; more > 0 {
			counted += more
			if t.buffered.Add(more) > buffersAtATime*max(limit, firstBuffer) {
				return nil, release, refuse(TooMany, "too many playlists at a time: the input has %d bytes of them in memory, which is %d times max_playlist_size", t.buffered.Load(), buffersAtATime)
			}
		}
		n, err := body.Read(text[len(text):cap(text)])
		text = text[:len(text)+n]
		if int64(len(text)) > limit {
			return nil, release, refuse(TooLarge, "%s is larger than %d bytes (max_playlist_size)", what, limit)
		}
		if errors.Is(err, io.EOF) {
			if len(text)+1 < cap(text) {
				// What is kept should not take twice as much as it holds.
				text = slices.Clone(text)
			}
			return slices.Clip(text), release, nil
		}
		if err != nil {
			return nil, release, fmt.Errorf("read body: %w", err)
		}
	}
}
