package nodes

import (
	"encoding/binary"
	"errors"
)

// What nodes send each other is a frame:
//
//	version 1, kind, connection            1 byte each
//	length of the node's name, name        1 byte, up to 64
//	epoch, number                          8 bytes each, big endian
//	length of the head, head               4 bytes
//	body                                   the rest
//
// The kind decides what the head is: JSON, or for messages, which are many, binary.

// formatVersion is the first byte of every frame.
const formatVersion = 1

type kind byte

const (
	kindBeat     kind = iota + 1 // I am there: beat
	kindBye                      // I am gone
	kindEcho                     // to itself
	kindSay                      // a message, or a piece of it: say
	kindRepair                   // asks for messages: repair
	kindRepaired                 // comes behind them: repaired
	kindQuestion                 // question, with the question as body
	kindAnswer                   // answer, with a small answer as body
	kindPull                     // asks for a chunk of a large answer: chunk
	kindChunk                    // chunk, with its bytes as body
	kindDone                     // the answer is not needed any more: chunk
)

var (
	errVersion   = errors.New("another version of the messages")
	errMalformed = errors.New("malformed message")
)

// frame is what one node sends. For a message, node, epoch and number are those of its
// publisher, also if another node brings it.
type frame struct {
	kind  kind
	path  byte // index of the connection that it was sent through
	node  string
	epoch int64
	// number counts what it is a number of: beats, messages of a group, all else.
	number uint64
	head   []byte
	body   []byte
}

func (f frame) encode() []byte {
	b := make([]byte, 0, 24+len(f.node)+len(f.head)+len(f.body))
	b = append(b, formatVersion, byte(f.kind), f.path, byte(len(f.node)))
	b = append(b, f.node...)
	b = binary.BigEndian.AppendUint64(b, uint64(f.epoch))
	b = binary.BigEndian.AppendUint64(b, f.number)
	b = binary.BigEndian.AppendUint32(b, uint32(len(f.head)))
	b = append(b, f.head...)
	return append(b, f.body...)
}

// decodeFrame reads a frame, whose head and body are parts of b. Errors: errVersion,
// errMalformed.
func decodeFrame(b []byte) (frame, error) {
	if len(b) == 0 {
		return frame{}, errMalformed
	}
	if b[0] != formatVersion {
		return frame{}, errVersion
	}
	r := reader{rest: b[1:]}
	f := frame{kind: kind(r.byte()), path: r.byte()}
	f.node = string(r.bytes(int(r.byte())))
	f.epoch = int64(r.uint64())
	f.number = r.uint64()
	f.head = r.bytes(int(r.uint32()))
	f.body = r.rest
	if r.short || !validName(f.node) {
		return frame{}, errMalformed
	}
	return f, nil
}

// say is the head of a message, or of a piece of a large one. Each piece has a number of
// its own.
type say struct {
	group         string
	index, pieces uint16 // this piece, and how many there are
	// base is the publisher's last number before it joined the group, and age how long ago
	// that was, in milliseconds: a node that has been a member for longer misses all that
	// follow the base.
	base uint64
	age  uint32
}

func (s say) encode() []byte {
	b := make([]byte, 0, 17+len(s.group))
	b = append(b, byte(len(s.group)))
	b = append(b, s.group...)
	b = binary.BigEndian.AppendUint16(b, s.index)
	b = binary.BigEndian.AppendUint16(b, s.pieces)
	b = binary.BigEndian.AppendUint64(b, s.base)
	return binary.BigEndian.AppendUint32(b, s.age)
}

func decodeSay(head []byte) (say, error) {
	r := reader{rest: head}
	s := say{group: string(r.bytes(int(r.byte())))}
	s.index, s.pieces = r.uint16(), r.uint16()
	s.base = r.uint64()
	s.age = r.uint32()
	if r.short || len(r.rest) > 0 || s.index >= s.pieces || int(s.pieces) > maxPieces {
		return say{}, errMalformed
	}
	return s, nil
}

// reader takes values from the front of a slice, or notes that it was too short.
type reader struct {
	rest  []byte
	short bool
}

func (r *reader) bytes(n int) []byte {
	if n < 0 || n > len(r.rest) {
		r.short, r.rest = true, nil
		return nil
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b
}

func (r *reader) byte() byte {
	if b := r.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) uint16() uint16 {
	if b := r.bytes(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (r *reader) uint32() uint32 {
	if b := r.bytes(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (r *reader) uint64() uint64 {
	if b := r.bytes(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}
