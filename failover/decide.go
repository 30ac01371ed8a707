package failover

import "time"

// decide says what the endpoint is to do.
func (e *endpoint) decide(now time.Time) Decision {
	if now.Before(e.recalled) {
		return Decision{}
	}
	q := &question{endpoint: e, now: now}
	s := q.answer()
	if s != nil {
		return Decision{Slot: s}
	}
	return Decision{Wait: q.wait}
}

// answer is the slot to commit now, nil if there is none.
func (q *question) answer() *Slot {
	if !q.started {
		return q.begin()
	}
	if q.at > q.cursor.end {
		if s, waiting := q.salvage(); s != nil || waiting {
			return s
		}
		if q.config.GapOnLoss {
			// The rest of a slot of which pieces were published.
			return q.gap(&Slot{
				Endpoint: q.config.Name, Input: q.active, Start: q.cursor.end, End: q.nextMedia(q.cursor.end, q.at), Due: q.due, Deadline: q.deadline,
				Published: q.now, Missing: map[string][]Missing{},
			})
		}
	}
	if s := q.rewind(); s != nil {
		return s
	}
	q.lapsed = q.lapse()
	a := q.ofActive()
	var others []*option
	if !q.alone(a) {
		others = q.others(q.at)
	}
	o, why, givenUp := q.choose(a, others)
	switch {
	case givenUp:
		return q.giveUp(a, others)
	case o == nil || !q.visible(o.start, o.end):
		return nil
	}
	return q.propose(o, a, why)
}

// ofActive is what the active input has for the slot; nil if it was taken out of the config
// or has not been heard from.
func (q *question) ofActive() *option {
	in := q.channel.input(q.active)
	if in != nil {
		if o := q.build(in, q.at, 0, q.leader(in, q.at)); o != nil {
			return o
		}
	}
	length := TicksOf(q.config.SegmentDuration)
	if q.target > 0 {
		length = min(length, Ticks(q.target)*ClockRate)
	}
	o := &option{input: in, start: q.at, end: q.at + length, active: true}
	if in == nil {
		o.input, o.never = newInput(q.channel, q.active), ReasonRemoved
	}
	o.due = o.end.Time()
	o.deadline = q.until(o.due, length)
	return o
}

// others is what the inputs other than the active one have for the slot at the position.
func (q *question) others(at Ticks) []*option {
	var list []*option
	for _, in := range q.channel.inputs {
		if in.name == q.active {
			continue
		}
		if o := q.build(in, at, 0, q.leader(in, at)); o != nil {
			list = append(list, o)
		}
	}
	return list
}

// begin finds the first slot: from the best of the inputs that have one whole. Those that
// will deliver more are waited for as long as their rhythm requires, and one that comes
// first in the config and has not been heard from yet, for a moment.
func (q *question) begin() *Slot {
	var list []*option
	for _, in := range q.channel.inputs {
		if o := q.build(in, 0, 0, q.leader(in, 0)); o != nil && o.count > 0 {
			o.deadline = q.settled(o)
			list = append(list, o)
		}
	}
	found := best(list, func(o *option) bool { return o.level == whole })
	if found != nil {
		for _, o := range list {
			unknown := q.now.Before(o.ripe) && o.order < found.order
			if o.level < whole && q.now.Before(o.deadline) && (unknown || o.announced > found.renditions) {
				q.waitUntil(o.deadline)
				return nil
			}
		}
		if at := q.unheard(found); q.now.Before(at) {
			q.waitUntil(at)
			return nil
		}
		return q.first(found)
	}
	late := list[:0]
	for _, o := range list {
		if q.now.Before(o.deadline) {
			q.waitUntil(o.deadline)
			continue
		}
		late = append(late, o)
	}
	// No input has a first slot whole in time: begin with what there is.
	for _, o := range late {
		if p := q.pictured(o.input, 0); p != nil && p.better(found) {
			found = p
		}
	}
	if found == nil {
		return nil
	}
	return q.first(q.completed(found))
}

// settled is the deadline of an option for the first slot. The rhythm is that of what has come, and says
// nothing yet about what is still on its way: each rendition has one grace from when the input began it,
// audio that it only announces has about three of its segments to begin, and the picture the longest
// segment that there may be. The first slot fixes the target duration, and with it whether longer segments ever
// fit into the endpoint's slots.
func (q *question) settled(o *option) time.Time {
	at, grace := o.deadline, q.grace(o.full(q))
	wait := func(t time.Time) {
		if t.After(at) {
			at = t
		}
	}
	wait(o.input.delivered.Add(grace))
	for _, a := range q.serves(o.input) {
		switch r := o.input.rendition(a.Path); {
		case r != nil && r.listed:
			if a.Kind != Subtitles {
				wait(r.began.Time().Add(grace))
			}
		case a.Kind == Variant && !o.leader().video:
			wait(o.input.delivered.Add(Ticks(longestClaim).Duration()))
		case a.Kind == Audio:
			wait(o.input.delivered.Add(min(max((liveSlots*o.leader().length).Duration(), announcedLeast), announcedMost)))
		}
	}
	return at
}

func (q *question) first(o *option) *Slot {
	if !q.visible(o.start, o.end) {
		return nil
	}
	return q.propose(o, nil, ReasonStart)
}

// unheard is how long an endpoint holds off starting with an input that has only one
// rendition, because an input before it in the config has not been heard from: encoders
// that are started together differ by some tenths of a second, and the one with video alone
// may be the poorer one.
func (q *question) unheard(o *option) time.Time {
	if o.renditions > 1 || len(o.missing) > 0 {
		return time.Time{}
	}
	for _, in := range q.channel.inputs[:o.order] {
		if in.heard.IsZero() {
			return o.due.Add((o.end - o.start).Duration() / 4)
		}
	}
	return time.Time{}
}
