package failover

import (
	"slices"
	"time"
)

// pictured is the best that the input has at the position, short of all that it announces:
// as many of its segments as are whole, or else the video with gaps in what is missing. Nil
// if the video itself is missing.
func (q *question) pictured(in *input, at Ticks) *option {
	var found *option
	for _, ref := range q.leaders(in, at) {
		if ref == nil {
			continue
		}
		o := q.pieces(in, at, ref)
		if o == nil {
			o = q.partial(in, at, ref)
		}
		if o != nil && o.better(found) {
			found = o
		}
	}
	return found
}

// pieces is the longest sequence of whole segments of the input that begins at the position.
// Slots are not cut into pieces for text.
func (q *question) pieces(in *input, at Ticks, ref *rendition) *option {
	for n := q.joined(in, ref); n > 0; n-- {
		o := q.build(in, at, n, ref)
		if o == nil {
			return nil
		}
		if (o.level == whole || o.lacksText()) && o.count > 0 && q.within(o, n) {
			return o
		}
	}
	return nil
}

// lacksText reports whether the option has all but text.
func (o *option) lacksText() bool {
	for _, m := range o.missing {
		if !o.input.subtitles(m.Rendition) {
			return false
		}
	}
	return o.level == picture && len(o.missing) > 0
}

// subtitles reports whether the input's rendition is text, as far as is known.
func (in *input) subtitles(path string) bool {
	if r := in.rendition(path); r != nil {
		return !r.counts()
	}
	for _, a := range in.serves() {
		if a.Path == path {
			return a.Kind == Subtitles
		}
	}
	return false
}

// within reports whether what is made of a given-up slot ends where the slot does.
func (q *question) within(o *option, n int) bool {
	return n == 1 || !q.started || q.at <= q.cursor.end || o.end <= q.at+o.input.length()/2
}

// partial is the slot at the position with a gap in the renditions that are missing; nil if
// the video is missing. It is as long as it can be without leaving out what some input has.
func (q *question) partial(in *input, at Ticks, ref *rendition) *option {
	o := q.build(in, at, 1, ref)
	if o == nil || o.level == nothing || o.count == 0 {
		return nil
	}
	for n := q.joined(in, ref); n > 1; n-- {
		longer := q.build(in, at, n, ref)
		if longer.level >= picture && sameAbsent(longer, o) && !q.wastes(longer) && q.within(longer, n) {
			return longer
		}
	}
	return o
}

// wastes reports whether some input has media, within the option, of a rendition that the
// option leaves out.
func (q *question) wastes(o *option) bool {
	for _, s := range o.shares {
		if !s.absent {
			continue
		}
		for _, in := range q.channel.inputs {
			if r := in.rendition(s.path); r != nil && r.counts() && r.holds(o.start, o.end) {
				return true
			}
		}
	}
	return false
}

// sameAbsent reports whether two options of one input leave out the same renditions, text
// aside.
func sameAbsent(a, b *option) bool {
	for _, s := range a.shares {
		if s.absent != b.of(s.path).absent && !a.input.subtitles(s.path) {
			return false
		}
	}
	return true
}

// salvage is what there is of slots that were given up: the earliest sequence of segments
// from any input, or the renditions that are there. waiting is true while more of it may be
// about to arrive.
func (q *question) salvage() (s *Slot, waiting bool) {
	var found *option
	own := q.channel.input(q.active)
	if own != nil {
		found = q.earliestOf(own)
	}
	for _, in := range q.channel.inputs {
		if in == own {
			continue
		}
		if o := q.earliestOf(in); o != nil && o.earlier(found, q) {
			found = o
		}
	}
	if u := q.unionOf(q.cursor.end); u != nil {
		if o := q.earliestOf(u); o != nil && o.earlier(found, q) {
			found = o
		}
	}
	if found == nil {
		return nil, false
	}
	if !q.fills(found) || found.level != whole {
		// Catching up after an outage comes in a burst: the rest of a slot gets the time
		// that it would have as a separate slot.
		first := found.arrived(time.Time{})
		if late := found.arrived(found.deadline); found.level != whole && !late.IsZero() {
			first = late // some renditions were in time, and the others have just begun to come
		}
		ripe := first.Add(q.grace(found.full(q)))
		if found.level != whole && ripe.Before(found.deadline) {
			ripe = found.deadline // it is longer than was expected: the slot was given up before its time
		}
		if q.now.Before(ripe) && found.input.up {
			q.waitUntil(ripe)
			return nil, true
		}
	}
	if found.dubious() && q.followed(found) || !q.visible(found.start, found.end) {
		return nil, true
	}
	a := q.insteadOf(found)
	if a.level == whole && a.defects > found.defects {
		return q.propose(found, a, a.worse(found)), false
	}
	return q.propose(found, a, a.why()), false
}

// fills reports whether nothing more goes into a slot that begins with the option: it has as many segments
// as one takes, or long ones, or all the rest of the slot that was given up.
func (q *question) fills(o *option) bool {
	half := o.leader().length / 2
	return o.count >= q.joined(o.input, o.leader()) || o.end-o.start+half >= o.full(q) || o.end+half >= q.at
}

// leader is the rendition that gives the option its boundaries.
func (o *option) leader() *rendition { return o.input.rendition(o.shares[0].path) }

// full is how long a slot of the option's segments is.
func (o *option) full(q *question) Ticks {
	return Ticks(q.joined(o.input, o.leader())) * o.leader().length
}

