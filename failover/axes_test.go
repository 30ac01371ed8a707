package failover

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// axes is a random history in which all that may differ differs at once: modes, delays,
// preferences, lengths of segments, inputs, renditions, restarts under old and new names with
// equal and other timestamps, deaths of renditions, wrong dates, jitter, steps of the clock,
// reloads and restarts of the process.
type axes struct {
	*world
	*rand.Rand
	renditions []string
	used       map[string]map[string]bool // objects, by endpoint
	clocks     map[int]Ticks              // timestamps of programme time 0, by start of an encoder
	last       map[string]Slot
	restarted  bool // the process
	up         map[string]bool
	upAt       map[string]time.Time
	silent     time.Time        // when all inputs were last down
	givenUp    map[string]Ticks // where the last slot ended that was given up, by endpoint
}

func newAxes(seed uint64) *axes {
	a := &axes{
		world: newWorld(), Rand: rand.New(rand.NewPCG(seed, 11)), used: map[string]map[string]bool{}, last: map[string]Slot{},
		clocks: map[int]Ticks{}, givenUp: map[string]Ticks{}, up: map[string]bool{}, upAt: map[string]time.Time{},
	}
	a.renditions = []string{"v", "audio", "v2", "text", "audio2", "v3"}[:1+a.IntN(6)]
	for i := range 2 + a.IntN(3) {
		a.config.Inputs = append(a.config.Inputs, string(rune('a'+i)))
	}
	for i := range 1 + a.IntN(3) {
		e := EndpointConfig{
			Name: fmt.Sprint("e", i), SegmentDuration: []time.Duration{2 * time.Second, 6 * time.Second, 4 * time.Second}[a.IntN(3)],
			GapOnLoss: a.IntN(3) == 0, Hitless: a.IntN(4) == 0,
		}
		if a.IntN(3) == 0 {
			e.TimeDelay = time.Duration(a.IntN(30)) * time.Second
		}
		if a.IntN(3) == 0 {
			e.Prefer, e.PreferAfter = a.config.Inputs[a.IntN(len(a.config.Inputs))], 8*time.Second
		}
		a.config.Endpoints = append(a.config.Endpoints, e)
	}
	a.check = a.judge
	return a
}

// begin starts an encoder that is like the others, or not.
func (a *axes) begin(name string, incarnation int) error {
	e := newSimulator(name)
	e.renditions = slices.Clone(a.renditions)
	if a.IntN(4) == 0 {
		e.lengths["audio"] = 172800 // 1.92 s
	}
	if a.IntN(3) == 0 {
		e.lengths["text"] = 6 * ClockRate
	}
	e.late = time.Duration(50+a.IntN(2000)) * time.Millisecond
	switch a.IntN(4) {
	case 0:
		e.timestamps = Ticks(a.Int64N(1 << 33))
	case 1:
		e.number = 1
	case 2:
		e.number, e.timestamps = 1, Ticks(a.Int64N(1<<33))
	}
	if a.IntN(3) == 0 && incarnation > 0 {
		e.names = fmt.Sprint("n", incarnation)
	}
	if a.IntN(3) == 0 {
		e.dates = true
		e.dateSkew = []Ticks{0, 2 * ClockRate, -7200 * ClockRate, 400 * 86400 * ClockRate}[a.IntN(4)]
	}
	e.multivariant = a.IntN(4) > 0
	jitter := time.Duration(a.IntN(4)) * 500 * time.Millisecond
	if a.IntN(6) == 0 {
		jitter = 8 * time.Second
	}
	e.jitter = func(string, uint64) time.Duration { return time.Duration(a.Int64N(int64(jitter) + 1)) }
	if err := a.start(e); err != nil {
		return err
	}
	a.clocks[e.incarnation] = e.timestamps
	return nil
}

// trouble: something happens.
func (a *axes) trouble(round int) error {
	name := a.config.Inputs[a.IntN(len(a.config.Inputs))]
	e := a.encoders[name]
	switch a.IntN(11) {
	case 0, 1:
		e.off = true
	case 2, 3:
		return a.begin(name, round)
	case 4:
		for n := range uint64(400) {
			if bad := Defects()[a.IntN(9)]; a.IntN(3) == 0 && bad != DefectSlow && bad != DefectRepeated {
				e.faults[key{e.renditions[0], n}] = string(bad)
			}
		}
	case 10:
		dead := e.renditions[a.IntN(len(e.renditions))]
		for n := range uint64(400) {
			e.faults[key{dead, n}] = "drop"
		}
	case 5:
		if e.paused {
			return e.resume(a.world)
		}
		e.paused = true
	case 6:
		d := time.Duration(a.IntN(240)-120) * time.Second
		a.ahead += d
		return a.step(Clock{Ahead: a.ahead})
	case 7:
		config := a.config
		config.Endpoints = slices.Clone(config.Endpoints)
		config.Endpoints[0].TimeDelay = time.Duration(a.IntN(20)) * time.Second
		a.config = config
		return a.step(Configured{config})
	case 8:
		a.restarted = true
		clear(a.up)
		return a.restart(true)
	case 9:
		return a.step(Order{Endpoint: a.config.Endpoints[0].Name, Input: name, Pin: a.IntN(2) == 0})
	}
	return nil
}

