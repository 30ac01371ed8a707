package media

import (
	"slices"

	"github.com/Eyevinn/mp4ff/mp4"
)

// Flags of a sample (ISO/IEC 14496-12, 8.8.3.1).
const (
	sampleIsNonSync      = 1 << 16
	sampleDependsOn      = 3 << 24 // sample_depends_on
	sampleDependsOnOther = 1 << 24
)

// maxTime bounds the times of a track, in ticks of its own clock.
const maxTime = 1 << 60

// Resolve says what the segment holds, given the init section in force. The
// error is nil or a [*Fault]; with a fault there is no Info. A segment can be
// resolved more than once.
func (f *Fragments) Resolve(init *Init) (*Info, error) {
	info, fault := f.resolve(init)
	if fault != nil {
		return nil, fault
	}
	return info, nil
}

func (f *Fragments) resolve(init *Init) (*Info, *Fault) {
	if init == nil {
		return nil, faultf(ReasonNoInit, "no init section")
	}
	tracks := make([]trackTimes, len(init.Tracks))
	for i := range tracks {
		tracks[i].begin(&init.Tracks[i])
	}
	unaccounted := int64(0)
	for i := range f.fragments {
		left, fault := f.fragments[i].resolve(tracks)
		if fault != nil {
			return nil, fault
		}
		unaccounted += left
	}
	info := &Info{
		Format: FormatMP4, Size: f.Size, InitID: init.ID, Trims: f.trims,
		KeyFrameFirst: true, Unaccounted: unaccounted,
		Tracks: make([]Track, len(tracks)),
	}
	for i := range tracks {
		var fault *Fault
		if info.Tracks[i], fault = tracks[i].track(init.Timescale); fault != nil {
			return nil, fault
		}
	}
	ref := reference(info.Tracks)
	if ref < 0 {
		ref = slices.IndexFunc(info.Tracks, func(t Track) bool { return t.Kind == Subtitle && t.Samples > 0 })
	}
	if ref < 0 {
		return nil, faultf(ReasonNoMedia, "no sample of audio, video or subtitles")
	}
	r := &info.Tracks[ref]
	if r.Samples == 0 {
		return nil, faultf(ReasonNoMedia, "%s %d has no sample", r.Kind, r.ID)
	}
	info.Start, info.End = r.FirstPTS, r.End
	info.FrameDuration, _ = rescale(tracks[ref].frame(), ClockRate, r.Timescale)
	if r.Kind == Video {
		info.KeyFrameFirst = tracks[ref].keyFrame
		info.KeyFrames = tracks[ref].keyFrames(r)
	}
	return info, nil
}

// resolve goes through the samples of a moof and checks that the mdat boxes
// after it have their bytes. left is how many of these belong to no sample.
func (f *fragment) resolve(tracks []trackTimes) (left int64, fault *Fault) {
	for _, d := range f.data {
		left += d.End - d.Start
	}
	dataEnd := f.Start // where the samples of the track before end
	for i := range f.tracks {
		t := &f.tracks[i]
		times := timesOf(tracks, t.head.TrackID)
		if times == nil {
			return 0, faultf(ReasonNoInit, "moof at byte %d: track %d is not in the init section", f.Start, t.head.TrackID)
		}
		base := dataEnd
		switch {
		case t.head.HasBaseDataOffset():
			// RFC 8216, 3.3 demands movie-fragment relative addressing; a byte
			// offset from the start of a file is wrong as soon as it is joined.
			return 0, faultf(ReasonUnsupported, "moof at byte %d: track %d has absolute byte offsets (base_data_offset)", f.Start, t.head.TrackID)
		case t.head.DefaultBaseIfMoof():
			base = f.Start
		}
		if fault := times.place(t, f.Start); fault != nil {
			return 0, fault
		}
		at := base
		for i, run := range t.runs {
			if run.HasDataOffset() {
				at = base + int64(run.DataOffset)
			}
			if i == 0 {
				times.start(t.head, run, Range{Start: f.Start, End: at})
			}
			size := times.run(t.head, run)
			if size > 0 && !f.holds(at, size) {
				return 0, faultf(ReasonDamaged, "moof at byte %d: samples of track %d, byte %d to %d, are not in its mdat", f.Start, t.head.TrackID, at, at+size)
			}
			at += size
			left -= size
		}
		dataEnd = at
	}
	return left, nil
}

