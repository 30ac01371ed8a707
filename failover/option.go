package failover

import (
	"slices"
	"time"
)

// level is how much of a slot an option has.
type level uint8

const (
	nothing level = iota
	picture       // the rendition that gives the slot its boundaries
	whole         // every live rendition that the input announces
)

// option is what one input has, at this moment, for an endpoint's next slot.
type option struct {
	input      *input
	generation *generation
	level      level
	start, end Ticks // on the channel's clock; estimates while not whole
	spare      Ticks // how much later it may end, as segments of this input differ in length
	open       bool  // its last segment was not listed yet
	beyond     Ticks // how much later than the slot the last segment that belongs to it ends
	shares     []share
	missing    []Missing

	// never: why the input can no longer deliver this slot.
	never Reason
	// behind: what it has comes after this slot, and begins at later.
	behind bool
	later  Ticks
	// omitted: its encoder was started again, and has left out some of this slot. Where an input has it whole and
	// goes on without a discontinuity, nobody waits for this one any more; all else takes its time, as pieces of it
	// may still come.
	omitted bool
	// fresh: the media does not continue where the endpoint's last slot from this input
	// ended, but begins a new generation.
	fresh bool
	// seamless: with this slot viewers see no discontinuity.
	seamless bool
	// count is how many input segments of the leading rendition it joins, of wanted.
	count, wanted int
	slot          Ticks // length of a slot, of which this may be a piece
	renditions    int   // that have media, or are text and have none to have here
	announced     int   // live renditions that the input intends to deliver
	flaws         []flaw
	defects       int  // how many of them
	doubtful      bool // more of them may show once another input has the slot
	unproven      bool // so they may, but too little is known to wait for that
	active        bool
	lent          bool // it stands in for the active input, which stays
	order         int  // of the config
	due, deadline time.Time
	// ripe is when it may be used, for an input that is not known well enough yet; zero: at
	// once.
	ripe time.Time
}

// share is what one rendition of the input contributes to an option.
type share struct {
	path  string
	parts []*segment
	// absent: it is not complete. silent: it is text, and has no cue.
	absent, silent bool
}

// of returns the share of a rendition; absent if there is none.
func (o *option) of(path string) share {
	for i := range o.shares {
		if o.shares[i].path == path {
			return o.shares[i]
		}
	}
	return share{path: path, absent: true}
}

// question asks an endpoint what to do at a given moment. It works out when to ask again,
// and changes nothing else.
type question struct {
	*endpoint
	now  time.Time
	wait time.Time
	// lapsed is the input that becomes the active one with the next slot, because the
	// active one did not deliver in time what this one lent.
	lapsed string
	// ahead: the timeline is so far ahead of the clock that media is taken from the clock
	// onwards.
	ahead bool
}

// waitUntil notes that the answer may be different then.
func (q *question) waitUntil(t time.Time) { q.wait = sooner(q.wait, t) }

