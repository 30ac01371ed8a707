package failover

import (
	"slices"
	"sort"
	"time"
)

// rendition is the timeline of one rendition of one input: what its playlists
// listed, in order, with what arrived for it.
type rendition struct {
	input    *input
	path     string
	kind     Kind
	segments []*segment // in order of (run, number)
	run      uint64
	edge     uint64 // highest number listed in this run
	floor    uint64 // numbers of this run below it are forgotten
	first    uint64 // number of the first sound segment of this run, if arriving
	arriving bool
	listed   bool  // any playlist with a segment came
	ended    bool  // the last playlist had EXT-X-ENDLIST
	target   Ticks // EXT-X-TARGETDURATION
	latest   Playlist
	video    bool  // a sound segment had video
	lies     bool  // EXTINF of the last segment was wrong by a quarter
	length   Ticks // typical length of a segment
	lateness Ticks // see generation.lateness, carried over into a new generation
	// streakStart and streakEnd bound the media without a hole up to now, on the
	// generation's clock.
	streakStart, streakEnd Ticks
	streakOf               *generation
}

// list takes a playlist over into the timeline.
func (r *rendition) list(now time.Time, p Playlist) {
	r.latest = p
	if len(p.Segments) == 0 {
		return
	}
	r.target = TicksOf(p.TargetDuration)
	switch r.compare(p) {
	case staleVersion:
		return
	case restarted:
		r.run++
		r.floor, r.edge, r.arriving = 0, 0, false
		r.listed = false
	}
	r.ended, r.listed = p.EndList, true
	for _, l := range p.Segments {
		r.add(now, l)
	}
	r.edge = max(r.edge, p.Segments[len(p.Segments)-1].Number)
	r.measure()
	r.layout()
}

type playlistRelation uint8

const (
	continuation playlistRelation = iota
	staleVersion                  // an older version of what is known, arriving late
	restarted                     // the encoder began anew
)

// compare says how a playlist relates to what earlier ones listed. Numbers that
// go back mean a restart, unless every listed segment is one that is known
// already: then the playlist is an old version that was overtaken on the way.
// An encoder that restarts under the same names gives itself away by an object
// that replaces one which was used long ago.
func (r *rendition) compare(p Playlist) playlistRelation {
	if !r.listed {
		return continuation
	}
	last := p.Segments[len(p.Segments)-1].Number
	known := 0
	for _, l := range p.Segments {
		s := r.find(l.Number)
		if s == nil {
			continue
		}
		if s.path != l.Path && (last < r.edge || r.ended) {
			return restarted
		}
		if last < r.edge && s.state == sound && r.input.replaced(l.Path) {
			return restarted
		}
		known++
	}
	switch {
	case known == 0 && p.Segments[0].Number > r.edge && p.Segments[0].Number-r.edge > longestHole:
		return restarted
	case last >= r.edge:
		return continuation
	case known > 0:
		return staleVersion
	case r.ended:
		return restarted
	case last+1 >= r.floor && r.floor > 0 && r.edge-last <= uint64(len(p.Segments)):
		// Just behind what is remembered: an old version rather than a restart.
		return staleVersion
	default:
		return restarted
	}
}

// longestHole is how many numbers an encoder may skip and still be the one that it was:
// half an hour out of reach, with segments of 2 s. Behind more than that it has begun
// to count anew, as those do that begin with the time of day. If it has not, its
// timestamps tell.
const longestHole = 1000

// find returns the segment of the current run with this number.
func (r *rendition) find(number uint64) *segment {
	i := r.search(r.run, number)
	if i < len(r.segments) && r.segments[i].run == r.run && r.segments[i].number == number {
		return r.segments[i]
	}
	return nil
}

func (r *rendition) search(run, number uint64) int {
	probe := &segment{run: run, number: number}
	return sort.Search(len(r.segments), func(i int) bool { return !r.segments[i].before(probe) })
}

// add enters one listed segment, or completes what is known of it.
func (r *rendition) add(now time.Time, l ListedSegment) {
	if l.Number < r.floor {
		return
	}
	s := r.find(l.Number)
	if s == nil {
		s = &segment{rendition: r, run: r.run, number: l.Number, path: l.Path}
		r.segments = slices.Insert(r.segments, r.search(r.run, l.Number), s)
		r.input.expect(s)
	}
	if s.path != l.Path && s.state != sound {
		// Listed once more under another name. What arrived already is kept.
		r.input.forget(s)
		s.path = l.Path
		r.input.expect(s)
	}
	if s.state != sound {
		s.claimed = min(l.Duration, longestSegment)
		s.broken = l.Discontinuity
	}
	s.cue = s.cue || l.Cue
	if l.Tags != nil {
		s.tags = l.Tags
	}
	if l.Gap && s.state == pending {
		s.state, s.fault = unsound, "gap"
	}
	if !l.ProgramDateTime.IsZero() {
		s.pdt = TicksAt(l.ProgramDateTime)
	}
	if s.state == pending {
		r.input.bindWaiting(now, s)
	}
}

// neighbour returns the nearest sound segment of the same run before (step -1)
// or behind (step 1) index i, the media time that lies between them by what the
// playlists claim, and whether EXT-X-DISCONTINUITY stands between them.
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

