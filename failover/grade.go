package failover

import "slices"

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

// switching lists the defects of a segment that may lead to a switch.
func (q *question) switching(s *segment) []Defect {
	all := s.defects()
	if !slices.ContainsFunc(all, func(d Defect) bool { return q.config.action(d) != ActSwitch }) {
		return all
	}
	return slices.DeleteFunc(slices.Clone(all), func(d Defect) bool { return q.config.action(d) != ActSwitch })
}

// grade counts what is wrong with an option's media, as far as that may lead to a switch.
func (q *question) grade(o *option) {
	for i := range o.shares {
		for _, s := range o.shares[i].media() {
			early, unknown := s.endsEarly(q.resumed)
			o.doubtful = o.doubtful || early && !s.short
			o.unproven = o.unproven || unknown && !s.short
			for _, d := range q.switching(s) {
				if f := (flaw{o.shares[i].path, d}); !slices.Contains(o.flaws, f) {
					o.flaws = append(o.flaws, f)
				}
			}
		}
	}
	// Where the endpoint went because another one was slow, it stays for a while.
	if stays := o.active && q.now.Sub(q.leftSlow) < slowAgain; o.input.falls && q.config.action(DefectSlow) == ActSwitch && !stays {
		o.flaws = append(o.flaws, flaw{"", DefectSlow})
	}
	o.defects = len(o.flaws)
}

// dubious: its media has defects, or may turn out to have some.
func (o *option) dubious() bool { return o.defects > 0 || o.doubtful }

// media is what a share gives to a slot: nothing, unless the share is complete.
func (s *share) media() []*segment {
	if s.absent {
		return nil
	}
	return s.parts
}

// sounder is what to publish instead of the active input's slot, which is whole but not
// good: what another input has with fewer defects. waiting: one may yet have it, before its
// own deadline. Between inputs that continue each other, a defect is like a missing
// segment. It is worth a discontinuity only if it lasts.
func (q *question) sounder(a *option, others []*option) (o *option, why Reason, waiting bool) {
	if !a.dubious() {
		return nil, "", false
	}
	// Where the other input announced more and has lost that, it is no worse than this one.
	better := func(o *option) bool {
		complete := o.level == whole || o.level == picture && !q.now.Before(o.deadline)
		return complete && o.defects < a.defects && o.renditions >= a.renditions
	}
	// Where the slot begins a discontinuity anyway, another input costs none.
	free := func(o *option) bool { return o.seamless || !a.seamless }
	goesOn := best(others, func(o *option) bool { return better(o) && free(o) })
	if goesOn != nil && goesOn.defects == 0 {
		return goesOn, a.worse(goesOn), false
	}
	if q.awaits(others, func(o *option) bool {
		return o.level != whole && o.generation != nil && (o.generation.clock().same(q.cursor.clock) || q.lasts(a, o))
	}) {
		return nil, "", true
	}
	if q.followed(a) {
		return nil, "", true
	}
	if u := q.united(q.at); u != nil && better(u) && free(u) && u.better(goesOn) {
		return u, a.worse(u), false
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
		for _, s := range o.shares[i].media() {
			for _, d := range q.switching(s) {
				list = append(list, Missing{Rendition: o.shares[i].path, Segment: s.path, Why: Reason(d)})
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
		for _, d := range s.defects() {
			if q.config.action(d) != ActOff && !slices.Contains(list, d) {
				list = append(list, d)
			}
		}
	}
	return list
}

// spoil notes when the rendition was last seen with each of the segment's defects.
func (r *rendition) spoil(s *segment) {
	if r.defective == nil {
		r.defective = map[Defect]Ticks{}
	}
	for _, d := range s.defects() {
		r.defective[d] = max(r.defective[d], s.channelEnd())
	}
}