// holds reports whether the bytes are in one of the mdat boxes.
func (f *fragment) holds(at, size int64) bool {
	return slices.ContainsFunc(f.data, func(d Range) bool { return at >= d.Start && size <= d.End-at })
}

// trackTimes collects the times of a track, in ticks of its own clock and
// without the edit list.
type trackTimes struct {
	init     *InitTrack
	times    timing
	next     int64 // when the sample after the last one is decoded
	end      int64 // when the last sample ends
	open     int64 // PTS of the last sample without a duration
	hasOpen  bool
	keyFrame bool
	keys     []KeyFrame // times in ticks of the track's own clock
	sizes    sampleSizes
	small    int64 // the size of a sample of nearly no size
	// durations of samples; min is 0 if there is none
	min, max int64
}

func (tt *trackTimes) begin(init *InitTrack) {
	tt.init = init
	tt.times.coarse = init.Timescale < fineClock
	tt.sizes.run = int64(init.Timescale) * stillRun / ClockRate
	if init.Kind == Video {
		tt.small = stillPicture(init.Width, init.Height)
	} else {
		tt.small = silentFrame(init.Codec, init.Channels)
	}
}

func timesOf(tracks []trackTimes, id uint32) *trackTimes {
	for i := range tracks {
		if tracks[i].init.ID == id {
			return &tracks[i]
		}
	}
	return nil
}

// place starts a track fragment at its decoding time. Only a second one of the
// same track may leave it out, as it goes on where the first one ends.
func (tt *trackTimes) place(t *trackFragment, at int64) *Fault {
	switch {
	case !t.hasTime && tt.times.n == 0:
		return faultf(ReasonNoTimestamps, "moof at byte %d: track %d has no tfdt", at, t.head.TrackID)
	case !t.hasTime:
		return nil
	case t.time > maxTime:
		return faultf(ReasonDamaged, "moof at byte %d: track %d at %d ticks", at, t.head.TrackID, t.time)
	}
	tt.next = int64(t.time)
	return nil
}

// run takes the samples of a track run (ISO/IEC 14496-12, 8.8.8) and returns
// the number of their bytes.
func (tt *trackTimes) run(head *mp4.TfhdBox, run *mp4.TrunBox) (size int64) {
	defaults := tt.defaults(head)
	for i := range run.Samples {
		s := sampleOf(run, i, defaults)
		size += int64(s.Size)
		tt.sizes.add(tt.next, int64(s.Size), int64(s.Size) <= tt.small, tt.init.Kind == Video && isKeyFrame(s.Flags))
		tt.sample(tt.next+int64(s.CompositionTimeOffset), int64(s.Dur), s.Flags)
	}
	return size
}

// start checks whether a movie fragment's first sample of the track is one to start at.
// lead is all that is before the sample.
func (tt *trackTimes) start(head *mp4.TfhdBox, run *mp4.TrunBox, lead Range) {
	if tt.init.Kind != Video || len(run.Samples) == 0 || len(tt.keys) == maxKeyFrames {
		return
	}
	s := sampleOf(run, 0, tt.defaults(head))
	if !isKeyFrame(s.Flags) || s.Size == 0 || lead.End <= lead.Start {
		return
	}
	tt.keys = append(tt.keys, KeyFrame{
		Range: Range{Start: lead.Start, End: lead.End + int64(s.Size)}, PTS: tt.next + int64(s.CompositionTimeOffset),
	})
}

// defaults are what samples have that carry no values of their own.
func (tt *trackTimes) defaults(head *mp4.TfhdBox) mp4.Sample {
	s := mp4.Sample{Dur: tt.init.DefaultDuration, Size: tt.init.DefaultSize, Flags: tt.init.DefaultFlags}
	if head.HasDefaultSampleDuration() {
		s.Dur = head.DefaultSampleDuration
	}
	if head.HasDefaultSampleSize() {
		s.Size = head.DefaultSampleSize
	}
	if head.HasDefaultSampleFlags() {
		s.Flags = head.DefaultSampleFlags
	}
	return s
}

