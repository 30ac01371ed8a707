package failover

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"testing"
	"time"
)

// What a trace holds leads to the same decisions, whatever happened: all scenarios,
// through the text of a trace and back.
func TestAReplayDecidesTheSame(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			w := runScenario(t, file)
			sameEffects(t, w.effects, replay(t, Replay{}, w.trace))
			// Without the recorded ticks the core is woken at its own deadlines,
			// which here are kept to the nanosecond.
			var facts []Record
			for _, r := range w.trace {
				if r.Tick == nil {
					facts = append(facts, r)
				}
			}
			facts = append(facts, Record{Time: w.now.Add(1), Tick: &Tick{}})
			same := Replay{Change: func(c Config) Config { return c }}
			sameEffects(t, w.effects, replay(t, same, facts))
		})
	}
}

// So it does for random histories: encoders that come and go, lose segments, jitter and
// begin their numbers and timestamps anew.
func TestAReplayOfAnyHistoryDecidesTheSame(t *testing.T) {
	for seed := range seeds(40) {
		tr := runTrace(t, seed, traceOptions{
			inputs: 2 + int(seed%2), renditions: []string{"v", "audio"}, loss: float64(seed%7) * 0.05,
			lateness: 4 * time.Second, jitter: time.Duration(seed%3) * 400 * time.Millisecond,
			kills: seed%4 > 0, resets: seed%2 > 0, minutes: 4,
		})
		sameEffects(t, tr.effects, replay(t, Replay{}, tr.trace))
	}
}

func replay(t *testing.T, r Replay, trace []Record) []Effect {
	t.Helper()
	var effects []Effect
	for _, rec := range trace {
		text, err := json.Marshal(rec)
		if err != nil {
			t.Fatal(err)
		}
		var read Record
		if err := json.Unmarshal(text, &read); err != nil {
			t.Fatal(err)
		}
		more, err := r.Step(read)
		if err != nil {
			t.Fatal(err)
		}
		effects = append(effects, more...)
	}
	return effects
}

func sameEffects(t *testing.T, want, got []Effect) {
	t.Helper()
	a, b := texts(t, want), texts(t, got)
	for i := range max(len(a), len(b)) {
		if i >= len(a) || i >= len(b) || a[i] != b[i] {
			t.Fatalf("of %d and %d effects, the first difference is at %d:\nwas  %s\nnow  %s", len(a), len(b), i, at(a, i), at(b, i))
		}
	}
}

func at(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return "nothing"
}

// texts leaves out what only says that bytes are free: when, depends on how often
// the core is asked.
func texts(t *testing.T, effects []Effect) []string {
	t.Helper()
	var list []string
	for _, e := range effects {
		if _, ok := e.(Released); ok {
			continue
		}
		text, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, string(text))
	}
	return list
}

func TestAReplayNeedsABeginning(t *testing.T) {
	r := Replay{}
	if _, err := r.Step(RecordOf(epoch, Tick{})); !errors.Is(err, ErrNoOpening) {
		t.Errorf("%v, not %v", err, ErrNoOpening)
	}
}
