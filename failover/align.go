package failover

import (
	"fmt"
	"slices"
	"time"
)

// Alignment says how inputs are put on one clock.
type Alignment string

const (
	// AlignAuto tries the following, in this order.
	AlignAuto Alignment = "auto"
	// AlignTimestamp: equal timestamps mean equal content.
	AlignTimestamp Alignment = "timestamp"
	// AlignProgramDateTime: equal EXT-X-PROGRAM-DATE-TIME means equal content.
	AlignProgramDateTime Alignment = "program_date_time"
	// AlignSequence: equal media sequence numbers mean equal content.
	AlignSequence Alignment = "sequence"
	// AlignArrival: media that arrives at the same time is equal content.
	AlignArrival Alignment = "arrival"
)

// Basis is the Alignment that put a generation on the channel's clock.
type Basis = Alignment

// rank orders the ways to an offset; lower is better.
type rank uint8

const (
	matched   rank = iota // timestamps and boundaries of another input
	continued             // timestamps continue those of the previous generation
	dated                 // EXT-X-PROGRAM-DATE-TIME
	related               // timestamps of another input, other boundaries
	numbered              // media sequence number
	timed                 // arrival
	unranked
)

// align finds the place of a generation on the channel's clock, from its first
// segment, and unwraps that segment's timestamps.
func (c *Channel) align(now time.Time, g *generation, s *segment) {
	length := s.media.End - s.media.Start
	near := s.media.Start
	for _, ref := range append(c.references(g), c.restored...) {
		// Unwrapped near the clock that it most likely shares, so that positions on both
		// can be compared directly.
		near = nearest(s.media.Start, s.media.Modulus, ref.expected(now)-length)
		if abs(near+length-ref.expected(now)) <= plausible {
			break
		}
	}
	s.start, s.end = near, near+length
	c.offset(now, g, s)
	c.keepApart(g)
}

// keepApart puts a generation whose timestamps agree with another input's by coincidence a tick beside that
// one's clock, where what is left to place it by leads to the same place: numbers that count from the encoders'
// own starts agree together with the timestamps. Neither can stand in for the other.
func (c *Channel) keepApart(g *generation) {
	for _, in := range c.inputs {
		if in.latest != nil && g.contradicts(in.latest) && g.rank > continued && g.sameClock(in.latest) {
			g.offset += beside
		}
	}
}

// verify compares a segment that has its place with what the other inputs have, and
// with its date. The place stays.
func (c *Channel) verify(now time.Time, s *segment) {
	g := s.generation
	c.match(now, s)
	c.reconsider(now, s)
	c.compareEnds(now, s)
	if s.pdt != 0 {
		g.pdtShift, g.hasPDT = s.pdt-s.channelStart(), true
		if abs(g.pdtShift) > datesTrusted {
			g.input.notice(Noticed{
				Rendition: s.rendition.path, Segment: s.path, What: NoticeDatesOff,
				Detail: fmt.Sprintf("EXT-X-PROGRAM-DATE-TIME is %s off; it is passed on, and deadlines and delays count from arrival",
					g.pdtShift.Duration().Round(time.Second)),
			})
		}
	}
	for _, p := range c.pairs {
		if p.a == g.input || p.b == g.input {
			p.compare(now, s.rendition.path)
		}
	}
}

// references lists the generations whose clock a new one may share: the latest
// one of every other input, then the previous one of its own.
func (c *Channel) references(g *generation) []*generation {
	var list []*generation
	for _, in := range c.inputs {
		if in != g.input && in.latest != nil {
			list = append(list, in.latest)
		}
	}
	if own := g.input.own(g); own != nil {
		list = append(list, own)
	}
	return list
}

// own is the previous generation of the same input.
func (in *input) own(g *generation) *generation {
	if in.latest == g {
		return in.previous
	}
	return in.latest
}

// expected is where media arriving now would end on this generation's clock if it kept this
// input's rhythm.
func (g *generation) expected(now time.Time) Ticks {
	return TicksAt(now) - g.lateness() - g.offset
}

