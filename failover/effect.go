package failover

import (
	"slices"
	"time"
)

// Effect is what the core wants done: publish a slot, notify the operator. The
// effects of one Step are carried out in order.
type Effect interface{ effect() }

// Slot is one published position on an endpoint's timeline: the output segment
// with this media sequence number in all renditions. It never changes.
type Slot struct {
	Endpoint string `json:"endpoint"`
	// MSN is the media sequence number. The first one is the Unix time in
	// seconds; every slot is one more than the last.
	MSN uint64 `json:"msn"`
	// Input is the active input, from which all media of the slot came unless Sources
	// says otherwise.
	Input string `json:"input"`
	// Sources are the inputs that the media came from, where that is not Input alone: of
	// several locked inputs, each gave what it had. Input comes first, if it is among them.
	Sources []string `json:"sources,omitempty"`
	// Start is the slot's position on the channel's clock, its
	// EXT-X-PROGRAM-DATE-TIME; End is where its media ends.
	Start Ticks `json:"start"`
	End   Ticks `json:"end"`
	// Discontinuity says that the media does not continue that of the previous slot.
	Discontinuity bool `json:"discontinuity,omitempty"`
	// DiscontinuityNumber counts the discontinuities from the endpoint's first
	// slot up to and including this one.
	DiscontinuityNumber uint64 `json:"discontinuity_number,omitempty"`
	// TargetDuration of the endpoint, in seconds.
	TargetDuration int `json:"target_duration,omitempty"`
	// Dated is how far the dates that viewers get (EXT-X-PROGRAM-DATE-TIME) are ahead of
	// the channel's clock: what the encoder claims, where that is so far off that nothing
	// else may depend on it.
	Dated Ticks `json:"dated,omitempty"`
	// Unlisted: the slot was given up, and nothing is published for it: the playlist is
	// held. It has no number. Only Start and End are meaningful.
	Unlisted bool `json:"unlisted,omitempty"`
	// Rewound: the timeline was ahead of the clock, and the slot begins before the end of
	// the previous one.
	Rewound bool `json:"rewound,omitempty"`
	// Adopted: the slot is one of another node's history, which holds, and its number is one
	// that this node has used for something else. The timeline goes on after it all the same.
	Adopted bool `json:"adopted,omitempty"`
	// Missing is what each input lacked for a slot that was given up, listed or not.
	Missing map[string][]Missing `json:"missing,omitempty"`
	// Renditions, in the order of the endpoint.
	Renditions []SlotRendition `json:"renditions,omitempty"`
	// Lost is the media time that was given up between the previous slot and this one,
	// because no input delivered it.
	Lost Ticks `json:"lost,omitempty"`
	// Passed are the tags of listed segments that viewers get no media of, before the slot or, if that is
	// a gap, in it: a list for each segment.
	Passed [][]string `json:"passed,omitempty"`
	// Clock is how the timestamps of the slot's media relate to the channel's
	// clock.
	Clock Timing `json:"clock,omitzero"`
	// Due is when the slot was expected from the active input of the previous slot;
	// Deadline is until when that input was waited for.
	Due      time.Time `json:"due,omitzero"`
	Deadline time.Time `json:"deadline,omitzero"`
	// Published is when the slot was decided.
	Published time.Time `json:"published,omitzero"`
	// Switch explains a change of the active input, or that other inputs had to help out;
	// nil if there was neither.
	Switch *Switch `json:"switch,omitempty"`
}

// MediaFrom lists the inputs that the slot's media came from: none, if it is a gap.
func (s Slot) MediaFrom() []string {
	switch {
	case len(s.Sources) > 0:
		return s.Sources
	case s.Missing != nil:
		return nil
	}
	return []string{s.Input}
}

// Gaps are the renditions that have no media in the slot.
func (s Slot) Gaps() []string {
	var list []string
	for _, r := range s.Renditions {
		if r.Gap() {
			list = append(list, r.Path)
		}
	}
	return list
}

// From is the input that a part of the slot came from.
func (s Slot) From(p Part) string {
	if p.Input != "" {
		return p.Input
	}
	return s.Input
}

// Timing relates an encoder's timestamps to the channel's clock: the channel's
// position is the unwrapped timestamp plus Offset. Timestamps wrap at Modulus; 0
// means that they do not.
type Timing struct {
	Offset  Ticks `json:"offset,omitempty"`
	Modulus Ticks `json:"modulus,omitempty"`
}

