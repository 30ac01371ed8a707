// Package activity records what happens in a channel, for people who watch. What it keeps
// is bounded, and whoever reads it never holds up the channel.
package activity

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
)

// The bounds of what a channel remembers for those who watch.
const (
	// activityAge is how far back it goes: what somebody who was woken by an alarm wants to
	// see.
	activityAge = 10 * time.Minute
	// activityEntries is ten minutes of two inputs with three renditions of 1 s
	// each, twice over.
	activityEntries = 8192
	// activityBytes bounds the names that encoders choose.
	activityBytes = 4 << 20
	// activityText is how much of a name or a reason is kept.
	activityText = 256
	// activityUnlisted is how many objects of an input may wait for a playlist that says
	// where they belong; unlistedAge is for how long, as in the core.
	activityUnlisted = 256
	unlistedAge      = 2 * time.Minute
	// unsoundAge is shorter: that something is wrong should show soon.
	unsoundAge = 5 * time.Second
	// refusalInterval: of the uploads of an input that are refused at the same
	// time, one is shown, as an encoder that is refused repeats itself forever. All
	// are counted.
	refusalInterval = time.Second
)

// Notes are what happened in a channel lately. Readers go at their own pace: a slow one
// loses entries and never holds up the channel.
type Notes struct {
	mu       sync.Mutex
	entries  []Entry // in order of their numbers, which rise by one
	bytes    int
	next     uint64
	changed  chan struct{} // nil if nobody waits
	counters Counters
	refused  map[string]time.Time // the last one shown, by input

	// unlisted belongs to the goroutine that calls Follow.
	unlisted map[string][]unlistedObject
}

// unlistedObject is an object whose place is not known yet.
type unlistedObject struct {
	object failover.Object
	at     time.Time
}

// Entry is one thing that happened. One of Segment, Slot and Effect is set.
type Entry struct {
	Number  uint64
	Time    time.Time
	Segment *Segment
	Slot    *Slot
	// Effect is an InputChanged, PairChanged, GenerationStarted, ProtectionChanged,
	// SlotGivenUp, or a Degraded of a whole input, of the core.
	Effect failover.Effect
}

// State says what happened to an input's segment.
type State string

const (
	// Arrived: it is sound and came in the input's own rhythm.
	Arrived State = "arrived"
	// Degraded: it is sound and came in time, but is not good.
	Degraded State = "degraded"
	// Late: it is sound, and came later than the input's segments usually do, by more than
	// half its length. That is the failover grace of an endpoint with segments of this
	// length.
	Late State = "late"
	// Unsound: what arrived cannot be used. It counts as missing.
	Unsound State = "unsound"
	// Refused: the upload was refused or broke off.
	Refused State = "refused"
	// Missed: it had not arrived at the deadline of a slot.
	Missed State = "missing"
	// Unlisted: it arrived, and no playlist ever listed it.
	Unlisted State = "unlisted"
)

// Segment is a segment of an input, or an upload that did not become one.
type Segment struct {
	Input string
	State State
	// Rendition is empty if it is not known.
	Rendition string
	Path      string
	// Number is the encoder's own media sequence number.
	Number uint64
	// Start and End are on the channel's clock, if Placed.
	Start, End failover.Ticks
	Placed     bool
	// Lateness is how long after its end the segment came, Usual is the input's
	// rhythm.
	Lateness, Usual time.Duration
	Size            int64
	// Reason says what is wrong.
	Reason string
	// Defects are what is bad about it, in words of a fixed list; Detail is for people.
	Defects []failover.Defect
	Detail  string
	// Again: it was noted before; this replaces it.
	Again bool
}

// Slot is a slot that was published.
type Slot struct {
	Endpoint      string
	MSN           uint64
	Input         string
	Sources       []string // of the media, where that is not Input alone
	Start, End    failover.Ticks
	Discontinuity bool
	// Gap: it has no media in any rendition. Gaps is the number of renditions without
	// media.
	Gap  bool
	Gaps int
	// Late is how long after it was due it was published, Lost is the media time
	// that was given up before it.
	Late   time.Duration
	Lost   time.Duration
	Switch *failover.Switch
}

// Counters count from the moment at which the channel began to take notes.
type Counters struct {
	Since     time.Time
	Inputs    map[string]InputCounters
	Endpoints map[string]EndpointCounters
}

// InputCounters are those of one input.
type InputCounters struct {
	Segments, Bytes, Late, Missing, Refused, Unlisted uint64
	// First is where the very first segment begins on the channel's clock; zero before.
	First failover.Ticks
	// Unsound is by fault, Defects by defect, which are words of fixed lists.
	Unsound, Defects map[string]uint64
}

// EndpointCounters are those of one endpoint.
type EndpointCounters struct{ Slots, Gaps, GivenUp, Switches, Patched uint64 }

