package failover

import "time"

// placement says where media that has arrived for a segment belongs.
type placement uint8

const (
	here      placement = iota // it has its place on the generation's clock
	later                      // text whose picture has not come yet
	elsewhere                  // it can't be this segment's
	again                      // it was sent before under another name
)

// place puts a segment that has just become sound onto a generation's clock.
func (r *rendition) place(now time.Time, s *segment) placement {
	if s.media.Untimed {
		r.text = true
		return r.placeText(now, s)
	}
	i := r.index(s)
	prior, between, doubt, broken := r.neighbour(i, -1)
	next, gapAfter, doubtAfter, brokenAfter := r.neighbour(i, 1)
	if prior != nil && !broken && r.repeats(i, s, prior) {
		return again
	}
	s.generation = nil
	var why BreakReason
	switch {
	case prior != nil && broken:
		why = BreakDiscontinuity
	case prior != nil:
		if why = r.fit(s, prior.end+between, doubt, prior); why == "" && r.stepsBack(s, prior) {
			why = BreakTimestamps
		}
		if why == "" {
			s.generation = r.input.generationAt(r, s, prior.generation)
		}
	case r.run > 0:
		why = BreakRestart
	default:
		why = BreakFirst
	}
	if why != "" && next != nil && !brokenAfter {
		// Later media arrived first, and this segment belongs with it.
		length := s.media.End - s.media.Start
		if r.fit(s, next.start-gapAfter-length, doubtAfter, next) == "" {
			s.generation, why = next.generation, ""
		} else if prior != nil && !broken {
			return elsewhere
		}
	}
	if why != "" && s.run < r.run {
		return elsewhere // the encoder has restarted, and reuses the name
	}
	if why != "" {
		r.input.beginGeneration(now, r, s, why)
	}
	r.input.reunite(now, r, s)
	r.settle(now, s)
	return here
}

// settle records a segment that has its place.
func (r *rendition) settle(now time.Time, s *segment) {
	s.placed = true
	s.generation.extend(r, s)
	if s.media != nil && !s.media.Untimed {
		if s.media.Video != r.video && s.media.Video {
			r.video, r.input.served = true, nil
		}
		if s.media.Kind != r.probed {
			r.probed, r.input.served = s.media.Kind, nil
		}
		r.lies = abs(s.end-s.start-s.claimed) > (s.end-s.start)/4
	}
	r.measure()
	r.layout(s)
	r.streak(s)
	s.generation.sample(now, r, s)
	if r.counts() {
		r.input.channel.pace.follow(TicksAt(now), r, s)
		r.input.channel.drift(TicksAt(now), s)
		r.tellApart(TicksAt(now))
	}
}

// fit unwraps the segment's timestamps near the predicted one. It returns what breaks
// between it and its neighbour, empty if it continues.
func (r *rendition) fit(s *segment, predicted, doubt Ticks, neighbour *segment) BreakReason {
	length := s.media.End - s.media.Start
	start := nearest(s.media.Start, s.media.Modulus, predicted)
	switch {
	case abs(start-predicted) > max(r.length, length, ClockRate)+doubt:
		return BreakTimestamps
	case neighbour.media.Signature != s.media.Signature:
		return BreakCodec
	}
	s.start, s.end = start, start+length
	return ""
}

// stepsBack reports whether the segment begins well before the one before it ends.
func (r *rendition) stepsBack(s, prior *segment) bool {
	return s.start < prior.end-s.overlap()
}

