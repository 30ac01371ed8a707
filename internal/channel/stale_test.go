package channel

import (
	"encoding/json"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
)

// startAll starts nodes at the same time, one a little later than the other.
func (s *site) startAll(names ...string) map[string]*Channel {
	var all sync.WaitGroup
	var mu sync.Mutex
	started := map[string]*Channel{}
	for i, name := range names {
		all.Go(func() {
			time.Sleep(time.Duration(i) * 50 * time.Millisecond)
			c := s.start(name)
			mu.Lock()
			defer mu.Unlock()
			started[name] = c
		})
	}
	all.Wait()
	return started
}

// divided is a site whose node n1 was stopped first, and then n2, which had gone on.
func divided(t *testing.T, names []string, segments [][]byte) (s *site, a *encoder, next uint64) {
	t.Helper()
	s = newSite(t)
	s.durable = true
	n1, n2 := s.start("n1"), s.start("n2")
	a = &encoder{t: t, c: n2, input: "a", names: names, media: segments}
	for n := range 7 {
		time.Sleep(segmentTime)
		a.deliver(n)
		if n == 2 {
			time.Sleep(time.Second)
			n1.Close()
		}
	}
	time.Sleep(2 * time.Second)
	next = n2.Status().Endpoints[0].NextMSN
	n2.Close()
	time.Sleep(time.Minute)
	return s, a, next
}

// All nodes start at once, after one of them had been away for longer than the others. What is served
// goes on from the last that viewers have seen, whichever node it was.
func TestTheNodeThatWasAwayForLongestDoesNotBegin(t *testing.T) {
	names, segments := testmedia.Segments(t, "24")
	for _, order := range [][]string{{"n1", "n2"}, {"n2", "n1"}} {
		for _, reach := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				s, a, next := divided(t, names, segments)
				defer s.end()
				s.reach(reach)
				nodes := s.startAll(order...)
				p := same(t, nodes["n1"], nodes["n2"])
				if end := p.MediaSequence + uint64(len(p.Segments)); end != next {
					t.Errorf("%v: they list what is before %d, and viewers have seen what is before %d", order, end, next)
				}
				a.c = nodes["n1"]
				for n := 7; n < 10; n++ {
					time.Sleep(segmentTime)
					a.deliver(n)
				}
				time.Sleep(2 * time.Second)
				p = same(t, nodes["n1"], nodes["n2"])
				if end := p.MediaSequence + uint64(len(p.Segments)); end != next+3 {
					t.Errorf("%v: after three more segments, they list what is before %d", order, end)
				}
			})
		}
	}
}

// The node that had been away starts long before the others. The journal of all nodes knows how far
// they had come.
func TestANodeThatWasAwayGoesOnFromTheJournalOfAllNodes(t *testing.T) {
	names, segments := testmedia.Segments(t, "24")
	synctest.Test(t, func(t *testing.T) {
		s, a, next := divided(t, names, segments)
		defer s.end()
		n1 := s.start("n1")
		a.c = n1
		for n := 7; n < 9; n++ {
			time.Sleep(segmentTime)
			a.deliver(n)
		}
		time.Sleep(2 * time.Second)
		p := playlist(t, n1.View("hls"))
		if end := p.MediaSequence + uint64(len(p.Segments)); end < next+2 {
			t.Errorf("it lists what is before %d, and viewers have seen what is before %d", end, next)
		}
		n2 := s.start("n2")
		p = playlist(t, n2.View("hls"))
		if end := p.MediaSequence + uint64(len(p.Segments)); end < next+2 {
			t.Errorf("the other one lists what is before %d", end)
		}
	})
}

// It starts long before the others, and nothing says how far they had come. Numbers go on from
// what their viewers have seen all the same, once they are back.
func TestNumbersDoNotFallWhereANodeThatWasAwayHasBegun(t *testing.T) {
	names, segments := testmedia.Segments(t, "36")
	synctest.Test(t, func(t *testing.T) {
		s, a, next := divided(t, names, segments)
		defer s.end()
		s.reach(false)
		n1 := s.start("n1")
		a.c = n1
		time.Sleep(segmentTime)
		a.deliver(7)
		n2 := s.start("n2")
		for n := 8; n < 11; n++ {
			time.Sleep(segmentTime)
			a.deliver(n)
		}
		time.Sleep(2 * time.Second)
		for i, c := range []*Channel{n1, n2} {
			p := playlist(t, c.View("hls"))
			if end := p.MediaSequence + uint64(len(p.Segments)); end <= next {
				t.Errorf("node %d lists what is before %d, and viewers have seen what is before %d", i+1, end, next)
			}
		}
		same(t, n1, n2)
	})
}

