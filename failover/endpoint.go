package failover

import (
	"slices"
	"time"
)

// endpoint decides one output of the channel. Only commit changes its position.
type endpoint struct {
	channel *Channel
	config  EndpointConfig
	added   time.Time        // to the config
	floors  map[string]Ticks // by input, see Channel.floors

	started         bool
	ended           bool
	active          string    // input
	msn             uint64    // of the next slot
	last            time.Time // when the last slot was published
	discontinuities uint64    // so far
	// published counts the slots since the process started.
	published uint64
	// committed counts those since the last fact.
	committed int
	target    int // EXT-X-TARGETDURATION, fixed with the first slot
	cursor    cursor
	marks     map[string]mark // by rendition
	// at is where the slot to be decided begins. Between cursor.end and
	// at lie slots that were given up; what still arrives for them is published
	// as long as nothing later was.
	at Ticks
	// due and deadline are those of the last slot that was given up.
	due, deadline time.Time
	// broke says for each of the last slots whether the active input broke there.
	broke [unstableSlots]bool
	// excluded are the renditions that the endpoint does not serve.
	excluded   map[string]bool
	lastSwitch *Switch
	// loan is the earliest slot that another input lent and the active one still owes.
	loan loan
	// flawed is what was wrong with the last slots, newest first; leftSlow is when an input
	// was left because it fell behind.
	flawed   []seenSlot
	leftSlow time.Time
	// told is what was last reported about the protection of a hitless endpoint.
	told *Protection
	// wanted is the input that the operator asked for; pinned keeps it wanted.
	wanted string
	pinned bool
	// resumed is when the process last resumed taking facts after it was away. Until then a
	// restored endpoint is given what it knew when its last slot was published, at
	// recalled, and decides nothing about the time before.
	resumed, recalled time.Time
	// wake is when the last Decision asked to be asked again.
	wake time.Time
}

// cursor is where the endpoint's timeline ends.
type cursor struct {
	input      string
	generation uint64 // of the input, 0 if not known here
	clock      Timing
	start, end Ticks // of the last slot
	media      Ticks // where the last slot with media ended
	dated      Ticks // see Slot.Dated
}

// mark is how far an endpoint has got in one rendition.
type mark struct {
	// run and number are the place of the last segment used in the timeline of the
	// input, empty if that does not hold it.
	input       string
	run, number uint64
	object      string // its ID, by which it is recognized on arrival
	end         Ticks  // where its media ended, on the channel's clock, or the gap after it
	media       Ticks  // where its media ended
	signature   string
	gap         bool // the last slot had none of this rendition
}

// of reports whether the mark lies in this rendition of this input.
func (m mark) of(r *rendition) bool { return m.input != "" && m.input == r.input.name }

// commit puts a slot on the timeline.
func (e *endpoint) commit(now time.Time, s Slot) {
	switch {
	case s.Unlisted:
		if s.End > e.at {
			e.at, e.due, e.deadline = s.End, s.Due, s.Deadline
			e.channel.emit(e.givenUp(now, s))
		}
		return
	case e.started && s.MSN < e.msn:
		if s.Adopted && s.End >= e.cursor.end {
			e.follow(s) // never back: what lies behind is released
		}
		return
	}
	if s.Missing != nil {
		e.channel.emit(e.givenUp(now, s))
	}
	e.follow(s)
	e.published++
	e.ended = false
	e.channel.emit(Published{Slot: s})
	e.noticeLength(now, s)
}

func (e *endpoint) givenUp(now time.Time, s Slot) SlotGivenUp {
	return SlotGivenUp{Time: now, Endpoint: s.Endpoint, Start: s.Start, End: s.End, Missing: s.Missing, Listed: !s.Unlisted}
}

// follow updates the cursor to where the slot leaves the timeline.
func (e *endpoint) follow(s Slot) {
	first := !e.started
	e.started, e.last = true, s.Published
	e.msn, e.discontinuities, e.target = max(e.msn, s.MSN+1), s.DiscontinuityNumber, s.TargetDuration
	copy(e.broke[1:], e.broke[:])
	e.broke[0] = s.Discontinuity && !s.Switch.Changed() && s.Lost == 0 && !first
	if s.Switch != nil && !s.Switch.Patched() {
		e.lastSwitch = s.Switch
		e.broke = [unstableSlots]bool{}
	}
	e.active = s.Input
	if e.active == e.wanted && !e.pinned {
		e.wanted = ""
	}
	e.borrow(s)
	e.note(s)
	was := e.cursor
	e.cursor = cursor{input: s.lastFrom(), clock: s.Clock, start: s.Start, end: s.End, media: s.End, dated: s.Dated}
	if s.Missing != nil {
		e.cursor.media = was.media
	}
	if was.input == e.cursor.input && was.clock == s.Clock {
		e.cursor.generation = was.generation
	}
	if first || s.Rewound || s.Missing != nil || s.End > e.at-(s.End-s.Start)/2 {
		e.at = s.End
	}
	e.channel.takeClock(s)
	for _, r := range s.Renditions {
		e.mark(s, r)
	}
}

// lastFrom is the input that the last media of the leading rendition came from.
func (s Slot) lastFrom() string {
	for _, r := range s.Renditions {
		if n := len(r.Parts); n > 0 {
			return s.From(r.Parts[n-1])
		}
	}
	return s.Input
}

