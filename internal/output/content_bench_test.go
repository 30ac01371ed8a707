package output

import (
	"bytes"
	"io"
	"net"
	"testing"

	"github.com/liveorigin/caddy-live-origin/store/memory"
)

// BenchmarkSegment sends a segment of 2 MiB to a viewer: as an encoder sent it, and with other
// continuity counters.
func BenchmarkSegment(b *testing.B) {
	const size = 188 * 11155
	st := memory.Open(0)
	defer st.Close()
	w, err := st.Create(b.Context(), "a", size)
	if err != nil {
		b.Fatal(err)
	}
	packet := append([]byte{0x47, 0x01, 0x00, 0x10}, make([]byte, 184)...)
	if _, err := w.ReadFrom(bytes.NewReader(bytes.Repeat(packet, size/188))); err != nil {
		b.Fatal(err)
	}
	if err := w.Commit(); err != nil {
		b.Fatal(err)
	}
	for name, part := range map[string]Part{
		"as it was sent": {Key: "a", Size: size},
		"other counters": {Key: "a", Size: size, Counters: "0+3 256+5 257+7 4096+1"},
	} {
		b.Run(name, func(b *testing.B) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			defer l.Close()
			go func() {
				viewer, err := net.Dial("tcp", l.Addr().String())
				if err != nil {
					return
				}
				defer viewer.Close()
				_, _ = io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{viewer}, make([]byte, 256<<10))
			}()
			viewer, err := l.Accept()
			if err != nil {
				b.Fatal(err)
			}
			defer viewer.Close()
			b.SetBytes(size)
			b.ReportAllocs()
			for b.Loop() {
				content, err := OpenParts(b.Context(), st, []Part{part})
				if err != nil {
					b.Fatal(err)
				}
				if _, err := content.WriteTo(struct{ io.Writer }{viewer}); err != nil {
					b.Fatal(err)
				}
				content.Close()
			}
		})
	}
}
