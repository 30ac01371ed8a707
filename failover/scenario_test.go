package failover

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "rewrite the expected output of the scenarios")

// TestScenarios runs the scripts in testdata. A script is a sequence of blocks
// separated by blank lines. A block is commands, then "----", then what they
// print. See testdata/README.md for the commands.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no scenarios", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) { runScenario(t, file) })
	}
}

func runScenario(t *testing.T, file string) *world {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld()
	var out strings.Builder
	for i, block := range strings.Split(strings.TrimSpace(string(text)), "\n\n") {
		if i > 0 {
			out.WriteString("\n")
		}
		commands, want, shows := strings.Cut(block+"\n", "----\n")
		out.WriteString(commands)
		var printed strings.Builder
		for _, line := range strings.Split(strings.TrimSpace(commands), "\n") {
			if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
				continue
			}
			got, err := w.command(strings.Fields(line))
			if err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			printed.WriteString(got)
		}
		if !shows && printed.Len() == 0 {
			continue
		}
		out.WriteString("----\n")
		out.WriteString(printed.String())
		if got := printed.String(); got != want && !*update {
			t.Errorf("%s\ngot:\n%swant:\n%s", commands, got, want)
		}
	}
	if *update {
		if err := os.WriteFile(file, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// command carries out one line of a script.
func (w *world) command(args []string) (string, error) {
	switch args[0] {
	case "channel":
		w.config.Inputs = args[1:]
		return "", nil
	case "alignment":
		w.config.Alignment = Alignment(args[1])
		return "", nil
	case "endpoint":
		return "", w.endpointCommand(args[1:])
	case "encoder":
		return "", w.encoderCommand(args[1:])
	case "run":
		d, err := time.ParseDuration(args[1])
		if err != nil {
			return "", err
		}
		return "", w.run(w.now.Add(d))
	case "drop", "truncate", "back", "cut", "unlist", "break", "cue", "gap", "again",
		"hole", "track_gone", "damaged", "no_key_frame", "starved", "frozen", "silent":
		return "", w.faultCommand(args)
	case "hold":
		return "", w.holdCommand(args)
	case "kill":
		w.encoders[args[1]].off = true
		return "", nil
	case "pause":
		w.encoders[args[1]].paused = true
		return "", nil
	case "resume":
		return "", w.encoders[args[1]].resume(w)
	case "jump":
		d, err := parseTicks(args[2])
		w.encoders[args[1]].timestamps += d
		return "", err
	case "dates":
		d, err := parseTicks(args[2])
		w.encoders[args[1]].dateSkew = d
		return "", err
	case "recount":
		w.encoders[args[1]].countAgain(args[2])
		return "", nil
	case "from":
		w.encoders[args[1]].from = args[2]
		return "", nil
	case "announce":
		e := w.encoders[args[1]]
		e.renditions = strings.Split(args[2], ",")
		return "", w.step(e.multivariantOf())
	case "repeat":
		return "", w.encoders[args[1]].again(w)
	case "echo":
		last, err := time.ParseDuration(args[2])
		if err != nil {
			return "", err
		}
		return "", w.encoders[args[1]].echo(w, last)
	case "rename":
		return "", w.encoders[args[1]].rename(w)
	case "restart":
		if len(args) > 2 {
			memory, err := time.ParseDuration(args[2])
			if err != nil {
				return "", err
			}
			return "", w.restartSince(true, w.now.Add(-memory))
		}
		return "", w.restart(len(args) > 1 && args[1] == "remembering")
	case "switch":
		return "", w.step(Order{Endpoint: args[1], Input: args[2], Pin: len(args) > 3 && args[3] == "pin"})
	case "leave":
		return "", w.step(Selection{Endpoint: args[1], Excluded: args[2:]})
	case "unpin":
		return "", w.step(Order{Endpoint: args[1]})
	case "inputs":
		w.config.Inputs = args[1:]
		return "", nil
	case "remove":
		w.config.Endpoints = slices.DeleteFunc(slices.Clone(w.config.Endpoints), func(e EndpointConfig) bool { return e.Name == args[1] })
		return "", nil
	case "reload":
		config := w.config
		config.Endpoints = slices.Clone(config.Endpoints)
		return "", w.step(Configured{config})
	case "clock":
		d, err := time.ParseDuration(args[1])
		w.ahead += d
		if err != nil {
			return "", err
		}
		return "", w.step(Clock{Ahead: w.ahead})
	case "end":
		return "", w.encoders[args[1]].end(w)
	case "show":
		if w.channel == nil {
			if err := w.open(); err != nil {
				return "", err
			}
		}
		return w.show(args[1:])
	}
	return "", fmt.Errorf("unknown command %q", args[0])
}

func (w *world) endpointCommand(args []string) error {
	d, err := time.ParseDuration(args[1])
	if err != nil {
		return err
	}
	e := EndpointConfig{Name: args[0], SegmentDuration: d}
	for i := 2; i+1 < len(args); i += 2 {
		if args[i] == "loss" {
			e.GapOnLoss = args[i+1] == "gap"
			continue
		}
		if args[i] == "hitless" {
			e.Hitless = args[i+1] == "yes"
			continue
		}
		if args[i] == "on" {
			e.OnDefect = map[Defect]Action{}
			err := byRendition(args[i+1], func(d, a string) error { e.OnDefect[Defect(d)] = Action(a); return nil })
			if err != nil {
				return err
			}
			continue
		}
		if args[i] == "prefer" {
			e.Prefer = args[i+1]
			continue
		}
		v, err := time.ParseDuration(args[i+1])
		if err != nil {
			return err
		}
		switch args[i] {
		case "grace":
			e.FailoverGrace = v
		case "delay":
			e.TimeDelay = v
		case "after":
			e.PreferAfter = v
		default:
			return fmt.Errorf("unknown option %q", args[i])
		}
	}
	w.config.Endpoints = append(w.config.Endpoints, e)
	return nil
}

// encoderCommand starts an encoder, or starts it again with other properties.
func (w *world) encoderCommand(args []string) error {
	e := newSimulator(args[0])
	for i := 1; i+1 < len(args); i += 2 {
		value := args[i+1]
		var err error
		switch args[i] {
		case "segment":
			e.length, err = parseTicks(value)
		case "late":
			e.late, err = time.ParseDuration(value)
		case "lengths":
			err = byRendition(value, func(r, v string) (err error) { e.lengths[r], err = parseTicks(v); return err })
		case "shifts":
			err = byRendition(value, func(r, v string) (err error) { e.shifts[r], err = parseTicks(v); return err })
		case "lates":
			err = byRendition(value, func(r, v string) (err error) { e.lates[r], err = time.ParseDuration(v); return err })
		case "renditions":
			e.renditions = strings.Split(value, ",")
		case "cycle":
			for part := range strings.SplitSeq(value, ",") {
				length, err := parseTicks(part)
				if err != nil {
					return err
				}
				e.cycle = append(e.cycle, length)
			}
		case "timestamps":
			e.timestamps, err = parseTicks(value)
		case "shift":
			e.shift, err = parseTicks(value)
		case "number":
			e.number, err = strconv.ParseUint(value, 10, 64)
		case "codec":
			e.codec = value
		case "plays":
			e.plays = value == "file"
		case "dates":
			e.dates = true
			e.dateSkew, err = parseTicks(value)
		case "window":
			e.window, err = strconv.Atoi(value)
		case "multivariant":
			e.multivariant = value == "yes"
		case "names":
			e.names = value
		case "into":
			e.input = value
		case "from":
			e.from = value
		case "burst":
			e.burst, err = strconv.Atoi(value)
		case "every":
			e.every, err = strconv.Atoi(value)
		case "playlist-first":
			e.playlistFirst, err = time.ParseDuration(value)
		case "claims":
			e.claims, err = parseTicks(value)
		case "target":
			if e.target, err = parseTicks(value); e.target == 0 {
				e.target = -1
			}
		case "twice":
			e.twice = value
		case "drift":
			e.drift, err = time.ParseDuration(value)
		case "stalls":
			e.stalls, err = time.ParseDuration(value)
		case "sparse":
			e.sparse, err = strconv.Atoi(value)
		case "first":
			e.first, err = parseTicks(value)
		default:
			err = fmt.Errorf("unknown option %q", args[i])
		}
		if err != nil {
			return err
		}
	}
	return w.start(e)
}

// byRendition reads an option such as text=6s,audio=1920ms.
func byRendition(value string, set func(rendition, value string) error) error {
	for part := range strings.SplitSeq(value, ",") {
		r, v, ok := strings.Cut(part, "=")
		if !ok {
			return fmt.Errorf("no rendition in %q", part)
		}
		if err := set(r, v); err != nil {
			return err
		}
	}
	return nil
}

// parseTicks reads a length of media time in seconds, with an "s" behind it, or
// a number of ticks.
func parseTicks(s string) (Ticks, error) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return Ticks(n), nil
	}
	d, err := time.ParseDuration(s)
	return TicksOf(d), err
}

