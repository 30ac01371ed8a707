package caddymodule

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// printStatus prints channels for a person.
func printStatus(w io.Writer, list []channelStatus, now time.Time) error {
	// The writer keeps the first error; Flush returns it.
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if len(list) == 0 {
		fmt.Fprintln(t, "There are no live channels.")
	}
	for i, c := range list {
		if i > 0 {
			fmt.Fprintln(t)
		}
		printChannel(t, c, now)
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("print status: %w", err)
	}
	return nil
}

// printRemarks shows what was noticed, the newest first.
func printRemarks(w io.Writer, of string, list []remarkStatus, now time.Time) {
	for _, r := range list {
		about := ""
		if what := cmp.Or(r.Path, r.Rendition); what != "" {
			about = what + ": "
		}
		fmt.Fprintf(w, "  %s, %s, %d times, last %s: %s%s\n", of, r.What, r.Count, ago(r.Last, now), about, r.Text)
	}
}

func printChannel(w io.Writer, c channelStatus, now time.Time) {
	fmt.Fprintf(w, "%s (store %s): %s\n", c.Name, c.Store, choose(c.Up, "up", "DOWN"))
	printRow(w, "INPUT", "STATE", "LAST SEGMENT", "LATENESS", "WHOLE FOR", "BIT RATE", "RENDITIONS", "FAULTS")
	for _, in := range c.Inputs {
		printRow(w, in.Name, inputState(in), ago(in.LastSegment, now), inputLateness(in),
			length(in.WholeSeconds), bitrate(in.Bitrate), fmt.Sprint(len(in.Renditions)), faultsText(in.Faults))
	}
	for _, in := range c.Inputs {
		for _, wait := range in.Waiting {
			fmt.Fprintf(w, "  input %s has been waiting since %s: %s: %s\n", in.Name, ago(wait.Since, now), wait.Path, wait.Text)
		}
		printRemarks(w, "input "+in.Name, in.Noticed, now)
	}
	if len(c.Pairs) > 0 {
		printRow(w, "PAIR", "STATE", "OFFSET", "DRIFT", "DETAIL")
	}
	for _, p := range c.Pairs {
		printRow(w, p.A+"-"+p.B, cmp.Or(p.State, "unknown"), length(p.OffsetSeconds), length(p.DriftSeconds), orDash(p.Detail))
	}
	printRow(w, "ENDPOINT", "ACTIVE", "ORDERED", "NEXT SLOT", "LAST SWITCH")
	for _, e := range c.Endpoints {
		last := "-"
		if e.LastSwitch != nil {
			last = ago(e.LastSwitch.Time, now) + ": " + e.LastSwitch.String()
		}
		printRow(w, e.Name, orDash(e.Active), orDash(e.Ordered)+choose(e.Pinned, " (pinned)", ""), fmt.Sprint(e.NextMSN), last)
	}
	for _, e := range c.Endpoints {
		if e.Hitless != nil {
			fmt.Fprintf(w, "  endpoint %s, hitless: %s\n", e.Name, choose(e.Hitless.Protected, "protected", "NOT protected, because "+e.Hitless.Why))
		}
		printRemarks(w, "endpoint "+e.Name, e.Noticed, now)
	}
	printNodes(w, c.Nodes, now)
	if len(c.Decisions) > 0 {
		printRow(w, "DECISION", "ENDPOINT", "SLOT", "SWITCH")
	}
	for _, d := range c.Decisions {
		printRow(w, d.Time.UTC().Format(time.RFC3339), d.Endpoint, fmt.Sprint(d.MSN), d.String())
	}
}

// printRow prints cells into columns, which the tables of a channel share.
func printRow(w io.Writer, cells ...string) { fmt.Fprintln(w, "  "+strings.Join(cells, "\t")) }

func inputState(in inputStatus) string {
	switch {
	case in.Ended:
		return "ended"
	case in.Up:
		return "up"
	}
	return "DOWN"
}

func inputLateness(in inputStatus) string {
	if in.LastSegment.IsZero() {
		return "-"
	}
	return length(in.LatenessSeconds)
}

// bitrate prints bits per second.
func bitrate(bits uint64) string {
	switch {
	case bits == 0:
		return "-"
	case bits < 1_000_000:
		return fmt.Sprintf("%d kb/s", (bits+500)/1000)
	}
	return fmt.Sprintf("%.2f Mb/s", float64(bits)/1e6)
}

// faultsText prints what was wrong with an input's segments, and how often.
func faultsText(faults map[string]uint64) string {
	var parts []string
	for _, why := range slices.Sorted(maps.Keys(faults)) {
		parts = append(parts, fmt.Sprintf("%d %s", faults[why], why))
	}
	return orDash(strings.Join(parts, ", "))
}

// length prints seconds as a person writes them.
func length(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	if d.Abs() >= time.Minute {
		return d.Round(time.Second).String()
	}
	return d.Round(10 * time.Millisecond).String()
}

func ago(t, now time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return now.Sub(t).Round(100*time.Millisecond).String() + " ago"
}

func orDash(s string) string { return cmp.Or(s, "-") }

func choose(b bool, yes, no string) string {
	if b {
		return yes
	}
	return no
}
