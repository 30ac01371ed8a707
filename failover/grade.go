package failover

import (
	"fmt"
	"slices"
	"time"
)

// Media that arrived is not always good. Its defects are found outside, except for those
// that only the core can see; this file decides what they lead to.

// Action is what a defect of the active input leads to.
type Action string

const (
	// ActSwitch: another input that has the slot with fewer defects takes over.
	ActSwitch Action = "switch"
	// ActReport: it is shown and counted.
	ActReport Action = "report"
	// ActOff: the endpoint ignores it.
	ActOff Action = "off"
)

// Actions lists all of them.
func Actions() []Action { return []Action{ActSwitch, ActReport, ActOff} }

// DefaultAction is what a defect leads to where the operator says nothing: what can only be
// a fault leads to a switch, and what may be the programme itself, such as black, a still
// picture or silence, is reported.
func (d Defect) DefaultAction() Action {
	switch d {
	case DefectStarved, DefectFrozen, DefectSilent:
		return ActReport
	}
	return ActSwitch
}

// action is what the defect leads to at the endpoint.
func (c *EndpointConfig) action(d Defect) Action {
	if a, ok := c.OnDefect[d]; ok {
		return a
	}
	return d.DefaultAction()
}

// flaw is a defect of one rendition; of the whole input, where the path is empty.
type flaw struct {
	path   string
	defect Defect
}

// grade counts what is wrong with an option's media, as far as that may lead to a switch.
func (q *question) grade(o *option) {
	for i := range o.shares {
		for _, s := range o.shares[i].parts {
			if s.state != sound || o.shares[i].absent {
				continue
			}
			o.doubtful = o.doubtful || s.endsEarly() && !s.short
			for _, d := range s.defects() {
				if f := (flaw{o.shares[i].path, d}); q.config.action(d) == ActSwitch && !slices.Contains(o.flaws, f) {
					o.flaws = append(o.flaws, f)
				}
			}
		}
	}
	if o.input.falls && q.config.action(DefectSlow) == ActSwitch && q.now.Sub(q.leftSlow) >= slowAgain {
		o.flaws = append(o.flaws, flaw{"", DefectSlow})
	}
	o.defects = len(o.flaws)
}

// switchFlaws counts the defects of a segment that matter where another input has the same one.
func (q *question) switchFlaws(s *segment) int {
	n := 0
	for _, d := range s.defects() {
		if q.config.action(d) == ActSwitch {
			n++
		}
	}
	return n
}

// sounder is what to publish instead of the active input's slot, which is whole but not
// good: what another input has with fewer defects. waiting: one may yet have it, before its
// own deadline. Between inputs that continue each other, a defect is like a missing
// segment. It is worth a discontinuity only if it lasts.
func (q *question) sounder(a *option, others []*option) (o *option, why Reason, waiting bool) {
	if a.defects == 0 && !a.doubtful {
		return nil, "", false
	}
	better := func(o *option) bool {
		return o.level == whole && o.defects < a.defects && o.renditions >= a.renditions
	}
	goesOn := best(others, func(o *option) bool { return better(o) && o.seamless })
	if goesOn != nil && goesOn.defects == 0 {
		return goesOn, a.worse(goesOn), false
	}
	if q.awaits(others, func(o *option) bool {
		return o.level != whole && o.generation != nil && (o.generation.clock().same(q.cursor.clock) || q.lasts(a, o))
	}) {
		return nil, "", true
	}
	if u := q.united(q.at); u != nil && better(u) && u.seamless && u.better(goesOn) {
		return u, "", false
	}
	if goesOn != nil {
		return goesOn, a.worse(goesOn), false
	}
	if o := best(others, func(o *option) bool { return better(o) && q.lasts(a, o) }); o != nil {
		return o, a.worse(o), false
	}
	return nil, "", false
}

// bad lists the option's defective segments, in the form of what it is missing.
func (q *question) bad(o *option) []Missing {
	var list []Missing
	for i := range o.shares {
		for _, s := range o.shares[i].parts {
			if s.state != sound || o.shares[i].absent {
				continue
			}
			for _, d := range s.defects() {
				if q.config.action(d) == ActSwitch {
					list = append(list, Missing{Rendition: o.shares[i].path, Segment: s.path, Why: Reason(d)})
				}
			}
		}
	}
	return list
}

// worse names the first defect that the option has and the other one does not.
func (o *option) worse(than *option) Reason {
	for _, f := range o.flaws {
		if !slices.ContainsFunc(than.flaws, func(g flaw) bool { return g.defect == f.defect }) {
			return Reason(f.defect)
		}
	}
	return Reason(o.flaws[0].defect)
}

// lasts reports whether a defect of the active input has been there for three slots, while
// the other input did not have it all that time.
func (q *question) lasts(a, o *option) bool {
	for _, f := range a.flaws {
		if f.defect == DefectSlow {
			return true // it took a minute to detect
		}
		if len(q.flawed) < lastingSlots-1 {
			continue
		}
		from := a.start
		all := true
		for _, before := range q.flawed[:lastingSlots-1] {
			all = all && slices.Contains(before.flaws, f)
			from = min(from, before.start)
		}
		if all && o.input.free(f, from, a.end) {
			return true
		}
	}
	return false
}

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

// endsEarly reports whether the media ends a frame and a half before what EXTINF claims,
// of an encoder whose EXTINF is usually right.
func (s *segment) endsEarly() bool {
	r, off := s.rendition, func(o *segment) Ticks { return o.claimed - (o.end - o.start) }
	if s.origin != nil || s.media == nil || s.media.Untimed || off(s) <= s.media.Frame*3/2 {
		return false
	}
	exact := 0
	for i := r.index(s) - 1; i >= 0 && exact < exactBefore && r.segments[i].run == s.run; i-- {
		o := r.segments[i]
		if o.state != sound || abs(off(o)) > s.media.Frame*3/2 {
			return false
		}
		exact++
	}
	return exact == exactBefore
}

