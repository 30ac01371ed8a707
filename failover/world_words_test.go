package failover

import (
	"fmt"
	"strings"
	"time"
)

// What a world tells of its channel, as scripts expect it.

func (w *world) stamp(t time.Time) string { return fmt.Sprintf("%.2fs", t.Sub(epoch).Seconds()) }

// describe prints a slot: its number, input, the input's segments, and what is
// remarkable about it.
func (w *world) describe(s Slot) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d %s", s.MSN, s.Input)
	if len(s.Sources) > 0 {
		fmt.Fprintf(&b, " (%s)", strings.Join(s.Sources, "+"))
	}
	var gaps, silent []string
	first := ""
	for _, r := range s.Renditions {
		var numbers []string
		for _, p := range r.Parts {
			numbers = append(numbers, p.Object[strings.LastIndex(p.Object, "/")+1:])
		}
		list := strings.Join(numbers, "+")
		switch {
		case r.Gap():
			gaps = append(gaps, r.Path)
		case r.Silent:
			silent = append(silent, r.Path)
		case len(r.Parts) == 0:
		case first == "":
			first = list
			fmt.Fprintf(&b, " %s", list)
		case list != first:
			fmt.Fprintf(&b, " %s:%s", r.Path, list)
		}
	}
	fmt.Fprintf(&b, " at %s", w.stamp(s.Published))
	for _, r := range s.Renditions {
		if len(r.Defects) > 0 {
			fmt.Fprintf(&b, ", %s %v", r.Path, r.Defects)
		}
	}
	if len(gaps) > 0 {
		fmt.Fprintf(&b, ", gap in %s", strings.Join(gaps, " "))
	}
	if len(silent) > 0 {
		fmt.Fprintf(&b, ", no cue in %s", strings.Join(silent, " "))
	}
	if s.Rewound {
		b.WriteString(", rewound")
	}
	if s.Lost > 0 {
		fmt.Fprintf(&b, ", lost %.2fs", s.Lost.Seconds())
	}
	for _, tags := range s.Passed {
		fmt.Fprintf(&b, ", tells of %s", strings.Join(tags, " "))
	}
	if s.Dated != 0 {
		fmt.Fprintf(&b, ", dated %.2fs ahead", s.Dated.Seconds())
	}
	if s.Discontinuity {
		fmt.Fprintf(&b, ", discontinuity %d", s.DiscontinuityNumber)
	}
	if s.Switch.Patched() {
		b.WriteString(", patched")
		for _, from := range s.Switch.Borrowed {
			fmt.Fprintf(&b, " [%s %s of %s]", from.Rendition, from.Segment, from.Input)
		}
	}
	if sw := s.Switch; sw.Changed() {
		fmt.Fprintf(&b, ", switch from %s: %s", sw.From, sw.Reason)
		for _, m := range sw.Missing {
			fmt.Fprintf(&b, " [%s %s %s]", m.Rendition, m.Segment, m.Why)
		}
		fmt.Fprintf(&b, ", due %s, deadline %s", w.stamp(sw.Due), w.stamp(sw.Deadline))
		if sw.Pair != "" {
			fmt.Fprintf(&b, ", %s", sw.Pair)
		}
		if sw.Seamless {
			b.WriteString(", seamless")
		}
	}
	b.WriteString("\n")
	return b.String()
}

func (w *world) describeEvent(effect Effect) string {
	switch e := effect.(type) {
	case InputChanged:
		if e.Up {
			return "input " + e.Input + " up"
		}
		return "input " + e.Input + " down: " + e.Reason
	case GenerationStarted:
		return fmt.Sprintf("input %s generation %d: %s, by %s", e.Input, e.Generation, e.Reason, e.Basis)
	case PairChanged:
		s := fmt.Sprintf("pair %s %s %s", e.A, e.B, e.State)
		if e.Detail != "" {
			s += ": " + e.Detail
		}
		if e.Drift != 0 {
			s += fmt.Sprintf(", drift %.2fs", e.Drift.Seconds())
		}
		return s
	case Degraded:
		return strings.TrimRight(fmt.Sprintf("input %s degraded %v %s: %s", e.Input, e.Defects, e.Segment, e.Detail), ": ")
	case SegmentMissed:
		return fmt.Sprintf("input %s missed %s %s: %s", e.Input, e.Missing.Rendition, e.Missing.Segment, e.Missing.Why)
	case Noticed:
		return fmt.Sprintf("notice %s%s %s: %s", e.Input, e.Endpoint, e.What, e.Detail)
	case SlotGivenUp:
		return fmt.Sprintf("endpoint %s gave up %.2fs to %.2fs", e.Endpoint,
			e.Start.Time().Sub(epoch).Seconds(), e.End.Time().Sub(epoch).Seconds())
	case ProtectionChanged:
		if e.Protected {
			return "endpoint " + e.Endpoint + " protected"
		}
		return "endpoint " + e.Endpoint + " unprotected: " + e.Why
	case Ended:
		return "endpoint " + e.Endpoint + " ended"
	}
	return fmt.Sprintf("%T", effect)
}

// describeObjects prints a slot with the names of its objects, and the start of the
// encoder that each is from.
func (w *world) describeObjects(s Slot) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d", s.MSN)
	for _, r := range s.Renditions {
		for _, p := range r.Parts {
			fmt.Fprintf(&b, " %s of run %d", p.Object, w.of[p.Object])
		}
		if r.Gap() {
			fmt.Fprintf(&b, " %s:gap", r.Path)
		}
	}
	if s.Discontinuity {
		b.WriteString(", discontinuity")
	}
	return b.String() + "\n"
}

// describeSegments prints what is remembered of the inputs' timelines.
func describeSegments(c *Channel) string {
	var b strings.Builder
	states := []string{"pending", "sound", "unsound", "unplaced"}
	for _, in := range c.inputs {
		for _, r := range in.renditions {
			for _, s := range r.segments {
				fmt.Fprintf(&b, "%s %s run %d number %d %s", in.name, r.path, s.run, s.number, states[s.state])
				if s.placed {
					fmt.Fprintf(&b, " %.2fs to %.2fs", s.channelStart().Time().Sub(epoch).Seconds(), s.channelEnd().Time().Sub(epoch).Seconds())
				}
				if s.passed {
					b.WriteString(" used")
				}
				b.WriteByte('\n')
			}
		}
	}
	return b.String()
}

func describeStatus(s Status) string {
	var b strings.Builder
	for _, in := range s.Inputs {
		fmt.Fprintf(&b, "input %s up=%t ended=%t lateness=%.2fs whole=%.2fs generation=%d", in.Name, in.Up, in.Ended,
			in.Lateness.Seconds(), in.Whole.Seconds(), in.Generation)
		for _, r := range in.Renditions {
			fmt.Fprintf(&b, " %s:%.2fs", r.Path, r.SegmentDuration.Seconds())
		}
		b.WriteByte('\n')
	}
	for _, p := range s.Pairs {
		fmt.Fprintf(&b, "pair %s %s %s %s\n", p.A, p.B, p.State, p.Detail)
	}
	for _, e := range s.Endpoints {
		fmt.Fprintf(&b, "endpoint %s active=%s ordered=%q pinned=%t next=%d discontinuities=%d\n", e.Name, e.Active,
			e.Ordered, e.Pinned, e.NextMSN, e.Discontinuities)
	}
	return b.String()
}
