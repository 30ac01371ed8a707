package failover

// A timeline that lies ahead of the clock: its encoder dated its media some seconds ahead. Nobody else has anything
// for it as long as that lasts.

// aheadFrom is where an endpoint whose timeline lies ahead of the clock would go on with another input: with what
// has come since the last slot was published, which viewers have not seen, or with the newest slot there is.
// false for one that does not lie ahead by more than two slots.
func (e *endpoint) aheadFrom(now Ticks) (from Ticks, ahead bool) {
	slot := Ticks(max(e.target, 1)) * ClockRate
	clock := e.channel.clock(now)
	if !e.started || e.at <= clock+2*slot {
		return 0, false
	}
	return min(e.channel.clock(TicksAt(e.last))-slot/2, clock-2*slot), true
}

// rewind continues at the clock when the timeline is ahead of it: the active input has sent
// media ahead of time and is down, or the operator wants another one. It returns nil if
// that is not so, or if no input has a whole slot there.
func (q *question) rewind() *Slot {
	from, ahead := q.aheadFrom(TicksAt(q.now))
	if !ahead {
		return nil
	}
	if in := q.channel.input(q.active); in != nil && in.up && (q.wanted == "" || q.wanted == q.active) {
		return nil
	}
	there := &question{endpoint: q.endpoint, now: q.now, ahead: true}
	latest := q.channel.clock(TicksAt(q.now)) + ClockRate
	o := best(there.others(from), func(o *option) bool {
		return o.level == whole && o.input.up && o.end <= latest && (q.wanted == "" || o.input.name == q.wanted)
	})
	if o == nil {
		return nil
	}
	s := there.propose(o, q.ofActive(), ReasonAhead)
	if o.input.name == q.wanted {
		s.Switch.Reason = ReasonManual
	}
	s.Rewound, s.Lost = true, 0
	return s
}
