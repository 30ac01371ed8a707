package channel

import (
	"testing"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
)

// BenchmarkTakeOver copies the journal of an endpoint with a startover window of a day from another
// node: 43,200 slots of one rendition.
func BenchmarkTakeOver(b *testing.B) {
	names, segments := testmedia.Segments(b, "18")
	s := newSite(b)
	defer s.end()
	n1 := s.start("n1")
	n2 := s.start("n2")
	a := &encoder{t: b, c: n1, input: "a", names: names, media: segments}
	a.deliver(0)
	time.Sleep(time.Second)
	a.deliver(1)
	for n1.View("hls").Playlist("index.m3u8") == nil {
		time.Sleep(50 * time.Millisecond)
	}
	ctx := b.Context()
	journal, err := n1.journals.Journal(ctx, "sports/hls")
	if err != nil {
		b.Fatal(err)
	}
	last, err := journal.Last(ctx)
	if err != nil {
		b.Fatal(err)
	}
	var text []byte
	err = journal.Read(ctx, last-1, func(_ uint64, record []byte) error {
		text = append(text, record...)
		return nil
	})
	for range 43200 {
		if err != nil {
			b.Fatal(err)
		}
		last, err = journal.Append(ctx, last, text)
	}
	b.SetBytes(int64(43200 * len(text)))
	for b.Loop() {
		if err := n2.nodes.copyJournal(ctx, "n1", "/hls"); err != nil {
			b.Fatal(err)
		}
		copied, err := n2.journals.Journal(ctx, "sports/hls")
		if err != nil {
			b.Fatal(err)
		}
		end, err := copied.Last(ctx)
		if err != nil {
			b.Fatal(err)
		}
		if err := copied.Forget(ctx, end+1); err != nil {
			b.Fatal(err)
		}
	}
}
