package channel

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/output"
	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
	"github.com/liveorigin/caddy-live-origin/store/memory"
)

// Nodes that meet again agree at once, and go over to another history once at most, whatever the
// servers have written and whenever they can write again. The histories may be of different
// length: an encoder may have been away meanwhile. Nobody stands still after that.
func TestNodesThatMeetAgreeOnce(t *testing.T) {
	names, first := testmedia.Segments(t, "60")
	_, second := testmedia.Segments(t, "60", "-output_ts_offset", "1000")
	const cut, healed, end = 6, 12, 24 // segments
	type site3 struct {
		far      string        // who is cut off
		back     time.Duration // when the servers can be written to, after the nodes have met
		away     string        // the input that misses some segments meanwhile
		unlocked bool
	}
	var sites []site3
	for _, far := range []string{"n1", "n2"} {
		for _, back := range []time.Duration{-20 * time.Second, 0, 700 * time.Millisecond, 3 * time.Second, 9 * time.Second} {
			for _, away := range []string{"", "a", "b"} {
				for _, unlocked := range []bool{false, true} {
					sites = append(sites, site3{far, back, away, unlocked})
				}
			}
		}
	}
	for _, variant := range sites {
		t.Run(fmt.Sprintf("%+v", variant), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t)
				defer s.end()
				nodes := s.startThree()
				a := &encoder{t: t, c: nodes[0], input: "a", names: names, media: first}
				b := &encoder{t: t, c: nodes[1], input: "b", names: names, media: first}
				if variant.unlocked {
					b.media = second
				}
				watched := [3]*adoptions{{}, {}, {}}
				looked := [3]*output.View{}
				for i, c := range nodes {
					c.Observe(watched[i])
				}
				numbers := [3]map[string]uint64{{}, {}, {}}              // of the discontinuity, by segment
				next, seen := [3]uint64{}, [3]map[string]int{{}, {}, {}} // seen: where each segment was listed
				for n := range end {
					time.Sleep(segmentTime - 1300*time.Millisecond)
					switch n {
					case cut:
						s.reach(variant.back < 0)
						s.cutOff(variant.far)
					case healed:
						time.AfterFunc(max(variant.back, 0), func() { s.reach(true) })
						s.heal(variant.far)
					}
					missing := n > cut && n < healed-2
					if !missing || variant.away != "a" {
						a.deliver(n)
					}
					if !missing || variant.away != "b" {
						b.deliver(n)
					}
					for range 13 {
						time.Sleep(100 * time.Millisecond)
						for i, c := range nodes {
							view := c.View("hls")
							if view == looked[i] || view.Playlist("index.m3u8") == nil {
								continue
							}
							looked[i] = view
							p := playlist(t, view)
							after := p.MediaSequence + uint64(len(p.Segments))
							switch {
							case after < next[i]:
								t.Errorf("segment %d, node %d: the number fell from %d to %d", n, i+1, next[i], after)
							case next[i] > 0 && p.MediaSequence > next[i] && variant.away == "":
								t.Errorf("segment %d, node %d: slots %d to %d left the playlist unseen", n, i+1, next[i], p.MediaSequence-1)
							}
							number := p.DiscontinuitySequence
							for j, segment := range p.Segments {
								if segment.Discontinuity {
									number += 1 + uint64(segment.Further)
								}
								if was, ok := numbers[i][segment.URI]; ok && was != number {
									t.Errorf("node %d: the discontinuity number of %s was %d and is %d", i+1, segment.URI, was, number)
								}
								numbers[i][segment.URI] = number
								if p.MediaSequence+uint64(j) >= next[i] {
									seen[i][string(fetch(t, view, segment.URI))]++
								}
							}
							next[i] = after
						}
					}
					if n > healed+1 {
						links := [3]string{}
						for i, c := range nodes {
							c.nodes.locked(func() { links[i] = c.endpoints["hls"].chain.last.ID })
						}
						if links[0] != links[1] || links[1] != links[2] {
							t.Errorf("segment %d: the histories end with %v", n, links)
						}
					}
				}
				for i := range seen {
					var lost, doubled []int
					for n := range end - 1 {
						count := seen[i][string(first[n])]
						if variant.unlocked {
							count += seen[i][string(second[n])]
						}
						switch {
						case count > 1 && !variant.unlocked: // others may have the same time at another place
							doubled = append(doubled, n)
						case count == 0 && (variant.away == "" || n <= cut || n >= healed-2): // else the encoder was away
							lost = append(lost, n)
						}
					}
					// Where the histories are of different length, what comes just when they meet can get
					// no number that all viewers can take.
					if len(doubled) > 0 || len(lost) > 1 || len(lost) == 1 && variant.away == "" {
						t.Errorf("node %d: viewers got segments %v twice, and %v not at all", i+1, doubled, lost)
					}
				}
				for i, w := range watched {
					if count := w.count.Load(); count > 1 {
						t.Errorf("node %d went over to another history %d times", i+1, count)
					}
				}
				if next[0] != next[1] || next[1] != next[2] {
					t.Errorf("the nodes stand at %v", next)
				}
				if p := playlist(t, nodes[2].View("hls")); variant.away == "" && next[2] < end-1 {
					t.Errorf("after %d segments, node 3 lists %d from %d", end, len(p.Segments), p.MediaSequence)
				}
				checkJournal(t, s, nodes[0])
			})
		})
	}
}

