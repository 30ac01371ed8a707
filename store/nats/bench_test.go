//go:build unix

package nats_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/nodes/natstest"
	"github.com/liveorigin/caddy-live-origin/store"
	"github.com/liveorigin/caddy-live-origin/store/nats"
)

// BenchmarkAppend appends records of a slot's size to a journal on three servers.
func BenchmarkAppend(b *testing.B) {
	c := natstest.Start(b, 3)
	j := journal(b, openNodes(b, c, nats.Options{})[0], "j")
	record := content(2 << 10)
	revision := uint64(0)
	for b.Loop() {
		var err error
		if revision, err = j.Append(context.Background(), revision, record); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRead reads a journal of 5,000 slots, as a node that starts does.
func BenchmarkRead(b *testing.B) {
	c := natstest.Start(b, 3)
	stores := openNodes(b, c, nats.Options{}, nats.Options{})
	j := journal(b, stores[0], "j")
	record := content(2 << 10)
	const records = 5000
	for i := range uint64(records) {
		if _, err := j.Append(context.Background(), i, record); err != nil {
			b.Fatal(err)
		}
	}
	j = journal(b, stores[1], "j")
	b.SetBytes(records * int64(len(record)))
	for b.Loop() {
		n := 0
		err := j.Read(context.Background(), 0, func(uint64, []byte) error { n++; return nil })
		if err != nil || n != records {
			b.Fatalf("%d records, %v", n, err)
		}
	}
}

// BenchmarkFetch brings an object from one node to another.
func BenchmarkFetch(b *testing.B) {
	c := natstest.Start(b, 3)
	for _, transport := range []string{"NATS", "HTTP"} {
		for _, size := range []int{16 << 10, 2 << 20, 16 << 20} {
			b.Run(fmt.Sprintf("%s/%dB", transport, size), func(b *testing.B) {
				o := nats.Options{}
				if transport == "HTTP" {
					o.PeerAddress = peerAddress(b)
				}
				stores := openNodes(b, c, o, nats.Options{})
				g := join(b, stores[1])
				ctx := context.Background()
				data := content(size)
				b.SetBytes(int64(size))
				for i := 0; b.Loop(); i++ {
					key := fmt.Sprint("sports/", i)
					b.StopTimer()
					put(b, stores[0], key, data)
					b.StartTimer()
					if err := g.Fetch(ctx, key, int64(size), "a"); err != nil {
						b.Fatal(err)
					}
					b.StopTimer()
					for _, st := range stores {
						if err := st.Delete(ctx, key); err != nil {
							b.Fatal(err)
						}
					}
					b.StartTimer()
				}
			})
		}
	}
}

// BenchmarkMissing asks for what is nowhere: most of it is answered from memory.
func BenchmarkMissing(b *testing.B) {
	c := natstest.Start(b, 3)
	st := openNodes(b, c, nats.Options{}, nats.Options{}, nats.Options{})[0]
	for name, key := range map[string]func(i int) string{
		"the same":   func(int) string { return "none" },
		"always new": func(i int) string { return fmt.Sprint("none/", i) },
	} {
		b.Run(name, func(b *testing.B) {
			at := time.Now().UnixNano()
			for i := 0; b.Loop(); i++ {
				if _, err := st.Open(context.Background(), fmt.Sprint(key(i), "-", at)); !errors.Is(err, store.ErrNotFound) {
					b.Fatal(err)
				}
			}
		})
	}
}
