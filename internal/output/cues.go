package output

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/hls"
)

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

// breaks follows the breaks in an endpoint's programme across changes of its input. It is
// guarded by whatever guards the window.
type breaks struct {
	open  bool
	input string // that announced the break
	// until is how long another input that announces a break means the same one: to its end,
	// or for a moment, if its length was not said and its end may have been lost.
	until failover.Ticks
}

// sameMoment is how many target durations inputs are apart at most when they tell the same.
const sameMoment = 3

// Tags are what a slot says about breaks and date ranges, the same in all renditions, given
// what the slots before it have said. Of joined segments the first one counts, as a slot
// begins with every cue; date ranges count wherever they are.
func (w *Window) Tags(s failover.Slot) []string {
	own, budget := ownTags(s)
	var tags []string
	for _, line := range w.breaks.passed(s.Passed, own) {
		if !slices.Contains(tags, line) && !slices.Contains(own, line) && budget.take(line) {
			tags = append(tags, line)
		}
	}
	tags = append(tags, own...)
	told := tags[:0]
	for _, line := range tags {
		if w.breaks.repeats(s, line) {
			continue
		}
		if line = w.ranges.agree(line, s.Input, sameMoment*time.Duration(w.target)*time.Second); line != "" {
			told = append(told, line)
		}
	}
	return told
}

// ownTags are the lines of the slot's media, and what room there is for more.
func ownTags(s failover.Slot) (tags []string, budget tagBudget) {
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
	return tags, budget
}

// passed picks what is told of segments that viewers get no media of: date ranges, and the newest beginning
// or end of a break. A break that began and ended there, or ends with the slot's own lines, is none for
// viewers.
func (b *breaks) passed(segments [][]string, own []string) []string {
	var ranges, cues []string
	open, marked := b.open, false
	for _, lines := range segments {
		var signals []string
		marks := false
		for _, line := range lines {
			carried, cue := hls.Carried(line)
			switch {
			case strings.HasPrefix(line, dateRangeTag):
				ranges = append(ranges, line)
			case carried && cue:
				signals = append(signals, line)
			}
			if isCueOut(line) || isCueIn(line) {
				open, marks = isCueOut(line), true
			}
		}
		if marks || !marked && len(signals) > 0 {
			cues = signals
		}
		marked = marked || marks
	}
	if marked && (open == b.open || open && slices.ContainsFunc(own, isCueIn)) {
		return ranges
	}
	return append(ranges, cues...)
}

// repeats reports whether another input has already told viewers the same.
func (b *breaks) repeats(s failover.Slot, line string) bool {
	switch {
	case isCueOut(line):
		return b.open && b.input != s.Input && s.Start < b.until
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
			b.open, b.input = true, s.Input
			b.until = s.begins() + cmp.Or(failover.TicksOf(cueLength(line)), sameMoment*failover.Ticks(s.TargetDuration)*failover.ClockRate)
		case isCueIn(line):
			b.open, b.input = false, s.Input
		}
	}
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
