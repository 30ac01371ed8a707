package caddymodule

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/liveorigin/caddy-live-origin/failover"
)

// decision is a failover.Switch as it is reported to everybody: the admin API and the
// status page in this form, the log and events by its fields, the command line by its text.
type decision struct {
	Time     time.Time      `json:"time"`
	Endpoint string         `json:"endpoint"`
	MSN      uint64         `json:"msn"`
	From     string         `json:"from,omitempty"`
	To       string         `json:"to"`
	Reason   string         `json:"reason"`
	Why      string         `json:"why"`
	Missing  missingInInput `json:"missing,omitempty"`
	// Borrowed is what came from other inputs, if the slot was patched.
	Borrowed []borrowed `json:"borrowed,omitempty"`
	Due      time.Time  `json:"due,omitzero"`
	Deadline time.Time  `json:"deadline,omitzero"`
	// LateSeconds is how long after Due the slot was published.
	LateSeconds float64 `json:"late_seconds"`
	Seamless    bool    `json:"seamless"`
	Pair        string  `json:"pair,omitempty"`
	PairDetail  string  `json:"pair_detail,omitempty"`
}

func decisionOf(s failover.Switch) decision {
	d := decision{
		Time: s.Time.UTC(), Endpoint: s.Endpoint, MSN: s.MSN, From: s.From, To: s.To,
		Reason: string(s.Reason), Why: whySwitched(s), Missing: missingOf(s.Missing),
		Due: s.Due.UTC(), Deadline: s.Deadline.UTC(), LateSeconds: s.Late.Seconds(),
		Seamless: s.Seamless, Pair: string(s.Pair), PairDetail: s.PairDetail,
	}
	for _, b := range s.Borrowed {
		d.Borrowed = append(d.Borrowed, borrowed(b))
	}
	return d
}

// whySwitched is the reason in words.
func whySwitched(s failover.Switch) string {
	switch s.Reason {
	case failover.ReasonStart:
		return s.To + " was the first to have a whole segment"
	case failover.ReasonMissing:
		return s.From + " did not deliver " + firstSegment(s.Missing) + " in time"
	case failover.ReasonEnded:
		return s.From + " has ended its stream"
	case failover.ReasonNewGeneration:
		return s.From + " was restarted, or its media broke"
	case failover.ReasonManual:
		return "an operator asked for it"
	case failover.ReasonPreferred:
		return s.To + " is the preferred input and has been whole for long enough"
	case failover.ReasonDown:
		return s.From + " went silent"
	case failover.ReasonRemoved:
		return s.From + " was taken out of the config"
	case failover.ReasonUnstable:
		return "the media of " + s.From + " broke again and again, and that of " + s.To + " did not"
	case failover.ReasonTwoWriters:
		return "two encoders upload to " + s.From
	case failover.ReasonAhead:
		return s.From + " went silent after it had sent media ahead of time"
	case failover.ReasonPatched:
		return "no input had all of it; what " + s.From + " did not deliver in time came from others that are locked to it"
	}
	if slices.Contains(failover.Defects(), failover.Defect(s.Reason)) {
		return s.From + whatIsBad(failover.Defect(s.Reason)) + ", and " + s.To + " is better"
	}
	// Other reasons are faults of what arrived.
	return fmt.Sprintf("%s of %s cannot be used (%s)", firstSegment(s.Missing), s.From, strings.ReplaceAll(string(s.Reason), "_", " "))
}

// whatIsBad puts a defect into words that follow the name of the input.
func whatIsBad(d failover.Defect) string {
	switch d {
	case failover.DefectHole:
		return " has a hole in its media"
	case failover.DefectTrackGone:
		return " has lost its sound or its picture"
	case failover.DefectDamaged:
		return " lost packets on the way"
	case failover.DefectNoKeyFrame:
		return " sent a segment that does not start with a key frame"
	case failover.DefectSlow:
		return " falls behind the clock"
	case failover.DefectFrozen:
		return " shows a frozen picture"
	case failover.DefectSilent:
		return " is silent"
	case failover.DefectStarved:
		return " sends almost no data"
	}
	return " sent the same media again"
}

