package media

import (
	"encoding/binary"
	"fmt"
	"iter"

	"github.com/Eyevinn/mp4ff/bits"
	"github.com/Eyevinn/mp4ff/mp4"
)

// boxHeader is the size of a box's size and type (ISO/IEC 14496-12, 4.2);
// with a 64-bit size it is boxHeader64.
const (
	boxHeader   = 8
	boxHeader64 = 16
)

// boxes goes through the boxes of a container, one after the other. Containers
// are walked here and not by mp4ff, so that neither the depth nor the number of
// boxes of a hostile object costs stack or memory.
type boxes struct {
	b   []byte
	bad bool // the rest is no box
}

// all goes through them, each with and without its header. Its type is raw[4:8].
func (c *boxes) all() iter.Seq2[[]byte, []byte] {
	return func(yield func(raw, body []byte) bool) {
		for len(c.b) > 0 {
			size, header := boxSize(c.b)
			if size < header || size > uint64(len(c.b)) {
				c.bad = true
				return
			}
			raw := c.b[:size]
			c.b = c.b[size:]
			if !yield(raw, raw[header:]) {
				return
			}
		}
	}
}

// boxSize is the size of the box that b begins with, and of its header; 0 if there is none.
func boxSize(b []byte) (size, header uint64) {
	if len(b) < boxHeader {
		return 0, boxHeader
	}
	size = uint64(binary.BigEndian.Uint32(b))
	if size == 1 && len(b) >= boxHeader64 {
		return binary.BigEndian.Uint64(b[8:]), boxHeader64
	}
	return size, boxHeader
}

// decodeBox lets mp4ff read one box that contains no others, or the sample
// descriptions, which are small. T is the type that is expected.
func decodeBox[T any](raw []byte) (box T, err error) {
	// mp4ff returns errors and has withstood fuzzing of these boxes. Should a box still
	// make it panic, that box is damaged, which is no reason to take down all channels of
	// the process.
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("box %s: %v", raw[4:8], r)
		}
	}()
	decoded, err := mp4.DecodeBoxSR(0, bits.NewFixedSliceReader(raw))
	if err != nil {
		return box, err
	}
	box, ok := decoded.(T)
	if !ok {
		return box, fmt.Errorf("box %s is not what its type says", raw[4:8])
	}
	return box, nil
}

// boxName makes a box type fit for a message.
func boxName(name []byte) string {
	for _, c := range name {
		if !boxLetter(c) {
			return fmt.Sprintf("0x%x", name)
		}
	}
	return string(name)
}

// boxLetter reports whether box types may have this character: printable ASCII, and
// the copyright sign of QuickTime. Everything else is no box.
func boxLetter(c byte) bool { return c >= 0x20 && c < 0x7f || c == 0xa9 }
