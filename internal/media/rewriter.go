package media

import "io"

// Rewriter reads a transport stream with other continuity counters, from wherever one
// likes. It works in the caller's buffer, so that it costs no copy. The stream has to be
// one that a [Prober] found sound.
type Rewriter struct {
	source io.ReaderAt
	add    [tsPIDs]uint8
}

// NewRewriter returns a reader of the source, which has to begin with a packet, that
// applies delta.
func NewRewriter(source io.ReaderAt, delta CounterDelta) *Rewriter {
	w := &Rewriter{source: source}
	delta.each(func(pid uint16, add uint8) { w.add[pid] = add })
	return w
}

// headerSize is that of a packet: the PID is in its second and third byte, the counter in
// the fourth (ISO/IEC 13818-1, 2.4.3.2).
const headerSize = 4

// ReadAt implements [io.ReaderAt].
func (w *Rewriter) ReadAt(b []byte, at int64) (int, error) {
	n, err := w.source.ReadAt(b, at)
	b = b[:n]
	if within := int(at % tsPacket); within > 0 {
		if counter := headerSize - 1 - within; counter >= 0 && counter < len(b) {
			// The PID is before what was asked for.
			var head [headerSize]byte
			if _, err := w.source.ReadAt(head[:], at-int64(within)); err != nil {
				return 0, err
			}
			w.apply(head[:])
			b[counter] = head[headerSize-1]
		}
		b = b[min(tsPacket-within, len(b)):]
	}
	for ; len(b) >= tsPacket; b = b[tsPacket:] {
		w.apply(b)
	}
	if len(b) >= headerSize {
		w.apply(b)
	}
	return n, err
}

// apply changes the counter of the packet that b begins with.
func (w *Rewriter) apply(b []byte) {
	p := b[:headerSize]
	if add := w.add[uint16(p[1]&0x1f)<<8|uint16(p[2])]; add != 0 {
		p[3] = addCounter(p[3], add)
	}
}

func addCounter(b, add uint8) uint8 { return b&0xf0 | (b+add)&0xf }
