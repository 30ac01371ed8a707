package media

import (
	"slices"
	"testing"
)

// What becomes bad is told for as long as it is, again and again, and not what always was.
func TestFaultsAreNotLearned(t *testing.T) {
	early := func(i *Info) {
		i.Tracks[1].End -= ClockRate
		i.Tracks[1].Measure.Continued = true // PES packets go on across segments: no hole shows
	}
	hole := func(i *Info) {
		v := &i.Tracks[0]
		v.MaxStep = 4 * frame25
		v.Measure.LongSteps, v.Measure.Lost, v.Measure.LongestAt = 1, 3*frame25, i.Start+ClockRate
	}
	pause := func(i *Info) {
		a := &i.Tracks[1]
		a.Measure.LongSteps, a.Measure.Lost, a.Measure.LongestAt = 1, 3*frameAAC, i.Start+ClockRate
	}
	keyless := func(i *Info) { i.KeyFrameFirst = false }
	black := func(i *Info) { i.Tracks[0].Measure.Bytes = 10_000 }
	sharpened := func(i *Info) {
		m := &i.Tracks[0].Measure
		m.Small, m.Others = 33, 16 // the rest goes on sharpening
	}
	filler := func(i *Info) { i.Format, i.Unaccounted = FormatMP4, 33 }
	sound := func(i *Info) { i.Format = FormatMP4 }
	for name, c := range map[string]struct {
		bad    func(*Info)
		good   func(*Info)
		defect Defect
		after  int // how many bad ones it takes
		rarely bool
	}{
		"audio ends early":            {bad: early, defect: DefectTrackGone},
		"audio ends early, rarely":    {bad: early, defect: DefectTrackGone, rarely: true},
		"pictures are missing":        {bad: hole, defect: DefectHole},
		"pictures are missing rarely": {bad: hole, defect: DefectHole, rarely: true},
		"audio is missing":            {bad: pause, defect: DefectHole},
		"no key frame":                {bad: keyless, defect: DefectNoKeyFrame},
		"no key frame, rarely":        {bad: keyless, defect: DefectNoKeyFrame, rarely: true},
		"black":                       {bad: black, defect: DefectStarved, after: 1},
		"a still picture":             {bad: sharpened, defect: DefectFrozen, after: 2},
		"bytes of no sample":          {bad: filler, good: sound, defect: DefectDamaged},
		"bytes of no sample, rarely":  {bad: filler, good: sound, defect: DefectDamaged, rarely: true},
	} {
		t.Run(name, func(t *testing.T) {
			const begins = 40
			is := func(n int) bool { return n >= begins && (!c.rarely || n%5 == 0) }
			of := func(bad func(n int) bool) func(n int, i *Info) *Info {
				return func(n int, i *Info) *Info {
					if c.good != nil {
						c.good(i)
					}
					if bad(n) {
						c.bad(i)
					}
					return i
				}
			}
			long := begins + lastingObjects
			if c.rarely {
				long = 1000
			}
			for n, got := range run(long, of(is)) {
				want := is(n) && (c.rarely || n >= begins+c.after)
				if slices.Contains(got, c.defect) != want {
					t.Fatalf("segment %d: %v", n, got)
				}
			}
			// In the end it is what the encoder was told to do.
			if !c.rarely {
				for n, got := range run(begins+lastingObjects+60, of(is))[begins+lastingObjects+2:] {
					if slices.Contains(got, c.defect) {
						t.Fatalf("%d segments after it was usual: %v", n+2, got)
					}
				}
			}
			// It always was like that.
			for n, got := range run(200, of(func(int) bool { return !c.rarely })) {
				if slices.Contains(got, c.defect) {
					t.Fatalf("always, segment %d: %v", n, got)
				}
			}
		})
	}
}

