package failover

import "time"

// nextSlot is where the slot after a given-up one begins.
func (q *question) nextSlot(a *option, others []*option, from, length Ticks, gap bool, until time.Time) Ticks {
	to := from + length
	next := laterMedia(a, others, from)
	switch {
	case next-from > longestFill:
		to = next
	case next > from && !deliverable(a, others):
		// No input has anything before that. Gaps are listed up to there, one slot after
		// the other.
		if !gap || next < to {
			to = next
		}
	}
	if behind := TicksOf(q.now.Sub(until)); behind > longestFill {
		// Too much to give up slot by slot.
		if next > from {
			behind = min(behind, next-from)
		}
		to = max(to, from+behind)
	}
	if gap {
		to = q.nextMedia(from, to)
	}
	return to
}

// nextMedia is where a gap that begins at from has to end before until, because an input
// that is up goes on there. A restarted encoder cuts where it likes: with gaps of full
// length, every one of its segments could lie half within a gap that was published before
// it came.
func (q *question) nextMedia(from, until Ticks) Ticks {
	for _, in := range q.channel.inputs {
		ref := q.leader(in, from)
		if ref == nil || !in.up {
			continue
		}
		for i := len(ref.segments) - 1; i >= max(0, len(ref.segments)-relisted); i-- {
			s := ref.segments[i]
			if s.state != sound || !s.placed {
				continue
			}
			for _, edge := range []Ticks{s.channelEnd(), s.channelStart()} {
				if edge >= from+shortestSlot && edge < until {
					until = edge
				}
			}
			break
		}
	}
	return until
}

// listable is when the slot may be listed as a gap, as far as this input is concerned: at its deadline,
// or later by how much longer than usual the segment may be that was not listed yet.
func (o *option) listable() time.Time {
	if o.generation == nil || !o.open || !o.input.up || o.never != "" || o.behind {
		return o.deadline
	}
	return o.deadline.Add((o.leader().mayVary() - o.spare).Duration())
}

// deliverable reports whether an input that is up may still have the slot.
func deliverable(a *option, others []*option) bool {
	for _, o := range append([]*option{a}, others...) {
		if o.input.up && o.never == "" && !o.behind {
			return true
		}
	}
	return false
}

// laterMedia is where the earliest media after the position begins, the position itself if
// there is none.
func laterMedia(a *option, others []*option, from Ticks) Ticks {
	first := from
	for _, o := range append([]*option{a}, others...) {
		start := o.start
		if o.behind {
			start = o.later
		}
		if (o.count > 0 || o.behind) && start > from && (first == from || start < first) {
			first = start
		}
	}
	return first
}

// anythingBehind reports whether any input holds media after the slot that is being
// decided.
func (e *endpoint) anythingBehind() bool {
	for _, in := range e.channel.inputs {
		for _, r := range in.renditions {
			if r.text {
				continue
			}
			for _, s := range r.behind(e.at - r.length) {
				if s.state == sound && !s.passed && s.channelStart() >= e.at-e.slack(s) {
					return true
				}
			}
		}
	}
	return false
}
