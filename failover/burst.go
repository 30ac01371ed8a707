package failover

import (
	"slices"
	"time"
)

// After an outage, of the origin or on the way to it, encoders send what they have held: in a
// burst, each when it tries again, and all of it past its deadline. This file says for how long
// what came first is no reason to do without the rest.

// burst reports whether the option is the start of a burst after an outage: all deadlines
// have passed, and it gets one grace from its first segment to become whole.
func (q *question) burst(o *option) bool {
	return o.input.up && q.before(q.afterFirst(o, q.overdue(o.due, o.full(q))))
}

// overdue is when what is due at a time is late. Where the process was away in between, that is before the
// deadline, which then is a grace after it took facts again: what comes first of a burst may come before
// that, and the rest after it.
func (q *question) overdue(due time.Time, length Ticks) time.Time {
	return due.Add(q.patience(length))
}

// afterFirst is one grace after the first of the option's segments that came after a moment;
// zero if none did.
func (q *question) afterFirst(o *option, moment time.Time) time.Time {
	first := o.arrived(moment)
	if first.IsZero() {
		return time.Time{}
	}
	return first.Add(q.grace(o.full(q)))
}

// before reports whether a moment is still to come, and waits for it.
func (q *question) before(t time.Time) bool {
	if !q.now.Before(t) {
		return false
	}
	q.waitUntil(t)
	return true
}

// followed reports whether another input, which has not got an option's media, may be about to
// send it in a burst, as this one has done or as it does itself.
func (q *question) followed(o *option) bool {
	return slices.ContainsFunc(q.channel.inputs, func(in *input) bool {
		if in == o.input {
			return false
		}
		if q.unheardSinceResumed(in) {
			// What came before that says nothing about when the other one could send.
			from := o.arrived(time.Time{})
			if from.Before(q.resumed) {
				from = q.resumed
			}
			return from.Before(q.resumed.Add(downSegments*(o.end-o.start).Duration())) && q.before(from.Add(q.grace(o.full(q))))
		}
		other := q.build(in, o.start, 0, q.leader(in, o.start))
		if other == nil || other.level == whole || other.never != "" || !in.up || !other.generation.clock().same(q.cursor.clock) {
			return false
		}
		return q.before(q.afterFirst(o, q.overdue(o.due, o.full(q)))) || q.before(q.catchesUp(in, other))
	})
}

// unheardSinceResumed: nothing is known of the input since the process went on, and nothing says
// that it was down before.
func (q *question) unheardSinceResumed(in *input) bool {
	return !q.resumed.IsZero() && !in.lastSound.After(q.resumed) && (in.up || in.latest == nil)
}

// catchesUp is one grace after the input's last segment, if that came late.
func (q *question) catchesUp(in *input, o *option) time.Time {
	r := o.leader()
	if r == nil {
		return time.Time{}
	}
	s, length := r.lastPlaced(), o.full(q)
	if s == nil || !s.arrived.After(q.overdue((s.channelEnd()+q.lateness(in)).Time(), length)) {
		return time.Time{}
	}
	return s.arrived.Add(q.grace(length))
}

// lastPlaced is the rendition's last sound segment that has its place on the clock, nil if there is
// none.
func (r *rendition) lastPlaced() *segment {
	for _, s := range slices.Backward(r.segments) {
		if s.state == sound && s.placed {
			return s
		}
	}
	return nil
}
