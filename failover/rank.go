package failover

import "time"

// better is the order of options for every choice between them, whichever part of the rule
// asks: whole before picture-only before nothing; then without a discontinuity; then with
// more renditions; then with fewer defects; then the active input's; then by the order of
// the config.
func (o *option) better(than *option) bool {
	switch {
	case than == nil:
		return true
	case o.level != than.level:
		return o.level > than.level
	case o.seamless != than.seamless:
		return o.seamless
	case o.renditions != than.renditions:
		return o.renditions > than.renditions
	case o.defects != than.defects:
		return o.defects < than.defects
	case o.active != than.active:
		return o.active
	}
	return o.order < than.order
}

// best is the first of the options that fit, nil if none does.
func best(list []*option, fits func(*option) bool) *option {
	var found *option
	for _, o := range list {
		if fits(o) && o.better(found) {
			found = o
		}
	}
	return found
}

// choose applies the rule to what the active input and the others have for a slot. It
// returns the option to publish and why the active input changes, if it does; nil while an
// input is waited for (then the question knows until when), or when no input has anything,
// and then givenUp is true.
func (q *question) choose(a *option, others []*option) (chosen *option, why Reason, givenUp bool) {
	if t, why := q.sought(a, others); t != nil && !q.soon(t, a) {
		if t.level == whole {
			return t, why, false
		}
		if q.now.Before(t.deadline) && t.input.wholeFor() > 0 && !t.behind {
			// The active input may already have the slot, but this one is wanted, and may
			// be the slower of the two.
			q.waitUntil(t.deadline)
			return nil, "", false
		}
	}
	wholeOnes := best(others, func(o *option) bool { return o.level == whole })
	goesOn := best(others, func(o *option) bool { return o.level == whole && o.seamless })
	if goesOn != nil && a.spare > 0 && goesOn.count == a.wanted {
		// It shows where the slot ends.
		a.due = (goesOn.end + q.lateness(a.input)).Time()
		a.deadline = q.until(a.due, a.slot)
	}
	if a.level == whole {
		switch {
		case a.seamless:
		default:
			o, why, waiting := q.mendsBreak(a, others)
			if o != nil || waiting {
				return o, why, false
			}
		}
		o, why, waiting := q.sounder(a, others)
		switch {
		case waiting:
			return nil, "", false
		case o != nil:
			return o, why, false
		}
		return a, "", false
	}
	if goesOn != nil && (a.fresh || a.omitted) && q.replaces(goesOn, a) {
		return goesOn, a.why(), false
	}
	if goesOn != nil && q.lends(goesOn, a) {
		goesOn.lent = true
		return goesOn, "", false
	}
	if q.mayCome(a) {
		q.waitUntil(a.deadline)
		return nil, "", false
	}
	if wholeOnes != nil && q.replaces(wholeOnes, a) {
		if wholeOnes.dubious() && q.followed(wholeOnes) {
			return nil, "", false
		}
		if u := q.united(q.at); u != nil && u.level == whole && u.seamless && u.better(wholeOnes) {
			return u, a.why(), false
		}
		return wholeOnes, a.why(), false
	}
	waiting := q.awaits(others, func(o *option) bool {
		return a.level == nothing || o.announced > a.renditions || q.complements(o, a)
	})
	if a.fresh && !a.behind && a.never == ReasonNewGeneration && a.input.up && q.now.Before(a.deadline) {
		// It broke, and what comes after the break gets its own time to become whole.
		q.waitUntil(a.deadline)
		waiting = true
	}
	if waiting {
		return nil, "", false
	}
	if u := q.united(q.at); u != nil && u.level == whole && u.seamless {
		return u, a.why(), false
	}
	return nil, "", true
}

// mendsBreak is what comes before the active input's slot, which is whole and begins a discontinuity: that of an
// input which goes on without one, or, where the active input breaks time after time, of any. None of them has
// fewer renditions. waiting: one may yet have it, before its own deadline.
func (q *question) mendsBreak(a *option, others []*option) (o *option, why Reason, waiting bool) {
	unstable := a.fresh && q.unstable()
	asMuch := func(o *option) bool { return o.level == whole && o.renditions >= a.renditions }
	if o := best(others, func(o *option) bool { return asMuch(o) && o.seamless }); o != nil {
		return o, a.why(), false
	}
	if q.awaits(others, func(o *option) bool { return o.seamless && o.announced >= a.renditions }) {
		return nil, "", true
	}
	if o := best(others, asMuch); unstable && o != nil {
		return o, ReasonUnstable, false
	}
	return nil, "", unstable && q.awaits(others, func(o *option) bool { return o.announced >= a.renditions })
}

// replaces reports whether an option is more than the active input has: no input takes over
// without more renditions, unless the active one lacks the video, in all variants that go on, and
// the other has it.
func (q *question) replaces(o, a *option) bool {
	switch {
	case o.renditions > a.renditions:
		return true
	case a.level != nothing || !o.leader().video && q.hasVideo(a.input):
		return false
	}
	other := q.pictured(a.input, q.at)
	return other == nil || o.seamless && !other.seamless || o.renditions > other.renditions || q.known(o) > q.known(other)
}