// mark records how far a slot uses one rendition.
func (e *endpoint) mark(s Slot, r SlotRendition) {
	m := e.marks[r.Path]
	if m.object == "" {
		m.object = r.Last
	}
	switch {
	case r.Silent:
		m.end = max(m.end, r.End, s.Start-liveSlots*(s.End-s.Start)) // what comes before is no longer shown
	case r.Gap():
		m.end, m.gap = r.End, true
		if m.signature == "" {
			m.signature = r.Signature // of a slot from before a restart
		}
	default:
		m = mark{end: r.End, media: r.End, signature: r.Signature, object: r.Parts[len(r.Parts)-1].Object}
		if found := e.channel.locate(s, r); found != nil {
			m.input, m.run, m.number = found.input().name, found.run, found.number
			if g := found.generation; g.clock() == s.Clock && !found.rendition.text && m.input == e.cursor.input {
				e.cursor.generation = g.id
			}
		}
	}
	e.marks[r.Path] = m
}

// recognize checks whether the object that has just arrived is the last one of a slot that
// was committed before: then the endpoint's place in the input's timeline is known, and the media's place on the
// channel's clock.
func (c *Channel) recognize(s *segment, object string) {
	if object == "" {
		return
	}
	path := s.rendition.path
	for _, e := range c.endpoints {
		if m := e.marks[path]; m.input == "" && m.object == object {
			m.input, m.run, m.number = s.rendition.input.name, s.run, s.number
			e.marks[path] = m
			if !m.gap && s.rendition.counts() {
				c.takeClockOf(s.generation, e.cursor.clock)
			}
		}
	}
}

// locate finds the last segment of a slot's rendition in its input's timeline, nil if
// it is not there: it is from before a restart, or has not arrived here.
func (c *Channel) locate(slot Slot, had SlotRendition) *segment {
	p := had.Parts[len(had.Parts)-1]
	if p.Object == "" {
		return nil // only what is left of a slot from before a restart
	}
	in := c.input(slot.From(p))
	if in == nil {
		return nil
	}
	r := in.rendition(had.Path)
	if r == nil {
		return nil
	}
	if s := r.at(p.Run, p.Number); s != nil && s.state == sound && s.object == p.Object {
		return s
	}
	for i := len(r.segments) - 1; i >= max(0, len(r.segments)-relisted); i-- {
		if s := r.segments[i]; s.state == sound && s.object == p.Object {
			return s
		}
	}
	return nil
}

// noticeLength reports a slot that is longer than promised.
func (e *endpoint) noticeLength(now time.Time, s Slot) {
	longest := s.End - s.Start
	for _, r := range s.Renditions {
		longest = max(longest, r.Duration)
	}
	if rounded(longest) <= s.TargetDuration || len(s.Missing) > 0 {
		return
	}
	e.channel.emit(Noticed{
		Time: now, Endpoint: e.config.Name, Input: s.Input, What: NoticeLongSegment,
		Detail: "a segment is longer than the target duration, which can't change any more",
	})
}

// used reports whether a slot of any endpoint holds the segment.
func (c *Channel) used(s *segment) bool {
	for _, e := range c.endpoints {
		if m := e.marks[s.rendition.path]; m.of(s.rendition) && !(m.run < s.run || m.run == s.run && m.number < s.number) {
			return true
		}
	}
	return false
}

// restore takes over the last slot from before a restart.
func (c *Channel) restore(last Slot) {
	e := c.endpoint(last.Endpoint)
	if e == nil || e.started {
		return
	}
	e.follow(last)
	e.lastSwitch = nil
	e.recalled = last.Published
	e.at = last.End
	c.restoredClock(last)
	if !last.Due.IsZero() && !c.pace.set {
		c.pace.lead, c.pace.restored = last.End-TicksAt(last.Due), true
	}
}

// restoredClock is a generation that stands for the media of slots with this slot's clock.
func (c *Channel) restoredClock(s Slot) {
	last := s.End - s.Clock.Offset
	for _, g := range c.restored {
		if g.clock() == s.Clock {
			g.last = max(g.last, last)
			if from := s.lastFrom(); !slices.Contains(g.from, from) {
				g.from = append(g.from, from)
			}
			if s.Published.After(g.until) {
				g.until, g.late = s.Published, TicksAt(s.Published)-s.End
			}
			return
		}
	}
	c.restored = append(c.restored, &generation{
		input: newInput(c, ""), offset: s.Clock.Offset, modulus: s.Clock.Modulus, last: last,
		until: s.Published, late: TicksAt(s.Published) - s.End, from: []string{s.lastFrom()},
	})
}

// patience is how long the endpoint waits for a slot of this length after it is due.
func (e *endpoint) patience(length Ticks) time.Duration {
	return max(e.grace(length), e.config.TimeDelay)
}

// grace is half of the output segment unless the operator says otherwise.
func (e *endpoint) grace(length Ticks) time.Duration {
	if e.config.FailoverGrace > 0 {
		return e.config.FailoverGrace
	}
	if length <= 0 {
		return e.config.SegmentDuration / 2
	}
	return (length / 2).Duration()
}

// until is how long to wait for a slot that is due at a given time.
func (e *endpoint) until(due time.Time, length Ticks) time.Time {
	at := due.Add(e.patience(length))
	if again := e.resumed.Add(e.grace(length)); !e.resumed.IsZero() && at.Before(again) {
		return again
	}
	return at
}

// lateness is the input's own rhythm: how long after its end its media arrives, in
// whichever of the endpoint's live renditions is last. Text does not count.
func (e *endpoint) lateness(in *input) Ticks {
	first, late := true, Ticks(0)
	for _, a := range e.serves(in) {
		r := in.rendition(a.Path)
		if r == nil || !r.arriving || !r.counts() || r.stale() {
			continue
		}
		if l := in.latest.latenessOf(r); first || l > late {
			first, late = false, l
		}
	}
	return late
}

// unstable reports whether another break of the active input would be one too many.
func (e *endpoint) unstable() bool {
	n := 1
	for _, broke := range e.broke[:unstableSlots-1] {
		if broke {
			n++
		}
	}
	return n >= unstableBreaks
}
