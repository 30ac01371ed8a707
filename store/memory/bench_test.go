package memory_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/liveorigin/caddy-live-origin/store/memory"
)

var sizes = []struct {
	name  string
	bytes int
}{{"200B", 200}, {"64KiB", 64 << 10}, {"2MiB", 2 << 20}}

// window is how many objects a benchmark keeps: it puts one and deletes the
// oldest, as a live window does.
const window = 64

func put(b *testing.B, st *memory.Store, key string, r io.Reader, hint int64) {
	w, err := st.Create(context.Background(), key, hint)
	if err != nil {
		b.Fatal(err)
	}
	defer w.Abort()
	if _, err := w.ReadFrom(r); err != nil {
		b.Fatal(err)
	}
	if err := w.Commit(); err != nil {
		b.Fatal(err)
	}
}

func slide(b *testing.B, st *memory.Store, prefix string, i int) {
	if i < window {
		return
	}
	if err := st.Delete(context.Background(), prefix+strconv.Itoa(i-window)); err != nil {
		b.Fatal(err)
	}
}

func BenchmarkReadFrom(b *testing.B) {
	for _, size := range sizes {
		for _, hint := range []int64{int64(size.bytes), -1} {
			name := size.name + "/announced"
			if hint < 0 {
				name = size.name + "/chunked"
			}
			b.Run(name, func(b *testing.B) {
				st := memory.Open(1 << 30)
				defer st.Close()
				data := make([]byte, size.bytes)
				b.SetBytes(int64(size.bytes))
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					put(b, st, "live/"+strconv.Itoa(i), bytes.NewReader(data), hint)
					slide(b, st, "live/", i)
				}
			})
		}
	}
}

// BenchmarkPutParallel shows what the locks cost.
func BenchmarkPutParallel(b *testing.B) {
	for _, size := range sizes {
		b.Run(size.name, func(b *testing.B) {
			st := memory.Open(1 << 30)
			defer st.Close()
			data := make([]byte, size.bytes)
			b.SetBytes(int64(size.bytes))
			b.ReportAllocs()
			var worker atomic.Int64
			b.RunParallel(func(pb *testing.PB) {
				prefix := fmt.Sprintf("live-%d/", worker.Add(1))
				for i := 0; pb.Next(); i++ {
					put(b, st, prefix+strconv.Itoa(i), bytes.NewReader(data), int64(size.bytes))
					slide(b, st, prefix, i)
				}
			})
		})
	}
}

func BenchmarkReadFromTCP(b *testing.B) {
	for _, size := range sizes[1:] {
		b.Run(size.name, func(b *testing.B) {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			defer listener.Close()
			go func() {
				conn, err := listener.Accept()
				if err != nil {
					return
				}
				defer conn.Close()
				data := make([]byte, 1<<20)
				for err == nil {
					_, err = conn.Write(data)
				}
			}()
			conn, err := net.Dial("tcp", listener.Addr().String())
			if err != nil {
				b.Fatal(err)
			}
			defer conn.Close()
			st := memory.Open(1 << 30)
			defer st.Close()
			b.SetBytes(int64(size.bytes))
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				put(b, st, "live/"+strconv.Itoa(i), io.LimitReader(conn, int64(size.bytes)), int64(size.bytes))
				slide(b, st, "live/", i)
			}
		})
	}
}

func BenchmarkWriteTo(b *testing.B) {
	for _, size := range sizes {
		b.Run(size.name, func(b *testing.B) {
			st := memory.Open(0)
			defer st.Close()
			put(b, st, "a", bytes.NewReader(make([]byte, size.bytes)), int64(size.bytes))
			b.SetBytes(int64(size.bytes))
			b.ReportAllocs()
			for b.Loop() {
				o, err := st.Open(context.Background(), "a")
				if err != nil {
					b.Fatal(err)
				}
				if _, err := o.WriteTo(discard{}); err != nil {
					b.Fatal(err)
				}
				o.Close()
			}
		})
	}
}

// discard looks at every cache line, as a socket would.
type discard struct{}

var sink byte

func (discard) Write(p []byte) (int, error) {
	var x byte
	for i := 0; i < len(p); i += 64 {
		x ^= p[i]
	}
	sink = x
	return len(p), nil
}

// BenchmarkWindow holds 512 MiB while other parts of the process make garbage,
// and reports the process's memory as a multiple of the bytes held.
func BenchmarkWindow(b *testing.B) {
	st := memory.Open(0)
	defer st.Close()
	const held = 256
	data := make([]byte, 2<<20)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		put(b, st, strconv.Itoa(i), bytes.NewReader(data), int64(len(data)))
		if i >= held {
			if err := st.Delete(context.Background(), strconv.Itoa(i-held)); err != nil {
				b.Fatal(err)
			}
		}
		for range 64 {
			garbage = make([]byte, 4096)
		}
	}
	if st.Usage().Objects == held {
		b.ReportMetric(float64(resident(b))/float64(held*len(data)), "rss/held")
	}
}

var garbage []byte

// resident is the memory of the process in bytes, 0 where that is not known.
func resident(b *testing.B) int64 {
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	pages, err := strconv.ParseInt(strings.Fields(string(statm))[1], 10, 64)
	if err != nil {
		b.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}
