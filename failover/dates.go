package failover

// The dates of media (EXT-X-PROGRAM-DATE-TIME) are the channel's clock, as a rule. What an encoder claims is
// passed on as it is where it is so far off that nothing else may depend on it.

// dated is how far the dates that viewers get are ahead of the channel's clock: what the
// encoder claims, where that is too far off to place its media by it.
func (g *generation) dated() Ticks {
	if g.hasPDT {
		return far(g.pdtShift)
	}
	return 0
}

// far is how far dates are off, 0 if that is little enough to go by the channel's clock.
func far(shift Ticks) Ticks {
	if abs(shift) > datesTrusted {
		return shift
	}
	return 0
}

// dated is how far the dates of a slot that goes on without a discontinuity are ahead of the clock: as far
// as those of the slot before, whichever input that was of, unless the encoder's own have jumped in between.
func (q *question) dated(o *option) Ticks {
	if len(o.shares) == 0 || len(o.shares[0].parts) == 0 {
		return q.cursor.dated
	}
	s := o.shares[0].parts[0]
	if s.origin != nil {
		s = s.origin
	}
	now, known := s.rendition.shiftOf(s)
	if !known {
		return q.cursor.dated
	}
	for _, before := range s.rendition.behind(q.cursor.start) {
		if before.state != sound || !before.placed || before.channelMiddle() <= q.cursor.start {
			continue
		}
		was, known := s.rendition.shiftOf(before)
		if known && before.generation == s.generation && abs(now-was) > datesJump {
			return far(now)
		}
		break
	}
	return q.cursor.dated
}

// shiftOf is how far the dates of a segment are ahead of the channel's clock, by its own date or the last
// one before it.
func (r *rendition) shiftOf(s *segment) (Ticks, bool) {
	for i := r.index(s); i >= 0 && r.segments[i].generation == s.generation; i-- {
		if o := r.segments[i]; o.pdt != 0 && o.state == sound && o.placed {
			return o.pdt - o.channelStart(), true
		}
	}
	return 0, false
}