// SlotRendition is what one rendition holds in a slot.
type SlotRendition struct {
	// Path is the rendition's name: the playlist's path below the input path.
	Path string `json:"path"`
	// Parts are the input segments whose bytes, in sequence, are the slot's.
	// None: the rendition has a gap here (EXT-X-GAP), unless it is Silent.
	Parts []Part `json:"parts,omitempty"`
	// Silent: text that has no cue here, as far as is known. That is not a gap: viewers get
	// a segment without cues.
	Silent bool `json:"silent,omitempty"`
	// Last is the last object of the rendition in this slot or an earlier one: viewers
	// already got everything before it. Empty if it is that of Parts.
	Last string `json:"last,omitempty"`
	// Defects are what is wrong with its media, as far as the endpoint cares.
	Defects []Defect `json:"defects,omitempty"`
	// Duration is the measured length; of a gap, the slot's.
	Duration Ticks `json:"duration,omitempty"`
	// End is where the media ends on the channel's clock. With Signature and Frame of its
	// last part it can prove, even after a restart, that other media continues from there.
	End       Ticks  `json:"end,omitempty"`
	Signature string `json:"signature,omitempty"`
	Frame     Ticks  `json:"frame,omitempty"`
}

// Gap reports whether the rendition has no media in the slot.
func (r SlotRendition) Gap() bool { return len(r.Parts) == 0 && !r.Silent }

// Part is one input segment in a slot.
type Part struct {
	// Object is the ID of the Object fact.
	Object string `json:"object"`
	// Run and Number are its place in the input's timeline.
	Run    uint64 `json:"run,omitempty"`
	Number uint64 `json:"number,omitempty"`
	// Input delivered it, if it is not the slot's.
	Input string `json:"input,omitempty"`
	// Duration is the measured length.
	Duration Ticks `json:"duration,omitempty"`
	// Tags are those of the ListedSegment.
	Tags []string `json:"tags,omitempty"`
}

// Switch explains why an endpoint changed its active input, or (ReasonPatched) which media
// a slot has from others although it did not.
type Switch struct {
	Time     time.Time `json:"time"`
	Endpoint string    `json:"endpoint"`
	// MSN is the first slot from the new input.
	MSN uint64 `json:"msn"`
	// From is empty for the endpoint's first slot, and To for one that was patched.
	From   string `json:"from,omitempty"`
	To     string `json:"to"`
	Reason Reason `json:"reason"`
	// Missing is what the old input had not delivered, or not as it should be.
	Missing []Missing `json:"missing,omitempty"`
	// Borrowed is what came from other inputs, of a slot that was patched.
	Borrowed []Borrowed `json:"borrowed,omitempty"`
	// Due is when the slot was expected from the old input, Deadline is until when it was
	// waited for. Both are zero for the endpoint's first slot.
	Due      time.Time `json:"due,omitzero"`
	Deadline time.Time `json:"deadline,omitzero"`
	// Late is how long after Due the slot was published.
	Late time.Duration `json:"late,omitempty"`
	// Seamless is true if viewers see no discontinuity.
	Seamless bool `json:"seamless"`
	// Pair is the state of the two inputs when they switched; empty if they had not been
	// compared yet.
	Pair PairState `json:"pair,omitempty"`
	// PairDetail says what keeps the pair from being locked.
	PairDetail string `json:"pair_detail,omitempty"`
}

// Changed reports whether the active input is another one now.
func (s *Switch) Changed() bool { return s != nil && s.From != "" && s.From != s.To }

// Patched reports whether several locked inputs made the slot together.
func (s *Switch) Patched() bool { return s != nil && s.Reason == ReasonPatched }

// Borrowed is one segment of a slot that came from an input other than the active one.
type Borrowed struct {
	Rendition string `json:"rendition"`
	Segment   string `json:"segment"`
	Input     string `json:"input"`
}

// Missing is one segment that an input had not delivered for a slot.
type Missing struct {
	Rendition string `json:"rendition"`
	// Segment is the path that the playlist gave; empty if no playlist listed
	// the segment.
	Segment string `json:"segment,omitempty"`
	// Why is one of MissingReasons.
	Why Reason `json:"why"`
}