// A stretch of time that a segment has twice makes it unfit, unless that is how a multiplexer
// without decoding timestamps reorders pictures, or rounds.
func TestTimestampsThatStepBack(t *testing.T) {
	// one is a segment of 50 pictures whose timestamps are, in frames.
	one := func(t *testing.T, n int, times func(k int) int64, sound func(k int) int64) *Info {
		s := newStream()
		s.tables(avTracks...)
		start := int64(900000 + n*180000)
		for k := range 50 {
			at := start + times(k)*frame25
			head := join(testAUD, testP, make([]byte, 2000))
			if k == 0 {
				head = join(testAUD, testSPS, testPPS, testIDR, make([]byte, 3000))
			}
			s.unit(videoPID, nil, pes(0xe0, at, at, head, false))
			if k%5 == 0 {
				at = start + sound(k)*frame25
				s.unit(audioPID, nil, pes(0xc0, at, at, adts(9, 150), true))
			}
		}
		return probe(t, s.b)
	}
	steady := func(k int) int64 { return int64(k) }
	back := func(at int, by int64) func(int) int64 {
		return func(k int) int64 {
			if k >= at {
				return int64(k) - by
			}
			return int64(k)
		}
	}
	// reordered has its pictures in decoding order, with nothing but presentation times.
	reordered := func(group []int64) func(int) int64 {
		return func(k int) int64 {
			if k == 0 {
				return 0
			}
			n := len(group)
			return int64((k-1)/n*n) + group[(k-1)%n]
		}
	}
	shallow, deep := reordered([]int64{3, 1, 2}), reordered([]int64{16, 8, 4, 2, 1, 3, 6, 5, 7, 12, 10, 9, 11, 14, 13, 15})
	for name, c := range map[string]struct {
		usual, times, sound func(int) int64
		at                  int
		found, unfit        bool
	}{
		"a second again":                     {times: back(25, 25), at: 12, found: true, unfit: true},
		"a second again, at the start":       {times: back(25, 25), at: 0, found: true, unfit: true},
		"half a second again":                {times: back(25, 12), at: 12, found: true, unfit: true},
		"three pictures again":               {times: back(25, 4), at: 12, found: true, unfit: true},
		"an hour back":                       {times: back(25, 90000), at: 12, found: true, unfit: true},
		"rounded":                            {times: back(25, 2), at: 12},
		"reordered":                          {usual: shallow, times: shallow, at: 12},
		"reordered in between":               {times: shallow, at: 12},
		"reordered deeply":                   {usual: deep, times: deep, at: 12},
		"reordered deeply in between":        {times: deep, at: 12},
		"reordered, and a second again":      {usual: shallow, times: func(k int) int64 { return shallow(k) - int64(k/25*25) }, at: 12, found: true, unfit: true},
		"only the sound, a second again":     {sound: back(25, 25), at: 12, found: true},
		"only the sound, a moment again":     {sound: back(25, 8), at: 12},
		"only one picture, and on as it was": {times: func(k int) int64 { return int64(k) - int64(max(0, 1-max(k-25, 25-k)))*30 }, at: 12, found: true, unfit: true},
	} {
		t.Run(name, func(t *testing.T) {
			orSteady := func(f, or func(int) int64) func(int) int64 {
				if f != nil {
					return f
				}
				return or
			}
			usual := orSteady(c.usual, steady)
			var g Grader
			var before *Graded
			for n := range 16 {
				times, sound := usual, steady
				if n == c.at {
					times, sound = orSteady(c.times, usual), orSteady(c.sound, steady)
				}
				before = g.Grade(one(t, n, times, sound), before)
				found := slices.ContainsFunc(before.Findings, func(f Finding) bool { return f.Defect == DefectRepeated })
				if found != (n == c.at && c.found) || before.Unfit != (n == c.at && c.unfit) {
					t.Errorf("segment %d: %q, unfit %t", n, before.Text(), before.Unfit)
				}
				if n > c.at && c.unfit && len(before.Findings) > 0 {
					t.Errorf("segment %d, compared with one that is unfit: %q", n, before.Text())
				}
			}
		})
	}
}
