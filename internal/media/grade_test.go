package media

import (
	"slices"
	"testing"
)

const (
	frame25  = ClockRate / 25
	frameAAC = 1920
)

// steady is segment n of a run of 2 s segments: 50 pictures and 94 frames of audio.
func steady(n int64) *Info {
	start := 126000 + n*2*ClockRate
	end := start + 2*ClockRate
	return &Info{
		Format: FormatTS, Modulus: timestampModulus, Start: start, End: end, FrameDuration: frame25, KeyFrameFirst: true,
		Tracks: []Track{
			{
				ID: 0x100, Kind: Video, Samples: 50, FirstPTS: start, FirstDTS: start - 2*frame25, LastPTS: end - frame25,
				LastDTS: end - 3*frame25, End: end, MaxStep: frame25,
				Measure: Measure{Bytes: 500_000, Step: frame25, Steps: 49, Others: 49},
			},
			{
				ID: 0x101, Kind: Audio, Samples: 94, FirstPTS: start - 100, FirstDTS: start - 100, LastPTS: end - 20_000,
				LastDTS: end - 20_000, End: end - 100, MaxStep: 20_000,
				Measure: Measure{Bytes: 24_000, Step: frameAAC, Steps: 9, Others: 94},
			},
			{ID: 0x102, Kind: Data},
		},
		Counters: []Counter{{PID: 0x100, Packets: 2800}, {PID: 0x101, Packets: 150}, {PID: 0x102, Packets: 1}},
	}
}

// run grades segments of a steady run with changes, and returns the words found in each.
func run(segments int, change func(n int, info *Info) *Info) [][]Defect {
	var g Grader
	var before *Graded
	var found [][]Defect
	for n := range segments {
		info := change(n, steady(int64(n)))
		if info == nil {
			before = nil // not known
			found = append(found, nil)
			continue
		}
		before = g.Grade(info, before)
		var words []Defect
		for _, f := range before.Findings {
			words = append(words, f.Defect)
		}
		found = append(found, words)
	}
	return found
}

func TestEachDefectIsFoundWhereItIs(t *testing.T) {
	type defects = map[int][]Defect
	at := func(k int, change func(*Info)) func(int, *Info) *Info {
		return func(n int, info *Info) *Info {
			if n == k {
				change(info)
			}
			return info
		}
	}
	from := func(k int, change func(*Info)) func(int, *Info) *Info {
		return func(n int, info *Info) *Info {
			if n >= k {
				change(info)
			}
			return info
		}
	}
	hole := func(info *Info) {
		v := &info.Tracks[0]
		v.MaxStep = 4 * frame25
		v.Measure.LongSteps, v.Measure.Lost, v.Measure.LongestAt = 1, 3*frame25, info.Start+ClockRate
	}
	still := func(info *Info) {
		m := &info.Tracks[0].Measure
		m.Small, m.Others, m.Still, m.StillTail = 47, 2, 17*ClockRate/10, 17*ClockRate/10
	}
	mute := func(info *Info) {
		m := &info.Tracks[1].Measure
		m.Small, m.Others, m.Still, m.StillTail = 94, 0, 2*ClockRate, 2*ClockRate
	}
	for name, c := range map[string]struct {
		change func(int, *Info) *Info
		want   defects
	}{
		"nothing":            {at(0, func(*Info) {}), nil},
		"a hole":             {at(12, hole), defects{12: {DefectHole}}},
		"a hole too early":   {at(3, hole), nil},
		"a hole in one of 5": {func(n int, i *Info) *Info { return at(n/5*5+4, hole)(n, i) }, defects{9: {DefectHole}, 14: {DefectHole}, 19: {DefectHole}}},
		"a hole in each":     {from(0, hole), nil},
		"a hole between": {at(12, func(i *Info) { i.Tracks[0].FirstDTS += 3 * frame25; i.Tracks[0].FirstPTS += 3 * frame25 }),
			defects{12: {DefectHole}}},
		"audio between": {at(12, func(i *Info) { i.Tracks[1].FirstPTS += 2 * frameAAC; i.Tracks[1].FirstDTS += 2 * frameAAC }),
			defects{12: {DefectHole}}},
		"audio that began before": {at(12, func(i *Info) { i.Tracks[1].FirstPTS += 2 * frameAAC; i.Tracks[1].Measure.Continued = true }), nil},
		"pictures of many lengths": {at(12, func(i *Info) { hole(i); i.Tracks[0].Measure.LongSteps = 20 }),
			nil},
		"no audio": {at(12, func(i *Info) { i.Tracks[1] = Track{ID: 0x101, Kind: Audio} }),
			defects{12: {DefectTrackGone}}},
		"audio is not announced": {from(18, func(i *Info) { i.Tracks = i.Tracks[:1] }),
			defects{18: {DefectTrackGone}, 19: {DefectTrackGone}}},
		"audio on another PID": {from(12, func(i *Info) { i.Tracks[1].ID = 0x111 }), nil},
		"audio ends early":     {at(12, func(i *Info) { i.Tracks[1].End -= ClockRate }), defects{12: {DefectTrackGone}, 13: {DefectHole}}},
		"audio is always late": {from(0, func(i *Info) { i.Tracks[1].End -= ClockRate; i.Tracks[1].FirstPTS -= ClockRate }), nil},
		"no cues":              {from(12, func(i *Info) { i.Tracks = i.Tracks[:2] }), nil},
		"packets lost":         {at(0, func(i *Info) { i.Counters[0].Errors = 2 }), defects{0: {DefectDamaged}}},
		"cue packets lost":     {at(12, func(i *Info) { i.Counters[2].Errors = 2 }), nil},
		"marked packets":       {at(12, func(i *Info) { i.ErrorPackets = 1 }), defects{12: {DefectDamaged}}},
		"no key frame":         {at(12, func(i *Info) { i.KeyFrameFirst = false }), defects{12: {DefectNoKeyFrame}}},
		"every second without key frame": {func(n int, i *Info) *Info { i.KeyFrameFirst = n%2 == 0; return i },
			nil},
		"never a key frame": {from(0, func(i *Info) { i.KeyFrameFirst = false }), nil},
		"starved once":      {at(12, func(i *Info) { i.Tracks[0].Measure.Bytes = 10_000 }), nil},
		"starved": {from(17, func(i *Info) { i.Tracks[0].Measure.Bytes = 10_000 }),
			defects{18: {DefectStarved}, 19: {DefectStarved}}},
		"still":            {from(16, still), defects{18: {DefectFrozen}, 19: {DefectFrozen}}},
		"still from on":    {from(0, still), defects{-3: {DefectFrozen}}},
		"silent":           {from(16, mute), defects{18: {DefectSilent}, 19: {DefectSilent}}},
		"pause for breath": {func(n int, i *Info) *Info { return at(n/3*3, mute)(n, i) }, nil},
		"unknown order":    {func(n int, i *Info) *Info { return map[bool]*Info{true: i}[n != 12] }, nil},
		"another run":      {from(12, func(i *Info) { hole(i); shift(i, 500*ClockRate) }), nil},
		"timestamps wrap":  {from(0, func(i *Info) { shift(i, timestampModulus-ClockRate-126000-20*ClockRate); wrap(i) }), nil},
	} {
		t.Run(name, func(t *testing.T) {
			for n, got := range run(20, c.change) {
				want := c.want[n]
				if from, ok := c.want[-3]; ok && n >= 2 {
					want = from
				}
				if !slices.Equal(got, want) {
					t.Errorf("segment %d: %v, want %v", n, got, want)
				}
			}
		})
	}
}

