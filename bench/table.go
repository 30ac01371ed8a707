package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"text/tabwriter"
	"time"
)

// row is one line of the table.
type row struct {
	what, ours, peer, ratio, goal string
	met                           string
}

func printTable(w io.Writer, table []row) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "what\tours\tpeer\tratio (min-max)\tgoal\tmet")
	for _, r := range table {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", r.what, r.ours, r.peer, r.ratio, r.goal, r.met)
	}
	t.Flush()
}

func leftOut(what, program string) row {
	return row{what: what, ours: "-", peer: program + " is not installed", ratio: "-", goal: "-", met: "LEFT OUT"}
}

// candidate is one of those that take turns.
type candidate struct {
	name string
	run  func(context.Context) (float64, error)
}

// takeTurns runs all candidates in every round, so that other load on the machine hits all
// of them. The first turn of each is not counted.
func (b *bench) takeTurns(ctx context.Context, candidates []candidate) (map[string][]float64, error) {
	results := map[string][]float64{}
	for round := range b.rounds + 1 {
		for _, c := range candidates {
			value, err := c.run(ctx)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", c.name, err)
			}
			if round == 0 {
				continue
			}
			results[c.name] = append(results[c.name], value)
			fmt.Fprintf(os.Stderr, "   round %d: %-28s %12.0f/s\n", round, c.name, value)
		}
	}
	return results, nil
}

// against compares two candidates, round by round. A goal of 0 means none.
func against(what string, results map[string][]float64, ours, peer string, goal float64, format func(float64) string) row {
	ratios := make([]float64, len(results[ours]))
	for i, v := range results[ours] {
		ratios[i] = v / results[peer][i]
	}
	ratio := median(ratios)
	r := row{
		what: what, ours: format(median(results[ours])), peer: peer + " " + format(median(results[peer])),
		ratio: fmt.Sprintf("%.2f (%.2f-%.2f)", ratio, slices.Min(ratios), slices.Max(ratios)), goal: "-", met: "-",
	}
	if goal > 0 {
		r.goal, r.met = fmt.Sprintf(">= %.2f", goal), yes(ratio >= goal)
	}
	return r
}

func yes(met bool) string {
	if met {
		return "yes"
	}
	return "NO"
}

func median(values []float64) float64 { return quantile(values, 0.5) }

// quantile is the value that the given share of all values does not exceed.
func quantile(values []float64, share float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	if share == 0.5 && len(sorted)%2 == 0 {
		return (sorted[len(sorted)/2-1] + sorted[len(sorted)/2]) / 2
	}
	return sorted[min(int(share*float64(len(sorted))), len(sorted)-1)]
}

func perSecond(v float64) string { return fmt.Sprintf("%.0f/s", v) }

func gigabytes(v float64) string { return fmt.Sprintf("%.2f GB/s", v/1e9) }

func milliseconds(seconds float64) string {
	return time.Duration(seconds * float64(time.Second)).Round(10 * time.Microsecond).String()
}