// build collects what the input has for the slot that begins at the position at, led by
// the rendition. limit is the most segments to join, 0 for as many as the endpoint's
// segment duration asks for. It returns nil for an input that is not known.
func (q *question) build(in *input, at Ticks, limit int, ref *rendition) *option {
	e := q.endpoint
	if ref == nil || in.latest == nil || ref.length <= 0 {
		return nil
	}
	o := &option{input: in, generation: in.latest, active: in.name == e.active, shares: make([]share, 0, len(in.renditions))}
	o.order = slices.Index(e.channel.inputs, in)
	if o.order < 0 {
		o.order = len(e.channel.inputs) // a union of several
	}
	o.wanted = e.joined(in, ref)
	o.slot = Ticks(o.wanted) * ref.length
	if limit > 0 {
		o.wanted = min(o.wanted, limit)
	}
	list := q.upcoming(ref, at)
	if len(list) > 0 {
		o.start, o.generation = list[0].channelStart(), list[0].generation
	} else {
		o.start = e.nextStart(ref, at)
	}
	closed := e.join(o, ref, list)
	o.fresh = e.breaks(o)
	if o.fresh && o.never == "" {
		o.never = ReasonNewGeneration
	}
	if e.started && len(list) > 0 && !q.ahead && (o.start-at >= ref.length-e.slack(list[0]) || e.leavesOut(ref, at, list[0])) {
		o.omitted = o.omitted || ref.omits(list[0])
		o.leave(at, ref)
	}
	o.due = (o.end + o.spare + e.lateness(in)).Time()
	o.deadline = e.until(o.due, Ticks(o.wanted)*ref.length)
	if o.level == picture && q.addOthers(o, ref, closed) {
		o.level = whole
	} else if o.level == nothing {
		q.addOthers(o, ref, closed)
	}
	if o.level == picture {
		// Its sound is on its way, and may end later than the slot.
		o.due, o.deadline = o.due.Add(o.beyond.Duration()), o.deadline.Add(o.beyond.Duration())
	}
	q.grade(o)
	o.seamless = !q.ahead && e.seamless(o)
	o.ripe = q.ripe(in)
	if o.level > nothing && TicksAt(q.now) < in.contested {
		// Nobody knows whose media it is: anything else is better.
		o.level, o.renditions = picture, 0
		o.missing = append(o.missing, Missing{Rendition: ref.path, Why: ReasonTwoWriters})
	}
	if o.level == whole && q.now.Before(o.ripe) {
		q.waitUntil(o.ripe)
		o.level = picture
	}
	return o
}

// breaks reports whether the option begins another generation than the endpoint's last slot was of: that of the
// input itself, or of the one that lent it to the active input, with which that was locked.
func (e *endpoint) breaks(o *option) bool {
	if e.cursor.input == o.input.name {
		return e.cursor.generation != 0 && e.cursor.generation != o.generation.id
	}
	return e.started && o.active && !e.cursor.clock.same(o.generation.clock())
}

// leave marks the option as that of an input whose next media comes after the slot. What
// belongs in the slot may still arrive.
func (o *option) leave(at Ticks, ref *rendition) {
	o.behind, o.later, o.level, o.count = true, o.start, nothing, 0
	o.start, o.end = at, at+Ticks(o.wanted)*ref.length
	o.missing = []Missing{{Rendition: ref.path, Why: ReasonNotListed}}
	o.shares = []share{{path: ref.path}}
}

// leavesOut reports whether a segment that no playlist listed lies between a position and the next segment, and not
// only where inputs cut differently: the rendition has a boundary there, or is on the endpoint's clock and has left
// out what came before as well. The segment may be shorter than the usual one.
func (e *endpoint) leavesOut(r *rendition, at Ticks, next *segment) bool {
	i := r.index(next)
	if i == 0 || next.channelStart()-at < r.length/2 {
		return false
	}
	s := r.segments[i-1]
	if !s.placed || s.run != next.run || s.generation != next.generation || s.number+1 == next.number {
		return false
	}
	return abs(s.channelEnd()-at) <= s.slack() || s.channelEnd() < at && e.cursor.clock.same(s.generation.clock())
}

// nextStart is where the rendition's first segment at or after the position will begin,
// given where it cuts: at the position itself where nothing is known, and for the active
// input, which set the position.
func (e *endpoint) nextStart(ref *rendition, at Ticks) Ticks {
	if len(ref.segments) == 0 || !e.started || ref.input.name == e.active {
		return at
	}
	s := ref.segments[len(ref.segments)-1]
	if s.state != sound {
		return at
	}
	behind := max(0, at-e.slack(s)-s.channelEnd())
	if behind > longestFill {
		return at
	}
	return max(at, s.channelEnd()+(behind+ref.length-1)/ref.length*ref.length)
}