// Defect is what makes the segment count as missing although it arrived: DefectRepeated and DefectDamaged
// may be so bad that nothing can be served. False for one that did not arrive or can't be read.
func (m Missing) Defect() (Defect, bool) {
	d := Defect(m.Why)
	return d, slices.Contains(Defects(), d)
}

// Published is the effect that a slot was added to the endpoint's timeline.
type Published struct{ Slot Slot }

// Ended is the effect that every input has ended the channel and the endpoint's
// last slot is out: its playlists get EXT-X-ENDLIST. A later Published takes
// that back, for a channel that comes back on air.
type Ended struct{ Endpoint string }

// InputChanged is the effect that an input went up or down.
type InputChanged struct {
	Time  time.Time
	Input string
	Up    bool
	// Reason, for down: "silent" (nothing delivered for three segments),
	// "ended" (EXT-X-ENDLIST) or "removed" (from the config).
	Reason string
	// Last is when the last sound segment arrived.
	Last time.Time
}

// GenerationStarted is the effect that an input's media broke and a new generation began.
type GenerationStarted struct {
	Time       time.Time
	Input      string
	Generation uint64
	// Reason is what showed it.
	Reason    BreakReason
	Rendition string
	Segment   string
	// Basis is how the generation was put on the channel's clock.
	Basis Basis
}

// BreakReason says how a break in an input's media was recognized.
type BreakReason string

const (
	BreakFirst         BreakReason = "first"
	BreakRestart       BreakReason = "restart"
	BreakTimestamps    BreakReason = "timestamp_jump"
	BreakDiscontinuity BreakReason = "discontinuity"
	BreakCodec         BreakReason = "codec_change"
)

// PairChanged is the effect that the relation of two inputs changed.
type PairChanged struct {
	Time   time.Time
	A, B   string
	State  PairState
	Detail string
	// Offset is what has to be added to B's timestamps, less what has to be added
	// to A's, to put both on the channel's clock; 0 if locked.
	Offset Ticks
	// Drift is how much later B's media arrives relative to A's than when the two were
	// aligned: the encoders' clocks run at different speeds.
	Drift Ticks
}

// SegmentMissed is the effect that an input delivered something unsound, or listed
// something that never arrived, whether or not anyone noticed. The latter is reported once
// the segment drops out of the history, some sixteen segments later; Switch and SlotGivenUp
// report at once what was needed.
type SegmentMissed struct {
	Time    time.Time
	Input   string
	Missing Missing
}

// Degraded is the effect that an input delivered media that can be served but is not good,
// or that it falls behind.
type Degraded struct {
	Time  time.Time
	Input string
	// Rendition and Segment are empty if it is about the whole input.
	Rendition, Segment string
	Defects            []Defect
	Detail             string
	// Compared: it was found when another input's copy came; the segment itself may have
	// arrived earlier.
	Compared bool
	// Start and End are the media's position on the channel's clock.
	Start, End Ticks
}

// SlotGivenUp is the effect that no input delivered a slot in time. What still arrives
// for it is published as long as nothing later has been, unless it was listed as a gap: what
// viewers lose for good is known with the next slot (Slot.Lost).
type SlotGivenUp struct {
	Time       time.Time
	Endpoint   string
	Start, End Ticks
	Missing    map[string][]Missing
	Listed     bool // as a gap
}

// Released is the effect that the core will never name these objects in a slot again.
type Released struct{ Objects []string }

// ProtectionChanged is the effect that a hitless endpoint lost its protection, or has it
// again.
type ProtectionChanged struct {
	Time     time.Time
	Endpoint string
	Protection
}

// Noticed is something that an operator ought to know.
type Noticed struct {
	Time time.Time
	// Input or Endpoint says what it is about.
	Input, Endpoint string
	Rendition       string
	Segment         string
	What            Notice
	Detail          string
}

func (Noticed) effect()           {}
func (Degraded) effect()          {}
func (ProtectionChanged) effect() {}
func (Published) effect()         {}
func (Ended) effect()             {}
func (InputChanged) effect()      {}
func (GenerationStarted) effect() {}
func (PairChanged) effect()       {}
func (SegmentMissed) effect()     {}
func (SlotGivenUp) effect()       {}
func (Released) effect()          {}