// comparedTo notes if the segment ends before a copy of it.
func (s *segment) comparedTo(now time.Time, o *segment) {
	lacks, most := o.channelEnd()-s.channelEnd(), s.media.Frame*3/2
	if s.short || lacks <= most || s.claimed-(s.end-s.start) <= most {
		return
	}
	s.short = true
	s.input().channel.emit(Degraded{
		Time: now, Input: s.input().name, Rendition: s.rendition.path, Segment: s.path, Defects: []Defect{DefectHole},
		Detail: fmt.Sprintf("it ends %d ms before the copy of input %s, and before what EXTINF says", lacks.Duration().Milliseconds(), o.input().name),
		Start:  s.channelStart(), End: s.channelEnd(),
	})
}

// free reports whether the input has delivered the rendition between two positions
// without the defect.
func (in *input) free(f flaw, from, to Ticks) bool {
	r := in.rendition(f.path)
	if r == nil || r.covered(from, to) < to-from-r.length {
		return false
	}
	for _, s := range r.behind(from) {
		if s.state == sound && s.placed && s.channelStart() < to && slices.Contains(s.defects(), f.defect) {
			return false
		}
	}
	return true
}

// seenSlot is what was wrong with a slot of the active input.
type seenSlot struct {
	start Ticks
	flaws []flaw
}

// note keeps what was wrong with the last slots.
func (e *endpoint) note(s Slot) {
	if s.Switch.Changed() {
		e.flawed = nil
		if s.Switch.Reason == Reason(DefectSlow) {
			e.leftSlow = s.Published
		}
	}
	seen := seenSlot{start: s.Start}
	for _, r := range s.Renditions {
		for _, d := range r.Defects {
			if len(s.Sources) == 0 {
				seen.flaws = append(seen.flaws, flaw{r.Path, d})
			}
		}
	}
	e.flawed = append([]seenSlot{seen}, e.flawed[:min(len(e.flawed), lastingSlots-1)]...)
}

// shown lists the defects of a slot's rendition that the endpoint cares about.
func (q *question) shown(parts []*segment) []Defect {
	var list []Defect
	for _, s := range parts {
		if s.state != sound {
			continue
		}
		for _, d := range s.defects() {
			if q.config.action(d) != ActOff && !slices.Contains(list, d) {
				list = append(list, d)
			}
		}
	}
	return list
}

// Score says how good the slot is, from 0 (nothing to show) to 100, for CDNs that compare
// origins by it: missing media counts by its share of the renditions, and each kind of
// defect once.
func (s Slot) Score() int {
	if len(s.Renditions) == 0 {
		return 0
	}
	gaps, worst := 0, map[Defect]bool{}
	for _, r := range s.Renditions {
		if r.Gap() {
			gaps++
		}
		for _, d := range r.Defects {
			worst[d] = true
		}
	}
	score := 100 - 100*gaps/len(s.Renditions)
	for d := range worst {
		score -= defectWeight(d)
	}
	return max(score, 0)
}

// defectWeight is what a defect takes off the score: more for what everyone notices, less
// for what may be the programme.
func defectWeight(d Defect) int {
	switch d {
	case DefectHole, DefectTrackGone, DefectDamaged, DefectRepeated:
		return 30
	case DefectNoKeyFrame, DefectSlow:
		return 15
	}
	return 10
}

// tempo follows how late an input's media comes, to detect one that falls behind.
type tempo struct {
	generation *generation
	arrivals   []beat // of the last minute and a bit, in order
}

type beat struct{ at, late Ticks }

// follow takes a segment of the leading rendition into account.
func (t *tempo) follow(now Ticks, s *segment) {
	if t.generation != s.generation {
		*t = tempo{generation: s.generation}
	}
	drop := 0
	for drop < len(t.arrivals) && (now-t.arrivals[drop].at > slowOver+slowOver/4 || len(t.arrivals)-drop >= slowBeats) {
		drop++
	}
	t.arrivals = append(t.arrivals[drop:], beat{now, now - s.channelEnd()})
}

// lost is by how much the media has fallen behind within the last minute: 0 unless it
// did so all the time. The earliest arrival of each quarter counts, so that jitter and a
// single outage do not.
func (t *tempo) lost(now Ticks) Ticks {
	var quarters [4]Ticks
	var known [4]bool
	for _, b := range t.arrivals {
		i := 3 - int((now-b.at)/(slowOver/4))
		if i < 0 || i > 3 {
			continue
		}
		if !known[i] || b.late < quarters[i] {
			quarters[i], known[i] = b.late, true
		}
	}
	for i := range quarters {
		if !known[i] || i > 0 && quarters[i] <= quarters[i-1] {
			return 0
		}
	}
	// Three quarters lie between the first and the last.
	return (quarters[3] - quarters[0]) * 4 / 3
}

// checkTempo finds inputs that fall behind while another one keeps pace.
func (c *Channel) checkTempo(now time.Time) {
	if c.now.Sub(c.paced) < slowStep {
		return
	}
	c.paced = now
	at, keeps := TicksAt(now), 0
	for _, in := range c.inputs {
		if in.up && len(in.tempo.arrivals) > 0 && in.tempo.lost(at) < slowLost/4 {
			keeps++
		}
	}
	for _, in := range c.inputs {
		falls := in.up && keeps > 0 && in.tempo.lost(at) > slowLost
		if falls && !in.falls {
			c.emit(Degraded{Time: now, Input: in.name, Defects: []Defect{DefectSlow}, Detail: "its media gains less than 0.98 s per second, and another input keeps pace"})
		}
		in.falls = falls
	}
}