// repeats reports whether the media was sent before under another name since the last break:
// the same bytes in one of the last segments of the run or, in one of the last three, the same
// stretch of time. Further back that is what a spot or an encoder has that starts over at a
// time that was there before. One that plays a file and counts its segments by the clock sends
// the same bytes, from where its timestamps began, under numbers that go on.
func (r *rendition) repeats(i int, s, prior *segment) bool {
	frame := max(s.media.Frame/2, 1)
	for j := i - 1; j >= max(0, i-history) && r.segments[j].run == s.run && !r.segments[j+1].broken; j-- {
		o := r.segments[j]
		if o.state != sound || o.path == s.path {
			continue
		}
		if o.generation != prior.generation {
			return false
		}
		if s.hash != "" && s.hash == o.hash {
			return i-j <= liveSlots || o.start > o.generation.start+r.length/2
		}
		if i-j <= liveSlots && abs(o.media.Start-s.media.Start) <= frame &&
			abs(o.media.End-s.media.End) <= frame && o.media.Signature == s.media.Signature {
			return true
		}
	}
	return false
}

// neighbour returns the nearest sound segment of the same run before (step -1) or after
// (step 1) index i, the media time between them by what the playlists claim, and whether
// EXT-X-DISCONTINUITY stands between them.
func (r *rendition) neighbour(i, step int) (s *segment, between, doubt Ticks, broken bool) {
	at := r.segments[i]
	number := at.number
	if step < 0 {
		broken = at.broken
	}
	for j := i + step; j >= 0 && j < len(r.segments) && r.segments[j].run == at.run; j += step {
		o := r.segments[j]
		// Numbers that no playlist listed stand for segments of typical length.
		hole := o.number - number
		if step < 0 {
			hole = number - o.number
		}
		if hole > 1 {
			between += Ticks(min(hole-1, 1<<20)) * r.length
			doubt += Ticks(min(hole-1, 1<<20)) * r.length / 2
		}
		number = o.number
		if step > 0 && o.broken {
			broken = true
		}
		if o.state == sound {
			return o, between, doubt, broken
		}
		between += r.expected(o)
		if step < 0 && o.broken {
			broken = true
		}
	}
	return nil, 0, 0, false
}

// layout updates the estimates around a segment.
func (r *rendition) layout(s *segment) {
	i := r.index(s)
	r.layoutRange(i, i+1)
}

// layoutRange estimates the positions of segments that are not sound, from those of
// their neighbours: of those between two indexes, and on to the next sound ones.
func (r *rendition) layoutRange(from, to int) {
	to = min(to, len(r.segments))
	if from >= to {
		return
	}
	for from > 0 && !r.segments[from-1].anchor() {
		from--
	}
	for to < len(r.segments) && !r.segments[to].anchor() {
		to++
	}
	var last *segment
	if from > 0 {
		last = r.segments[from-1]
	}
	for _, s := range r.segments[from:to] {
		if !s.anchor() {
			s.placed = false
			if last != nil && last.run == s.run && !s.broken {
				s.generation = last.generation
				s.start = last.end + Ticks(min(s.number-last.number-1, 1<<20))*r.length
				s.end = s.start + r.expected(s)
				s.placed = true
			}
		}
		last = s
		if !s.placed {
			last = nil
		}
	}
	var next *segment
	if to < len(r.segments) {
		next = r.segments[to]
	}
	for j := to - 1; j >= from; j-- {
		s := r.segments[j]
		if !s.placed && next != nil && next.run == s.run && !next.broken {
			s.generation = next.generation
			s.end = next.start - Ticks(min(next.number-s.number-1, 1<<20))*r.length
			s.start = s.end - r.expected(s)
			s.placed = true
		}
		next = s
		if !s.placed {
			next = nil
		}
	}
	r.extend(from, to)
}

// anchor reports whether the segment's place is measured.
func (s *segment) anchor() bool { return s.state == sound && s.placed }

// extend updates how far the timeline reaches, from one index on, at least up to another.
func (r *rendition) extend(from, to int) {
	reach := Ticks(-1 << 62)
	if from > 0 {
		reach = r.segments[from-1].reach
	}
	for i := from; i < len(r.segments); i++ {
		s := r.segments[i]
		if s.placed {
			reach = max(reach, s.channelEnd())
		}
		if i >= to && s.reach == reach {
			return
		}
		s.reach = reach
	}
}