// faultCommand: drop a v 105 106 ...
func (w *world) faultCommand(args []string) error {
	e := w.encoders[args[1]]
	for _, n := range args[3:] {
		number, err := strconv.ParseUint(n, 10, 64)
		if err != nil {
			return err
		}
		k := key{args[2], number}
		if args[0] == "cue" {
			e.cues[k] = true // whatever else is wrong with it
			continue
		}
		e.faults[k] = args[0]
	}
	return nil
}

// holdCommand: hold a v 105 4s
func (w *world) holdCommand(args []string) error {
	number, err := strconv.ParseUint(args[3], 10, 64)
	if err != nil {
		return err
	}
	d, err := time.ParseDuration(args[4])
	w.encoders[args[1]].holds[key{args[2], number}] = d
	return err
}

func (w *world) show(args []string) (string, error) {
	var b strings.Builder
	switch args[0] {
	case "status":
		return describeStatus(w.channel.Status()), nil
	case "events":
		for _, line := range w.events {
			fmt.Fprintln(&b, line)
		}
		w.events = nil
	case "segments":
		return describeSegments(w.channel), nil
	case "objects":
		for _, s := range w.all[args[1]][w.shown[args[1]]:] {
			b.WriteString(w.describeObjects(s))
		}
		w.shown[args[1]] = len(w.all[args[1]])
	case "kept":
		for _, a := range w.arrivals {
			if a.object != "" && !w.released[a.object] {
				fmt.Fprintln(&b, a.object)
			}
		}
	default:
		for _, s := range w.slots[args[0]] {
			b.WriteString(w.describe(s))
		}
		w.slots[args[0]] = nil
	}
	return b.String(), nil
}
