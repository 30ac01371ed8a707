package failover

import (
	"slices"
	"time"
)

// generation is one unbroken stretch of an input's media: all its renditions on one clock,
// with no jump and no change of codec or layout.
type generation struct {
	input *input
	id    uint64
	// first is the timestamp that it began with, as the encoder wrote it.
	first Ticks
	// start and last are where its media begins and, so far, ends on its own
	// unwrapped clock.
	start, last Ticks
	modulus     Ticks
	members     []*rendition
	// offset puts the generation on the channel's clock, basis says how it was
	// found, rank how good that is (lower is better).
	offset Ticks
	basis  Basis
	rank   rank
	// unmatched: its first segments could not be compared with those of an input whose
	// timestamps agree.
	unmatched bool
	// contested: two encoders wrote to the input when it began.
	contested bool
	// contradicted are those of other inputs whose timestamps agree, and whose dates say that this
	// is a coincidence.
	contradicted []generationOf
	// aligned orders the generations of a channel by when that was.
	aligned uint64
	// until is when the last slot of a restored generation was published: what came before
	// that is repeated and may lie before its end. late is how long after that end it was
	// published.
	until time.Time
	late  Ticks
	// from are the inputs whose media a restored generation stands for.
	from []string
	// pdtShift is how much the input's EXT-X-PROGRAM-DATE-TIME is ahead of the
	// channel's clock.
	pdtShift Ticks
	hasPDT   bool
	samples  map[*rendition]*samples
}

// generationOf names a generation without keeping it.
type generationOf struct {
	input string
	id    uint64
}

// contradicts reports whether dates say that the timestamps of the two agree by coincidence.
func (g *generation) contradicts(o *generation) bool {
	return slices.Contains(g.contradicted, generationOf{o.input.name, o.id})
}

// samples are the last arrivals of a rendition: wall-clock time of arrival minus
// the media's end on the generation's own clock.
type samples struct {
	values  [15]Ticks
	count   int
	median  Ticks
	arrived time.Time
}

// extend takes a segment into the generation.
func (g *generation) extend(r *rendition, s *segment) {
	if !slices.Contains(g.members, r) {
		g.members = append(g.members, r)
	}
	if r.counts() { // text may reach far beyond the picture
		g.last = max(g.last, s.end)
	}
}

// lastOf is where the generation's media of a rendition ends, so far: another one may have gone on, as
// audio whose numbers do not change when the length of the picture's segments does.
func (g *generation) lastOf(r *rendition) Ticks {
	for _, s := range slices.Backward(r.segments) {
		if s.generation == g && s.state == sound {
			return s.end
		}
	}
	return g.last
}

// sample notes how late the segment came. Segments that come much faster than they play are
// catching up after an outage and are not the input's rhythm: only the first of such a
// burst counts.
func (g *generation) sample(now time.Time, r *rendition, s *segment) {
	q := g.samples[r]
	if q == nil {
		q = g.rhythm(r, s)
		g.samples[r] = q
	}
	if q.count > 0 && TicksOf(now.Sub(q.arrived)) < (s.end-s.start)/2 {
		return
	}
	q.values[q.count%len(q.values)] = TicksAt(now) - s.end
	q.count++
	values := q.values
	q.median = median(values[:min(q.count, len(values))])
	q.arrived = now
	r.lateness = g.latenessOf(r)
}

// rhythm is what is known of how late a rendition's segments come when its first one of the generation does: where
// its encoder goes on and only the media breaks, that is as before. It counts as one segment, as the encoder may have
// been started again.
func (g *generation) rhythm(r *rendition, s *segment) *samples {
	prior, _, _, _ := r.neighbour(r.index(s), -1)
	if prior == nil || prior.generation == g || prior.generation.samples[r] == nil {
		return &samples{}
	}
	before := prior.generation.samples[r]
	late := before.median - prior.generation.offset + g.offset
	return &samples{values: [15]Ticks{late}, count: 1, median: late, arrived: before.arrived}
}

// latenessOf is the median lateness of a rendition's last segments, or that of the previous
// generation as long as this one has none.
func (g *generation) latenessOf(r *rendition) Ticks {
	q := g.samples[r]
	if q == nil || q.count == 0 {
		return r.lateness
	}
	return q.median - g.offset
}

// lateness is how long after its end on the channel's clock the input's media
// usually arrives, in the live rendition that comes last. Text does not count.
func (g *generation) lateness() Ticks {
	first, late := true, Ticks(0)
	for _, r := range g.members {
		if !r.counts() || r.stale() {
			continue
		}
		if l := g.latenessOf(r); first || l > late {
			first, late = false, l
		}
	}
	return late
}

// steady reports whether the lateness of every rendition is based on many segments.
func (g *generation) steady() bool {
	for _, r := range g.members {
		if !r.counts() || r.stale() {
			continue
		}
		if q := g.samples[r]; q == nil || q.count < len(q.values) {
			return false
		}
	}
	return len(g.members) > 0
}

