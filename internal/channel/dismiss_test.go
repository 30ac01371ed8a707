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
		n1, n2, _ := s.startTwoWithMore()
		a := &encoder{t: t, c: n1, input: "a", names: names, media: segments}
		for n := range 5 {
			time.Sleep(segmentTime)
			a.deliver(n)
		}
		time.Sleep(2 * time.Second)
		for i, c := range []*Channel{n1, n2} {
			before := s.written("sports/extra")
			if err := c.Configure(testConfig(longEndpoint())); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			if left := s.written("sports/extra"); i == 0 && left != before || i == 1 && left != 1 || before != 5 {
				t.Errorf("without it on node %d, there are %d records, after %d", i+1, left, before)
			}
		}
	})
}

// So does one that is taken out of the configs of all nodes at once, each of which still hears that the other one
// has it.
func TestAnEndpointThatAllNodesLoseAtOnceLeavesNoJournal(t *testing.T) {
	names, segments := testmedia.Segments(t, "18")
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		defer s.end()
		n1, n2, _ := s.startTwoWithMore()
		a := &encoder{t: t, c: n1, input: "a", names: names, media: segments}
		for n := range 5 {
			time.Sleep(segmentTime)
			a.deliver(n)
		}
		time.Sleep(2 * time.Second)
		s.tellAll() // nodes have just heard of each other
		for _, c := range []*Channel{n1, n2} {
			if err := c.Configure(testConfig(longEndpoint())); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(3 * time.Second)
		if left := s.written("sports/extra"); left != 1 {
			t.Errorf("there are %d records", left)
		}
	})
}

// written is how many records a journal of all nodes has.
func (s *site) written(name string) (count int) {
	s.t.Helper()
	journal, err := s.quorum.Journal(s.t.Context(), name)
	if err != nil {
		s.t.Fatal(err)
	}
	err = journal.Read(s.t.Context(), 0, func(uint64, []byte) error { count++; return nil })
	if err != nil {
		s.t.Fatal(err)
	}
	return count
}