// checkJournal fails unless the journal of all nodes holds the last records of a node's history.
func checkJournal(t *testing.T, s *site, c *Channel) {
	t.Helper()
	journal, err := s.quorum.Journal(context.Background(), "sports/hls")
	if err != nil {
		t.Fatal(err)
	}
	valid, _, err := validRecords(t.Context(), journal, nil, func() {})
	if err != nil {
		t.Fatal(err)
	}
	ids := map[uint64]string{}
	err = journal.Read(t.Context(), 0, func(revision uint64, text []byte) error {
		var r record
		if err := json.Unmarshal(text, &r); err != nil {
			return err
		}
		if valid[revision] {
			ids[r.Link.Number] = r.Link.ID
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	c.nodes.locked(func() {
		for _, r := range c.endpoints["hls"].chain.recent {
			if id := ids[r.Link.Number]; id != r.Link.ID {
				t.Errorf("record %d is %s, and %q in the journal", r.Link.Number, r.Link.ID, id)
			}
		}
	})
}

// The journal of all nodes is deleted while they run. What they remember is written into the one
// that comes after it.
func TestTheJournalOfAllNodesIsDeleted(t *testing.T) {
	names, segments := testmedia.Segments(t, "18")
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		defer s.end()
		n1 := s.start("n1")
		a := &encoder{t: t, c: n1, input: "a", names: names, media: segments}
		for n := range 8 {
			time.Sleep(segmentTime)
			if n == 4 {
				s.quorum = memory.Open(64 << 20)
				journal, err := s.quorum.Journal(t.Context(), "sports/hls")
				if err != nil {
					t.Fatal(err)
				}
				p := n1.nodes.ledger.page("hls")
				p.mu.Lock()
				p.journal = siteJournal{journal, s.nodes["n1"]}
				p.mu.Unlock()
			}
			a.deliver(n)
		}
		time.Sleep(2 * time.Second)
		checkJournal(t, s, n1)
	})
}

// Histories part after what they have in common last: they may have been different before, have met
// since, and one of them was taken over by a node that was restarted.
func TestWhereHistoriesPart(t *testing.T) {
	history := func(ids ...string) (list []record) {
		before := ""
		for i, id := range ids {
			list = append(list, record{Link: &link{Number: uint64(i + 1), ID: id, Before: before}})
			before = id
		}
		return list
	}
	for _, test := range []struct {
		what         string
		mine, theirs []record
		a, b         string
	}{
		{"the same", history("1", "2"), history("1", "2"), "", ""},
		{"theirs goes on", history("1", "2"), history("1", "2", "3", "4"), "", "3"},
		{"mine goes on", history("1", "2", "3"), history("1", "2"), "", ""},
		{"at the first record", history("x1", "x2"), history("1", "2", "3"), "x1", "1"},
		{"in the middle", history("1", "x2", "x3"), history("1", "2", "3"), "x2", "2"},
		{"met again", history("x1", "x2", "3", "4"), history("1", "2", "3", "4", "5"), "", "5"},
		{"met again and parted again", history("x1", "2", "x3"), history("1", "2", "3", "4"), "x3", "3"},
	} {
		a, b := part(test.mine, test.theirs)
		id := func(r *record) string {
			if r == nil {
				return ""
			}
			return r.Link.ID
		}
		if id(a) != test.a || id(b) != test.b {
			t.Errorf("%s: they part at %q and %q, not at %q and %q", test.what, id(a), id(b), test.a, test.b)
		}
	}
	var c chain
	for _, r := range append(history("x1", "x2"), record{Link: &link{Number: 3, ID: "3", Before: "2"}}) {
		c.add(r)
	}
	if len(c.recent) != 1 || c.relate(link{Number: 2, ID: "2"}) != tooOld {
		t.Errorf("of two histories, %d records count as one", len(c.recent))
	}
}

// A node that has said as the arbiter that another history holds goes over to it, also if it is just
// asking about that endpoint itself: what makes the others ask makes it ask at the same moment, each time.
func TestTheArbiterKeepsItsWord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		defer s.end()
		n := s.start("n1").nodes
		var done []string
		inquiry := func(what string) inquiry {
			return func(context.Context) error {
				time.Sleep(time.Second)
				done = append(done, what)
				return nil
			}
		}
		n.once("hls", inquiry("catch up"))
		n.once("hls", inquiry("catch up again"))
		n.then("hls", inquiry("go over"))
		n.once("hls", inquiry("catch up once more"))
		time.Sleep(5 * time.Second)
		n.once("hls", inquiry("catch up later"))
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if want := []string{"catch up", "go over", "catch up later"}; !slices.Equal(done, want) {
			t.Errorf("done: %q", done)
		}
	})
}