// New starts taking notes.
func New() *Notes {
	return &Notes{
		counters: Counters{Since: time.Now(), Inputs: map[string]InputCounters{}, Endpoints: map[string]EndpointCounters{}},
		refused:  map[string]time.Time{}, unlisted: map[string][]unlistedObject{},
	}
}

// Since returns the entries from a number on, and the number to ask for next time. lost is
// how many of those asked for have been forgotten. changed is closed as soon as there is
// more.
func (a *Notes) Since(number uint64) (entries []Entry, lost, next uint64, changed <-chan struct{}) {
	a.mu.Lock()
	defer a.mu.Unlock()
	first := a.next - uint64(len(a.entries))
	if number < first {
		lost, number = first-number, first
	}
	if number < a.next {
		entries = slices.Clone(a.entries[number-first:])
	}
	if a.changed == nil {
		a.changed = make(chan struct{})
	}
	return entries, lost, a.next, a.changed
}

// Counters returns a copy.
func (a *Notes) Counters() Counters {
	a.mu.Lock()
	defer a.mu.Unlock()
	c := Counters{Since: a.counters.Since, Inputs: map[string]InputCounters{}, Endpoints: map[string]EndpointCounters{}}
	for name, in := range a.counters.Inputs {
		unsound := map[string]uint64{}
		for reason, n := range in.Unsound {
			unsound[reason] = n
		}
		in.Unsound, in.Defects = unsound, maps.Clone(in.Defects)
		c.Inputs[name] = in
	}
	for name, e := range a.counters.Endpoints {
		c.Endpoints[name] = e
	}
	return c
}

// add appends an entry and forgets what is too old or too much.
func (a *Notes) add(e Entry) {
	a.mu.Lock()
	defer a.mu.Unlock()
	e.Number = a.next
	a.next++
	a.entries = append(a.entries, e)
	a.bytes += e.size()
	drop := 0
	for drop < len(a.entries)-1 && (len(a.entries)-drop > activityEntries || a.bytes > activityBytes ||
		e.Time.Sub(a.entries[drop].Time) > activityAge) {
		a.bytes -= a.entries[drop].size()
		a.entries[drop] = Entry{}
		drop++
	}
	a.entries = a.entries[drop:]
	a.count(e)
	if a.changed != nil {
		close(a.changed)
		a.changed = nil
	}
}

// size is roughly what the entry takes, including its texts.
func (e *Entry) size() int {
	const fixed = 320
	switch {
	case e.Segment != nil:
		return fixed + len(e.Segment.Path) + len(e.Segment.Reason) + len(e.Segment.Detail)
	case e.Slot != nil && e.Slot.Switch != nil:
		n := fixed
		for _, m := range e.Slot.Switch.Missing {
			n += len(m.Segment) + len(m.Rendition) + 64
		}
		for _, b := range e.Slot.Switch.Borrowed {
			n += len(b.Segment) + len(b.Rendition) + 64
		}
		return n
	}
	return fixed
}

func (a *Notes) count(e Entry) {
	if s := e.Segment; s != nil {
		in := a.counters.Inputs[s.Input]
		switch s.State {
		case Late:
			in.Late++
			fallthrough
		case Arrived, Degraded:
			if s.Again {
				break
			}
			in.Segments++
			in.Bytes += uint64(s.Size)
			if in.First == 0 {
				in.First = s.Start
			}
		case Unsound:
			if in.Unsound == nil {
				in.Unsound = map[string]uint64{}
			}
			in.Unsound[s.Reason]++
		case Missed:
			in.Missing++
		case Unlisted:
			in.Unlisted++
		case Refused: // counted where it comes in, shown or not
		}
		for _, d := range s.Defects {
			if in.Defects == nil {
				in.Defects = map[string]uint64{}
			}
			in.Defects[string(d)]++
		}
		a.counters.Inputs[s.Input] = in
	}
	if s := e.Slot; s != nil {
		ep := a.counters.Endpoints[s.Endpoint]
		ep.Slots++
		if s.Gap {
			ep.Gaps++
		}
		switch {
		case s.Switch.Changed():
			ep.Switches++
		case s.Switch.Patched():
			ep.Patched++
		}
		a.counters.Endpoints[s.Endpoint] = ep
	}
	if g, ok := e.Effect.(failover.SlotGivenUp); ok {
		ep := a.counters.Endpoints[g.Endpoint]
		ep.GivenUp++
		a.counters.Endpoints[g.Endpoint] = ep
	}
}

// clip bounds a text that an encoder chose. The copy does not hold on to the full text.
func clip(s string) string {
	if len(s) > activityText {
		s = strings.ToValidUTF8(s[:activityText], "") + "…"
	}
	return strings.Clone(s)
}
