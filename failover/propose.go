package failover

// propose makes the slot of an option. a is what the active input had for it, nil for
// the endpoint's first slot; why is the reason if the active input changes.
func (q *question) propose(o, a *option, why Reason) *Slot {
	s := &Slot{
		Endpoint:            q.config.Name,
		MSN:                 q.msn,
		Input:               q.activeWith(o),
		Start:               o.start,
		End:                 o.end,
		Discontinuity:       !o.seamless,
		DiscontinuityNumber: q.discontinuities,
		TargetDuration:      q.target,
		Clock:               o.generation.clock(),
		Dated:               o.generation.dated(),
		Due:                 o.due,
		Deadline:            o.deadline,
		Published:           q.now,
	}
	if !q.started {
		s.MSN, s.TargetDuration = q.firstNumber(o), q.targetDuration(o)
	}
	if a != nil {
		s.Due, s.Deadline = a.due, a.deadline
	}
	if s.Discontinuity {
		s.DiscontinuityNumber++
	} else if q.started {
		s.Dated = q.dated(o)
	}
	if q.started && q.at > q.cursor.end {
		s.Lost = max(0, o.start-q.cursor.end)
	}
	if q.started && !q.ahead {
		s.Passed = passed(o.leader(), q.cursor.end, o.start)
	}
	for _, path := range q.renditionPaths() {
		s.Renditions = append(s.Renditions, q.rendition(s.Input, o, path))
	}
	if q.active != s.Input {
		s.Switch = q.explain(s, o, a, why)
	}
	if sources := o.sources(); len(sources) != 1 || sources[0] != s.Input {
		s.Sources = sources
	}
	if len(s.Sources) > 1 && s.Switch == nil {
		s.Switch = q.explain(s, o, a, ReasonPatched)
		s.Switch.Borrowed = o.borrowed(s.Input)
	}
	return s
}

// activeWith is the active input once the option is published: it stays the same where
// several inputs gave what they had, or another one lent the slot.
func (q *question) activeWith(o *option) string {
	switch {
	case q.lapsed != "" && o.active && !o.seamless:
		return q.active // it is back, and who lent what it owes can't go on after it
	case q.lapsed != "" && (o.lent || o.active || len(o.input.members) > 0):
		return q.heir(o)
	case o.lent:
		return q.active
	case len(o.input.members) == 0:
		return o.input.name
	}
	if of := o.sources(); len(of) == 1 || !q.started {
		return of[0]
	}
	return q.active
}

// rendition is what one rendition holds in the slot of an input.
func (q *question) rendition(input string, o *option, path string) SlotRendition {
	had := o.of(path)
	if had.absent && (len(had.parts) == 0 || !had.parts[0].rendition.text) {
		had.parts = nil
	}
	r := SlotRendition{Path: path}
	for _, s := range had.parts {
		r.Parts = append(r.Parts, s.part(input))
	}
	if len(had.parts) == 0 {
		r.Silent = had.silent
		r.Duration, r.End, r.Signature = o.end-o.start, o.end, q.marks[path].signature
		if m, ok := q.marks[path]; r.Silent || ok && !had.absent {
			r.End = m.end // cues were published up to there, or media of which more comes with the next slot
		}
		r.Last = q.marks[path].object
		return r
	}
	r.Defects = q.shown(had.parts)
	last := had.parts[len(had.parts)-1]
	r.Duration = last.end - had.parts[0].start
	r.End, r.Signature, r.Frame = last.channelEnd(), last.media.Signature, last.media.Frame
	if !last.rendition.counts() {
		r.Duration = o.end - o.start
	}
	return r
}

// part is the segment as a part of a slot of an input.
func (s *segment) part(input string) Part {
	p := Part{Object: s.object, Run: s.run, Number: s.number, Duration: s.end - s.start, Tags: s.tags}
	if s.origin != nil {
		p.Run, p.Number = s.origin.run, s.origin.number
	}
	if from := s.source().name; from != input {
		p.Input = from
	}
	return p
}

