package failover

import "time"

// segment is one entry of an input rendition's timeline: something that a
// playlist listed, and the object that arrived for it.
type segment struct {
	rendition *rendition
	// run counts the encoder's starts of this rendition, number is its own media
	// sequence number. Together they order the timeline.
	run, number uint64
	path        string
	claimed     Ticks // EXTINF
	broken      bool  // EXT-X-DISCONTINUITY precedes it
	cue         bool  // a slot has to begin here
	tags        []string
	pdt         Ticks // EXT-X-PROGRAM-DATE-TIME, 0 if the playlist has none

	state   segmentState
	fault   string // why it is unsound
	object  string
	size    int64
	media   *Media
	arrived time.Time // when it was both listed and delivered

	// start and end are on the generation's unwrapped clock: measured for a
	// sound segment, estimated from its neighbours otherwise.
	generation *generation
	start, end Ticks
	placed     bool

	// passed: no endpoint can use it any more, its object is released.
	passed bool
}

type segmentState uint8

const (
	pending segmentState = iota // listed, nothing arrived
	sound
	unsound  // what arrived cannot be used
	unplaced // sound, but where it lies is not known yet
)

func (s *segment) before(o *segment) bool {
	return s.run < o.run || s.run == o.run && s.number < o.number
}

// channelStart and channelEnd are positions on the channel's clock; only for
// placed segments.
func (s *segment) channelStart() Ticks { return s.start + s.generation.offset }
func (s *segment) channelEnd() Ticks   { return s.end + s.generation.offset }
func (s *segment) channelMiddle() Ticks {
	return s.generation.offset + s.start + (s.end-s.start)/2
}

// gone reports whether it can't be used, because its bytes were given away in an
// earlier life of the process.
func (s *segment) gone() bool { return s.passed && s.object == "" }

func (s *segment) missing() Missing {
	why := "not_arrived"
	if s.state == unsound {
		why = s.fault
	}
	return Missing{Rendition: s.rendition.path, Segment: s.path, Why: why}
}

// slack is how far the start of the segment may lie from where the media before
// it ended, and still continue it: half a frame where both are measured, more
// where the position is an estimate.
func (s *segment) slack() Ticks {
	if s.state != sound || s.media.Untimed {
		return s.claimed / 4
	}
	return max(s.media.Frame/2, 1)
}

// longestSegment is far more than any encoder means. What claims to be longer has
// timestamps that jump in its middle, and would make the endpoint's target duration
// useless for ever.
const longestSegment = 10 * 60 * ClockRate

// longestFrame bounds what is believed of the length of a frame: half of it is how far
// media may overlap. Samples of text are longer, but not what times are measured by.
const longestFrame = ClockRate

// plausible is the object, unsound if its media has no length or an absurd one.
func (c *Channel) plausible(o Object) Object {
	if o.Media == nil || o.Media.Untimed {
		return o
	}
	switch length := o.Media.End - o.Media.Start; {
	case length <= 0:
		o.Fault = "no_duration"
	case length > longestSegment:
		o.Fault = "too_long"
	default:
		if o.Media.Frame > longestFrame {
			m := *o.Media
			m.Frame = longestFrame
			o.Media = &m
		}
		return o
	}
	c.release(o.ID)
	o.ID, o.Media = "", nil
	return o
}
