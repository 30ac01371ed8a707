package failover

import "time"

// pace is how the channel's clock relates to elapsed time: how far the media of the
// input that set it ends ahead of the moment at which it arrives.
type pace struct {
	set    bool
	steady bool // it was found from segments that came in their own rhythm
	lead   Ticks
	// shift is the part of lead that comes from a burst at the very start, and not
	// from dates.
	shift Ticks
	// restored: lead is from before a restart, until media comes.
	restored bool
	last     Ticks // when the rendition that sets it last delivered
	by       *rendition
	// moved is when the lead last followed the inputs.
	moved Ticks
}

// follow takes a segment into account. Media that comes faster than it plays says nothing
// about the clock: encoders send what they have when they start. The first segment that
// comes in its own rhythm ends the burst, and is the newest: it sets the clock.
func (p *pace) follow(now Ticks, r *rendition, s *segment) {
	lead := s.channelEnd() - now
	if !p.set {
		if p.restored {
			lead = max(lead, p.lead)
		}
		p.set, p.lead, p.by, p.last = true, lead, r, now
		return
	}
	if p.steady || r != p.by && now-p.last < 10*ClockRate {
		return
	}
	elapsed := now - p.last
	p.by, p.last = r, now
	if elapsed < (s.end-s.start)/2 {
		return
	}
	p.steady = true
	if lead > p.lead {
		p.shift = lead - p.lead
		p.lead = lead
	}
}

// drift lets the channel's clock follow the input that comes first, by its usual rhythm. Where
// media has no dates, its time is that of its arrival, and delays are counted by the same clock.
func (c *Channel) drift(now Ticks, s *segment) {
	p := &c.pace
	elapsed := now - p.moved
	if !p.steady || elapsed < paceStep {
		return
	}
	p.moved = now
	elapsed = min(elapsed, longestClaim) // nothing came for a while, which says nothing
	lead, found := Ticks(0), false
	for _, in := range c.inputs {
		if g := in.latest; in.up && g != nil && g.steady() && (!found || -g.lateness() > lead) {
			lead, found = -g.lateness(), true
		}
	}
	if !found {
		return
	}
	by := max(min(lead-p.lead, faster*elapsed/ClockRate), -slower*elapsed/ClockRate)
	p.lead += by
	if s.pdt == 0 {
		p.shift += by
	}
}

// clock is the time on the channel's clock: where media that arrives now ends, by the
// rhythm in which the channel began.
func (c *Channel) clock(now Ticks) Ticks { return now + c.pace.lead }

// Ahead is how far what an input has delivered lies ahead of the channel's clock; below zero
// for one that delivers in its time.
func (c *Channel) Ahead(now time.Time, input string) time.Duration {
	in := c.input(input)
	if in == nil || in.latest == nil || !c.pace.set {
		return 0
	}
	return (in.latest.last + in.latest.offset - c.clock(TicksAt(now))).Duration()
}