// sameClock reports whether equal timestamps of both generations mean the same
// moment of the programme, so that one can follow the other with timestamps
// unchanged.
func (g *generation) sameClock(o *generation) bool { return g == o || g.clock().same(o.clock()) }

func (g *generation) clock() Timing { return Timing{Offset: g.offset, Modulus: g.modulus} }

func (t Timing) same(o Timing) bool {
	d := t.Offset - o.Offset
	if t.Modulus != o.Modulus || t.Modulus <= 0 {
		return d == 0
	}
	return d%t.Modulus == 0
}

// generationAt is the generation of a segment that continues the one before it:
// the same one, or a later one on the same clock that another rendition's break
// has begun in the meantime.
func (in *input) generationAt(r *rendition, s *segment, prior *generation) *generation {
	l := in.latest
	if l != prior && l.input == prior.input && l.id > prior.id && l.offset == prior.offset &&
		s.start >= l.start-r.length/2 && s.start <= l.last+in.reach() {
		return l
	}
	return prior
}

// reach is how far apart the renditions of one generation may run.
func (in *input) reach() Ticks { return 10*ClockRate + 3*in.length() }

// beginGeneration puts a segment that does not continue its rendition into the
// generation that another rendition has begun, or begins one.
func (in *input) beginGeneration(now time.Time, r *rendition, s *segment, reason BreakReason) {
	length := s.media.End - s.media.Start
	if l := in.latest; l != nil && !slices.Contains(l.members, r) && l.modulus == s.media.Modulus {
		start := nearest(s.media.Start, s.media.Modulus, l.last)
		if abs(start-l.last) <= in.reach() && !in.startsOver(now, r, s, start) {
			s.generation, s.start, s.end = l, start, start+length
			return
		}
	}
	g := &generation{
		input:   in,
		id:      in.generations + 1,
		modulus: s.media.Modulus,
		first:   s.media.Start,
		samples: map[*rendition]*samples{},
		rank:    unranked,
		// Until that is over, nothing can be told from its clock.
		contested: TicksAt(now) < in.contested,
	}
	s.generation = g
	in.channel.align(now, g, s)
	g.start, g.last = s.start, s.end
	in.generations++
	in.previous, in.latest = in.latest, g
	if p := in.previous; p != nil && p.offset == g.offset {
		in.moveBehind(r, g, p)
	}
	in.channel.emit(GenerationStarted{
		Time: now, Input: in.name, Generation: g.id, Reason: reason,
		Rendition: r.path, Segment: s.path, Basis: g.basis,
	})
}

// startsOver reports whether the first segment of a rendition, at this place in the latest generation,
// is that of an encoder which returns under another playlist name and has started over: it would lie
// where the one before has been. That this one has gone the encoder may not have said yet, if it has not announced
// the other one either; and if it returns at once, that shows by how late this segment would be.
func (in *input) startsOver(now time.Time, r *rendition, s *segment, start Ticks) bool {
	late := in.latest.expected(now) - (start + s.media.End - s.media.Start) - r.listedAfter(s)
	return slices.ContainsFunc(in.renditions, func(old *rendition) bool {
		both := in.announcement(old.upload) != nil && in.announcement(r.upload) != nil
		return old.before(r, s.media.Video) && !both && (!old.alive(TicksAt(now)) || late > plausible) && old.precludes(s, start, in.latest)
	})
}

// listedAfter is how much media the run has listed after the segment.
func (r *rendition) listedAfter(s *segment) Ticks {
	sum := Ticks(0)
	for _, o := range r.after(s.run, s.number) {
		sum += min(o.claimed, longestClaim)
	}
	return sum
}

// precludes reports whether a segment at this place of a generation can't follow what the rendition
// has there.
func (r *rendition) precludes(s *segment, start Ticks, g *generation) bool {
	for i := len(r.segments) - 1; i >= 0; i-- {
		if last := r.segments[i]; last.state == sound && last.generation == g {
			return start < last.end-s.overlap()
		}
	}
	return false
}

// moveBehind gives the new generation what other renditions have already delivered past its
// beginning: a slot never holds media of two generations.
func (in *input) moveBehind(began *rendition, g, old *generation) {
	for _, r := range in.renditions {
		if r == began {
			continue
		}
		changed := len(r.segments)
		for i := len(r.segments) - 1; i >= 0; i-- {
			s := r.segments[i]
			if s.state == sound && s.generation == old && s.start < g.start-r.length/2 {
				break
			}
			if s.placed && s.generation == old && s.start >= g.start-r.length/2 {
				s.generation, changed = g, i
				if s.state == sound {
					g.extend(r, s)
				}
			}
		}
		if changed < len(r.segments) {
			r.extend(changed, len(r.segments))
		}
	}
}
