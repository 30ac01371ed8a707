package media

import "io"

// Rewriter reads a transport stream and changes its continuity counters on the way. It
// works in the caller's buffer, so that it costs no copy: with [io.Copy] or [bufio.Reader]
// the bytes are changed in place. The stream has to be one that a [Prober] found sound.
type Rewriter struct {
	r   io.Reader
	add [tsPIDs]uint8

	at  int    // position in the packet
	pid uint16 // of the packet, as far as its bytes have passed
}

// NewRewriter returns a reader of r, which has to begin with a packet, that
// applies delta.
func NewRewriter(r io.Reader, delta CounterDelta) *Rewriter {
	w := &Rewriter{r: r}
	for pid, add := range delta {
		if pid < tsNullPID {
			w.add[pid] = add & 0xf
		}
	}
	return w
}

// Read implements [io.Reader].
func (w *Rewriter) Read(b []byte) (int, error) {
	n, err := w.r.Read(b)
	w.apply(b[:n])
	return n, err
}

// apply changes the next bytes of the stream.
func (w *Rewriter) apply(b []byte) {
	for len(b) > 0 {
		if w.at == 0 && len(b) >= tsPacket {
			w.whole(b)
			b = b[len(b)-len(b)%tsPacket:]
			continue
		}
		switch w.at {
		case 1:
			w.pid = uint16(b[0]&0x1f) << 8
		case 2:
			w.pid |= uint16(b[0])
		case 3:
			b[0] = addCounter(b[0], w.add[w.pid])
		}
		n := 1
		if w.at > 3 {
			n = min(tsPacket-w.at, len(b))
		}
		w.at = (w.at + n) % tsPacket
		b = b[n:]
	}
}

// whole changes the packets that lie entirely in b.
func (w *Rewriter) whole(b []byte) {
	for ; len(b) >= tsPacket; b = b[tsPacket:] {
		p := b[:4]
		if add := w.add[uint16(p[1]&0x1f)<<8|uint16(p[2])]; add != 0 {
			p[3] = addCounter(p[3], add)
		}
	}
}

func addCounter(b, add uint8) uint8 { return b&0xf0 | (b+add)&0xf }