func (a *axes) judge(now time.Time, effect Effect) error {
	if in, ok := effect.(InputChanged); ok {
		if a.up[in.Input] = in.Up; in.Up {
			a.upAt[in.Input] = now
		}
		if !slices.Contains(slices.Collect(maps.Values(a.up)), true) {
			a.silent = now
		}
	}
	if g, ok := effect.(SlotGivenUp); ok {
		a.givenUp[g.Endpoint] = g.End
	}
	p, ok := effect.(Published)
	if !ok {
		return nil
	}
	s := p.Slot
	last, begun := a.last[s.Endpoint]
	a.last[s.Endpoint] = s
	if begun {
		want := last.DiscontinuityNumber
		if s.Discontinuity {
			want++
		}
		switch {
		case s.MSN != last.MSN+1:
			return fmt.Errorf("number %d follows %d", s.MSN, last.MSN)
		case s.DiscontinuityNumber != want:
			return fmt.Errorf("slot %d: discontinuity number %d, not %d", s.MSN, s.DiscontinuityNumber, want)
		case s.TargetDuration != last.TargetDuration:
			return fmt.Errorf("slot %d: target duration %d was %d", s.MSN, s.TargetDuration, last.TargetDuration)
		case s.Start < last.End-ClockRate/10 && !s.Rewound:
			return fmt.Errorf("slot %d begins %.3f s before the last one ends", s.MSN, (last.End - s.Start).Seconds())
		}
	}
	if err := a.punctual(s); err != nil {
		return fmt.Errorf("slot %d of %s: %w", s.MSN, s.Endpoint, err)
	}
	return a.media(s)
}

// punctual checks that an input is left before its deadline only if it can't deliver.
func (a *axes) punctual(s Slot) error {
	// What is left of a slot that was given up has had its deadlines.
	if !s.Switch.Changed() || s.Start < a.givenUp[s.Endpoint] || !s.Published.Before(s.Switch.Deadline) {
		return nil
	}
	switch s.Switch.Reason {
	case ReasonEnded, ReasonNewGeneration, ReasonUnstable, ReasonManual, ReasonPreferred, ReasonRemoved, ReasonAhead:
		return nil
	}
	if slices.Contains(Defects(), Defect(s.Switch.Reason)) {
		return nil // it did deliver, and another input did so better
	}
	if !a.silent.Before(a.upAt[s.Switch.From]) {
		return nil // all inputs were lost since
	}
	return fmt.Errorf("left %s at %s for %s, and its deadline was %s", s.Switch.From, a.stamp(s.Published), s.Switch.Reason, a.stamp(s.Switch.Deadline))
}

// media checks what the slot holds: of one input and one run, nothing twice, nothing that
// was released, no longer than was promised.
func (a *axes) media(s Slot) error {
	used := a.used[s.Endpoint]
	if used == nil {
		used = map[string]bool{}
		a.used[s.Endpoint] = used
	}
	run := 0
	for _, r := range s.Renditions {
		if len(r.Parts) > 1 && rounded(r.Duration) > s.TargetDuration {
			return fmt.Errorf("slot %d: %.3f s of %s, and the target duration is %d", s.MSN, r.Duration.Seconds(), r.Path, s.TargetDuration)
		}
		for _, p := range r.Parts {
			input, _, _ := strings.Cut(p.Object, "/")
			of := a.of[p.Object]
			switch {
			case input != s.From(p):
				return fmt.Errorf("slot %d of %s holds %s", s.MSN, s.Input, p.Object)
			case used[p.Object] && !(a.restarted && strings.HasPrefix(r.Path, "text")):
				// Text has no place of its own: after a restart of the process it may
				// come once more.
				return fmt.Errorf("slot %d of %s holds %s once more", s.MSN, s.Endpoint, p.Object)
			case a.released[p.Object]:
				return fmt.Errorf("slot %d holds %s, which was released", s.MSN, p.Object)
			case run != 0 && a.clocks[of] != a.clocks[run] && !strings.HasPrefix(r.Path, "text"):
				return fmt.Errorf("slot %d holds two runs of %s", s.MSN, input)
			}
			used[p.Object] = true
			if !strings.HasPrefix(r.Path, "text") {
				run = of
			}
		}
	}
	return nil
}

// Whatever happens, nothing comes twice, no number goes back, nobody is left before his
// deadline, and a minute after all is well every endpoint is on air again.
func TestAnyHistory(t *testing.T) {
	for seed := range seeds(300) {
		a := newAxes(seed)
		fail := func(err error) {
			if err != nil {
				t.Fatalf("seed %d: at %s: %v", seed, a.stamp(a.now), err)
			}
		}
		for _, name := range a.config.Inputs {
			fail(a.begin(name, 0))
		}
		for round := range 12 {
			fail(a.run(a.now.Add(time.Duration(1+a.IntN(20)) * time.Second)))
			fail(a.trouble(round + 1))
		}
		// All is well again, with one encoder that is as it should be.
		for _, e := range a.encoders {
			e.off = true
		}
		well := newSimulator(a.config.Inputs[0])
		well.renditions, well.names = a.renditions, "well"
		fail(a.start(well))
		fail(a.run(a.now.Add(2 * time.Minute)))
		for _, ec := range a.config.Endpoints {
			last, ok := a.last[ec.Name]
			if limit := ec.TimeDelay + 4*ec.SegmentDuration + 10*time.Second; !ok || a.now.Sub(last.Published) > limit {
				t.Fatalf("seed %d: endpoint %s stands still since %s, at %s\n%s", seed, ec.Name, a.stamp(last.Published), a.stamp(a.now),
					describeStatus(a.channel.Status()))
			}
		}
		if seed%10 == 0 {
			sameEffects(t, a.effects, replay(t, Replay{}, a.trace))
		}
	}
}
