package failover

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// Of three locked inputs each loses what it likes, but no segment is lost by all: all of it is on air without a
// gap, at endpoints of any length and delay, whatever the operator changes and across restarts of the process.
func TestWhatOneOfThreeLossyInputsHasIsOnAir(t *testing.T) {
	histories(t, 60, func(p *programme) (int, Ticks) {
		p.config.Inputs, p.config.Endpoints = []string{"a", "b", "c"}, nil
		for i, length := range []time.Duration{2 * time.Second, 6 * time.Second, 30 * time.Second} {
			ec := p.endpoint([]string{"e", "e1", "e2"}[i])
			ec.SegmentDuration, ec.TimeDelay = length, pickOf(p, 0, 0, time.Duration(p.rng.IntN(60))*time.Second)
			p.config.Endpoints = append(p.config.Endpoints, ec)
		}
		p.raised = 70 * time.Second
		loss, lost := pickOf(p, 0.1, 0.4), map[key]int{}
		for _, name := range p.config.Inputs {
			e := p.begin(name, p.cut, 1<<32, time.Duration(p.rng.IntN(1000))*time.Millisecond)
			for n := uint64(21); n < 400 && e.names == ""; n++ {
				for _, r := range p.renditions {
					if k := (key{r, n}); lost[k] < 2 && p.rng.Float64() < loss {
						e.faults[k] = pickOf(p, "drop", "truncate", "unlist")
						lost[k]++
					}
				}
			}
		}
		p.pass(60, 80)
		for range 3 {
			switch p.rng.IntN(3) {
			case 0:
				p.say("restart of the process")
				p.must(p.restart(true))
			case 1:
				p.config.Endpoints = slices.Clone(p.config.Endpoints)
				changed := &p.config.Endpoints[p.rng.IntN(3)]
				changed.GapOnLoss, changed.Hitless = p.rng.IntN(2) == 0, p.rng.IntN(2) == 0
				changed.FailoverGrace = pickOf(p, 0, 500*time.Millisecond, 5*time.Second)
				p.say("%+v", *changed)
				p.must(p.step(Configured{p.config}))
			}
			p.pass(10, 40)
		}
		p.pass(40, 40)
		return 0, 0
	})
}

// An endpoint that is added to a channel begins with media in which nothing is missing of what the inputs have
// together, in any rendition.
func TestAnEndpointThatIsAddedToLossyInputsBeginsWhole(t *testing.T) {
	histories(t, 60, func(p *programme) (int, Ticks) {
		p.config.Inputs = []string{"a", "b"}
		p.config.Endpoints[0].Hitless = false
		p.raised = 25 * time.Second
		for _, name := range p.config.Inputs {
			e := p.begin(name, p.cut, 1<<32, time.Duration(p.rng.IntN(1000))*time.Millisecond)
			for n := uint64(0); n < 400 && e.names == ""; n++ {
				if r := pickOf(p, p.renditions...); n%4 < 3 && name == []string{"a", "b"}[n%2] && n > 20 {
					e.faults[key{r, n}] = "drop"
				}
			}
		}
		p.pass(50, 60)
		for i := range 3 {
			p.config.Endpoints = append(slices.Clone(p.config.Endpoints), p.endpoint(fmt.Sprint("e", i+1)))
			p.say("%+v", p.config)
			p.must(p.step(Configured{p.config}))
			p.pass(5, 20)
		}
		p.pass(60, 60)
		return 0, 0
	})
}