// offset gives a new generation the best offset for which there is evidence.
func (c *Channel) offset(now time.Time, g *generation, s *segment) {
	take := func(offset Ticks, basis Basis, r rank) {
		if r < g.rank {
			g.offset, g.basis, g.rank = offset, basis, r
			c.alignments++
			g.aligned = c.alignments
		}
	}
	switch {
	case c.wants(AlignTimestamp):
		c.byTimestamp(now, g, s, take)
	case g.input.own(g) == nil:
		// However inputs are related: what goes on after a restart of the process goes on.
		c.byRestored(now, g, s, take)
	}
	if c.wants(AlignProgramDateTime) {
		c.byDate(now, g, s, take)
	}
	if c.wants(AlignSequence) {
		c.byNumber(now, g, s, take)
	}
	c.byArrival(now, g, s, take)

	// An encoder's new run is later than its last one, whatever its clock says.
	own := g.input.own(g)
	if g.rank <= continued {
		return
	}
	if prior, between, _, _ := s.rendition.neighbour(s.rendition.index(s), -1); g.rank == timed && prior != nil && between == 0 && prior.generation == own &&
		abs(prior.channelEnd()-(s.start+g.offset)) <= s.end-s.start {
		// Nothing is missing: a little sooner or later is how it came. Where breaks follow one
		// another, each would move the clock by that.
		g.offset = prior.channelEnd() - s.start
		return
	}
	if own != nil && TicksAt(now) < g.input.contested {
		return // of two encoders that take turns neither is later than the other, and each turn would move both on
	}
	if own != nil {
		push := max(0, own.last+own.offset-(s.start+g.offset))
		// But not ahead of the clock: where breaks follow one another faster than media
		// plays, each would move the next one further.
		ahead := s.end + g.offset - TicksAt(now) - plausible
		g.offset += min(push, max(0, -ahead))
		return
	}
	for _, ref := range c.restored {
		// This far behind the slots from before a restart, it is not a leftover of that
		// time: a clock was set, and no slot would ever be due.
		if behind := ref.last + ref.offset - (s.start + g.offset); behind > longestFill {
			g.offset += behind
		}
	}
}

// wants reports whether inputs may be related in this way.
func (c *Channel) wants(a Alignment) bool {
	return c.config.Alignment == AlignAuto || c.config.Alignment == "" || c.config.Alignment == a
}

type takeOffset func(offset Ticks, basis Basis, r rank)

// byTimestamp: equal timestamps mean equal content, if they arrive at about the
// same time.
func (c *Channel) byTimestamp(now time.Time, g *generation, s *segment, take takeOffset) {
	own := g.input.own(g)
	doubtful := false
	if own != nil && own.modulus == g.modulus {
		start := nearest(s.media.Start, g.modulus, own.last)
		late := own.expected(now) - (start + s.end - s.start)
		fits := start >= own.lastOf(s.rendition)-s.media.Frame && c.near(late)
		switch {
		case fits && !c.tooEarly(late, s):
			take(own.offset+start-s.start, AlignTimestamp, continued)
		case !fits || countsFromStart(g.first):
			g.input.clockRestarts = true
		default:
			doubtful = true // it comes sooner than its last run did, or starts over and fits by coincidence
		}
	}
	if own == nil {
		c.byRestored(now, g, s, take)
	}
	for _, in := range c.inputs {
		ref := in.latest
		if in == g.input || ref == nil || ref.modulus != g.modulus {
			continue
		}
		late := ref.expected(now) - s.end
		same, known := coincides(in, ref, s)
		// With a clock that is a segment ahead it would have the other's boundaries as well.
		punctual := same && late > -(s.end-s.start)*3/4
		if doubtful && !punctual && abs(late) > (s.end-s.start)/2 && c.config.Alignment != AlignTimestamp {
			g.input.clockRestarts = true
		}
		if g.input.clockRestarts {
			// The numbers start over with every run: it is no coincidence only if it keeps
			// exactly the rhythm that it had before.
			late += ref.lateness() - s.rendition.lateness
			if abs(late) > (s.end-s.start)/2 && c.config.Alignment != AlignTimestamp {
				continue
			}
		}
		if !c.near(late) {
			continue
		}
		if c.datesContradict(g, ref, s) {
			g.contradicted = append(g.contradicted, generationOf{in.name, ref.id})
			continue
		}
		if same {
			take(ref.offset, AlignTimestamp, matched)
		} else {
			take(ref.offset, AlignTimestamp, related)
		}
		g.unmatched = g.unmatched || !known
	}
}

// datesContradict reports whether timestamps of two inputs agree by coincidence: their
// dates differ by more than half a segment, and one of them counts from its own start.
func (c *Channel) datesContradict(g, ref *generation, s *segment) bool {
	if s.pdt == 0 || !ref.hasPDT || c.config.Alignment == AlignTimestamp {
		return false
	}
	apart := s.pdt - (s.start + ref.offset) - ref.pdtShift
	if abs(apart) <= (s.end-s.start)/2 {
		return false
	}
	if countsFromStart(g.first) || countsFromStart(ref.first) {
		return true
	}
	g.input.notice(Noticed{
		Rendition: s.rendition.path, Segment: s.path, What: NoticeDatesContradict,
		Detail: fmt.Sprintf("timestamps are those of input %s, and dates differ by %s", ref.input.name, apart.Duration().Round(time.Millisecond)),
	})
	return false
}

// countsFromStart reports whether a timestamp is one with which encoders begin that count from their own
// start.
func countsFromStart(at Ticks) bool {
	return at < ownStart || at >= hourStart && at < hourStart+ownStart
}

