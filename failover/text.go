package failover

import "time"

// Text, such as WebVTT, does not say where a segment begins and ends, and its segments may
// be of any length: video leads, and text follows it.

// placeText puts a text segment after the previous one, by the lengths that the playlist
// claims. The first one of a run lies where its cues say, or else where the video was when
// it arrived. A boundary close to one of the video's is taken to be that one: encoders cut
// there, and sums of rounded lengths drift.
func (r *rendition) placeText(now time.Time, s *segment) placement {
	ref := r.input.reference()
	if ref == nil || r.input.latest == nil || ref.streakOf == nil {
		return later
	}
	length := min(max(s.claimed, 1), longestSegment)
	if s.claimed <= 0 {
		length = max(ref.length, 1)
	}
	g := r.input.latest
	s.end = TicksAt(s.arrived) - g.latenessOf(ref) - g.offset
	if newest := ref.streakEnd + min(TicksOf(s.arrived.Sub(ref.lastSound)), ref.length); ref.streakOf == g && newest-s.end > ref.length/2 {
		s.end = newest // the picture came in a burst, as encoders send what they have when they begin
	}
	s.end -= r.listedBehind(s)
	s.start = s.end - length
	i := r.index(s)
	prior, between, _, broken := r.neighbour(i, -1)
	switch {
	case s.media.Cues != nil:
		r.byCues(s, *s.media.Cues, length)
	case s.pdt != 0 && g.hasPDT:
		s.start = s.pdt - g.pdtShift - g.offset
	case prior != nil && !broken && prior.generation.offset == g.offset && abs(prior.end+between-s.start) <= g.reachOfText(length):
		s.start = prior.end + between
	}
	// Further away it would be cut where the video is not, and move a little with every segment.
	within := min(length, ref.length) / 8
	s.start = ref.snap(g, s.start, within)
	s.end = s.start + length
	if end := ref.snap(g, s.end, within); end > s.start {
		s.end = end
	}
	s.generation = g
	r.settle(now, s)
	return here
}

// reachOfText is how far text may be from the video that arrives with it.
func (g *generation) reachOfText(length Ticks) Ticks { return plausible + 3*length }

// mapModulus is where the timestamps of X-TIMESTAMP-MAP wrap: those of MPEG-TS (RFC 8216,
// 3.5), also alongside fragmented MP4, whose own do not.
const mapModulus = Ticks(1) << 33

// byCues puts the segment where its cues may be on screen: after the previous one, if that
// is so, else so that it begins with the first cue. A cue that is on screen for longer than
// a segment is repeated in each one that it covers, so its start says nothing about where
// those begin.
func (r *rendition) byCues(s *segment, cues Span, length Ticks) {
	from := nearest(cues.From, mapModulus, s.start)
	to := max(from, from+cues.To-cues.From)
	prior, between, _, _ := r.neighbour(r.index(s), -1)
	if prior != nil {
		s.start = prior.end + between
	}
	if from >= s.start+length || from < s.start-length && to <= s.start {
		s.start = from
	}
}

// snap returns the boundary of a sound segment within reach of a position on the
// generation's clock, or the position itself.
func (r *rendition) snap(g *generation, at, within Ticks) Ticks {
	best, distance := at, within+1
	for _, s := range r.behind(at + g.offset - within - 1) {
		if s.state != sound || s.generation != g {
			continue
		}
		if s.start > at+within {
			break
		}
		for _, edge := range []Ticks{s.start, s.end} {
			if d := abs(edge - at); d < distance {
				best, distance = edge, d
			}
		}
	}
	return best
}

// placeText gives text that came before its video a place.
func (in *input) placeText(now time.Time) {
	for _, r := range in.renditions {
		if !r.text {
			continue
		}
		for i := max(0, len(r.segments)-relisted); i < len(r.segments); i++ {
			s := r.segments[i]
			if s.state != unplaced {
				continue
			}
			s.state = sound
			if r.placeText(now, s) != here {
				s.state = unplaced
				continue
			}
			in.heardOf(now, s)
		}
	}
}
