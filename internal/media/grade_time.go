package media

// holes looks for missing samples of a track, within the object and before it. It reports
// whether there is one within.
func (x *grading) holes(t *Track, h *trackHabits) (within bool) {
	if t.Samples == 0 {
		return false
	}
	m := &t.Measure
	limit := h.limit()
	if limit == 0 {
		return false
	}
	if within = m.LongSteps > 0 && !m.uneven() && x.longest(t) > limit; within {
		x.found(DefectHole, m.Lost, "%s lacks %d ms at %d ms of the segment", t.name(), milliseconds(m.Lost), milliseconds(max(0, m.LongestAt-x.info.Start)))
	}
	p := x.before.track(t)
	if p == nil {
		return within
	}
	step := x.between(p, t)
	if usual := max(m.Step, p.step, t.oneStep(x.info)); usual > 0 && isLong(step, usual) && step > limit {
		x.found(DefectHole, step-usual, "%s lacks %d ms between the segment before and this one", t.name(), milliseconds(step-usual))
	}
	return within
}

// longest is the longest step within the object.
func (x *grading) longest(t *Track) int64 {
	if t.Kind == Audio && t.Timescale == 0 {
		return t.Measure.Step + t.Measure.Lost // PES packets hold many frames
	}
	return t.MaxStep
}

// oneStep is how long the only sample of an object lasts.
func (t *Track) oneStep(info *Info) int64 {
	if t.Samples > 1 {
		return 0
	}
	return max(t.End-t.LastPTS, info.FrameDuration)
}

// between is the step from the last sample of the previous object to the first of this one.
// For video, decoding times count: pictures are shown in another order, even across the
// boundary. For audio it is the distance from the end to the start, plus a frame.
func (x *grading) between(p *trackEnd, t *Track) int64 {
	if t.Kind == Video || t.Timescale > 0 {
		return after(p.lastDTS, t.FirstDTS, x.info.Modulus)
	}
	if t.Measure.Continued {
		return 0 // not all the frames that began in the previous object are known
	}
	return after(p.end, t.FirstPTS, x.info.Modulus) + t.Measure.Step
}

// uneven reports whether the object in itself has a variable frame rate.
func (m *Measure) uneven() bool { return m.LongSteps > 2 && m.LongSteps*unevenSteps > m.Steps }

// limit is how long a step has to be to be a hole; 0 as long as that is not known.
func (h *trackHabits) limit() int64 {
	known := h.uneven.n
	switch {
	case known < knownAfter || h.kind == Video && h.known < evenSteps:
		return 0
	case !h.isUneven():
		return 1 // any long step
	case known < unevenKnown:
		return 0
	}
	return unevenTimes * h.steps.largest()
}

// isUneven reports whether the track has a variable frame rate.
func (h *trackHabits) isUneven() bool { return h.uneven.count()*unevenShare > h.uneven.n }

// learn records what the object shows of the track's habits, unless it lacks samples. Where
// the frame rate varies nothing is sure to be missing, and the next picture may stand as long.
func (h *trackHabits) learn(t *Track, lacks bool) {
	if t.Samples == 0 {
		return
	}
	m := &t.Measure
	switch h.pauses.lesson(lacks && !h.isUneven(), h.uneven.n) {
	case unlike:
		return
	case anew:
		h.uneven, h.steps, h.known = marks{}, recent{}, 0
	}
	h.uneven.add(m.LongSteps > 0)
	h.known = min(h.known+m.Steps, evenSteps)
	h.steps.add(max(m.Step+m.Lost*int64(min(1, m.LongSteps)), m.Step))
}

// repeats looks for timestamps that step back, as when an encoder is fed a stretch of its
// source once more. Of the reference track that makes the object unfit: it lasts longer than
// it says, and viewers would get the stretch again as if it went on.
func (x *grading) repeats(t *Track, h *trackHabits) bool {
	back := t.Measure.StepBack
	bad := back > 0 && back > x.mostBack(t, h)
	if bad {
		x.found(DefectRepeated, back, "%s steps back by %d ms within the segment", t.name(), milliseconds(back))
		x.out.Unfit = x.out.Unfit || x.leads(t)
		x.out.forget(t, x.out.Unfit)
	}
	switch h.turns.lesson(bad, h.back.len()) {
	case unlike:
		return bad
	case anew:
		h.back = recent{}
	}
	h.back.add(back)
	return bad
}

// mostBack is how far the timestamps of a track may step back.
func (x *grading) mostBack(t *Track, h *trackHabits) int64 {
	m := &t.Measure
	frame := min(max(m.Step, 0), ClockRate)
	rounded := max(roundedFrames*frame, (t.End-t.FirstPTS)/roundedPart)
	if !x.leads(t) {
		rounded = max(rounded, soundBack)
	}
	reordered := reorderedFrames * frame
	if h.back.len() >= knownAfter && m.StepsBack <= repeatedSteps {
		reordered = min(reordered, h.back.largest())
	}
	return rounded + reordered
}

// leads reports whether the object's own times are those of the track.
func (x *grading) leads(t *Track) bool {
	ref := reference(x.info.Tracks)
	return ref >= 0 && &x.info.Tracks[ref] == t
}
