package failover

import "time"

// shortestSlot bounds how many slots a lost second can be given up in.
const shortestSlot = ClockRate / 10

// longestFill is how much lost time is listed as gaps at once. More of it is a
// clock that was set, or a channel that comes back after a long time.
const longestFill = 10 * 60 * ClockRate

// giveUp moves on to the next slot's time. The slot's own time stays open for
// what arrives before something later is published.
func (e *endpoint) giveUp(a *candidate, others []*candidate, now time.Time) bool {
	ended := e.channel.allEnded()
	if (ended || !e.anyUp() && !e.config.GapOnLoss) && !e.anythingBehind() {
		return false
	}
	until := a.due
	if e.config.GapOnLoss {
		until = a.deadline
	}
	if now.Before(until) && a.start <= e.at {
		e.wakeAt(until)
		return false
	}
	from, length := e.at, max(a.end-a.start, shortestSlot)
	if at := (from + length).Time().Add(e.config.TimeDelay); e.config.GapOnLoss && e.config.TimeDelay > 0 && now.Before(at) {
		// A gap is on schedule like any other slot.
		e.wakeAt(at)
		return false
	}
	e.at = from + length
	next := later(append(others, a), from)
	switch {
	case next-from > longestFill:
		e.at = next
	case next > from && !deliverable(append(others, a)):
		// Nobody has anything before that. Gaps are listed up to there, one slot
		// after the other.
		if !e.config.GapOnLoss || next < e.at {
			e.at = next
		}
	}
	if behind := TicksOf(now.Sub(until)); behind > longestFill {
		// Too much to be given up slot by slot.
		if next > from {
			behind = min(behind, next-from)
		}
		e.at = max(e.at, from+behind)
	}
	if e.config.GapOnLoss {
		e.at = e.nextMedia(from, e.at)
	}
	e.givenUp = a
	missing := map[string][]Missing{a.input.name: a.missing}
	for _, c := range others {
		missing[c.input.name] = c.missing
	}
	e.channel.emit(SlotGivenUp{Time: now, Endpoint: e.config.Name, Start: from, End: e.at, Missing: missing})
	if e.config.GapOnLoss && !ended {
		e.publishGap(a, from, now)
	}
	return true
}

// nextMedia is where a gap that begins at from has to end before until, because
// an input that is up goes on there. An encoder that was started again cuts where
// it likes: with gaps of full length, every one of its segments could lie half
// within a gap that was published before it came.
func (e *endpoint) nextMedia(from, until Ticks) Ticks {
	for _, in := range e.channel.inputs {
		ref := e.reference(in)
		if ref == nil || !in.up {
			continue
		}
		for i := len(ref.segments) - 1; i >= 0; i-- {
			s := ref.segments[i]
			if s.state != sound || !s.placed {
				continue
			}
			if end := s.channelEnd(); end >= from+shortestSlot && end < until {
				until = end
			}
			break
		}
	}
	return until
}

// deliverable reports whether an input that is up may still have the slot.
func deliverable(list []*candidate) bool {
	for _, c := range list {
		if c.input.up && !c.dead {
			return true
		}
	}
	return false
}

// later is where the earliest media behind the position begins, the position itself
// if there is none.
func later(list []*candidate, from Ticks) Ticks {
	first := from
	for _, c := range list {
		if c.count > 0 && c.start > from && (first == from || c.start < first) {
			first = c.start
		}
	}
	return first
}

func (e *endpoint) anyUp() bool {
	for _, in := range e.channel.inputs {
		if in.up {
			return true
		}
	}
	return false
}

// anythingBehind reports whether an input holds media behind the slot that is
// being decided.
func (e *endpoint) anythingBehind() bool {
	for _, in := range e.channel.inputs {
		ref := e.reference(in)
		if ref == nil {
			continue
		}
		for i := len(ref.segments) - 1; i >= 0; i-- {
			s := ref.segments[i]
			if s.state == sound && !s.passed && s.channelStart() >= e.at-e.slack(s) {
				return true
			}
		}
	}
	return false
}