// sampleOf is a sample of the run. Offsets in version 0 are unsigned by the letter of the
// standard, but older encoders write negative ones there, and no stream has 2^31 ticks.
func sampleOf(run *mp4.TrunBox, i int, s mp4.Sample) mp4.Sample {
	own := &run.Samples[i]
	s.CompositionTimeOffset = own.CompositionTimeOffset
	if run.HasSampleDuration() {
		s.Dur = own.Dur
	}
	if run.HasSampleSize() {
		s.Size = own.Size
	}
	if run.HasSampleFlags() {
		s.Flags = own.Flags
	} else if first, ok := run.FirstSampleFlags(); ok && i == 0 {
		s.Flags = first
	}
	return s
}

func isKeyFrame(flags uint32) bool {
	return flags&sampleIsNonSync == 0 && flags&sampleDependsOn != sampleDependsOnOther
}

// keyFrames puts the key frames on the clock of 90 kHz, like the track.
func (tt *trackTimes) keyFrames(t *Track) []KeyFrame {
	for i := range tt.keys {
		k := &tt.keys[i]
		// What does not fit has been refused with the track.
		pts, _ := rescale(k.PTS-tt.times.minPTS, ClockRate, t.Timescale)
		k.PTS = t.FirstPTS + pts
	}
	return tt.keys
}

func (tt *trackTimes) sample(pts, duration int64, flags uint32) {
	if tt.times.n == 0 {
		tt.keyFrame = isKeyFrame(flags)
		tt.end = pts
	}
	tt.times.add(pts, tt.next)
	tt.next += duration
	tt.end = max(tt.end, pts+duration)
	tt.max = max(tt.max, duration)
	if duration == 0 {
		if !tt.hasOpen || pts > tt.open {
			tt.open, tt.hasOpen = pts, true
		}
		return
	}
	if tt.min == 0 || duration < tt.min {
		tt.min = duration
	}
}

// frame is the duration of a frame in ticks of the track's clock. Video may
// leave frames out, and then one lasts longer; audio may be cut short at its
// end.
func (tt *trackTimes) frame() int64 {
	switch {
	case tt.min > 0 && tt.init.Kind == Audio:
		return tt.max
	case tt.min > 0:
		return tt.min
	}
	return tt.times.minStep
}

// track describes the track on the clock of 90 kHz.
func (tt *trackTimes) track(movieTimescale uint32) (Track, *Fault) {
	t := tt.init.track()
	t.Samples = tt.times.n
	shift := tt.init.shift(movieTimescale)
	if t.Samples == 0 {
		return t, nil
	}
	end := tt.end
	if tt.hasOpen {
		// Low-latency encoders send a frame before they know how long it is.
		end = max(end, tt.open+tt.frame())
	}
	for _, v := range []struct {
		to   *int64
		from int64
	}{
		{&t.FirstPTS, tt.times.minPTS + shift}, {&t.LastPTS, tt.times.maxPTS + shift},
		{&t.FirstDTS, tt.times.firstDTS + shift}, {&t.LastDTS, tt.times.lastDTS + shift},
		{&t.End, end + shift}, {&t.MaxStep, tt.times.maxStep},
	} {
		var ok bool
		if *v.to, ok = rescale(v.from, ClockRate, t.Timescale); !ok {
			return t, faultf(ReasonDamaged, "%s %d: time %d of a clock of %d Hz", t.Kind, t.ID, v.from, t.Timescale)
		}
	}
	if t.Kind == Video {
		t.FrameRate = tt.frameRate()
	}
	tt.measure(&t, shift)
	return t, nil
}

// measure puts what was measured on the clock of 90 kHz. What does not fit has been
// refused with the track.
func (tt *trackTimes) measure(t *Track, shift int64) {
	m := &t.Measure
	tt.times.measure(m)
	tt.sizes.finish(tt.next)
	tt.sizes.measure(m, t.Timescale)
	for _, v := range []*int64{&m.Step, &m.Lost, &m.StepBack} {
		*v, _ = rescale(*v, ClockRate, t.Timescale)
	}
	m.LongestAt, _ = rescale(m.LongestAt+shift, ClockRate, t.Timescale)
}

func (tt *trackTimes) frameRate() float64 {
	scale := float64(tt.init.Timescale)
	switch {
	case tt.min > 0 && tt.min == tt.max:
		return scale / float64(tt.min)
	case tt.next > tt.times.firstDTS:
		return scale * float64(tt.times.n) / float64(tt.next-tt.times.firstDTS)
	}
	return 0
}
