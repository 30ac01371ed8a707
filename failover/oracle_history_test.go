package failover

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// ruled is a random history of encoders that differ in nothing but what the rule is about: what comes when and in
// which quality, on which clock, and what the operator wants.
type ruled struct {
	*programme
	late                 map[string]time.Duration // by input
	clock, claims        map[string]Ticks
	losses, holes, holds float64
	changes              []time.Time // of options and orders
	wishes               map[string][]wish
	repeated             map[string][]int // slots that were decided while what came before a restart was repeated, at no other moments
}

// wish is an order of the operator.
type wish struct {
	at    time.Time
	input string
	pin   bool
}

// Whatever happens, each slot is of the input that the rule says, and not a moment earlier or later than it says.
func TestTheRuleIsKept(t *testing.T) {
	for seed := range seeds(150) {
		r := newRuled(seed)
		r.play()
		if why := r.judge(newOracle(r.programme, 2*ClockRate)); why != "" {
			t.Errorf("seed %d: %s\n%v of %+v\n%q", seed, why, r.renditions, r.config.Endpoints, r.log)
		}
	}
}

func newRuled(seed uint64) *ruled {
	p := newProgramme(seed, 2+int(seed)%2)
	r := &ruled{
		programme: p, late: map[string]time.Duration{}, clock: map[string]Ticks{}, claims: map[string]Ticks{}, wishes: map[string][]wish{}, repeated: map[string][]int{},
		losses: pickOf(p, 0, 0.03, 0.1), holes: pickOf(p, 0, 0, 0.03), holds: pickOf(p, 0, 0.03),
	}
	if r.holes > 0 {
		r.holds = 0 // what is late and bad is held for others that may come as late
	}
	p.renditions = pickOf(p, []string{"v"}, []string{"v", "audio"}, []string{"v", "audio"})
	p.config.Endpoints = nil
	for i := range 1 + p.rng.IntN(3) {
		p.config.Endpoints = append(p.config.Endpoints, r.options(fmt.Sprint("e", i)))
	}
	lies := p.rng.IntN(2) == 0
	for i, name := range p.config.Inputs {
		r.late[name] = time.Duration(100+101*p.rng.IntN(30)+13*i) * time.Millisecond // nothing comes at the same moment
		r.clock[name] = pickOf(p, Ticks(1<<32), 1<<32, 1<<31)
		if lies {
			r.claims[name] = pickOf(p, Ticks(0), 5*ClockRate, ClockRate/2)
		}
	}
	return r
}

func (r *ruled) options(name string) EndpointConfig {
	e := EndpointConfig{
		Name: name, SegmentDuration: pickOf(r.programme, 2*time.Second, 4*time.Second, 6*time.Second), PlaylistWindow: time.Minute,
		FailoverGrace: pickOf(r.programme, 0, 0, 300*time.Millisecond, 1500*time.Millisecond, 3*time.Second),
		TimeDelay:     pickOf(r.programme, 0, 0, 0, time.Second, 5*time.Second, 20*time.Second),
		Hitless:       r.rng.IntN(4) == 0, GapOnLoss: r.rng.IntN(4) == 0,
	}
	if r.rng.IntN(3) == 0 {
		e.Prefer, e.PreferAfter = pickOf(r.programme, r.config.Inputs...), time.Duration(r.rng.IntN(10))*time.Second
	}
	return e
}

// begin starts an encoder of an input, with all that will go wrong.
func (r *ruled) begin(name string) {
	e := newSimulator(name)
	e.renditions, e.timestamps, e.window, e.late, e.dates = r.renditions, r.clock[name], 8, r.late[name], true
	e.claims, e.playlistFirst = r.claims[name], 10*time.Millisecond
	if r.rng.IntN(2) == 0 {
		e.names = fmt.Sprintf("%d-", r.incarnations)
	}
	first := r.next()
	for n := first + 4; n < first+200; n++ {
		for _, path := range r.renditions {
			switch x := r.rng.Float64(); {
			case x < r.losses:
				e.faults[key{path, n}] = "drop"
			case x < r.losses+r.holes:
				e.faults[key{path, n}] = "hole"
			case x < r.losses+r.holes+r.holds:
				e.holds[key{path, n}] = time.Duration(r.rng.IntN(50)) * 103 * time.Millisecond
			}
		}
	}
	r.say("start %s, %s late, on clock %d", name, r.late[name], r.clock[name])
	r.must(r.start(e))
	r.timestamps[e.incarnation] = e.timestamps
}

// next is the number of the segment that is being made.
func (r *ruled) next() uint64 { return uint64(TicksOf(r.now.Sub(epoch)) / (2 * ClockRate)) }

func (r *ruled) play() {
	for _, name := range r.config.Inputs {
		r.begin(name)
	}
	r.pass(30, 40)
	for range 8 {
		name := pickOf(r.programme, r.config.Inputs...)
		switch e := r.encoders[name]; r.rng.IntN(9) {
		case 0:
			r.reconfigure()
		case 1:
			r.order()
		case 2:
			if len(r.claims) == 0 { // else what EXTINF was like is not known for some segments
				r.restartProcess()
			}
		case 3:
			if len(r.renditions) > 1 {
				r.say("no audio of %s", name)
				for n := r.next() + 2; n < r.next()+2+uint64(r.rng.IntN(12)); n++ {
					e.faults[key{"audio", n}] = "drop"
				}
			}
		case 4:
			r.clock[name] = pickOf(r.programme, Ticks(1<<32), 1<<31)
			r.begin(name)
		case 5:
			r.begin(name)
		default:
			if e.off {
				r.begin(name)
				break
			}
			r.say("kill %s", name)
			e.off = true
		}
		r.pass(4, 30)
	}
	r.pass(20, 20)
}

// reconfigure changes an endpoint, or adds one.
func (r *ruled) reconfigure() {
	r.config.Endpoints = slices.Clone(r.config.Endpoints)
	if n := len(r.config.Endpoints); n < 4 && r.rng.IntN(2) == 0 {
		r.config.Endpoints = append(r.config.Endpoints, r.options(fmt.Sprint("e", n)))
	} else {
		was := &r.config.Endpoints[r.rng.IntN(n)]
		now := r.options(was.Name)
		now.SegmentDuration, now.TimeDelay = was.SegmentDuration, was.TimeDelay
		*was = now
	}
	r.say("options %+v", r.config.Endpoints)
	r.changes = append(r.changes, r.now)
	r.must(r.step(Configured{r.config}))
}

func (r *ruled) order() {
	endpoint := pickOf(r.programme, r.config.Endpoints...).Name
	w := wish{r.now, pickOf(r.programme, "", r.config.Inputs[0], r.config.Inputs[1]), r.rng.IntN(2) == 0}
	r.say("order %s %q %t", endpoint, w.input, w.pin)
	r.changes = append(r.changes, r.now)
	r.wishes[endpoint] = append(r.wishes[endpoint], w)
	r.must(r.step(Order{Endpoint: endpoint, Input: w.input, Pin: w.pin}))
}

func (r *ruled) restartProcess() {
	r.say("restart of the process")
	r.changes = append(r.changes, r.now)
	for endpoint := range r.wishes {
		r.wishes[endpoint] = append(r.wishes[endpoint], wish{at: r.now}) // nobody repeats the order here
	}
	before := map[string]int{}
	for endpoint, slots := range r.all {
		before[endpoint] = len(slots)
	}
	r.must(r.restart(true))
	for endpoint, slots := range r.all {
		for i := before[endpoint]; i < len(slots); i++ {
			r.repeated[endpoint] = append(r.repeated[endpoint], i)
		}
	}
}