// byRestored: timestamps continue those of slots from before a restart of the process, or
// belong to what had arrived by then. Where timestamps relate no inputs, those of the input itself.
func (c *Channel) byRestored(now time.Time, g *generation, s *segment, take takeOffset) {
	for _, ref := range c.restored {
		if ref.modulus != g.modulus || !c.wants(AlignTimestamp) && !slices.Contains(ref.from, g.input.name) {
			continue
		}
		expected := TicksAt(now) - ref.offset
		start := nearest(s.media.Start, g.modulus, expected)
		late := expected - (start + s.end - s.start)
		again := !now.After(ref.until)
		// Another input's copy of what has been published comes after it. What lies there and
		// counts from the encoder's own start may be there by coincidence.
		behind := start < ref.last-s.media.Frame
		if (!behind || again || !countsFromStart(start)) && (c.near(late) || c.near(late-ref.late)) &&
			(again || !c.tooEarly(max(late, late-ref.late), s)) {
			take(ref.offset+start-s.start, AlignTimestamp, continued)
		}
	}
}

// near reports whether a difference in lateness is plausible. Where the operator has said how to
// align, inputs may be further apart, but not by what only a wrong clock explains: media that is
// hours ahead or behind would never be on air.
func (c *Channel) near(late Ticks) bool {
	if c.config.Alignment != AlignAuto && c.config.Alignment != "" {
		return abs(late) <= datesTrusted
	}
	return abs(late) <= plausible
}

// tooEarly reports whether a segment would arrive well before its end, by its input's
// rhythm: then its timestamps fit by coincidence.
func (c *Channel) tooEarly(late Ticks, s *segment) bool {
	return c.config.Alignment != AlignTimestamp && late < -(s.end-s.start)/2
}

// byDate: equal dates mean equal content.
func (c *Channel) byDate(now time.Time, g *generation, s *segment, take takeOffset) {
	if s.pdt == 0 {
		return
	}
	alone := true
	for _, ref := range c.references(g) {
		if ref.input != g.input {
			alone = false
		}
		if !ref.hasPDT {
			continue
		}
		start := s.pdt - ref.pdtShift
		late := TicksAt(now) - (start + s.end - s.start)
		if late < -ClockRate/2 && late < ref.lateness()-ClockRate/2 && c.config.Alignment != AlignProgramDateTime {
			// It would have arrived before its end: the encoder's clock is ahead of the
			// other's.
			continue
		}
		if c.near(late - ref.lateness()) {
			offset := start - s.start
			if ref.modulus == g.modulus && abs(offset-ref.offset) <= s.slack() {
				offset = ref.offset // their timestamps agree as well: dates are rounded, and tell frames apart at best
			}
			take(offset, AlignProgramDateTime, dated)
			return
		}
	}
	if !alone || abs(s.pdt-TicksAt(now)) > datesTrusted {
		return
	}
	// An encoder whose clock was set between two runs does not move the timeline.
	late := TicksAt(now) - (s.pdt + s.end - s.start)
	usual, known := Ticks(0), false
	if own := g.input.own(g); own != nil {
		usual, known = own.lateness(), true
	} else if c.pace.restored && c.pace.lead > plausible {
		usual, known = -c.pace.lead, true // nor one whose clock was ahead before the process was restarted
	}
	if !known || c.near(late-usual) {
		take(s.pdt-s.start, AlignProgramDateTime, dated)
	}
}

// byArrival: what arrives now is as late as what other inputs deliver now. The very first
// segment of a channel ends at its arrival. If several are already listed, as encoders send
// what they have when they start, the newest one does.
func (c *Channel) byArrival(now time.Time, g *generation, s *segment, take takeOffset) {
	late := -c.pace.lead // by the channel's clock, where no input is up
	found := false
	for _, ref := range c.references(g) {
		if !ref.input.up || ref.input == g.input && found {
			continue
		}
		// Of several the one that is least late: by one that lags behind, this one would be taken for
		// old media, and could stand in for nobody.
		if l := ref.lateness(); !found || l < late {
			late, found = l, true
		}
	}
	take(TicksAt(now)-late-s.end-s.rendition.listedBehind(s), AlignArrival, timed)
}

// listedBehind is how much media the playlist lists after the segment, unless it is more
// than a live playlist holds.
func (r *rendition) listedBehind(s *segment) Ticks {
	behind := Ticks(0)
	for _, o := range r.after(s.run, s.number) {
		if o.run != s.run {
			break
		}
		if _, ok := r.input.waiting[o.path]; !ok && !o.delivered() {
			break // it may be no more than announced
		}
		behind += min(o.claimed, longestClaim)
	}
	if behind > plausible*6 {
		return 0
	}
	return behind
}
