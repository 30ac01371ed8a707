package channel

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
	"github.com/liveorigin/caddy-live-origin/store"
)

// counted is a store that counts the records which are read from its journals.
type counted struct {
	store.Store
	read int
}

func (c *counted) Journal(ctx context.Context, name string) (store.Journal, error) {
	j, err := c.Store.Journal(ctx, name)
	return countedJournal{j, c}, err
}

type countedJournal struct {
	store.Journal
	of *counted
}

func (j countedJournal) Read(ctx context.Context, after uint64, yield func(uint64, []byte) error) error {
	return j.Journal.Read(ctx, after, func(revision uint64, record []byte) error {
		j.of.read++
		return yield(revision, record)
	})
}

// A node that was away for some minutes asks for more than others have at hand. How long their startover
// windows are does not matter.
func TestWhatANodeHasMissedIsFoundInALongJournal(t *testing.T) {
	names, segments := testmedia.Segments(t, "10")
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		defer s.end()
		n1 := s.start("n1")
		a := &encoder{t: t, c: n1, input: "a", names: names, media: segments}
		for n := range 2 {
			time.Sleep(segmentTime)
			a.deliver(n)
		}
		time.Sleep(time.Second)
		const long = 20000
		read := &counted{Store: n1.journals}
		for number := uint64(3); number <= long; number++ {
			n1.nodes.locked(func() {
				e := n1.endpoints["hls"]
				r := *e.chain.at(number - 1)
				at := link{Number: number, ID: fmt.Sprint("n1.", number), Before: r.Link.ID, Node: "n1"}
				r.Link = &at
				e.keep(r)
				e.chain.add(r)
			})
		}
		n1.nodes.locked(func() { n1.journals = read })
		const missed = 1000
		answer, err := n1.nodes.records(t.Context(), recordsQuestion{Endpoint: "hls", After: long - missed})
		if err != nil || len(answer.Records) != missed || answer.Records[0].Link.Number != long-missed+1 {
			t.Fatalf("%d records, %v", len(answer.Records), err)
		}
		if read.read > missed+2*revisionsAside {
			t.Errorf("%d records were read for %d", read.read, missed)
		}
	})
}
