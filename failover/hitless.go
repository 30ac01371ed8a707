package failover

import (
	"fmt"
	"time"
)

// Hitless is the limit of failover between locked inputs: whichever input has a slot first
// lends it to the active input, whose turn comes again with the next one. The active input
// loses its place when it does not deliver in time what was lent.

// loan is a slot that an input lent.
type loan struct {
	by            string
	start, end    Ticks
	due, deadline time.Time // of the active input
}

// lends reports whether the option, which continues without a discontinuity, stands in for
// the active input's before that is late. That is no switch. Where the two cut their segments
// elsewhere, the active one could not go on after it. What may be half a segment is not lent: the other
// half comes with the active input's.
func (q *question) lends(o, a *option) bool {
	p := q.channel.pair(q.active, o.input.name)
	return q.config.Hitless && p != nil && p.proven() && a.generation != nil && !o.dubious() && !o.unproven && o.renditions >= a.announced && q.now.Before(a.deadline) && a.never == "" &&
		!o.resumes(a.input)
}

// resumes reports whether the option's media is the first that its encoder lists after a pause, and has not been
// compared since with that of the other input: it may have been restarted in between, with timestamps and
// numbers that go on and segments of another length.
func (o *option) resumes(than *input) bool {
	for i := range o.shares {
		if parts := o.shares[i].parts; len(parts) > 0 && parts[0].rendition.counts() {
			if r := than.rendition(o.shares[i].path); r != nil && parts[0].rendition.pausedBefore(parts[0], r) {
				return true
			}
		}
	}
	return false
}

// pausedBefore reports whether numbers were left out before a segment, and nothing after those ends where
// something of the other rendition does. Of a delayed slot, what came since shows it as well.
func (r *rendition) pausedBefore(s *segment, other *rendition) bool {
	last := r.index(s)
	for n := 0; n < compareDepth && last+1 < len(r.segments) && follows(r.segments[last], r.segments[last+1]); n++ {
		last++
	}
	for i := last; i > 0 && r.segments[i].run == s.run; i-- {
		at := r.segments[i]
		if at.anchor() {
			if o := overlapping(other, at); o != nil && abs(o.channelEnd()-at.channelEnd()) <= max(at.slack(), o.slack()) {
				return false
			}
		}
		if before := r.segments[i-1]; before.run == at.run && before.number+1 != at.number {
			return true
		}
	}
	return false
}

// borrow notes a slot that was lent, and what became of the last one.
func (e *endpoint) borrow(s Slot) {
	if s.Missing != nil {
		return // a gap pays nothing
	}
	if s.Switch.Changed() || !s.Published.Before(e.loan.deadline) {
		e.loan = loan{} // it was paid back, or cost the active input its place
	}
	if e.loan.by == "" && len(s.Sources) == 1 && !s.Switch.Changed() {
		e.loan = loan{by: s.Sources[0], start: s.Start, end: s.End, due: s.Due, deadline: s.Deadline}
	}
}

// lapse is the input that takes over because the active one has not delivered by its
// deadline what was lent; empty if it has, or still has time.
func (q *question) lapse() string {
	l := q.loan
	if l.by == "" || q.now.Before(l.deadline) {
		return ""
	}
	if own := q.channel.input(q.active); q.wanted != "" && own != nil && own.up {
		return "" // an order holds as long as the input delivers
	}
	if in := q.channel.input(l.by); in == nil || len(q.owed()) == 0 {
		return ""
	}
	return l.by
}

// heir is the active input after a lapse, with this option: the one that lent what is owed or, where that is down, the
// one that lends now.
func (q *question) heir(o *option) string {
	switch in := q.channel.input(q.lapsed); {
	case in != nil && in.up:
		return q.lapsed
	case o.lent:
		return o.input.name
	}
	return q.active
}

// owed is what the active input has not delivered of the lent slot.
func (q *question) owed() []Missing {
	in := q.channel.input(q.active)
	if in == nil {
		return nil
	}
	var list []Missing
	for _, a := range q.serves(in) {
		r := in.rendition(a.Path)
		if r == nil || !r.arriving || !r.counts() {
			continue
		}
		if r.covered(q.loan.start, q.loan.end) < q.loan.end-q.loan.start-max(r.length/2, r.rounding()) {
			list = append(list, r.missingAt(q.loan.start, q.loan.end))
		}
	}
	return list
}

// covered is how much sound media the rendition has between two positions.
func (r *rendition) covered(from, to Ticks) Ticks {
	sum := Ticks(0)
	for _, s := range r.behind(from) {
		if s.placed && s.channelStart() >= to {
			break
		}
		if s.state == sound && s.placed {
			sum += max(0, min(to, s.channelEnd())-max(from, s.channelStart()))
		}
	}
	return sum
}

// missingAt names the first segment between two positions that is not sound.
func (r *rendition) missingAt(from, to Ticks) Missing {
	for _, s := range r.behind(from) {
		if s.placed && s.state != sound && s.channelMiddle() >= from && s.channelMiddle() < to {
			return s.missing()
		}
	}
	return Missing{Rendition: r.path, Why: ReasonNotListed}
}

// Protection says whether a hitless endpoint would survive the loss of its active input
// without a late slot.
type Protection struct {
	Protected bool
	// Why says what is lacking; empty if nothing is.
	Why string
}

// protection is the endpoint's protection at this moment.
func (e *endpoint) protection() Protection {
	own := e.channel.input(e.active)
	switch {
	case !e.started || own == nil:
		return Protection{Why: "not on air"}
	case !own.up:
		return Protection{Why: fmt.Sprintf("input %s is down", own.name)}
	}
	why := "there is no other input"
	for _, in := range e.channel.inputs {
		if in == own {
			continue
		}
		p := e.channel.pair(own.name, in.name)
		switch {
		case !in.up:
			why = fmt.Sprintf("input %s is down", in.name)
		case p.state == Locked:
			lack := e.lacks(in, own)
			if lack == "" {
				return Protection{Protected: true}
			}
			why = lack
		case p.detail != "":
			why = fmt.Sprintf("%s and %s are not locked: %s", p.a.name, p.b.name, p.detail)
		default:
			why = fmt.Sprintf("%s and %s were not compared yet", p.a.name, p.b.name)
		}
	}
	return Protection{Why: why}
}

// lacks says what the input could not lend of what the active one delivers; empty if that is
// nothing.
func (e *endpoint) lacks(in, own *input) string {
	if TicksAt(e.channel.now) < in.contested {
		return fmt.Sprintf("two encoders write to input %s", in.name)
	}
	for _, a := range e.serves(own) {
		r := own.rendition(a.Path)
		if r == nil || !r.arriving || !r.counts() || r.stale() {
			continue
		}
		if o := in.rendition(a.Path); o == nil || !o.arriving || o.stale() {
			return fmt.Sprintf("input %s does not deliver %s", in.name, a.Path)
		}
	}
	return ""
}

// tellProtection reports endpoints whose protection was lost or came back. Nothing is
// reported during an endpoint's first slots: inputs come up one after the other.
func (c *Channel) tellProtection(now time.Time) {
	for _, e := range c.endpoints {
		if !e.config.Hitless || !e.started || e.published < protectionSlots {
			continue
		}
		p := e.protection()
		if e.told != nil && e.told.Protected == p.Protected {
			continue
		}
		e.told = &p
		c.emit(ProtectionChanged{Time: now, Endpoint: e.config.Name, Protection: p})
	}
}
