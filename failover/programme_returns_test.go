package failover

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// returns starts an encoder of an input as another one than the last: under other playlist names or those of a while
// ago, with names of segments by the second, with or without a multivariant playlist.
func (p *programme) returns(name string, cut func(*simulator), timestamps Ticks, multivariant bool, suffixes ...string) *simulator {
	e := newSimulator(name)
	e.renditions = nil
	suffix := pickOf(p, suffixes...)
	for _, r := range p.renditions {
		e.renditions = append(e.renditions, r+suffix)
	}
	e.timestamps, e.window, e.late, e.dates = timestamps, pickOf(p, 3, 8), time.Duration(100+p.rng.IntN(1500))*time.Millisecond, p.dates
	cut(e)
	for _, r := range p.renditions {
		e.lates[r+suffix], e.frames[r+suffix] = e.lates[r], e.frames[r]
	}
	e.multivariant = multivariant
	e.bySecond = p.rng.IntN(3) == 0
	if p.rng.IntN(2) == 0 {
		e.number = 1
	}
	if p.rng.IntN(2) == 0 {
		e.names = fmt.Sprintf("%d-", p.incarnations)
	}
	p.say("%s is back as %v at %d, late %s, number %d, names %q, by second %t, multivariant %t", name, e.renditions, timestamps, e.late, e.number, e.names, e.bySecond, e.multivariant)
	p.must(p.start(e))
	p.timestamps[e.incarnation] = timestamps
	return e
}

// remember restarts the origin, which knows what had arrived, or what of it came lately.
func (p *programme) remember(since time.Time) {
	p.say("restart of the process, which knows what came since %s", since)
	p.must(p.restartSince(true, since))
}

// An input that delivers everything in its rhythm, under the same names, is on air without a gap, and under its names
// alone, whatever names the others come and go under, and whenever the origin is restarted.
func TestNamesThatComeAndGoBesideAWholeInput(t *testing.T) {
	for seed := range seeds(100) {
		p := newProgramme(seed, 2+int(seed)%2)
		for i := range p.config.Endpoints {
			if e := &p.config.Endpoints[i]; p.rng.IntN(3) == 0 {
				e.Prefer, e.PreferAfter = "a", time.Duration(p.rng.IntN(20))*time.Second
			}
		}
		shared, multivariant := p.elsewhere(), p.rng.IntN(3) > 0
		p.begin("a", p.cut, shared, 0)
		p.pass(15, 40)
		for _, name := range p.config.Inputs[1:] {
			p.returns(name, p.cut, shared, multivariant, "")
		}
		p.pass(15, 40)
		calm := p.rng.IntN(2) == 0 // who comes and goes within seconds may leave a name
		for range 10 {
			name := pickOf(p, p.config.Inputs[1:]...)
			recently := p.now.Add(-time.Minute)
			if calm {
				recently = time.Time{} // what an encoder was called before that nobody knows
			}
			switch e := p.encoders[name]; {
			case p.rng.IntN(5) == 0:
				p.remember(pickOf(p, time.Time{}, recently))
			case e != nil && !e.off && p.rng.IntN(4) == 0:
				p.say("kill %s", name)
				e.off = true
			default:
				if e != nil {
					e.off = true
				}
				p.pass(0, 5)
				p.returns(name, pickOf(p, p.cut, p.cut, p.grid()), pickOf(p, shared, shared, p.elsewhere()), multivariant, "", "x", "y")
			}
			if calm {
				p.pass(25, 25)
			}
			p.pass(1, 25)
		}
		p.pass(40, 40)
		why := p.broken(0, 0)
		for _, ec := range p.config.Endpoints {
			slots := p.all[ec.Name]
			for _, r := range slots[len(slots)-1].Renditions {
				if calm && why == "" && !slices.Contains(p.renditions, r.Path) {
					why = fmt.Sprintf("%s has %s in the end", ec.Name, r.Path)
				}
			}
		}
		if why != "" {
			t.Errorf("seed %d: %s\n%v of %+v\n%q", seed, why, p.renditions, p.config.Endpoints, p.log)
		}
	}
}