// measure renews the typical length of a segment: the median of the last ones,
// as measured, or as claimed where nothing arrived yet.
func (r *rendition) measure() {
	var lengths [9]Ticks
	n := 0
	for i := len(r.segments) - 1; i >= 0 && n < len(lengths); i-- {
		s := r.segments[i]
		length := s.claimed
		switch {
		case s.state == sound:
			length = s.end - s.start
		case r.lies:
			continue
		}
		if length > 0 {
			lengths[n] = length
			n++
		}
	}
	if n == 0 {
		return
	}
	r.length = median(lengths[:n])
	if n < 3 {
		// The first segment of an encoder is often a short one.
		r.length = max(r.length, min(r.target, maxTarget))
	}
}

// maxTarget bounds what EXT-X-TARGETDURATION is believed.
const maxTarget = 30 * ClockRate

// expected is how long a segment that has not arrived will be: what EXTINF
// claims, unless this encoder's claims are wrong.
func (r *rendition) expected(s *segment) Ticks {
	if r.lies && r.length > 0 {
		return r.length
	}
	return s.claimed
}

// layout estimates the positions of segments that are not sound, from those of
// their neighbours.
func (r *rendition) layout() {
	var last *segment
	for _, s := range r.segments {
		if s.state != sound {
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
	for i := len(r.segments) - 1; i >= 0; i-- {
		s := r.segments[i]
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
}

// place puts a segment that has just become sound onto a generation's clock. It
// reports false for one that has no position yet.
func (r *rendition) place(now time.Time, s *segment) bool {
	if s.media.Untimed {
		return r.placeUntimed(now, s)
	}
	r.placeTimed(now, s)
	return true
}

// placeUntimed puts a segment that does not tell its position where the reference
// rendition's segment of the same number lies: an encoder cuts all renditions at
// the same places.
func (r *rendition) placeUntimed(now time.Time, s *segment) bool {
	ref := r.input.reference()
	if ref == nil || ref == r {
		return false
	}
	o := ref.find(s.number)
	if o == nil || !o.placed {
		return false
	}
	s.generation, s.start, s.end, s.placed = o.generation, o.start, o.end, true
	s.generation.extend(r, s)
	r.measure()
	r.layout()
	r.streak()
	s.generation.sample(now, r, s)
	return true
}

// placeTimed puts a segment where its timestamps say.
func (r *rendition) placeTimed(now time.Time, s *segment) {
	i := r.search(s.run, s.number)
	prior, between, doubt, broken := r.neighbour(i, -1)
	next, gapAfter, doubtAfter, brokenAfter := r.neighbour(i, 1)
	length := s.media.End - s.media.Start

	fits := func(predicted, doubt Ticks, o *segment) string {
		start := nearest(s.media.Start, s.media.Modulus, predicted)
		switch {
		case abs(start-predicted) > max(r.length, length, ClockRate)+doubt:
			return "timestamp_jump"
		case o.media.Signature != s.media.Signature:
			return "codec_change"
		}
		s.start, s.end = start, start+length
		return ""
	}

	breakReason := ""
	switch {
	case prior != nil && broken:
		breakReason = "discontinuity"
	case prior != nil:
		breakReason = fits(prior.end+between, doubt, prior)
		if breakReason == "" {
			s.generation = r.input.generationAt(r, s, prior.generation)
		}
	case r.run > 0:
		breakReason = "restart"
	default:
		breakReason = "first"
	}
	if breakReason != "" && next != nil && !brokenAfter && fits(next.start-gapAfter-length, doubtAfter, next) == "" {
		// What comes later arrived first, and this one belongs to it.
		s.generation, breakReason = next.generation, ""
	}
	if breakReason != "" {
		r.input.beginGeneration(now, r, s, breakReason)
	}
	s.placed = true
	s.generation.extend(r, s)
	r.video = r.video || s.media.Video
	r.lies = abs(s.end-s.start-s.claimed) > (s.end-s.start)/4
	r.measure()
	r.layout()
	r.streak()
	s.generation.sample(now, r, s)
}

// streak follows the media backwards from its end for as long as it has no hole.
func (r *rendition) streak() {
	i := len(r.segments) - 1
	for i >= 0 && r.segments[i].state != sound {
		i--
	}
	if i < 0 {
		return
	}
	last := r.segments[i]
	for i > 0 && r.segments[i-1].state == sound && r.segments[i-1].generation == last.generation &&
		follows(r.segments[i-1], r.segments[i]) {
		i--
	}
	start := r.segments[i].start
	if i == 0 && r.streakOf == last.generation && r.streakStart < start && start <= r.streakEnd {
		start = r.streakStart // what lies before is forgotten, but was whole
	}
	r.streakOf, r.streakStart, r.streakEnd = last.generation, start, last.end
}

// after returns the segments behind the given place, in order.
func (r *rendition) after(m mark) []*segment {
	i := sort.Search(len(r.segments), func(i int) bool { return m.segment.before(r.segments[i]) })
	return r.segments[i:]
}

// follows reports whether b comes directly behind a in the encoder's own
// counting, or in its media.
func follows(a, b *segment) bool {
	if a.run != b.run {
		return false
	}
	if b.number == a.number+1 {
		return true
	}
	return a.state == sound && b.state == sound && a.generation == b.generation &&
		abs(b.start-a.end) <= max(a.media.Frame, 1)
}

// holds reports whether the rendition has sound media between two positions of
// the channel's clock.
func (r *rendition) holds(from, to Ticks) bool {
	for i := len(r.segments) - 1; i >= 0; i-- {
		s := r.segments[i]
		if s.state != sound {
			continue
		}
		if m := s.channelMiddle(); from <= m && m < to {
			return true
		}
	}
	return false
}
