package media

// fineClock is the lowest clock rate at which a single tick makes no difference: it is less
// than a hundredth of a frame.
const fineClock = 10000

// timing collects the timestamps of a track.
type timing struct {
	coarse             bool // a tick may be a frame
	n                  int
	minPTS, maxPTS     int64
	lastPTS            int64 // of the last PES packet
	firstPTS           int64 // of the first PES packet
	firstDTS, lastDTS  int64
	minStep, maxStep   int64 // between decoding timestamps; 0 if there is none
	longestAt          int64 // the decoding timestamp before maxStep
	stepsBackOrNowhere int
	stepBack           int64 // the largest

	// usual is the most common step: the winner of a majority vote (Boyer and Moore).
	usual int64
	votes int
	long  int // steps that were more than one and a half times the usual one
	// For audio in a transport stream: how long frames were missing between two PES
	// packets, in all and at most.
	waited, longestWait, waitedAt int64
	waits                         int
}

func (t *timing) add(pts, dts int64) {
	t.n++
	t.lastPTS = pts
	if t.n == 1 {
		t.firstPTS, t.minPTS, t.maxPTS = pts, pts, pts
		t.firstDTS, t.lastDTS = dts, dts
		return
	}
	t.minPTS, t.maxPTS = min(t.minPTS, pts), max(t.maxPTS, pts)
	step, from := dts-t.lastDTS, t.lastDTS
	t.lastDTS = dts
	if step <= 0 {
		t.stepsBackOrNowhere++
		t.stepBack = max(t.stepBack, -step)
		return
	}
	if t.minStep == 0 || step < t.minStep {
		t.minStep = step
	}
	if step > t.maxStep {
		t.maxStep, t.longestAt = step, from
	}
	t.vote(step)
}

// vote counts a step. Timestamps are rounded, so a difference of one tick is not another step.
func (t *timing) vote(step int64) {
	d, tolerance := step-t.usual, int64(1)
	if t.coarse {
		tolerance = 0
	}
	switch {
	case -tolerance <= d && d <= tolerance:
		t.votes++
		return
	case t.votes == 0:
		t.usual, t.votes = step, 1
		return
	}
	t.votes--
	if t.isLong(step, t.usual) {
		t.long++
	}
}

// isLong reports whether a step is more than one and a half times the usual one.
// Pictures that show for two and three fields in turn (3:2 pulldown) are just that
// far apart, hence the rounding.
func (t *timing) isLong(step, usual int64) bool {
	if t.coarse {
		return 2*step > 3*usual
	}
	return isLong(step, usual)
}

// isLong is the same on the clock of 90 kHz.
func isLong(step, usual int64) bool { return 2*step > 3*usual+4 }

// wait gets the timestamp of the next PES packet of audio, before frames counts from it:
// the frames before it should reach that far.
func (t *timing) wait(pts int64, f *frames) {
	if t.n == 0 || f.last.sampleRate == 0 || f.samples == 0 {
		return
	}
	end := t.lastPTS + ticks(f.samples, f.last.sampleRate)
	gap, frame := pts-end, ticks(f.last.samples, f.last.sampleRate)
	if gap < -frame/2 {
		t.stepBack = max(t.stepBack, -gap)
	}
	if gap <= frame/2 {
		return
	}
	t.waits++
	t.waited += gap
	if gap > t.longestWait {
		t.longestWait, t.waitedAt = gap, end
	}
}

// measure says what the steps were like, in ticks of the caller's clock.
func (t *timing) measure(m *Measure) {
	m.Step, m.Steps = t.usual, t.n-1
	if 2*t.votes < m.Steps/4 { // no step is usual
		m.Step = t.minStep
	}
	m.LongestAt, m.StepBack, m.StepsBack = t.longestAt, t.stepBack, t.stepsBackOrNowhere
	m.LongSteps = t.long
	if m.Step <= 0 || !t.isLong(t.maxStep, m.Step) {
		m.LongSteps = 0
		return
	}
	// The vote knows the usual step only after a while.
	m.LongSteps = max(m.LongSteps, 1)
	m.Lost = t.maxStep - m.Step
	if all := t.lastDTS - t.firstDTS - int64(m.Steps)*m.Step; t.stepsBackOrNowhere == 0 && all > m.Lost {
		m.Lost = all
	}
}

// measureFrames is measure for audio in a transport stream, with frames of that length.
func (t *timing) measureFrames(m *Measure, frame int64) {
	m.Step, m.Steps, m.StepBack, m.StepsBack = frame, t.n-1, t.stepBack, t.stepsBackOrNowhere
	m.LongSteps, m.Lost, m.LongestAt = t.waits, t.waited, t.waitedAt
}
