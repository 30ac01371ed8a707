package failover

import (
	"slices"
	"time"
)

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
	fault   Reason // why it is unsound
	object  string
	size    int64
	hash    string
	media   *Media
	arrived time.Time // when it was both listed and delivered

	// start and end are on the generation's unwrapped clock: measured for a
	// sound segment, estimated from its neighbours otherwise.
	generation *generation
	start, end Ticks
	placed     bool
	// reach is the latest end of the timeline up to and including this segment, on the
	// channel's clock. It never decreases along the timeline, so that places can be found
	// by it.
	reach Ticks

	// origin: it is a copy of this segment, in the timeline of a union.
	origin *segment

	// short: it ends before its EXTINF and another input's copy say it should.
	short bool

	// unbound: it is one of Channel.unbound.
	unbound bool

	// passed: no endpoint can use it any more, its object is released.
	passed bool
	// lost: its bytes had been released when the process restarted: it was used, or a better copy took its place.
	lost bool
}

type segmentState uint8

const (
	pending segmentState = iota // listed, nothing arrived
	sound
	unsound  // what arrived cannot be used
	unplaced // sound, but its position is not known yet
)

// delivered reports whether sound media has arrived for it.
func (s *segment) delivered() bool { return s.state == sound || s.state == unplaced }

// channelStart and channelEnd are positions on the channel's clock; only for
// placed segments.
func (s *segment) channelStart() Ticks { return s.start + s.generation.offset }
func (s *segment) channelEnd() Ticks   { return s.end + s.generation.offset }
func (s *segment) channelMiddle() Ticks {
	return s.generation.offset + s.start + (s.end-s.start)/2
}

// gone reports whether it can't be used, because its bytes were released.
func (s *segment) gone() bool { return s.passed }

func (s *segment) missing() Missing {
	why := ReasonNotArrived
	if s.state == unsound {
		why = s.fault
	}
	return Missing{Rendition: s.rendition.path, Segment: s.path, Why: why}
}

// defects are what is wrong with the media: what was found in it, and that it ends early.
func (s *segment) defects() []Defect {
	switch {
	case s.state != sound:
		return nil
	case s.short && !slices.Contains(s.media.Defects, DefectHole):
		return append(s.media.Defects[:len(s.media.Defects):len(s.media.Defects)], DefectHole)
	}
	return s.media.Defects
}

// slack is how far the start of the segment may be from the end of the media before it and
// still continue that: half a frame where both are measured, more where the position is an
// estimate.
func (s *segment) slack() Ticks {
	if s.state != sound || s.media.Untimed {
		return s.rendition.expected(s) / 4
	}
	return max(s.media.Frame/2, 1)
}

// overlap is how far the segment may reach back into the one before it in its own run:
// two frames, for encoders that round. Anything more is media that was sent before.
func (s *segment) overlap() Ticks {
	return max(2*s.media.Frame, (s.end-s.start)/50)
}

// believable is the object, unsound if its media has no length or an absurd one, or if
// grading found it unfit.
func (c *Channel) believable(o Object) Object {
	if o.Media == nil || o.Media.Untimed {
		return o
	}
	switch length := o.Media.End - o.Media.Start; {
	case o.Fault != "":
	case length <= 0:
		o.Fault = ReasonNoDuration
	case length > longestSegment:
		o.Fault = ReasonTooLong
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
