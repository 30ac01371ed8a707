package failover

import "time"

// endpoint decides one output of the channel.
type endpoint struct {
	channel *Channel
	config  EndpointConfig

	started bool
	ended   bool
	active  *input
	msn     uint64 // of the next slot
	breaks  uint64 // discontinuities so far
	// published counts the slots of this life.
	published uint64
	target    int // EXT-X-TARGETDURATION, fixed with the first slot
	cursor    cursor
	marks     map[string]mark
	// at is where the slot that is being decided begins. Between cursor.end and
	// at lie slots that were given up; what still arrives for them is published
	// as long as nothing later was.
	at Ticks
	// givenUp is what the active input had for the last slot that was given up.
	givenUp *candidate
	// missedSlots counts for how many slots in a row nobody delivered a
	// rendition.
	missedSlots map[string]int
	// excluded are the renditions that the endpoint does not serve.
	excluded   map[string]bool
	lastSwitch *Switch
	// wanted is the input that the operator asked for; pinned keeps it wanted.
	wanted string
	pinned bool
	// resumed is when the process last took facts again after it was away. Until
	// then a restored endpoint is told what it knew when its last slot was published,
	// at recalled, and decides nothing about the time before.
	resumed, recalled time.Time
	// wake is when time alone can change the next decision.
	wake time.Time
}

// cursor is where the endpoint's timeline ends.
type cursor struct {
	input      *input
	generation *generation
	end        Ticks
}

func (c cursor) clock() Clock {
	if c.generation == nil {
		return Clock{}
	}
	return Clock{Offset: c.generation.offset, Modulus: c.generation.modulus}
}

func newEndpoint(c *Channel, config EndpointConfig) *endpoint {
	return &endpoint{channel: c, config: config, marks: map[string]mark{}, missedSlots: map[string]int{}}
}

// patience is how long after a slot is due the endpoint waits for it.
func (e *endpoint) patience() time.Duration {
	return max(e.grace(), e.config.TimeDelay)
}

// deadline is until when a slot is waited for that is due at a time.
func (e *endpoint) deadline(due time.Time) time.Time {
	at := due.Add(e.patience())
	if again := e.resumed.Add(e.grace()); !e.resumed.IsZero() && at.Before(again) {
		return again
	}
	return at
}

func (e *endpoint) grace() time.Duration {
	if e.config.FailoverGrace > 0 {
		return e.config.FailoverGrace
	}
	return e.config.SegmentDuration / 2
}

// lateness is the input's own rhythm: how long after its end its media comes.
func (e *endpoint) lateness(in *input) Ticks { return in.latest.lateness() }

// settled reports whether an input that has sent no multivariant playlist has
// had the time to.
func (e *endpoint) settled(in *input, now time.Time) bool {
	at := in.heard.Add(e.grace())
	if e.cursor.input == in || !now.Before(at) {
		return true
	}
	e.wakeAt(at)
	return false
}

func (e *endpoint) wakeAt(t time.Time) {
	if e.wake.IsZero() || t.Before(e.wake) {
		e.wake = t
	}
}

// decide publishes all that can be published now.
func (e *endpoint) decide(now time.Time) {
	e.wake = time.Time{}
	if now.Before(e.recalled) {
		return
	}
	for e.next(now) {
		e.wake = time.Time{}
	}
}

// next takes one step: it publishes a slot or gives one up, or it finds that
// there is nothing to do before wake or the next fact.
func (e *endpoint) next(now time.Time) bool {
	if !e.started {
		return e.begin(now)
	}
	if e.at > e.cursor.end {
		if published, waiting := e.salvage(now); published || waiting {
			return published
		}
	}
	return e.decideSlot(now)
}

// begin publishes the first slot, from the first input that has it whole.
func (e *endpoint) begin(now time.Time) bool {
	var found *candidate
	var late []*candidate
	for _, in := range e.channel.inputs {
		c := e.build(in, 0, 0, now)
		switch {
		case c == nil || c.count == 0:
		case c.whole:
			found = e.better(found, c)
		case !now.Before(c.deadline):
			late = append(late, c)
		default:
			e.wakeAt(c.deadline)
		}
	}
	if found == nil {
		// Nobody has a first slot whole in time: begin with what there is.
		for _, c := range late {
			if p := e.partial(c.input, 0, now); p != nil {
				found = e.better(found, p)
			}
		}
	}
	if found == nil || !e.visible(found, now) {
		return false
	}
	e.publish(found, nil, now)
	return true
}

// better compares two candidates for the same slot: without a discontinuity,
// then with more renditions, then earlier, then in the order of the config.
func (e *endpoint) better(a, b *candidate) *candidate {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	case a.seamless != b.seamless:
		if a.seamless {
			return a
		}
		return b
	case a.complete != b.complete:
		if a.complete > b.complete {
			return a
		}
		return b
	case b.start < a.start-b.input.length()/2 && e.started:
		return b
	}
	return a
}

