package output

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/hls"
)

const dateRangeTag = "#EXT-X-DATERANGE:"

// Carried picks the lines that are passed on to viewers, and reports whether a break begins
// or ends with the segment: a slot has to begin there, so that joining does not hide it.
func Carried(lines []string) (tags []string, cue bool) {
	var budget tagBudget
	for _, line := range lines {
		carried, begins := hls.Carried(line)
		if !carried || !budget.take(line) {
			continue
		}
		// Cloned, as the line would keep the whole text of the playlist in memory.
		tags = append(tags, strings.Clone(line))
		cue = cue || begins
	}
	return tags, cue
}

func isCueOut(line string) bool {
	return strings.HasPrefix(line, "#EXT-X-CUE-OUT") && !strings.HasPrefix(line, "#EXT-X-CUE-OUT-CONT")
}

func isCueIn(line string) bool { return strings.HasPrefix(line, "#EXT-X-CUE-IN") }

// breaks follows the breaks in an endpoint's programme across changes of its input, and the
// date ranges that are still running. It is guarded by whatever guards the window.
type breaks struct {
	open   bool
	input  string         // that announced the break
	until  failover.Ticks // where it ends, 0 if that was not said
	ranges []dateRange
}

// dateRange is an EXT-X-DATERANGE and the slot that it came with.
type dateRange struct {
	id, line string
	msn      uint64
	end      time.Time // zero if it has none yet
}

// maxRanges bounds how many date ranges without an end are carried along.
const maxRanges = 64

// Tags are what a slot says about breaks and date ranges, the same in all renditions, given
// what the slots before it have said. Of joined segments the first one counts, as a slot
// begins with every cue; date ranges count wherever they are.
func (w *Window) Tags(s failover.Slot) []string {
	var tags []string
	var budget tagBudget
	known := map[string]bool{}
	for _, r := range s.Renditions {
		for i, p := range r.Parts {
			for _, line := range p.Tags {
				if (i == 0 || strings.HasPrefix(line, dateRangeTag)) && !known[line] && budget.take(line) {
					known[line] = true
					tags = append(tags, line)
				}
			}
		}
		if len(tags) > 0 {
			break
		}
	}
	return slices.DeleteFunc(tags, func(line string) bool { return w.breaks.repeats(s, line) })
}

// repeats reports whether another input has already told viewers the same.
func (b *breaks) repeats(s failover.Slot, line string) bool {
	switch {
	case isCueOut(line):
		return b.open && b.input != s.Input && (b.until == 0 || s.Start < b.until)
	case isCueIn(line):
		return !b.open && b.input != "" && b.input != s.Input
	}
	return false
}

// follow records a slot's tags.
func (b *breaks) follow(s *Slot) {
	for _, line := range s.Tags {
		switch {
		case isCueOut(line):
			b.open, b.input, b.until = true, s.Input, 0
			if length := cueLength(line); length > 0 {
				b.until = s.Start + failover.TicksOf(length)
			}
		case isCueIn(line):
			b.open, b.input = false, s.Input
		case strings.HasPrefix(line, dateRangeTag):
			b.remember(line, s.MSN)
		}
	}
}

// dated reports whether the slot has date ranges.
func (s *Slot) dated() bool {
	return slices.ContainsFunc(s.Tags, func(line string) bool { return strings.HasPrefix(line, dateRangeTag) })
}

// cueLength reads the length of a break: EXT-X-CUE-OUT:30 or
// EXT-X-CUE-OUT:DURATION=30.
func cueLength(line string) time.Duration {
	_, value, ok := strings.Cut(line, ":")
	if !ok {
		return 0
	}
	value = strings.TrimPrefix(strings.TrimSpace(value), "DURATION=")
	value, _, _ = strings.Cut(value, ",")
	seconds, err := strconv.ParseFloat(value, 64)
	if err != nil || seconds <= 0 || seconds > 24*60*60 {
		return 0
	}
	return time.Duration(seconds * float64(time.Second))
}

func (b *breaks) remember(line string, msn uint64) {
	r, ok := parseDateRange(line)
	if !ok {
		return
	}
	r.msn = msn
	b.ranges = slices.DeleteFunc(b.ranges, func(o dateRange) bool { return o.id == r.id })
	b.ranges = append(b.ranges, r)
	if len(b.ranges) > maxRanges {
		b.ranges = slices.Delete(b.ranges, 0, 1)
	}
}

// parseDateRange reads what says how long the range lasts.
func parseDateRange(line string) (dateRange, bool) {
	attributes, err := hls.ParseAttributes(strings.TrimPrefix(line, dateRangeTag))
	if err != nil {
		return dateRange{}, false
	}
	r := dateRange{line: line}
	var start time.Time
	var length float64
	for _, a := range attributes {
		switch a.Name {
		case "ID":
			r.id = a.Value
		case "START-DATE":
			start, _ = time.Parse(time.RFC3339Nano, a.Value)
		case "END-DATE":
			r.end, _ = time.Parse(time.RFC3339Nano, a.Value)
		case "DURATION":
			length, _ = strconv.ParseFloat(a.Value, 64)
		case "PLANNED-DURATION":
			if length == 0 {
				length, _ = strconv.ParseFloat(a.Value, 64)
			}
		}
	}
	if r.end.IsZero() && !start.IsZero() && length > 0 {
		r.end = start.Add(time.Duration(length * float64(time.Second)))
	}
	return r, r.id != ""
}

// running lists the date ranges whose slot has left a playlist that begins with head, but
// that still cover what it lists: until then they must not be removed (RFC 8216bis 6.2.1).
func (b *breaks) running(head *Slot) []string {
	var lines []string
	b.ranges = slices.DeleteFunc(b.ranges, func(r dateRange) bool {
		return r.msn < head.MSN && !r.end.IsZero() && !r.end.After(head.Start.Time())
	})
	for _, r := range b.ranges {
		if r.msn < head.MSN {
			lines = append(lines, r.line)
		}
	}
	return lines
}