// ripe is when the input is known well enough to be whole. An encoder that has sent no
// multivariant playlist may still be about to: what looks like its only rendition may be
// one of several. One that names no variant, as ffmpeg writes where it knows no bit rates, tells
// of the sound alone, and the picture is about to come. And two encoders that write to one path
// don't count as a whole input.
func (q *question) ripe(in *input) time.Time {
	at := q.announcedBy(in)
	if contested := in.contested.Time(); in.contested > 0 && contested.After(at) {
		at = contested
	}
	return at
}

// announcedBy is until when an input that has not said what it delivers is given to do so.
func (q *question) announcedBy(in *input) time.Time {
	if in.announcesVariant() && !in.outdated() || q.knows(in) {
		return time.Time{}
	}
	wait := multivariantWait
	if length := in.length().Duration(); length > 0 {
		wait = min(wait, length)
	}
	// What its first playlist lists may have to wait for an initialization section.
	if in.delivered.After(in.heard) {
		return in.delivered.Add(wait)
	}
	return in.heard.Add(wait)
}

// knows reports whether the endpoint has been on the input, and the input has all that
// it had then.
func (q *question) knows(in *input) bool {
	if q.cursor.input != in.name {
		return false
	}
	for path, m := range q.marks {
		if r := in.rendition(path); !m.gap && (r == nil || !r.listed) {
			return false
		}
	}
	return true
}

// upcoming lists the leading segments that the slot at the position may be made of, in
// order.
func (q *question) upcoming(ref *rendition, at Ticks) []*segment {
	e := q.endpoint
	m := e.marks[ref.path]
	continued := m.of(ref) && !q.ahead
	var list []*segment
	switch {
	case continued:
		list = ref.after(m.run, m.number)
	case !e.started:
		list = ref.behind(q.earliest(ref))
	default:
		list = ref.behind(at - ref.length)
	}
	for i, s := range list {
		if s.passed {
			continue // for an endpoint that was away: its bytes are gone
		}
		if !s.placed {
			if s.state == pending && continued && !q.overtaken(s, list[i+1:], at) {
				// A break in the media that has not arrived yet: what comes after it must
				// wait.
				return nil
			}
			continue
		}
		if !e.started {
			if floor, ok := q.floors[ref.input.name]; ok && s.channelStart() < floor {
				continue
			}
			if s.state == sound && s.channelEnd() > q.earliest(ref) {
				return list[i:]
			}
			continue
		}
		if continued && i == 0 && at == e.cursor.end && !m.gap && s.generation.id == e.cursor.generation &&
			s.run == m.run && s.number == m.number+1 {
			return list
		}
		if s.channelStart() >= at-e.slack(s) {
			return list[i:]
		}
	}
	return nil
}

// overtaken reports whether what comes after a break need not wait for the break itself any more: its
// encoder has started over since, or the break was given up, and the next media's turn has come.
func (q *question) overtaken(s *segment, rest []*segment, at Ticks) bool {
	for _, n := range rest {
		if n.state == sound && n.placed {
			return n.run != s.run || n.channelStart() <= at+n.slack()
		}
	}
	return false
}

// earliest is where an endpoint may begin: in a running channel, with as much as its own
// playlist lists, not with all that other endpoints keep.
func (q *question) earliest(ref *rendition) Ticks {
	if len(ref.input.members) > 0 {
		return -1 << 62 // a union is made from there on
	}
	window := q.config.PlaylistWindow
	if window <= 0 {
		window = time.Minute
	}
	for i := len(ref.segments) - 1; i >= 0; i-- {
		if s := ref.segments[i]; s.state == sound {
			return s.channelEnd() - TicksOf(window) - TicksOf(q.config.TimeDelay)
		}
	}
	return -1 << 62
}

// slack is how much earlier than the end of the last slot a segment may begin. Only with
// equal timestamps is that a matter of measurement; otherwise it would be media that
// viewers have already seen.
func (e *endpoint) slack(s *segment) Ticks {
	if e.started && s.placed && !e.cursor.clock.same(s.generation.clock()) {
		return beside
	}
	return s.slack()
}
