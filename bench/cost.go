package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// costs are how much CPU time candidates in one process take. Other programs on the machine
// make all of them slower, and unevenly so; how much they compute depends only on them.
type costs struct {
	*process
	of map[string][]float64 // seconds per request, by candidate; the first does not count
}

// per records what a turn of so many requests per second costs.
func (c *costs) per(name string, run func(context.Context) (float64, error), turn time.Duration) func(context.Context) (float64, error) {
	return func(ctx context.Context) (float64, error) {
		before, err := c.cpu()
		if err != nil {
			return 0, err
		}
		requests, err := run(ctx)
		if err != nil {
			return 0, err
		}
		after, err := c.cpu()
		c.of[name] = append(c.of[name], (after-before)/(requests*turn.Seconds()))
		return requests, err
	}
}

// row compares two of them. Above 1: ours costs less.
func (c *costs) row(what, ours, peer string) row {
	var ratios []float64
	for i, v := range c.of[ours] {
		if i > 0 {
			ratios = append(ratios, c.of[peer][i]/v)
		}
	}
	return row{
		what: what + ", CPU each", ours: microseconds(median(c.of[ours][1:])), peer: peer + " " + microseconds(median(c.of[peer][1:])),
		ratio: fmt.Sprintf("%.2f (%.2f-%.2f)", median(ratios), slices.Min(ratios), slices.Max(ratios)), goal: "-", met: "-",
	}
}

func microseconds(seconds float64) string { return fmt.Sprintf("%.1f µs", seconds*1e6) }
