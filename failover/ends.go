package failover

import (
	"fmt"
	"time"
)

// compareEnds finds segments that end early: a frame and a half before what EXTINF claims
// and before where another input's copy on the same clock ends. Either may come first.
func (c *Channel) compareEnds(now time.Time, s *segment) {
	if s.media.Untimed {
		return
	}
	for _, in := range c.inputs {
		r := in.rendition(s.rendition.path)
		if in == s.input() || r == nil || in.latest == nil || !in.latest.sameClock(s.generation) {
			continue
		}
		for _, o := range r.behind(s.channelStart()) {
			if o.state != sound || !o.placed || !o.generation.sameClock(s.generation) {
				continue
			}
			if o.channelStart() > s.channelStart()+s.slack() {
				break
			}
			if abs(o.channelStart()-s.channelStart()) <= s.slack() && o.media.Signature == s.media.Signature {
				s.comparedTo(now, o)
				o.comparedTo(now, s)
			}
		}
	}
}

// endsEarly reports whether the media ends a frame and a half before what EXTINF claims, of an
// encoder whose EXTINF was right until a few segments ago. The first segments after the process
// resumed count as well: what EXTINF was before has been forgotten. unknown: too few segments came
// before it to tell.
func (s *segment) endsEarly(resumed time.Time) (early, unknown bool) {
	if s.origin != nil || s.media == nil || s.media.Untimed {
		return false, false
	}
	r, most := s.rendition, s.media.Frame*3/2
	off := func(o *segment) Ticks { return o.claimed - (o.end - o.start) }
	if off(s) <= most {
		return false, false
	}
	last := r.index(s)
	series, exact := 0, 0
	for i := last - 1; i >= max(0, last-exactAmong) && exact < exactBefore; i-- {
		o := r.segments[i]
		if o.run != s.run {
			break // nothing is known before it
		}
		if o.state != sound || o.short {
			continue // what is cut off says nothing of EXTINF
		}
		if exact == 0 && series < exactBefore && off(o) > most {
			series++
			continue
		}
		if abs(off(o)) > most {
			return false, false
		}
		exact++
	}
	if exact == exactBefore || !resumed.IsZero() && s.arrived.Before(resumed.Add((exactBefore*r.length).Duration())) {
		return true, false
	}
	return false, true
}

// comparedTo notes if the segment ends before a copy of it.
func (s *segment) comparedTo(now time.Time, o *segment) {
	lacks, most := o.channelEnd()-s.channelEnd(), s.media.Frame*3/2
	if s.short || lacks <= most || s.claimed-(s.end-s.start) <= most {
		return
	}
	s.short = true
	s.rendition.spoil(s)
	s.input().channel.emit(Degraded{
		Time: now, Input: s.input().name, Rendition: s.rendition.path, Segment: s.path, Defects: []Defect{DefectHole}, Compared: true,
		Detail: fmt.Sprintf("it ends %d ms before the copy of input %s, and before what EXTINF says", lacks.Duration().Milliseconds(), o.input().name),
		Start:  s.channelStart(), End: s.channelEnd(),
	})
}
