package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// switches collects from the origin's log how late changes of the active input
// were. The line is written after the slot was published, so its own time is the
// one that counts.
type switches struct {
	mu   sync.Mutex
	late []float64 // seconds after the deadline
	last string    // line
}

func (s *switches) line(text string) {
	var entry struct {
		Message  string  `json:"msg"`
		Written  float64 `json:"ts"`
		Deadline float64 `json:"deadline"`
		Reason   string  `json:"reason"`
	}
	if json.Unmarshal([]byte(text), &entry) != nil || entry.Message != "active input switched" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.late, s.last = append(s.late, entry.Written-entry.Deadline), text
}

const (
	aliveFor = 4 // segments before an encoder dies
	deadFor  = 2 // segments
	lateGoal = 0.020
)

// measureFailover lets the active encoders die, those of all channels at the same moment:
// they miss two segments and come back as standby, and then the others die.
func measureFailover(ctx context.Context, b *bench) ([]row, error) {
	var rows []row
	for _, f := range []struct{ channels, deaths int }{{1, 6}, {50, 3}} {
		late, err := b.switched(ctx, f.channels, f.deaths)
		if err != nil {
			return rows, err
		}
		worst := slices.Max(late)
		rows = append(rows, row{
			what: fmt.Sprintf("failover after its deadline, %d channel%s", f.channels, strings.Repeat("s", min(f.channels-1, 1))),
			ours: fmt.Sprintf("p50 %s, worst %s", milliseconds(median(late)), milliseconds(worst)),
			peer: fmt.Sprintf("(%d of %d switches)", len(late), f.channels*f.deaths), ratio: "-",
			goal: "<= " + milliseconds(lateGoal),
			met:  yes(worst <= lateGoal && len(late) == f.channels*f.deaths),
		})
	}
	return rows, nil
}

func (b *bench) switched(ctx context.Context, channels, deaths int) ([]float64, error) {
	found := &switches{}
	o, err := b.startOrigin(ctx, pairs(channels, 1, 6), found.line)
	if err != nil {
		return nil, err
	}
	defer o.stop()
	var wait sync.WaitGroup
	var mu sync.Mutex
	var failed error
	for i := range channels {
		for which, input := range []string{"a", "b"} {
			wait.Go(func() {
				e := newEncoder(o.addr, b.small, fmt.Sprintf("/in/c%d/%s", i, input))
				defer e.close()
				// b sends a little later, so that a is the first choice.
				time.Sleep(time.Duration(which) * 100 * time.Millisecond)
				err := e.dieInTurns(ctx, which, deaths)
				if err != nil {
					mu.Lock()
					defer mu.Unlock()
					failed = err
				}
			})
		}
	}
	wait.Wait()
	if failed != nil {
		return nil, failed
	}
	time.Sleep(time.Second)
	found.mu.Lock()
	defer found.mu.Unlock()
	if len(found.late) == 0 {
		return nil, fmt.Errorf("no switch in the log:\n%s", o.tail())
	}
	return slices.Clone(found.late), nil
}

// dieInTurns plays in real time; encoder 0 dies in the first cycle, encoder 1 in
// the second, and so on.
func (e *encoder) dieInTurns(ctx context.Context, which, deaths int) error {
	const cycle = aliveFor + deadFor
	return pace(e.reel.length, cycle*deaths+1, func(i int) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if i/cycle%2 == which && i%cycle >= aliveFor {
			e.skip()
			return nil
		}
		return e.feed(1)
	})
}
