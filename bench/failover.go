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

// switches collects from the origin's log when the active input changed.
type switches struct {
	mu      sync.Mutex
	found   []switched
	last    string                  // line
	uploads map[string][][2]float64 // when they began and ended, by channel and input
}

// switched is a line of the log, with times in seconds. It is written after the slot was published, so
// its own time is the one that counts.
type switched struct {
	Message  string  `json:"msg"`
	Channel  string  `json:"channel"`
	To       string  `json:"to"`
	Written  float64 `json:"ts"`
	Deadline float64 `json:"deadline"`
}

func (s *switches) line(text string) {
	var entry switched
	if json.Unmarshal([]byte(text), &entry) != nil || entry.Message != "active input switched" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.found, s.last = append(s.found, entry), text
}

// uploaded notes an upload of a segment and its playlist.
func (s *switches) uploaded(channel, input string, began, ended time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.uploads == nil {
		s.uploads = map[string][][2]float64{}
	}
	key := channel + "/" + input
	s.uploads[key] = append(s.uploads[key], [2]float64{seconds(began), seconds(ended)})
}

func seconds(t time.Time) float64 { return float64(t.UnixNano()) / 1e9 }

// late is by how many seconds each was too late: after the deadline, or, if only an upload of the other
// input brought what it goes on with, after that began. On a busy machine, encoders are late.
func (s *switches) late() (late []float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.found {
		due := e.Deadline
		for _, upload := range s.uploads[e.Channel+"/"+e.To] {
			if upload[0] > due && upload[0] < e.Written && e.Written < upload[1]+lateGoal {
				due = upload[0]
			}
		}
		late = append(late, e.Written-due)
	}
	return late
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
				err := e.dieInTurns(ctx, which, deaths, func(began, ended time.Time) {
					found.uploaded(fmt.Sprint("c", i), input, began, ended)
				})
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
	late := found.late()
	if len(late) == 0 {
		return nil, nil, fmt.Errorf("no switch in the log:\n%s", o.tail())
	}
	return late, spent, nil
}

// dieInTurns plays in real time; encoder 0 dies in the first cycle, encoder 1 in the second, and
// so on. Encoder 1 leaves out the first segment, so that 0 is the first choice, however busy the
// origin is when all begin at once.
func (e *encoder) dieInTurns(ctx context.Context, which, deaths int, uploaded func(began, ended time.Time)) error {
	const cycle = aliveFor + deadFor
	return pace(e.reel.length, cycle*deaths+1, func(i int) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if i/cycle%2 == which && i%cycle >= aliveFor || i == 0 && which == 1 {
			e.skip()
			return nil
		}
		began := time.Now()
		err := e.feed(1)
		uploaded(began, time.Now())
		return err
	})
}
