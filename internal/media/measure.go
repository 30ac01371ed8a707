package media

import "strings"

// Measure is what the samples of a track say about how good it is: what grading needs and
// nothing else does. It is taken as the object passes, and is not stored in records. Times
// are ticks of 90 kHz.
type Measure struct {
	// Bytes of all samples. Of a transport stream: without PES headers, and
	// without most of the filler data by which encoders keep a constant bit rate.
	Bytes int64
	// Step is the usual step from one sample to the next: that of most pictures,
	// or the length of an audio frame. 0 if unknown.
	Step int64
	// LongSteps is the number of steps of more than one and a half times the
	// usual one, and Steps the number of all. Of audio in a transport stream a
	// step leads from the last frame of a PES packet to the first of the next.
	LongSteps, Steps int
	// LongestAt is the decoding timestamp before the longest step
	// ([Track.MaxStep]), and Lost the sum of the excess of all long steps.
	LongestAt, Lost int64
	// StepBack is the largest step back of decoding timestamps, StepsBack how many steps do
	// not lead forward.
	StepBack  int64
	StepsBack int
	// Small is the number of samples of nearly no size, and Others that of the rest.
	// Key frames are in neither.
	Small, Others int
	// Still is how long the samples had nearly no size: pictures that repeat the
	// one before, frames of silence. Only stretches of stillRun count. StillTail
	// is how long the object's last stretch is, if it lasts to the end.
	Still, StillTail int64
	// Continued says that the object starts inside a PES packet of the track: frames that
	// begin there are not measured.
	Continued bool
}

// stillRun is the shortest stretch of samples of nearly no size that counts, in
// ticks: half a second. In moving pictures, however little moves, a picture of
// some size comes with every group of B pictures, several times a second.
const stillRun = ClockRate / 2

// sampleSizes collects the sizes of a track's samples. Its times are ticks of
// whatever clock the caller uses.
type sampleSizes struct {
	n, small, others int
	bytes            int64

	run        int64 // stretch that has to be reached, in the caller's ticks
	open       bool  // the last samples were small
	from       int64 // since when
	still      int64
	smallAtEnd int64
}

// add takes a sample. neutral ones, the key frames, neither make a stretch of
// small samples nor end it: those of a still picture are as large as any.
func (s *sampleSizes) add(at, size int64, small, neutral bool) {
	s.n++
	s.bytes += size
	switch {
	case neutral:
	case !small:
		if s.others++; s.open {
			s.end(at)
		}
	default:
		if s.small++; !s.open {
			s.open, s.from = true, at
		}
	}
}

// end ends a stretch.
func (s *sampleSizes) end(at int64) {
	s.smallAtEnd = 0
	if at-s.from >= s.run {
		s.still += at - s.from
		s.smallAtEnd = at - s.from
	}
	s.open = false
}

// finish ends the last stretch with the track.
func (s *sampleSizes) finish(end int64) {
	if !s.open {
		s.smallAtEnd = 0
		return
	}
	s.end(end)
}

// measure gives what was collected to a track, whose clock has so many ticks in
// a second.
func (s *sampleSizes) measure(m *Measure, timescale uint32) {
	m.Bytes, m.Small, m.Others = s.bytes, s.small, s.others
	m.Still, _ = rescale(s.still, ClockRate, timescale)
	m.StillTail, _ = rescale(s.smallAtEnd, ClockRate, timescale)
}

// stillPicture is the size in bytes up to which a picture holds nothing new,
// given its width and height. A picture of which every macroblock is skipped
// takes some ten bytes of headers and some hundredths of a bit for each
// macroblock; access unit delimiters, timing messages and several slices add to
// that. Measured: 20 bytes at 160x90 to 60 at 1280x720 (H.264 and H.265).
func stillPicture(width, height int) int64 {
	const headers, unknown = 100, 200
	if width <= 0 || height <= 0 {
		return unknown
	}
	return headers + int64(width)*int64(height)/256/32
}

// silentFrame is the size in bytes up to which an audio frame is silence, 0 if size says
// nothing. A raw data block of AAC without a single spectral line takes 4 bytes with one
// channel, 6 with two, 19 with six (measured); a tone of -70 dB takes 20 and more with two.
func silentFrame(codec string, channels int) int64 {
	switch {
	case channels <= 0:
		return 0
	case codec == "Opus":
		return 3 * int64(channels)
	case strings.HasPrefix(codec, "mp4a.40.") && !strings.HasPrefix(codec, "mp4a.40.3"):
		return 4 + 6*int64(channels)
	}
	return 0
}
