package failover

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// troubledPair is a history of locked encoders, at each of which something is wrong with a
// fifth of the segments. never: with no segment of a rendition at both.
func troubledPair(t *testing.T, seed uint64, never bool, trouble ...string) *trace {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 14))
	w := newWorld()
	tr := &trace{
		world: w, seed: seed, arrived: map[string]time.Time{}, upAt: map[string]time.Time{},
		down: map[string][]time.Time{}, given: map[string]map[string]string{},
	}
	w.config.Inputs = []string{"a", "b"}
	w.config.Endpoints = []EndpointConfig{
		{Name: "short", SegmentDuration: 2 * time.Second}, {Name: "long", SegmentDuration: 6 * time.Second},
	}
	w.check = tr.observe
	renditions := []string{"v", "v2", "audio"}
	lost := map[key]bool{}
	for i, name := range w.config.Inputs {
		e := newSimulator(name)
		e.renditions, e.timestamps = renditions, Ticks(1<<33)-40*ClockRate
		e.late = time.Duration(50+rng.IntN(1500)) * time.Millisecond
		for _, r := range renditions {
			for n := uint64(4); n < 90; n++ {
				k := key{r, n}
				if rng.IntN(5) > 0 || never && i > 0 && lost[k] {
					continue
				}
				lost[k] = true
				e.faults[k] = trouble[rng.IntN(len(trouble))]
			}
		}
		if err := w.start(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.run(epoch.Add(3 * time.Minute)); err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	return tr
}

// Of locked inputs nothing is lost that any of them delivered, down to a single segment of
// a single rendition, and no tag tells of it.
func TestTheUnionLosesNothing(t *testing.T) {
	for seed := range seeds(100) {
		tr := troubledPair(t, seed, true, "drop", "truncate")
		for _, endpoint := range []string{"short", "long"} {
			for _, r := range []string{"v", "v2", "audio"} {
				for n := 4; n < 80; n++ {
					if _, ok := tr.given[endpoint][fmt.Sprintf("%s %d", r, n)]; !ok {
						t.Errorf("seed %d: endpoint %s lost segment %d of %s", seed, endpoint, n, r)
					}
				}
			}
			for _, s := range tr.all[endpoint] {
				if s.Discontinuity || s.Lost > 0 {
					t.Errorf("seed %d: endpoint %s: %s", seed, endpoint, tr.describe(s))
				}
			}
		}
		if t.Failed() {
			return
		}
	}
}

// No defect is shown that another locked input does not have, and no tag tells of it.
func TestTheUnionShowsNoDefect(t *testing.T) {
	for seed := range seeds(100) {
		tr := troubledPair(t, seed, true, "hole", "damaged", "track_gone", "no_key_frame", "drop")
		for _, endpoint := range []string{"short", "long"} {
			for _, s := range tr.all[endpoint] {
				flawed := slices.ContainsFunc(s.Renditions, func(r SlotRendition) bool { return len(r.Defects) > 0 || r.Gap() })
				if flawed || s.Discontinuity || s.Lost > 0 {
					t.Fatalf("seed %d: endpoint %s: %s", seed, endpoint, tr.describe(s))
				}
			}
		}
	}
}

// Where both have lost a segment, nothing else is lost but its own slot's rendition.
func TestTheUnionLosesOnlyWhatAllLost(t *testing.T) {
	for seed := range seeds(100) {
		tr := troubledPair(t, seed, false, "drop", "truncate")
		for _, endpoint := range []string{"short", "long"} {
			for n := 4; n < 80; n++ {
				for _, r := range []string{"v", "v2", "audio"} {
					k := key{r, uint64(n)}
					if tr.encoders["a"].faults[k] != "" && tr.encoders["b"].faults[k] != "" {
						continue
					}
					if _, ok := tr.given[endpoint][fmt.Sprintf("%s %d", r, n)]; !ok && tr.pictured(n) && tr.live(tr.given[endpoint], r, int64(n)) {
						t.Errorf("seed %d: endpoint %s lost segment %d of %s", seed, endpoint, n, r)
					}
				}
			}
		}
		if t.Failed() {
			return
		}
	}
}

// pictured reports whether some input has delivered a picture there, which the rest of the
// slot needs.
func (tr *trace) pictured(n int) bool {
	for _, e := range tr.encoders {
		if e.faults[key{"v", uint64(n)}] == "" {
			return true
		}
	}
	return false
}

// However long an input's own deadline is, a hitless slot is there when the first of the
// locked inputs has it.
func TestHitlessIsNeverLate(t *testing.T) {
	for seed := range seeds(100) {
		rng := rand.New(rand.NewPCG(seed, 15))
		w := newWorld()
		w.config.Inputs = []string{"a", "b"}
		w.config.Endpoints = []EndpointConfig{{Name: "hls", SegmentDuration: 2 * time.Second, Hitless: true}}
		late := map[string]time.Duration{}
		begin := func(name string) {
			e := newSimulator(name)
			e.renditions, e.late = []string{"v", "audio"}, late[name]
			if err := w.start(e); err != nil {
				t.Fatal(err)
			}
		}
		for _, name := range w.config.Inputs {
			late[name] = time.Duration(50+rng.IntN(900)) * time.Millisecond
			begin(name)
		}
		pass := func(d time.Duration) {
			if err := w.run(w.now.Add(d)); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
		}
		pass(10 * time.Second)
		for round := range 12 {
			name := w.config.Inputs[round%2]
			w.encoders[name].off = true
			pass(time.Duration(4+rng.IntN(9)) * time.Second)
			begin(name)
			pass(time.Duration(12+rng.IntN(9)) * time.Second)
		}
		slowest := max(late["a"], late["b"])
		for _, s := range w.all["hls"][2:] {
			if s.Discontinuity || s.Published.After(s.End.Time().Add(slowest)) {
				t.Fatalf("seed %d: %s", seed, w.describe(s))
			}
		}
		if n := len(w.all["hls"]); n < 120 {
			t.Fatalf("seed %d: only %d slots", seed, n)
		}
	}
}

// In a union, what another encoder has goes on within half a frame. What one encoder sends goes on within a frame, as
// encoders round.
func TestWhatFollowsInAUnion(t *testing.T) {
	of := func(name string, start, end Ticks, number uint64) *segment {
		own := &segment{rendition: &rendition{input: &input{name: name}}}
		return &segment{state: sound, media: &Media{Frame: 3600}, origin: own, start: start, end: end, number: number}
	}
	a := of("a", 0, 180000, 1)
	for _, c := range []struct {
		next *segment
		want bool
	}{
		{of("b", 181800, 361800, 3), true},
		{of("b", 183240, 363240, 3), false},
	} {
		if got := follows(a, c.next); got != c.want {
			t.Errorf("from %d on it follows: %t", c.next.start, got)
		}
	}
	if own := (&segment{state: sound, media: a.media, origin: a.origin, start: 183240, end: 363240, number: 3}); !follows(a, own) {
		t.Error("what an encoder rounds does not follow")
	}
}
