package nats

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"testing"

	"github.com/liveorigin/caddy-live-origin/store/memory"
)

// What is held in memory takes what it is counted for, however it comes.
func TestWhatOverflowsTakesWhatItCounts(t *testing.T) {
	const size = 1_300_000
	for name, write := range map[string]func(w io.ReaderFrom) error{
		"at once": func(w io.ReaderFrom) error {
			_, err := w.ReadFrom(struct{ io.Reader }{bytes.NewReader(make([]byte, size))})
			return err
		},
		"in pieces": func(w io.ReaderFrom) error {
			for left := size; left > 0; left -= 50_000 {
				if _, err := w.(io.Writer).Write(make([]byte, min(left, 50_000))); err != nil {
					return err
				}
			}
			return nil
		},
	} {
		tier := newTier(memory.Open(0))
		for n := range 100 { // more than is kept
			w, err := tier.overflow(fmt.Sprint(n), size)
			if err != nil {
				t.Fatal(err)
			}
			if err := write(w); err != nil {
				t.Fatal(err)
			}
			if err := w.Commit(); err != nil {
				t.Fatal(err)
			}
		}
		taken := 0
		for _, data := range tier.held {
			taken += cap(data)
		}
		if limit := overflowBytes + overflowBytes/50; taken > limit || len(tier.held) != overflowBytes/size || tier.size != int64(len(tier.held))*size {
			t.Errorf("%s: %d objects, which count as %d, take %d bytes", name, len(tier.held), tier.size, taken)
		}
		o, err := tier.Open(context.Background(), "99")
		if err != nil || o.Size() != size {
			t.Errorf("%s: the newest: %v, %v", name, o, err)
		}
	}
}
