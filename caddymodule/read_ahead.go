package caddymodule

import (
	"io"

	"github.com/liveorigin/caddy-live-origin/internal/channel"
)

// packedAhead is how much of a compressed body is received before any of it is unpacked, and
// so how much of the turn it takes at a time. Most playlists fit into it.
const packedAhead = 64 << 10

// readAhead receives a compressed body without its input's turn, and has it whenever there
// is something to unpack. So nobody waits for an encoder that sends slowly.
type readAhead struct {
	source io.Reader
	turn   *channel.Turn // nil for none
	buffer []byte
	unread []byte
	err    error // of the source, once everything before it has been read
}

// Read implements io.Reader.
func (r *readAhead) Read(p []byte) (int, error) {
	if len(r.unread) == 0 && r.err == nil {
		r.fill()
	}
	if len(r.unread) == 0 {
		return 0, r.err
	}
	n := copy(p, r.unread)
	r.unread = r.unread[n:]
	return n, nil
}

// ReadByte implements io.ByteReader: whoever unpacks it takes no more than belongs to that.
func (r *readAhead) ReadByte() (byte, error) {
	if len(r.unread) == 0 && r.err == nil {
		r.fill()
	}
	if len(r.unread) == 0 {
		return 0, r.err
	}
	b := r.unread[0]
	r.unread = r.unread[1:]
	return b, nil
}

// fill receives more.
func (r *readAhead) fill() {
	if r.turn != nil {
		r.turn.Give()
	}
	r.receive()
	if r.turn != nil {
		r.turn.Take()
	}
}

func (r *readAhead) receive() {
	size := 0
	for r.err == nil && size < packedAhead {
		if size == len(r.buffer) {
			r.buffer = append(r.buffer, make([]byte, max(4<<10, size))...)
		}
		var n int
		n, r.err = r.source.Read(r.buffer[size:])
		size += n
	}
	r.unread = r.buffer[:size]
}

var _ channel.Packed = (*uploadBody)(nil)
