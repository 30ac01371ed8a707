package file_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"testing"

	"github.com/liveorigin/caddy-live-origin/store/file"
)

// window is how many objects a benchmark keeps: it puts one and deletes the
// oldest, as a live window does.
const window = 64

func put(b *testing.B, st *file.Store, key string, r io.Reader, size int64) {
	w, err := st.Create(context.Background(), key, size)
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

func BenchmarkPut(b *testing.B) {
	for _, size := range []int{200, 64 << 10, 2 << 20} {
		for _, fsync := range []bool{false, true} {
			b.Run(fmt.Sprintf("%dB/fsync=%v", size, fsync), func(b *testing.B) {
				st := mustOpen(b, file.Options{Dir: b.TempDir(), Fsync: fsync})
				defer st.Close()
				data := make([]byte, size)
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					put(b, st, "channel/a/"+strconv.Itoa(i), bytes.NewReader(data), int64(size))
					if i < window {
						continue
					}
					if err := st.Delete(context.Background(), "channel/a/"+strconv.Itoa(i-window)); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkSend opens an object and writes it to a TCP connection.
func BenchmarkSend(b *testing.B) {
	for _, size := range []int{64 << 10, 2 << 20} {
		b.Run(fmt.Sprintf("%dB", size), func(b *testing.B) {
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
				buf := make([]byte, 1<<20)
				for err == nil {
					_, err = conn.Read(buf)
				}
			}()
			conn, err := net.Dial("tcp", listener.Addr().String())
			if err != nil {
				b.Fatal(err)
			}
			defer conn.Close()
			st := mustOpen(b, file.Options{Dir: b.TempDir()})
			defer st.Close()
			put(b, st, "a/b/c", bytes.NewReader(make([]byte, size)), int64(size))
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				o, err := st.Open(context.Background(), "a/b/c")
				if err != nil {
					b.Fatal(err)
				}
				if _, err := o.WriteTo(conn); err != nil {
					b.Fatal(err)
				}
				o.Close()
			}
		})
	}
}

// BenchmarkAppend keeps 1,000 records of 500 bytes, with the compaction that
// this takes.
func BenchmarkAppend(b *testing.B) {
	for _, fsync := range []bool{false, true} {
		b.Run(fmt.Sprintf("fsync=%v", fsync), func(b *testing.B) {
			st := mustOpen(b, file.Options{Dir: b.TempDir(), Fsync: fsync})
			defer st.Close()
			ctx := context.Background()
			j, err := st.Journal(ctx, "j")
			if err != nil {
				b.Fatal(err)
			}
			record := make([]byte, 500)
			b.ReportAllocs()
			last := uint64(0)
			for b.Loop() {
				if last, err = j.Append(ctx, last, record); err != nil {
					b.Fatal(err)
				}
				if last > 1000 {
					if err := j.Forget(ctx, last-1000); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

// BenchmarkOpen opens a store of 10,000 objects and a journal of 10,000 records.
func BenchmarkOpen(b *testing.B) {
	dir := b.TempDir()
	st := mustOpen(b, file.Options{Dir: dir})
	j, err := st.Journal(context.Background(), "j")
	if err != nil {
		b.Fatal(err)
	}
	for i := range uint64(10_000) {
		put(b, st, fmt.Sprintf("%d/%d", i%10, i), bytes.NewReader([]byte("x")), 1)
		if _, err := j.Append(context.Background(), i, make([]byte, 500)); err != nil {
			b.Fatal(err)
		}
	}
	st.Close()
	for b.Loop() {
		mustOpen(b, file.Options{Dir: dir}).Close()
	}
}
