package failover

import (
	"math/rand/v2"
	"testing"
)

// A generation that is put elsewhere on the channel's clock, by however much, does not fall behind.
func TestMovingAGenerationIsNotSlow(t *testing.T) {
	const length = 2 * ClockRate
	for _, by := range []Ticks{-28 * ClockRate, 0, 28 * ClockRate} {
		g := &generation{input: newInput(&Channel{}, "a")}
		var lately tempo
		for n := range Ticks(40) {
			if n == 13 {
				g.move(by)
			}
			// Each is later than the one before, by much less than a slow encoder's.
			end := (n + 1) * length
			lately.follow(end+n*20, &segment{rendition: &rendition{length: length}, generation: g, start: end - length, end: end})
		}
		if lost := lately.lost(40 * length); lost <= 0 || lost > slowLost/4 {
			t.Errorf("moved by %v s: lost %v ticks within a minute", by/ClockRate, lost)
		}
	}
}

// paced follows segments of a length for an hour, each as much later than its end as late says, and
// tells at each of them how much was lost, and whether the input kept pace.
func paced(length Ticks, late func(at Ticks) Ticks, each func(at, lost Ticks, keeps bool)) {
	g := &generation{input: newInput(&Channel{}, "a")}
	r := &rendition{length: length}
	var lately tempo
	for end := length; end < 3600*ClockRate; end += length {
		at := end + late(end)
		lately.follow(at, &segment{rendition: r, generation: g, start: end - length, end: end})
		each(end, lately.lost(at), lately.keeps(at))
	}
}

var segmentLengths = []Ticks{ClockRate / 2, ClockRate, 2 * ClockRate, 4 * ClockRate, 6 * ClockRate, 10 * ClockRate, 15 * ClockRate, 20 * ClockRate, 30 * ClockRate}

func TestWhatIsNotSlow(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for name, late := range map[string]func(at Ticks) Ticks{
		"jitter":       func(Ticks) Ticks { return Ticks(r.Int64N(ClockRate)) },
		"steadily":     func(Ticks) Ticks { return 40 * ClockRate },
		"clock":        func(at Ticks) Ticks { return at / 1000 },
		"stopped once": func(at Ticks) Ticks { return at / (1800 * ClockRate) * 20 * ClockRate },
		// Of each five minutes one is held up, and then comes at once.
		"bursts": func(at Ticks) Ticks {
			if held := at % (300 * ClockRate); held < 60*ClockRate {
				return 60*ClockRate - held
			}
			return 0
		},
	} {
		for _, length := range segmentLengths {
			n, kept := 0, 0
			paced(length, late, func(at, lost Ticks, keeps bool) {
				if lost > slowLost {
					t.Errorf("%s, %v s: slow at %v s", name, length.Duration(), at.Duration())
				}
				if n++; keeps {
					kept++
				}
			})
			if kept*100 < n*70 {
				t.Errorf("%s, %v: keeps pace at %d of %d", name, length.Duration(), kept, n)
			}
		}
	}
}

func TestWhatIsSlow(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for name, late := range map[string]func(at Ticks) Ticks{
		"steadily":           func(at Ticks) Ticks { return at / 33 },
		"with jitter":        func(at Ticks) Ticks { return at/33 + Ticks(r.Int64N(ClockRate)) },
		"in steps":           func(at Ticks) Ticks { return at / (60 * ClockRate) * ClockRate * 5 / 2 },
		"in steps of 40 s":   func(at Ticks) Ticks { return at / (40 * ClockRate) * ClockRate * 2 },
		"in steps, jittered": func(at Ticks) Ticks { return at/(60*ClockRate)*ClockRate*5/2 + Ticks(r.Int64N(ClockRate/2)) },
	} {
		for _, length := range segmentLengths {
			n, slow, first := 0, 0, Ticks(0)
			paced(length, late, func(at, lost Ticks, keeps bool) {
				if n++; lost <= slowLost {
					return
				}
				if slow++; first == 0 {
					first = at
				}
				if keeps {
					t.Errorf("%s, %v: keeps pace at %v", name, length.Duration(), at.Duration())
				}
			})
			if within := max(4*60*ClockRate, 36*length); first == 0 || first > within || slow*100 < n*60 {
				t.Errorf("%s, %v: slow at %d of %d, first at %v", name, length.Duration(), slow, n, first.Duration())
			}
		}
	}
}
