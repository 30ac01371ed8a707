package caddymodule

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/liveorigin/caddy-live-origin/failover"
)

func replayCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "replay <file>...",
		Short: "Runs the failover decisions of a trace again",
		Long: `
Runs the failover rule over a recorded trace (see the channel option "trace") and
prints the decisions it makes. With the options in the trace, they must match the
recorded ones; if they don't, the exit code is 1. With other options, you see what
would have happened.

List the files of a trace in order, oldest first. If a trace starts in the middle of
a channel's life, the decisions of the first minute are not compared.`,
		Args: cobra.MinimumNArgs(1),
	}
	cmd.Flags().String("endpoint", "", "Show only this endpoint")
	cmd.Flags().Duration("segment-duration", 0, "Replay with another segment_duration")
	cmd.Flags().Duration("failover-grace", 0, "Replay with another failover_grace; 0 for half of the output segment")
	cmd.Flags().Duration("time-delay", 0, "Replay with another time_delay")
	cmd.Flags().String("prefer", "", "Replay with another input to prefer")
	cmd.Flags().Duration("prefer-after", 0, "Replay with another time that the preferred input has to be whole for")
	cmd.Flags().String("alignment", "", "Replay with another alignment")
	cmd.Flags().Bool("slots", false, "Print every slot, not only switches")
	cmd.RunE = caddycmd.WrapCommandFuncForCobra(func(fl caddycmd.Flags) (int, error) {
		r, err := newReplay(cmd, fl)
		if err != nil {
			return caddy.ExitCodeFailedStartup, err
		}
		for _, file := range fl.Args() {
			if err := r.file(file); err != nil {
				return caddy.ExitCodeFailedStartup, err
			}
		}
		if err := r.checkNames(); err != nil {
			return caddy.ExitCodeFailedStartup, err
		}
		if err := r.print(cmd.OutOrStdout()); err != nil {
			return caddy.ExitCodeFailedStartup, err
		}
		return caddy.ExitCodeSuccess, nil
	})
	return cmd
}

// replay compares what was published with what the rule publishes now.
type replay struct {
	core     failover.Replay
	endpoint string
	prefer   string
	slots    bool
	// endpoints and inputs are those that the trace names.
	endpoints, inputs map[string]bool

	records int
	from    time.Time
	until   time.Time
	// settled is the time from which on what was recorded is compared.
	settled time.Time
	was     []failover.Slot
	now     []failover.Slot
	// unrecorded is how many of the slots that were decided on the last fact have not been seen in
	// the trace yet.
	unrecorded int
	givenUp    int
	// torn counts lines that are not records; tornFirst is where the first one is.
	torn      int
	tornFirst string
}

// warmUp is how long a core needs to learn the rhythm of its inputs.
const warmUp = time.Minute

