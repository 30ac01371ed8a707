package failover

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"
)

// Two channels are told the same facts, each at times of its own that are up to 200 ms
// apart, as two nodes are. One proposes a slot, and both commit it.
type pairOfNodes struct {
	nodes    [2]*Channel
	proposer func(now time.Time) int
	slots    []Slot
	now      time.Time
}

type delivery struct {
	at   time.Time
	node int
	fact Fact
}

func (p *pairOfNodes) run(t *testing.T, list []delivery, until time.Time) {
	t.Helper()
	for {
		who := p.proposer(p.now)
		next := until
		if len(list) > 0 && list[0].at.Before(next) {
			next = list[0].at
		}
		if at, ok := p.nodes[who].Deadline(); ok && at.Before(next) {
			next = at
			if next.Before(p.now) {
				next = p.now
			}
		}
		p.now = next
		if !p.now.Before(until) {
			return
		}
		fed := false
		for len(list) > 0 && !list[0].at.After(p.now) {
			p.nodes[list[0].node].Take(p.now, list[0].fact)
			list, fed = list[1:], true
		}
		who = p.proposer(p.now)
		if !fed {
			p.nodes[who].Take(p.now, Tick{})
		}
		p.decide(t, who)
	}
}

// decide lets one node decide, and both commit.
func (p *pairOfNodes) decide(t *testing.T, who int) {
	t.Helper()
	for steps := 0; ; steps++ {
		d := p.nodes[who].Decide(p.now, "hls")
		if d.Slot == nil {
			return
		}
		if again := p.nodes[who].Decide(p.now, "hls"); !reflect.DeepEqual(again, d) {
			t.Fatalf("asked twice: %+v, then %+v", d.Slot, again.Slot)
		}
		if steps > 1000 {
			t.Fatal("no end of slots")
		}
		for _, c := range p.nodes {
			c.Commit(p.now, *d.Slot)
		}
		if !d.Slot.Unlisted {
			p.slots = append(p.slots, *d.Slot)
		}
	}
}

// outline is what viewers get of slots: not when, and not whose clock it is on.
func outline(slots []Slot) []string {
	var list []string
	for _, s := range slots {
		text := fmt.Sprint(s.Input, " ", s.Discontinuity, s.DiscontinuityNumber)
		for _, r := range s.Renditions {
			text += fmt.Sprint(" ", r.Path, r.Gap(), r.Duration)
			for _, part := range r.Parts {
				text += " " + part.Object
			}
		}
		list = append(list, text)
	}
	return list
}

// pastOf is what encoders delivered in three minutes: losses, a death, a restart. Their
// media has dates: what only its arrival places, two nodes place apart, until one of them
// has a slot of it.
func pastOf(t *testing.T, rng *rand.Rand) []Record {
	t.Helper()
	w := newWorld()
	w.config = Config{Inputs: []string{"a", "b"}, Endpoints: []EndpointConfig{{Name: "unused", SegmentDuration: 2 * time.Second}}}
	for _, name := range w.config.Inputs {
		e := newSimulator(name)
		e.renditions, e.dates = []string{"v", "audio"}, true
		if name == "b" {
			e.late += 250 * time.Millisecond // which of the two comes first is the same on both nodes
		}
		for n := range uint64(90) {
			switch rng.IntN(24) {
			case 0, 1:
				e.faults[key{"v", n}] = "drop"
			case 2, 3:
				e.faults[key{"audio", n}] = "drop"
			case 4:
				e.faults[key{"v", n}] = "hole"
			}
		}
		if err := w.start(e); err != nil {
			t.Fatal(err)
		}
	}
	run := func(d time.Duration) {
		if err := w.run(w.now.Add(d)); err != nil {
			t.Fatal(err)
		}
	}
	run(time.Duration(20+rng.IntN(20)) * time.Second)
	w.encoders["a"].off = true
	run(time.Duration(5+rng.IntN(20)) * time.Second)
	again := newSimulator("a")
	again.renditions, again.dates = []string{"v", "audio"}, true
	if rng.IntN(2) == 0 {
		again.timestamps, again.number = 7000*ClockRate, 1
	}
	if err := w.start(again); err != nil {
		t.Fatal(err)
	}
	run(40 * time.Second)
	w.encoders["b"].off = true
	run(40 * time.Second)
	return w.trace
}

// deliveries are the facts as both nodes hear of them.
func deliveries(rng *rand.Rand, trace []Record) []delivery {
	var list []delivery
	last := [2]time.Time{}
	for _, rec := range trace {
		fact := rec.fact()
		switch fact.(type) {
		case nil, Tick:
			continue
		}
		near := rng.IntN(2) // that node has it first
		for node := range 2 {
			at := rec.Time
			if node != near {
				at = at.Add(time.Duration(rng.Int64N(int64(200 * time.Millisecond))))
			}
			if at.Before(last[node]) {
				at = last[node] // in the order in which they were sent
			}
			last[node] = at
			list = append(list, delivery{at, node, fact})
		}
	}
	sortDeliveries(list)
	return list
}

func sortDeliveries(list []delivery) {
	for i := 1; i < len(list); i++ {
		for j := i; j > 0 && list[j].at.Before(list[j-1].at); j-- {
			list[j], list[j-1] = list[j-1], list[j]
		}
	}
}

func TestTwoNodesHaveTheSameSlotsWhoeverProposes(t *testing.T) {
	config := Config{Inputs: []string{"a", "b"}, Endpoints: []EndpointConfig{{Name: "hls", SegmentDuration: 2 * time.Second}}}
	for seed := range seeds(40) {
		rng := rand.New(rand.NewPCG(seed, 3))
		list := deliveries(rng, pastOf(t, rng))
		var all [][]string
		for name, proposer := range map[string]func(time.Time) int{
			"first":  func(time.Time) int { return 0 },
			"second": func(time.Time) int { return 1 },
			"change": func(now time.Time) int { return int(now.Sub(epoch)/(7*time.Second)) % 2 },
		} {
			p := &pairOfNodes{now: epoch, proposer: proposer}
			for i := range p.nodes {
				c, err := New(config)
				if err != nil {
					t.Fatal(err)
				}
				p.nodes[i] = c
			}
			p.run(t, list, epoch.Add(150*time.Second))
			a, b := p.nodes[0].Status().Endpoints[0], p.nodes[1].Status().Endpoints[0]
			if a.NextMSN != b.NextMSN || a.Active != b.Active || !a.End.Equal(b.End) || a.Discontinuities != b.Discontinuities {
				t.Fatalf("seed %d, %s: one node stands at %+v, the other at %+v", seed, name, a, b)
			}
			all = append(all, outline(p.slots))
			if len(all) > 1 && !reflect.DeepEqual(all[0], all[len(all)-1]) {
				for i := range max(len(all[0]), len(p.slots)) {
					if i >= len(all[0]) || i >= len(p.slots) || all[0][i] != all[len(all)-1][i] {
						t.Fatalf("seed %d, %s: slot %d:\n%s\n%s", seed, name, i, at(all[0], i), at(all[len(all)-1], i))
					}
				}
			}
		}
	}
}
