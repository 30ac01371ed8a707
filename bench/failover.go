package main

import (
	"context"
	"encoding/json"
	"errors"
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
	for _, f := range []struct{ channels, deaths int }{{1, 6}, {50, 3}, {500, 3}} {
		late, spent, err := b.switched(ctx, f.channels, f.deaths)
		if err != nil {
			return rows, err
		}
		if f.channels > 1 {
			rows = append(rows, spent.row(f.channels))
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

// spending is CPU seconds of the process, over as many segments as encoders miss: before they die,
// and from then on.
type spending struct{ alive, dead []float64 }

func (s *spending) row(channels int) row {
	alive, dead := median(s.alive), median(s.dead)
	return row{
		what: fmt.Sprintf("failover of all, %d channels, CPU for two segments", channels),
		ours: fmt.Sprintf("%.0f ms, with the uploads of one input", dead*1e3), peer: fmt.Sprintf("%.0f ms before, of two", alive*1e3),
		ratio: fmt.Sprintf("%.2f", alive/dead), goal: "-", met: "-",
	}
}

// watch reads what the process spends in each cycle of encoders that begin now.
func (s *spending) watch(p *process, segment time.Duration, deaths int) error {
	began := time.Now().Add(50 * time.Millisecond) // the last encoder begins at 100 ms, the first at 0
	at := func(segments int) (float64, error) {
		time.Sleep(time.Until(began.Add(time.Duration(segments) * segment)))
		return p.cpu()
	}
	for cycle := range deaths {
		first := cycle * (aliveFor + deadFor)
		before, err := at(first + aliveFor - deadFor)
		if err != nil {
			return err
		}
		died, err := at(first + aliveFor)
		if err != nil {
			return err
		}
		after, err := at(first + aliveFor + deadFor)
		if err != nil {
			return err
		}
		s.alive, s.dead = append(s.alive, died-before), append(s.dead, after-died)
	}
	return nil
}

func (b *bench) switched(ctx context.Context, channels, deaths int) ([]float64, *spending, error) {
	found, spent := &switches{}, &spending{}
	o, err := b.startOrigin(ctx, pairs(channels, 1, 6), found.line)
	if err != nil {
		return nil, nil, err
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
				// They don't send at the same moment, as no two do.
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
	watched := spent.watch(o.process, b.small.length, deaths)
	wait.Wait()
	if err := errors.Join(failed, watched); err != nil {
		return nil, nil, err
	}
	time.Sleep(time.Second)
	found.mu.Lock()
	defer found.mu.Unlock()
	if len(found.late) == 0 {
		return nil, nil, fmt.Errorf("no switch in the log:\n%s", o.tail())
	}
	return slices.Clone(found.late), spent, nil
}

// dieInTurns plays in real time; encoder 0 dies in the first cycle, encoder 1 in the second, and
// so on. Encoder 1 leaves out the first segment, so that 0 is the first choice, however busy the
// origin is when all begin at once.
func (e *encoder) dieInTurns(ctx context.Context, which, deaths int) error {
	const cycle = aliveFor + deadFor
	return pace(e.reel.length, cycle*deaths+1, func(i int) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if i/cycle%2 == which && i%cycle >= aliveFor || i == 0 && which == 1 {
			e.skip()
			return nil
		}
		return e.feed(1)
	})
}