// shift moves the object in time, wrap puts its beginning below the modulus.
func shift(i *Info, by int64) {
	i.Start += by
	i.End += by
	for k := range i.Tracks {
		t := &i.Tracks[k]
		for _, v := range []*int64{&t.FirstPTS, &t.LastPTS, &t.FirstDTS, &t.LastDTS, &t.End} {
			*v += by
		}
	}
}

func wrap(i *Info) {
	if i.Start >= timestampModulus {
		shift(i, -timestampModulus)
	}
}

// The findings say where and how much in the terms of the container.
func TestFindingsSayWhatIsMissing(t *testing.T) {
	var g Grader
	var last *Graded
	for n := range int64(14) {
		info := steady(n)
		if n == 13 {
			v := &info.Tracks[0]
			v.MaxStep = 4 * frame25
			v.Measure.LongSteps, v.Measure.Lost, v.Measure.LongestAt = 1, 3*frame25, info.Start+ClockRate
			info.Counters[0].Errors = 3
		}
		last = g.Grade(info, last)
	}
	const want = "damaged: the continuity counter jumps at 3 places: packets are lost; hole: video 0x100 lacks 120 ms at 1000 ms of the segment"
	if last.Text() != want || last.Findings[1].Missing != 3*frame25 {
		t.Errorf("%q, %+v", last.Text(), last.Findings)
	}
}

// A grader is as small after a year as after a minute, whatever comes.
func TestGraderIsBounded(t *testing.T) {
	var g Grader
	var before *Graded
	for n := range int64(3000) {
		info := steady(n)
		info.Tracks[1].ID = uint32(0x101 + n%50)
		for k := range uint32(60) {
			info.Tracks = append(info.Tracks, Track{ID: 0x300 + k, Kind: Audio, Samples: 1, End: info.End})
		}
		before = g.Grade(info, before)
		if len(g.tracks) > maxGraded {
			t.Fatalf("%d tracks", len(g.tracks))
		}
	}
}

func TestRecentKnowsMedianAndLargest(t *testing.T) {
	var r ranked
	var all []int64
	for n := range int64(200) {
		v := n * 7919 % 101
		r.add(v)
		all = append(all, v)
		last := slices.Sorted(slices.Values(all[max(0, len(all)-recentObjects):]))
		if r.median() != last[len(last)/2] || r.largest() != last[len(last)-1] || r.len() != len(last) {
			t.Fatalf("after %d values: median %d of %v", n+1, r.median(), last)
		}
	}
}