// visible reports whether the time delay allows the slot to be seen.
func (e *endpoint) visible(c *candidate, now time.Time) bool {
	if e.config.TimeDelay <= 0 {
		return true
	}
	at := c.end.Time().Add(e.config.TimeDelay)
	if now.Before(at) {
		e.wakeAt(at)
		return false
	}
	return true
}

// decideSlot applies the rule to the slot that begins at e.at.
func (e *endpoint) decideSlot(now time.Time) bool {
	a := e.build(e.active, e.at, 0, now)
	if a == nil {
		// The active input was taken out, or has nothing at all.
		length := TicksOf(e.config.SegmentDuration)
		a = &candidate{input: e.active, start: e.at, end: e.at + length, dead: true, reason: ReasonDown}
		a.due = a.end.Time()
		a.deadline = e.deadline(a.due)
	}
	var others []*candidate
	if !e.alone(a, now) {
		others = e.others(now)
	}
	if p := e.preferred(a, others); p != nil {
		switch {
		case p.whole && !e.visible(p, now):
			return false
		case p.whole:
			a.reason, a.missing = ReasonPreferred, nil
			if p.input.name == e.wanted {
				a.reason = ReasonManual
			}
			e.publish(p, a, now)
			return true
		case now.Before(p.deadline):
			// The active input may have the slot already, but this one is wanted,
			// and may be the slower of the two.
			e.wakeAt(p.deadline)
			return false
		}
	}
	return e.decideFrom(a, others, now)
}

// alone reports whether what the active input has decides, whatever the others have:
// it has the slot or is still waited for, and nobody wants another input.
func (e *endpoint) alone(a *candidate, now time.Time) bool {
	wanted := e.wanted
	if wanted == "" {
		wanted = e.config.Prefer
	}
	if wanted != "" && wanted != e.active.name || a.fresh {
		return false
	}
	return a.whole || e.awaited(a, now)
}

// awaited reports whether the active input may still have the slot in time.
func (e *endpoint) awaited(a *candidate, now time.Time) bool {
	return !a.dead && a.input.up && now.Before(a.deadline)
}

// others is what the inputs have that are not the active one.
func (e *endpoint) others(now time.Time) []*candidate {
	var list []*candidate
	for _, in := range e.channel.inputs {
		if in == e.active {
			continue
		}
		if c := e.build(in, e.at, 0, now); c != nil {
			list = append(list, c)
		}
	}
	return list
}

// decideFrom applies the rule to what the active input and the others have.
func (e *endpoint) decideFrom(a *candidate, others []*candidate, now time.Time) bool {
	if a.whole {
		if a.fresh && !a.seamless {
			// It broke, and what it has now costs a discontinuity. Another input
			// that goes on without one is better.
			if c := e.choose(others, true); c != nil && e.visible(c, now) {
				e.publish(c, a, now)
				return true
			}
		}
		if !e.visible(a, now) {
			return false
		}
		e.publish(a, a, now)
		return true
	}
	if e.awaited(a, now) {
		if a.fresh {
			if c := e.choose(others, true); c != nil && e.visible(c, now) {
				e.publish(c, a, now)
				return true
			}
		}
		e.wakeAt(a.deadline)
		return false
	}
	if c := e.choose(others, false); c != nil {
		if !e.visible(c, now) {
			return false
		}
		e.publish(c, a, now)
		return true
	}
	waiting := false
	for _, c := range others {
		if c.input.up && !c.dead && now.Before(c.deadline) {
			e.wakeAt(c.deadline)
			waiting = true
		}
	}
	if waiting {
		return false
	}
	return e.giveUp(a, others, now)
}

// preferred is the candidate to go to although nothing forces it: that of the
// input which the operator asked for, or of the preferred input once it has been
// whole for long enough, and viewers do not notice or see a discontinuity in any
// case.
func (e *endpoint) preferred(a *candidate, others []*candidate) *candidate {
	if e.active.name == e.wanted {
		return nil
	}
	for _, c := range others {
		if c.dead || !c.input.up {
			continue
		}
		if c.input.name == e.wanted {
			return c
		}
		if e.wanted == "" && c.input.name == e.config.Prefer &&
			c.input.wholeFor() >= TicksOf(e.config.PreferAfter) && (c.seamless || a.whole && !a.seamless) {
			return c
		}
	}
	return nil
}

// choose picks the best of the whole candidates.
func (e *endpoint) choose(list []*candidate, seamlessOnly bool) *candidate {
	var best *candidate
	for _, c := range list {
		if c.whole && (c.seamless || !seamlessOnly) {
			best = e.better(best, c)
		}
	}
	return best
}