func firstSegment(list []failover.Missing) string {
	first, more := "a segment", -1
	for _, m := range list {
		if m.Segment == "" {
			continue
		}
		if more++; more == 0 {
			first = m.Segment
		}
	}
	if more > 0 {
		first += fmt.Sprintf(" and %d more", more)
	}
	return first
}

// field is one part of a decision for those who want it flat. Its name is the same as in
// JSON.
type field struct {
	name  string
	value any
}

func (d *decision) fields() []field {
	return []field{
		{"time", d.Time}, {"endpoint", d.Endpoint}, {"msn", d.MSN}, {"from", d.From}, {"to", d.To},
		{"reason", d.Reason}, {"why", d.Why}, {"missing", d.Missing}, {"due", d.Due}, {"deadline", d.Deadline},
		{"late_seconds", d.LateSeconds}, {"seamless", d.Seamless}, {"borrowed", borrowedText(d.Borrowed)}, {"pair", d.Pair}, {"pair_detail", d.PairDetail},
	}
}

// logFields are for the log.
func (d *decision) logFields() []zap.Field {
	var list []zap.Field
	for _, f := range d.fields() {
		list = append(list, zap.Any(f.name, f.value))
	}
	return list
}

// event is flat, so that every part of it is a placeholder.
func (d *decision) event() map[string]any {
	data := map[string]any{"missing_count": len(d.Missing)}
	for _, f := range d.fields() {
		switch v := f.value.(type) {
		case time.Time:
			data[f.name] = timestamp(v)
		case missingInInput:
			data[f.name] = v.String()
		default:
			data[f.name] = v
		}
	}
	return data
}

// String is a line for a person.
func (d *decision) String() string {
	if len(d.Borrowed) > 0 {
		return d.From + " " + d.Reason + " with " + borrowedText(d.Borrowed)
	}
	text := orDash(d.From) + " to " + d.To + ", " + d.Reason
	if d.From == "" {
		return text
	}
	text += choose(d.Seamless, ", seamless", ", discontinuity")
	if d.LateSeconds > 0 {
		text += ", " + length(d.LateSeconds) + " late"
	}
	if len(d.Missing) == 0 {
		return text
	}
	text += ": " + d.Missing[0].String()
	if more := len(d.Missing) - 1; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// borrowed is a segment that came from another input.
type borrowed struct {
	Rendition string `json:"rendition"`
	Segment   string `json:"segment"`
	Input     string `json:"input"`
}

// borrowedText says it in one line.
func borrowedText(list []borrowed) string {
	parts := make([]string, len(list))
	for i, b := range list {
		parts[i] = b.Rendition + " " + b.Segment + " of " + b.Input
	}
	return strings.Join(parts, "; ")
}

// missingInInput is what an input had not delivered.
type missingInInput []missingSegment

type missingSegment struct {
	Rendition string          `json:"rendition"`
	Segment   string          `json:"segment,omitempty"`
	Why       failover.Reason `json:"why"`
}

func missingOf(list []failover.Missing) missingInInput {
	var out missingInInput
	for _, m := range list {
		out = append(out, missingSegment(m))
	}
	return out
}

// String says it in one line.
func (m missingSegment) String() string {
	return strings.Join(strings.Fields(m.Rendition+" "+m.Segment+" "+string(m.Why)), " ")
}

// String says it in one line.
func (l missingInInput) String() string {
	parts := make([]string, len(l))
	for i, m := range l {
		parts[i] = m.String()
	}
	return strings.Join(parts, "; ")
}

// MarshalLogArray implements zapcore.ArrayMarshaler.
func (l missingInInput) MarshalLogArray(enc zapcore.ArrayEncoder) error {
	for _, m := range l {
		if err := enc.AppendObject(m); err != nil {
			return err
		}
	}
	return nil
}

// MarshalLogObject implements zapcore.ObjectMarshaler.
func (m missingSegment) MarshalLogObject(enc zapcore.ObjectEncoder) error {
	enc.AddString("rendition", m.Rendition)
	enc.AddString("segment", m.Segment)
	enc.AddString("why", string(m.Why))
	return nil
}

// Interface guards
var (
	_ zapcore.ArrayMarshaler  = missingInInput(nil)
	_ zapcore.ObjectMarshaler = missingSegment{}
)
