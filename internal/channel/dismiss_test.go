package channel

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
)

// An endpoint that is taken out of the config of the last node leaves one record in the journal of all
// nodes, so that its numbers go on if it comes back. One that another node still has keeps all of them.
func TestAnEndpointThatNoNodeHasLeavesNoJournal(t *testing.T) {
	names, segments := testmedia.Segments(t, "18")
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		defer s.end()
		extra := longEndpoint()
		extra.Name = "extra"
		s.more = map[string]EndpointConfig{"n1": extra, "n2": extra}
		n1, n2 := s.start("n1"), s.start("n2")
		a := &encoder{t: t, c: n1, input: "a", names: names, media: segments}
		for n := range 5 {
			time.Sleep(segmentTime)
			a.deliver(n)
		}
		time.Sleep(2 * time.Second)
		records := func() (count int) {
			journal, err := s.quorum.Journal(t.Context(), "sports/extra")
			if err != nil {
				t.Fatal(err)
			}
			err = journal.Read(t.Context(), 0, func(uint64, []byte) error { count++; return nil })
			if err != nil {
				t.Fatal(err)
			}
			return count
		}
		for i, c := range []*Channel{n1, n2} {
			before := records()
			if err := c.Configure(testConfig(longEndpoint())); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			if left := records(); i == 0 && left != before || i == 1 && left != 1 || before != 5 {
				t.Errorf("without it on node %d, there are %d records, after %d", i+1, left, before)
			}
		}
	})
}