// While a node asked for another history, which continues its own, it has heard of what comes next from
// the others: that is not a history to go over to.
func TestWhatHasComeMeanwhileIsNotTakenTwice(t *testing.T) {
	names, segments := testmedia.Segments(t, "18")
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		defer s.end()
		n1, n2 := s.start("n1"), s.start("n2")
		watched := &adoptions{}
		n2.Observe(watched)
		a := &encoder{t: t, c: n1, input: "a", names: names, media: segments}
		for n := range 6 {
			time.Sleep(segmentTime)
			a.deliver(n)
		}
		time.Sleep(time.Second)
		var theirs []record
		n1.nodes.locked(func() { theirs = slices.Clone(n1.endpoints["hls"].chain.recent) })
		n2.nodes.locked(func() {
			e := n2.endpoints["hls"]
			was, slots := e.chain.last, len(e.window.Slots())
			for _, mine := range []*record{nil, &theirs[2]} {
				n2.nodes.adoptFrom("hls", mine, theirs)
				if e.chain.last != was || len(e.window.Slots()) != slots || e.left != nil {
					t.Errorf("the history ends with %v after %v, %d slots after %d", e.chain.last, was, len(e.window.Slots()), slots)
				}
			}
		})
		time.Sleep(time.Second)
		if count := watched.count.Load(); count > 0 {
			t.Errorf("%d histories were adopted", count)
		}
	})
}

// Nodes agree also about an endpoint that the first one of them does not have, as its config comes later, and
// if they were apart for longer than they remember.
func TestNodesAgreeWhateverTheFirstOneHas(t *testing.T) {
	names, segments := testmedia.Segments(t, "48")
	for name, forget := range map[string]bool{"without the endpoint": false, "apart for long": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t)
				defer s.end()
				extra := longEndpoint()
				extra.Name = "extra"
				s.more = map[string]EndpointConfig{"n2": extra, "n3": extra}
				if forget {
					s.more["n1"] = extra
				}
				nodes := s.startThree()
				n1, n2, n3 := nodes[0], nodes[1], nodes[2]
				a := &encoder{t: t, c: n2, input: "a", names: names, media: segments}
				b := &encoder{t: t, c: n3, input: "b", names: names, media: segments}
				for n := range 18 {
					time.Sleep(segmentTime)
					switch n {
					case 4:
						s.cutOff("n3")
					case 12:
						if forget {
							n1.nodes.locked(func() {
								e := n1.endpoints["extra"]
								e.chain.recent = e.chain.recent[len(e.chain.recent)-2:]
							})
						}
						s.heal("n3")
					}
					a.deliver(n)
					b.deliver(n)
				}
				time.Sleep(time.Second)
				var ids []string
				for _, c := range []*Channel{n2, n3} {
					c.nodes.locked(func() { ids = append(ids, c.endpoints["extra"].chain.last.ID) })
				}
				if ids[0] != ids[1] {
					t.Errorf("ten seconds after they have met, their histories end with %v", ids)
				}
			})
		})
	}
}
