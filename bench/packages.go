package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// inside is a Go benchmark of a package: what can't be seen from outside.
type inside struct {
	what, pkg, name string // name as go test prints it
	unit            string // what is compared with the goal
	goal            float64
}

var insides = []inside{
	{"playlist GET, in the handler", "caddymodule", "BenchmarkPlaylist/live_origin", "", 0},
	{"the same with respond", "caddymodule", "BenchmarkPlaylist/respond", "", 0},
	{"PUT of a playlist, received", "internal/channel", "BenchmarkReceivePlaylist/announced", "", 0},
	{"slot of 3 renditions", "internal/output", "BenchmarkPublish/100_slots", "", 0},
	{"slot of 3 renditions, window of a day", "internal/output", "BenchmarkPublish/43200_slots", "", 0},
	{"segment of 2 MiB to a viewer", "internal/output", "BenchmarkSegment/as_it_was_sent", "", 0},
	{"the same with other continuity counters", "internal/output", "BenchmarkSegment/other_counters", "", 0},
	{"startover playlist of a day, first request", "internal/output", "BenchmarkStartover/first_request_of_a_day", "ns/op", 20e6},
	{"the same at different starts", "internal/output", "BenchmarkStartover/different_starts_in_a_day", "", 0},
	{"the same before anything is made ahead", "internal/output", "BenchmarkStartover/render_a_day", "", 0},
	{"startover playlist of a day, later ones", "internal/output", "BenchmarkStartover/cached", "", 0},
	{"one fact, 2 inputs, 6 renditions", "failover", "BenchmarkSteady", "ns/fact", 100e3},
	{"one fact, delay of 24 h, dead input", "failover", "BenchmarkDelayAndDeadInput/24h0m0s", "ns/fact", 100e3},
}

// measureInside runs them. They are built from this tree, whatever binary is measured.
func measureInside(ctx context.Context, _ *bench) ([]row, error) {
	var rows []row
	for _, in := range insides {
		parts := strings.Split(in.name, "/")
		for i, p := range parts {
			parts[i] = "^" + p + "$"
		}
		cmd := exec.CommandContext(ctx, "go", "test", "github.com/liveorigin/caddy-live-origin/"+in.pkg,
			"-run", "^$", "-bench", strings.Join(parts, "/"), "-benchtime", "0.5s", "-benchmem")
		out, err := cmd.CombinedOutput()
		if err != nil {
			return rows, fmt.Errorf("%s: %w\n%s", in.name, err, out)
		}
		values := benchmarkOf(in.name, string(out))
		if values == nil {
			return rows, fmt.Errorf("there is no %s:\n%s", in.name, out)
		}
		r := row{
			what: in.what, ours: fmt.Sprintf("%s, %.0f allocations, %.0f bytes", time.Duration(values["ns/op"]), values["allocs/op"], values["B/op"]),
			peer: "-", ratio: "-", goal: "-", met: "-",
		}
		if in.unit == "ns/fact" {
			r.ours = microseconds(values[in.unit] / 1e9)
		}
		if in.goal > 0 {
			r.goal, r.met = "< "+milliseconds(in.goal/1e9), yes(values[in.unit] < in.goal)
		}
		fmt.Fprintf(os.Stderr, "   %s: %s\n", r.what, r.ours)
		rows = append(rows, r)
	}
	return rows, nil
}

// benchmarkOf reads the values of a benchmark, by their unit.
func benchmarkOf(name, out string) map[string]float64 {
	for line := range strings.Lines(out) {
		fields := strings.Fields(line)
		if len(fields) < 4 || fields[0] != name && !strings.HasPrefix(fields[0], name+"-") {
			continue
		}
		values := map[string]float64{}
		for i := 2; i+1 < len(fields); i += 2 {
			if v, err := strconv.ParseFloat(fields[i], 64); err == nil {
				values[fields[i+1]] = v
			}
		}
		return values
	}
	return nil
}