// An endpoint that only some nodes have keeps its window when one of these is started again.
func TestAnEndpointThatOtherNodesDoNotHaveIsStartedAgain(t *testing.T) {
	names, segments := testmedia.Segments(t, "24")
	for _, second := range []string{"", "n3"} {
		synctest.Test(t, func(t *testing.T) {
			s := newSite(t)
			defer s.end()
			extra := longEndpoint()
			extra.Name = "extra"
			s.more = map[string]EndpointConfig{"n2": extra, second: extra}
			s.durable = second == ""
			nodes := s.startThree()
			a := &encoder{t: t, c: nodes[0], input: "a", names: names, media: segments}
			for n := range 4 {
				time.Sleep(segmentTime)
				a.deliver(n)
			}
			time.Sleep(2 * time.Second)
			before := playlist(t, nodes[1].View("extra"))
			nodes[1].Close()
			n2 := s.start("n2")
			after := playlist(t, n2.View("extra"))
			if len(after.Segments) != 4 || after.MediaSequence != before.MediaSequence {
				t.Errorf("it lists %d segments from %d, and did %d from %d", len(after.Segments), after.MediaSequence, len(before.Segments), before.MediaSequence)
			}
		})
	}
}

// All nodes have lost what they had, and start before the servers have a leader: the history begins anew,
// far before the end of the one in the journal of all nodes. It is written there all the same, and goes
// on when all nodes are started again.
func TestAHistoryThatBeginsAnewReplacesTheOneInTheJournal(t *testing.T) {
	names, segments := testmedia.Segments(t, "36")
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		defer s.end()
		a := &encoder{t: t, input: "a", names: names, media: segments}
		life := func(node string, from, to int) (*Channel, uint64) {
			c := s.start(node)
			s.reach(true)
			a.c = c
			for n := from; n < to; n++ {
				time.Sleep(segmentTime)
				a.deliver(n)
			}
			time.Sleep(2 * time.Second)
			return c, c.Status().Endpoints[0].NextMSN
		}
		life("n1", 0, 4)
		s.cutOff("n1")
		s.moveInJournal(10 * ledgerKept)
		time.Sleep(time.Minute)
		s.reach(false)
		second, next := life("n2", 8, 13)
		checkJournal(t, s, second)
		s.cutOff("n2")
		time.Sleep(time.Second)
		third, _ := life("n3", 13, 15)
		if p := playlist(t, third.View("hls")); p.MediaSequence != next {
			t.Errorf("it goes on with %d, not with %d", p.MediaSequence, next)
		}
	})
}

// moveInJournal makes the records in the journal of all nodes the end of a history that is longer.
func (s *site) moveInJournal(by uint64) {
	s.t.Helper()
	journal, err := s.quorum.Journal(s.t.Context(), "sports/hls")
	if err != nil {
		s.t.Fatal(err)
	}
	var list []record
	var last uint64
	err = journal.Read(s.t.Context(), 0, func(revision uint64, text []byte) error {
		var r record
		if err := json.Unmarshal(text, &r); err != nil {
			return err
		}
		r.Link.Number += by
		list, last = append(list, r), revision
		return nil
	})
	for _, r := range list {
		text, encodeErr := json.Marshal(r)
		if err == nil {
			err = encodeErr
		}
		if err == nil {
			last, err = journal.Append(s.t.Context(), last, text)
		}
	}
	if err == nil {
		err = journal.Forget(s.t.Context(), uint64(len(list))+1)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// The journal of all nodes takes long to read, as that of a startover window of days does.
func TestALongJournalOfAllNodesIsReadToItsEnd(t *testing.T) {
	names, segments := testmedia.Segments(t, "24")
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		defer s.end()
		n1 := s.start("n1")
		a := &encoder{t: t, c: n1, input: "a", names: names, media: segments}
		for n := range 6 {
			time.Sleep(segmentTime)
			a.deliver(n)
		}
		time.Sleep(2 * time.Second)
		next := n1.Status().Endpoints[0].NextMSN
		s.cutOff("n1")
		time.Sleep(time.Minute)
		s.readSlowly(time.Second)
		n2 := s.start("n2")
		s.readSlowly(0)
		a.c = n2
		for n := 6; n < 8; n++ {
			time.Sleep(segmentTime)
			a.deliver(n)
		}
		time.Sleep(2 * time.Second)
		if p := playlist(t, n2.View("hls")); p.MediaSequence != next {
			t.Errorf("it goes on with %d, not with %d", p.MediaSequence, next)
		}
	})
}