// known is how many of the renditions that an option has media of viewers have seen before. A picture
// under a name that is new to them is none that goes on.
func (q *question) known(o *option) int {
	n := 0
	for i := range o.shares {
		if m, ok := q.marks[o.shares[i].path]; ok && !m.blank() && len(o.shares[i].media()) > 0 {
			n++
		}
	}
	return n
}

// hasVideo reports whether the endpoint has video of the input, at some time.
func (q *question) hasVideo(in *input) bool {
	for _, a := range q.serves(in) {
		if r := in.rendition(a.Path); r != nil && r.video {
			return true
		}
	}
	return false
}

// mayCome reports whether the active input may still have the slot in time. Silence does
// not shorten its deadline; certainty that it never will have it does. Once all inputs were
// lost, nothing waits for the one that was active then.
func (q *question) mayCome(a *option) bool {
	return a.never == "" && q.now.Before(a.deadline) && (a.input.up || !a.input.lastSound.Before(q.channel.silent))
}

// awaits reports whether an input that is up and within its own deadline may still have the
// slot, and be good enough for it.
func (q *question) awaits(others []*option, good func(*option) bool) bool {
	waiting := false
	for _, o := range others {
		if o.input.up && o.never == "" && q.now.Before(o.deadline) && good(o) {
			q.waitUntil(o.deadline)
			waiting = true
		}
	}
	return waiting
}

// sought is the option to go to although nothing forces it: that of the input that the
// operator asked for, or of the preferred input once it has been whole for long enough, if
// the switch is seamless or there is a discontinuity anyway.
func (q *question) sought(a *option, others []*option) (*option, Reason) {
	if q.active == q.wanted {
		return nil, ""
	}
	for _, o := range others {
		if !o.input.up || o.never != "" || o.omitted {
			continue
		}
		if o.input.name == q.wanted {
			return o, ReasonManual
		}
		if q.wanted == "" && o.input.name == q.config.Prefer && q.goodFor(o.input) >= TicksOf(q.config.PreferAfter) &&
			o.defects <= a.defects && (o.seamless || a.level == whole && !a.seamless) {
			return o, ReasonPreferred
		}
	}
	return nil, ""
}

// soon reports whether an input that was asked for has only just come back: its media, or its sound alone,
// begins within the slot. With the boundaries of the active one, which has all of the slot, it goes on
// without a discontinuity a slot later.
func (q *question) soon(t, a *option) bool {
	p := q.channel.pair(q.active, t.input.name)
	return p != nil && p.state == Locked && t.level == whole && !t.seamless && a.seamless && (a.level == whole || q.mayCome(a))
}

// goodFor is for how long the input has been whole without a defect that is a reason to leave it.
func (q *question) goodFor(in *input) Ticks {
	least := in.wholeFor()
	for _, r := range in.renditions {
		for d, at := range r.defective {
			if r.streakOf != nil && q.config.action(d) == ActSwitch {
				least = min(least, r.streakOf.offset+r.streakEnd-at)
			}
		}
	}
	return least
}

// alone reports whether the active input decides, whatever the others have: it continues,
// or is still waited for, and no other input is wanted.
func (q *question) alone(a *option) bool {
	wanted := q.wanted
	if wanted == "" {
		wanted = q.config.Prefer
	}
	if wanted != "" && wanted != q.active || a.fresh || a.omitted || a.spare > 0 || q.config.Hitless && a.level != whole {
		return false
	}
	return a.level == whole && a.seamless && !a.dubious() || a.level != whole && q.mayCome(a)
}

// why names the reason why an option was not good enough.
func (o *option) why() Reason {
	switch {
	case o.never != "":
		return o.never
	case o.omitted:
		return ReasonNewGeneration
	}
	for _, m := range o.missing {
		switch m.Why {
		case ReasonNotListed, ReasonNotArrived, ReasonGap:
		default:
			return m.Why
		}
	}
	if !o.input.up {
		return ReasonDown
	}
	if o.level == whole {
		return ReasonNewGeneration
	}
	return ReasonMissing
}

// visible reports whether the slot may be published: its time delay is over, and it is not
// ahead of the clock by more than a slot, or else follows the last one at playback pace.
func (q *question) visible(start, end Ticks) bool {
	pace := q.channel.pace
	at := (end - pace.lead - max(end-start, ClockRate)).Time()
	if paced := q.last.Add((end - start).Duration()); paced.Before(at) {
		at = paced
	}
	if q.config.TimeDelay > 0 {
		if delayed := (end - pace.shift).Time().Add(q.config.TimeDelay); delayed.After(at) {
			at = delayed
		}
	}
	if !q.started && q.config.TimeDelay <= 0 || q.ahead {
		return true
	}
	if q.now.Before(at) {
		q.waitUntil(at)
		return false
	}
	return true
}

// late is how long after due it is now.
func late(now, due time.Time) time.Duration {
	if due.IsZero() {
		return 0
	}
	return now.Sub(due)
}