// arrived is when the first of the option's segments came after a moment; zero if none did.
func (o *option) arrived(after time.Time) time.Time {
	var first time.Time
	for i := range o.shares {
		for _, s := range o.shares[i].parts {
			if s.state == sound && !s.rendition.text && s.arrived.After(after) {
				first = sooner(first, s.arrived)
			}
		}
	}
	return first
}

// insteadOf is what the active input has in place of a salvaged option: the same
// stretch, with the times of the slot that was given up.
func (q *question) insteadOf(o *option) *option {
	in := q.channel.input(q.active)
	var a *option
	if in != nil {
		a = q.build(in, o.start, max(o.count, 1), q.leader(in, o.start))
	}
	if a == nil {
		a = q.ofActive()
	}
	a.due, a.deadline = q.due, q.deadline
	return a
}

// earlier orders what can be salvaged: by time, and in the usual order where both begin at
// about the same place.
func (o *option) earlier(than *option, q *question) bool {
	switch {
	case than == nil:
		return true
	case abs(o.start-than.start) >= max(o.input.length(), 1)/2:
		return o.start < than.start
	case than.active && !q.replaces(o, than) && !o.mends(than):
		return false
	}
	return o.better(than)
}

// mends reports whether an option is as much as another one and has fewer defects, at no cost.
func (o *option) mends(than *option) bool {
	return o.seamless && o.level >= than.level && o.renditions >= than.renditions && o.defects < than.defects
}

// earliestOf finds the first media of the input in the time that was given up.
func (q *question) earliestOf(in *input) *option {
	var found *option
	for _, ref := range q.leaders(in, q.cursor.end) {
		if ref == nil {
			continue
		}
		if o := q.earliestLed(in, ref); o != nil && (found == nil || o.earlier(found, q)) {
			found = o
		}
	}
	return found
}

// earliestLed does so by the segments of one rendition.
func (q *question) earliestLed(in *input, ref *rendition) *option {
	list := ref.behind(q.cursor.end - ref.length)
	if m := q.marks[ref.path]; m.of(ref) {
		list = ref.after(m.run, m.number)
	}
	for _, s := range list {
		if s.state != sound || s.passed || s.channelStart() < q.cursor.end-q.slack(s) || q.tooLong(s) {
			continue
		}
		if s.channelStart() >= q.at-q.slack(s) {
			return nil
		}
		if o := q.pictured(in, s.channelStart()); o != nil {
			return o
		}
	}
	return nil
}

// giveUp is the answer for a slot that no input has whole in time: video alone, if there is
// any, else the next slot's turn comes. What the inputs still deliver for it is published
// as long as nothing later has been, unless it is listed as a gap.
func (q *question) giveUp(a *option, others []*option) *Slot {
	s, pieces, waiting := q.pictureOnly(a, others)
	if s != nil || waiting {
		return s
	}
	gap := (q.config.GapOnLoss || a.isGap()) && !pieces
	ended := q.channel.allEnded()
	if (ended || !q.channel.anyUp() && !gap) && !q.anythingBehind() {
		return nil
	}
	until := a.due
	if gap {
		// Nothing that comes after this is published: not before it can't be a long segment.
		until = a.listable()
		for _, o := range others {
			if at := o.listable(); at.After(until) && o.input.up {
				until = at
			}
		}
	}
	if q.now.Before(until) && a.start <= q.at {
		q.waitUntil(until)
		return nil
	}
	from, length := q.at, max(a.end-a.start, shortestSlot)
	if at := (from + length - q.channel.pace.shift).Time().Add(q.config.TimeDelay); gap && q.config.TimeDelay > 0 && q.now.Before(at) {
		// A gap is on schedule like any other slot.
		q.waitUntil(at)
		return nil
	}
	to := q.nextSlot(a, others, from, length, gap, until)
	s = &Slot{
		Endpoint: q.config.Name, Input: q.active, Start: from, End: to, Due: a.due, Deadline: a.deadline,
		Published: q.now, Missing: map[string][]Missing{a.input.name: a.missing},
	}
	for _, o := range others {
		s.Missing[o.input.name] = o.missing
	}
	if !gap || ended {
		s.Unlisted = true
		return s
	}
	return q.gap(s)
}

// isGap reports whether the encoder itself says that it has nothing here.
func (o *option) isGap() bool {
	if len(o.shares) == 0 || len(o.shares[0].parts) == 0 {
		return false
	}
	return !slices.ContainsFunc(o.shares[0].parts, func(s *segment) bool { return !s.isGap() })
}

// pictureOnly is the slot with a gap in the renditions that no input delivered, from the
// best input that has the video. pieces: what there is does not fill the slot, and is
// published one piece after the other once the slot was given up.
func (q *question) pictureOnly(a *option, others []*option) (s *Slot, pieces, waiting bool) {
	var found *option
	for _, of := range append([]*option{a}, others...) {
		if of.generation == nil || of.behind {
			continue
		}
		o := q.pictured(of.input, q.at)
		if o == nil || o.behind || found != nil && found.active && !q.replaces(o, found) {
			continue
		}
		if o.better(found) {
			found = o
		}
	}
	// A union that begins a discontinuity is of inputs that are not locked: no reason to leave one
	// that goes on.
	if o := q.unitedPicture(q.at); o != nil && (found == nil || (o.seamless || !found.seamless) && o.better(found) && (!found.active || q.replaces(o, found))) {
		found = o
	}
	switch {
	case found == nil:
		return nil, false, false
	case q.burst(found):
		return nil, false, true
	case found.end < a.end-found.input.length()/2 && a.start <= q.at:
		return nil, true, false
	case !q.visible(found.start, found.end):
		return nil, false, true
	}
	return q.propose(found, a, a.why()), false, false
}
