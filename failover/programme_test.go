package failover

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// histories runs a history with many seeds. It returns how many seams there may be, and how much of the
// programme may be missing in one place.
func histories(t *testing.T, usual uint64, run func(p *programme) (seams int, lost Ticks)) {
	t.Helper()
	for seed := range seeds(usual) {
		p := newProgramme(seed, 2+int(seed)%2)
		seams, lost := run(p)
		if why := p.broken(seams, lost); why != "" {
			t.Errorf("seed %d: %s\n%v of %+v\n%q", seed, why, p.renditions, p.config.Endpoints, p.log)
		}
	}
}

// An input that delivers everything in its rhythm is on air without a gap, whatever the others do.
func TestAWholeInputIsOnAirWhateverOthersDo(t *testing.T) {
	histories(t, 250, func(p *programme) (int, Ticks) {
		shared := p.elsewhere()
		p.begin("a", p.cut, shared, 0)
		p.pass(15, 40)
		for range 8 {
			name := pickOf(p, p.config.Inputs[1:]...)
			switch e := p.encoders[name]; {
			case p.rng.IntN(8) == 0:
				p.say("restart of the process")
				p.must(p.restart(true))
			case e == nil || p.rng.IntN(3) == 0:
				e = p.begin(name, pickOf(p, p.cut, p.grid()), pickOf(p, shared, shared, p.elsewhere()), time.Duration(p.rng.IntN(3000))*time.Millisecond)
				loss := pickOf(p, 0, 0.1, 0.3)
				for n := range uint64(400) {
					if r := pickOf(p, p.renditions...); p.rng.Float64() < loss {
						e.faults[key{r, n}] = pickOf(p, "drop", "truncate", "gap", "hole")
					}
				}
			case e.paused:
				p.say("resume %s", name)
				p.must(e.resume(p.world))
			default:
				p.say("kill or pause %s", name)
				e.off, e.paused = p.rng.IntN(2) == 0, true
			}
			p.pass(1, 20)
		}
		p.pass(30, 30)
		return 0, 0
	})
}

// The death of an encoder costs one seam and a little media at most, and nothing where its partner is locked.
func TestADeathCostsOneSeamOrNone(t *testing.T) {
	histories(t, 60, func(p *programme) (seams int, lost Ticks) {
		locked := p.rng.IntN(2) == 0
		p.dates = p.dates || !locked
		start := func(name string) {
			cut, timestamps := p.cut, Ticks(1<<32)
			if !locked {
				cut, timestamps = p.grid(), p.elsewhere()
			}
			p.begin(name, cut, timestamps, time.Duration(p.rng.IntN(500))*time.Millisecond)
		}
		for _, name := range p.config.Inputs {
			start(name)
		}
		p.pass(50, 60)
		for range 3 {
			victim := p.channel.endpoints[0].active
			p.say("kill %s", victim)
			p.encoders[victim].off = true
			p.pass(20, 50)
			start(victim)
			p.pass(60, 60)
		}
		if locked {
			return 0, 0
		}
		return 3, 2*p.longest + 3*ClockRate
	})
}

// What two locked inputs have together is on air without a gap, whatever the operator changes.
func TestWhatTheOperatorChangesIsNotSeen(t *testing.T) {
	histories(t, 60, func(p *programme) (int, Ticks) {
		lossy := p.rng.IntN(2) == 0
		start := func(name string) {
			e := p.begin(name, p.cut, 1<<32, time.Duration(p.rng.IntN(1000))*time.Millisecond)
			for n := range uint64(400) {
				// Never what another one loses.
				if r := pickOf(p, p.renditions...); lossy && n > 40 && e.names == "" && n%4 < 3 && name == string(rune('a'+n%4)) {
					e.faults[key{r, n}] = "drop"
				}
			}
		}
		for _, name := range p.config.Inputs {
			start(name)
		}
		p.pass(50, 60)
		for range 8 {
			endpoints := slices.Clone(p.config.Endpoints)
			changed := &endpoints[p.rng.IntN(len(endpoints))]
			switch p.rng.IntN(6) {
			case 0:
				p.raised = 25 * time.Second
				changed.SegmentDuration = pickOf(p, time.Second, 2*time.Second, 6*time.Second, 10*time.Second)
			case 1:
				changed.TimeDelay, p.raised = time.Duration(p.rng.IntN(25))*time.Second, 25*time.Second
			case 2:
				p.config.Inputs = slices.Clone(p.config.Inputs)
				slices.Reverse(p.config.Inputs)
			case 3:
				if len(endpoints) < 3 {
					endpoints = append(endpoints, p.endpoint(fmt.Sprint("e", len(endpoints))))
				}
			case 4:
				p.must(p.step(Order{Endpoint: changed.Name, Input: pickOf(p, p.config.Inputs...), Pin: p.rng.IntN(2) == 0}))
			case 5:
				if name := pickOf(p, p.config.Inputs...); !lossy {
					p.say("kill %s", name)
					p.encoders[name].off = true
					p.pass(3, 40)
					start(name)
					p.pass(20, 20)
				}
			}
			p.config.Endpoints = endpoints
			p.say("%+v", p.config)
			p.must(p.step(Configured{p.config}))
			p.pass(1, 30)
		}
		p.pass(40, 40)
		return 0, 0
	})
}