// gap turns a given-up slot into one without media. Its length is that of the media that
// viewers miss, so what comes after it needs no discontinuity if it has the same clock.
func (q *question) gap(s *Slot) *Slot {
	s.MSN, s.DiscontinuityNumber, s.TargetDuration = q.msn, q.discontinuities, q.target
	s.Lost, s.Clock, s.Dated = s.End-s.Start, q.cursor.clock, q.cursor.dated
	s.Passed = q.passedBy(s.Start, s.End)
	for _, path := range q.renditionPaths() {
		s.Renditions = append(s.Renditions, SlotRendition{
			Path: path, Duration: s.End - s.Start, End: s.End, Signature: q.marks[path].signature, Last: q.marks[path].object,
		})
	}
	return s
}

// firstNumber is the media sequence number of the first slot: the Unix time in seconds
// at which it is published, or would have been had the endpoint been there; more if an earlier process
// has got further.
func (q *question) firstNumber(o *option) uint64 {
	at := q.now
	if o.due.Before(q.endpoint.added) && !q.endpoint.added.IsZero() {
		at = o.due.Add(q.config.TimeDelay)
	}
	return max(uint64(max(at.Add(q.channel.ahead).Unix(), 1)), q.msn)
}

// targetDuration is the EXT-X-TARGETDURATION that no slot will exceed, rounded (RFC 8216
// 4.3.3.1): the endpoint's segment duration, or what joining the inputs' segments gives
// where that is longer. Only measured lengths count, except for what an encoder claims for
// its video, up to twice what was measured.
func (q *question) targetDuration(o *option) int {
	longest := max(TicksOf(q.config.SegmentDuration), o.end-o.start)
	for _, s := range o.shares {
		if n := len(s.parts); n > 0 && !s.absent && s.parts[0].rendition.counts() {
			longest = max(longest, s.parts[n-1].end-s.parts[0].start)
		}
	}
	for _, in := range q.channel.inputs {
		ref := q.leader(in, o.start)
		if ref == nil || !ref.measured {
			continue
		}
		n := q.joined(in, ref)
		slot := Ticks(n) * ref.length
		longest = max(longest, slot, min(ref.target, 2*ref.length, longestClaim))
		slot = max(slot, ref.longestOf(n))
		for _, a := range q.serves(in) {
			if r := in.rendition(a.Path); r != nil && r != ref && r.counts() && r.measured {
				longest = max(longest, r.mostIn(ref, slot, r.length))
				if last := r.lastPlaced(); last != nil {
					// Of the first ones nobody knows whether they are short, or the playlist promises
					// too much.
					longest = max(longest, r.mostIn(ref, slot, last.end-last.start))
				}
			}
		}
	}
	return max(1, rounded(longest))
}

// frame is the length of one frame of the rendition's media.
func (r *rendition) frame() Ticks {
	for i := len(r.segments) - 1; i >= max(0, len(r.segments)-relisted); i-- {
		if s := r.segments[i]; s.state == sound && s.media != nil {
			return s.media.Frame
		}
	}
	return 0
}

// explain says why the active input changes.
func (q *question) explain(slot *Slot, o, a *option, why Reason) *Switch {
	s := &Switch{
		Time: q.now, Endpoint: q.config.Name, MSN: slot.MSN, To: slot.Input,
		Reason: ReasonStart, Seamless: o.seamless,
	}
	if a == nil || q.active == "" {
		return s
	}
	s.From, s.Reason = q.active, why
	s.Due, s.Deadline, s.Late = a.due, a.deadline, late(q.now, a.due)
	switch {
	case q.lapsed != "":
		s.Reason, s.Missing, s.Due, s.Deadline = ReasonMissing, q.owed(), q.loan.due, q.loan.deadline
	case why == ReasonManual || why == ReasonPreferred:
	default:
		s.Missing = append(a.missing[:len(a.missing):len(a.missing)], q.bad(a)...)
	}
	if p := q.channel.pair(q.active, slot.Input); p != nil && p.seen() {
		s.Pair, s.PairDetail = p.state, p.detail
	}
	return s
}