func newReplay(cmd *cobra.Command, fl caddycmd.Flags) (*replay, error) {
	r := &replay{
		endpoint: fl.String("endpoint"), prefer: fl.String("prefer"), slots: fl.Bool("slots"),
		endpoints: map[string]bool{}, inputs: map[string]bool{},
	}
	for name, check := range map[string]func(time.Duration) error{
		"segment-duration": checkSegmentDuration, "time-delay": checkTimeDelay, "prefer-after": checkPreferAfter,
		"failover-grace": func(d time.Duration) error {
			if d == 0 {
				return nil
			}
			return checkGrace(d)
		},
	} {
		if cmd.Flags().Changed(name) {
			if err := check(fl.Duration(name)); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	alignment := fl.String("alignment")
	if cmd.Flags().Changed("alignment") {
		if err := checkAlignment(alignment); err != nil {
			return nil, fmt.Errorf("alignment: %w", err)
		}
	}
	changed := false
	for _, name := range []string{"segment-duration", "failover-grace", "time-delay", "prefer", "prefer-after", "alignment"} {
		changed = changed || cmd.Flags().Changed(name)
	}
	if !changed {
		return r, nil
	}
	set := func(v *time.Duration, name string) {
		if cmd.Flags().Changed(name) {
			*v = fl.Duration(name)
		}
	}
	r.core.Change = func(c failover.Config) failover.Config {
		if alignment != "" {
			c.Alignment = failover.Alignment(alignment)
		}
		for i := range c.Endpoints {
			e := &c.Endpoints[i]
			if r.endpoint != "" && e.Name != r.endpoint {
				continue
			}
			set(&e.SegmentDuration, "segment-duration")
			set(&e.FailoverGrace, "failover-grace")
			set(&e.TimeDelay, "time-delay")
			set(&e.PreferAfter, "prefer-after")
			if cmd.Flags().Changed("prefer") {
				e.Prefer = r.prefer
			}
		}
		return c
	}
	return r, nil
}

// maxTraceLine bounds one record: a playlist of 4 MiB, as JSON.
const maxTraceLine = 64 << 20

func (r *replay) file(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("open trace: %w", err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, maxTraceLine)
	for n := 1; lines.Scan(); n++ {
		var rec failover.Record
		if err := json.Unmarshal(lines.Bytes(), &rec); err != nil {
			// The end of a process or a full disk leaves a line torn. What follows it
			// begins anew.
			if r.torn++; r.torn == 1 {
				r.tornFirst = fmt.Sprintf("%s:%d", name, n)
			}
			continue
		}
		if err := r.take(rec); err != nil {
			return fmt.Errorf("%s:%d: %w", name, n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	return nil
}

func (r *replay) take(rec failover.Record) error {
	if rec.Open != nil {
		r.learnNames(rec.Open.Config)
	}
	if rec.Reconfigure != nil {
		r.learnNames(*rec.Reconfigure)
	}
	effects, err := r.core.Step(rec)
	if errors.Is(err, failover.ErrNoOpening) {
		return nil // the beginning was rolled away
	}
	if err != nil {
		return err
	}
	if r.records == 0 {
		r.from, r.settled = rec.Time, rec.Time
	}
	r.records++
	r.until = rec.Time
	continues := rec.Open != nil && rec.Open.Continues && r.records > 1
	if rec.Open != nil && rec.Open.Partial && !continues {
		r.settled = rec.Time.Add(warmUp)
	}
	switch p := rec.Published; {
	case p == nil && !continues:
		if rec.Open != nil {
			r.cutOff()
		}
		r.unrecorded = 0
	case p != nil && r.wanted(p.Endpoint):
		r.was = append(r.was, *p)
		r.unrecorded--
	}
	for _, effect := range effects {
		switch e := effect.(type) {
		case failover.Published:
			if r.wanted(e.Slot.Endpoint) {
				e.Slot.Renditions = nil
				r.now = append(r.now, e.Slot)
				r.unrecorded++
			}
		case failover.SlotGivenUp:
			if r.wanted(e.Endpoint) {
				r.givenUp++
			}
		}
	}
	return nil
}

// cutOff leaves out what was decided on the last fact and is not in the trace, which ends there or
// goes on with another process: a process that is killed may have written the one and not the other.
func (r *replay) cutOff() {
	if r.unrecorded > 0 && r.core.Change == nil {
		r.now = r.now[:len(r.now)-r.unrecorded]
	}
	r.unrecorded = 0
}

func (r *replay) learnNames(c failover.Config) {
	for _, e := range c.Endpoints {
		r.endpoints[e.Name] = true
	}
	for _, in := range c.Inputs {
		r.inputs[in] = true
	}
}

// checkNames refuses a replay of what the trace does not have: nothing at all would be decided, and
// look right.
func (r *replay) checkNames() error {
	missing := func(kind, name string, names map[string]bool) error {
		if name == "" || names[name] || len(names) == 0 {
			return nil
		}
		return fmt.Errorf("the trace has no %s %q, only %s", kind, name, strings.Join(slices.Sorted(maps.Keys(names)), ", "))
	}
	return errors.Join(missing("endpoint", r.endpoint, r.endpoints), missing("input", r.prefer, r.inputs))
}

func (r *replay) wanted(endpoint string) bool { return r.endpoint == "" || r.endpoint == endpoint }

// errReplay: the rule does not decide what was recorded.
var errReplay = errors.New("the replay decides differently from what was recorded")

func (r *replay) print(w io.Writer) error {
	r.cutOff()
	if r.records == 0 {
		return failover.ErrNoOpening
	}
	fmt.Fprintf(w, "%s to %s, %d records\n", stamp(r.from), stamp(r.until), r.records)
	if r.torn > 0 {
		fmt.Fprintf(w, "Lines that could not be read: %d, first %s.\n", r.torn, r.tornFirst)
	}
	if err := printSlots(w, r.now, r.slots); err != nil {
		return err
	}
	if r.core.Change != nil {
		fmt.Fprintf(w, "Recorded: %s. With these options: %s.\n", summary(r.was), summary(r.now))
		return nil
	}
	fmt.Fprintf(w, "%s, %d given up.\n", summary(r.now), r.givenUp)
	return r.compare(w)
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// printSlots prints the switches, or all slots.
func printSlots(w io.Writer, slots []failover.Slot, all bool) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	printRow(t, "TIME", "ENDPOINT", "SLOT", "INPUT", "DECISION")
	for _, s := range slots {
		if s.Switch == nil && !all {
			continue
		}
		text := ""
		if s.Switch != nil {
			d := decisionOf(*s.Switch)
			text = d.String()
		}
		if s.Lost > 0 {
			text = strings.TrimPrefix(text+", lost "+length(s.Lost.Seconds()), ", ")
		}
		printRow(t, stamp(s.Published), s.Endpoint, fmt.Sprint(s.MSN), s.Input, text)
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("print replay: %w", err)
	}
	return nil
}

func summary(slots []failover.Slot) string {
	switches, seams := 0, 0
	lost := failover.Ticks(0)
	for _, s := range slots {
		lost += s.Lost
		if s.Discontinuity {
			seams++
		}
		if s.Switch.Changed() {
			switches++
		}
	}
	return fmt.Sprintf("%d slots, %d switches, %d discontinuities, %s lost", len(slots), switches, seams, length(lost.Seconds()))
}

// compare looks for the first slot that is not as it was recorded.
func (r *replay) compare(w io.Writer) error {
	was, now := after(r.was, r.settled), after(r.now, r.settled)
	for i := range max(len(was), len(now)) {
		switch {
		case i >= len(was):
			fmt.Fprintf(w, "Not recorded: %s\n", outline(now[i]))
			return errReplay
		case i >= len(now):
			fmt.Fprintf(w, "Recorded, but not decided again: %s\n", outline(was[i]))
			return errReplay
		case outline(was[i]) != outline(now[i]):
			fmt.Fprintf(w, "Recorded: %s\nReplayed: %s\n", outline(was[i]), outline(now[i]))
			return errReplay
		}
	}
	if n := len(r.was) - len(was); n > 0 {
		fmt.Fprintf(w, "The trace begins in the middle: the first %d slots are not compared.\n", n)
	}
	fmt.Fprintln(w, "All are as recorded.")
	return nil
}

func after(slots []failover.Slot, t time.Time) []failover.Slot {
	var list []failover.Slot
	for _, s := range slots {
		if !s.Published.Before(t) {
			list = append(list, s)
		}
	}
	return list
}

// outline is all that was recorded of a slot, as text.
func outline(s failover.Slot) string {
	s.Published, s.Due, s.Deadline = s.Published.UTC(), s.Due.UTC(), s.Deadline.UTC()
	if s.Switch != nil {
		sw := *s.Switch
		sw.Time, sw.Due, sw.Deadline = sw.Time.UTC(), sw.Due.UTC(), sw.Deadline.UTC()
		s.Switch = &sw
	}
	// It was decoded from JSON, or is of the same kind.
	text, _ := json.Marshal(s)
	return string(text)
}
