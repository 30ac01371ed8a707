package main

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestOutcome(t *testing.T) {
	const k = 5
	due := testLedger().due(0, k)
	at := func(d time.Duration) delivery { return delivery{stored: due.Add(d), listed: due.Add(d)} }
	unlisted := at(0)
	unlisted.listed = time.Time{}
	cut := at(0)
	cut.fault = faultCut
	away := outages{away: []span{{due.Add(-time.Second), due.Add(3 * time.Second)}}}
	long := outages{away: []span{{due.Add(-9 * time.Second), due.Add(-8 * time.Second)}}}
	killed := func(d time.Duration) outages { return outages{killed: map[string][]time.Time{"n": {due.Add(d)}}} }
	there := at(0)
	there.node = "n"
	tests := map[string]struct {
		a, b delivery
		outages
		want outcome
	}{
		"one in time":                {delivery{}, at(500 * time.Millisecond), outages{}, delivered},
		"both late":                  {at(2 * time.Second), at(3 * time.Second), outages{}, late},
		"nobody":                     {delivery{}, delivery{}, outages{}, absent},
		"not listed":                 {unlisted, delivery{}, outages{}, absent},
		"not sound":                  {cut, delivery{}, outages{}, absent},
		"held while there was none":  {at(5 * time.Second), delivery{}, away, delivered},
		"too late also after that":   {at(7 * time.Second), delivery{}, away, late},
		"an outage long before that": {at(2 * time.Second), delivery{}, long, late},
		"went with its node":         {there, delivery{}, killed(time.Second), late},
		"had left it by then":        {there, delivery{}, killed(4 * time.Second), delivered},
		"came after that":            {there, delivery{}, killed(-time.Second), delivered},
		"another one has it":         {there, at(0), killed(time.Second), delivered},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			l := testLedger()
			l.pieces[0][k], l.pieces[1][k] = test.a, test.b
			if got := l.outcome(k, test.outages); got != test.want {
				t.Fatalf("%d, want %d\n%s", got, test.want, l.tell(k))
			}
		})
	}
}

// One encoder delivers soundly, always, but for the times when both are meant to be dead.
func TestPlanLeavesOneEncoderSound(t *testing.T) {
	kinds := map[faultKind]bool{}
	for seed := range uint64(200) {
		const pieces = 200
		p := makePlan(rand.New(rand.NewPCG(seed, 1)), pieces)
		for k := range pieces {
			a, b := p.at(0, k), p.at(1, k)
			kinds[a.kind], kinds[b.kind] = true, true
			if a.kind != "" && b.kind != "" && (a.kind != faultBoth || b.kind != faultBoth) {
				t.Fatalf("seed %d, piece %d: a %s, b %s", seed, k, a.kind, b.kind)
			}
		}
		if q := makePlan(rand.New(rand.NewPCG(seed, 1)), pieces); len(q[0]) != len(p[0]) || len(q[1]) != len(p[1]) {
			t.Fatalf("seed %d does not repeat its plan", seed)
		}
	}
	for _, kind := range faultKinds {
		if !kinds[kind] {
			t.Errorf("%s: never", kind)
		}
	}
}
