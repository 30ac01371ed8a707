package output

import (
	"sync"
	"sync/atomic"
)

const (
	// copySize is how much of a part is copied at a time for one viewer, where it can't be written
	// from the store's own buffers: whole packets of a transport stream.
	copySize = 188 * 340
	// smallCopySize is that for all but the first largeAtOnce: viewers who don't read hold theirs until they
	// are cut off, as many as they like.
	smallCopySize = 188 * 43
	largeAtOnce   = 512
)

// copyBuffers and smallCopyBuffers are those that nobody uses at the moment.
var (
	copyBuffers      = sync.Pool{New: func() any { return new([copySize]byte) }}
	smallCopyBuffers = sync.Pool{New: func() any { return new([smallCopySize]byte) }}
	largeInUse       atomic.Int64
)

// copyBuffer returns a buffer for one viewer, who releases it.
func copyBuffer() (buffer []byte, release func()) {
	if largeInUse.Add(1) > largeAtOnce {
		largeInUse.Add(-1)
		b := smallCopyBuffers.Get().(*[smallCopySize]byte)
		return b[:], func() { smallCopyBuffers.Put(b) }
	}
	b := copyBuffers.Get().(*[copySize]byte)
	return b[:], func() {
		largeInUse.Add(-1)
		copyBuffers.Put(b)
	}
}
