package failover

import (
	"fmt"
	"slices"
	"time"
)

// judge compares all slots, but for the first ones of each endpoint, with what the oracle says of them.
func (r *ruled) judge(k *oracle) string {
	for _, ec := range r.config.Endpoints {
		slots := r.all[ec.Name]
		for i := 2; i < len(slots); i++ {
			last, s := slots[i-1], slots[i]
			if slices.ContainsFunc(r.changes, func(t time.Time) bool { return !t.Before(last.Published.Add(-time.Second)) && !t.After(s.Published) }) || slices.Contains(r.repeated[ec.Name], i) || r.exempt(last, s) {
				continue // or something changed while it was decided
			}
			if why := r.follows(k, r.before(k, slots[:i], s), s); why != "" {
				return fmt.Sprintf("%s: after %sfollows %sand should be: %s", ec.Name, r.describe(last), r.describe(s), why)
			}
		}
	}
	return ""
}

// before is the endpoint's situation after some slots, before the next one.
func (r *ruled) before(k *oracle, slots []Slot, next Slot) situation {
	endpoint := next.Endpoint
	last := slots[len(slots)-1]
	s := situation{
		EndpointConfig: r.optionsAt(endpoint, next.Published), wanted: r.wanted(endpoint, slots),
		active: last.Input, since: last.Published, from: k.segment(last.End),
	}
	for _, slot := range slots {
		for _, part := range slot.Renditions[0].Parts {
			run := r.of[part.Object]
			if s.clock = r.timestamps[run]; slot.From(part) == s.active {
				s.previous = run
			}
		}
	}
	for _, e := range r.effects {
		if g, ok := e.(SlotGivenUp); ok && g.Endpoint == endpoint && !g.Time.After(last.Published) && g.Start < next.Start-ClockRate {
			s.from = max(s.from, k.segment(g.End))
		}
	}
	s.whole = s.from == k.segment(last.End)
	return s
}

// optionsAt are the endpoint's options at a time.
func (r *ruled) optionsAt(endpoint string, t time.Time) (found EndpointConfig) {
	for _, rec := range r.trace {
		c := rec.Reconfigure
		if rec.Open != nil {
			c = &rec.Open.Config
		}
		if c == nil || rec.Time.After(t) {
			continue
		}
		for _, e := range c.Endpoints {
			if e.Name == endpoint {
				found = e
			}
		}
	}
	return found
}

// wanted is the input that the operator wants the endpoint on after some slots.
func (r *ruled) wanted(endpoint string, slots []Slot) string {
	w := wish{}
	for _, o := range r.wishes[endpoint] {
		if !o.at.After(slots[len(slots)-1].Published) {
			w = o
		}
	}
	if !w.pin && slices.ContainsFunc(slots, func(s Slot) bool { return !s.Published.Before(w.at) && s.Input == w.input }) {
		return ""
	}
	return w.input
}

// follows says what should follow in this situation, empty if it is what does.
func (r *ruled) follows(k *oracle, at situation, s Slot) (why string) {
	for _, at.doubt = range doubts() {
		v := k.verdict(at)
		if v.source == unknown || r.matches(k, at, v, s) {
			return ""
		}
		if why == "" {
			why = fmt.Sprintf("%q of %s, up to %d, at %s", v.why, v.source, v.to, k.stamp(v.at))
		}
	}
	return why
}

func (r *ruled) matches(k *oracle, at situation, v verdict, s Slot) bool {
	early := v.at.Sub(s.Published)
	if v.source == "" {
		return early <= 0 || k.segment(s.Start) == at.from // in pieces
	}
	if k.segment(s.Start) != at.from || k.segment(s.End) != v.to || early < 0 {
		return false
	}
	from := s.MediaFrom()
	if wish := at.wanted + at.Prefer; wish != "" && wish != at.active && slices.Equal(from, []string{at.active}) {
		return true // for how long a wish is awaited, the rule does not say
	} else if wish != "" && wish != at.active && slices.Equal(from, []string{wish}) && r.delivers(k, wish, s.Published) {
		return true // it was whole for long enough before the last of what comes at this moment, and is not after it
	}
	if early > 10*time.Millisecond { // by so much a playlist comes before its segment
		return false
	}
	if len(from) == 1 && from[0] != v.source && r.sameMoment(k, at, v.source, s.Published) {
		o := k.offer(at, slices.Index(r.config.Inputs, from[0]), s.Published)
		return o.level == whole && o.seamless
	}
	return v.source == together && len(from) > 1 || slices.Equal(from, []string{v.source})
}

// delivers reports whether something of the input comes at a moment.
func (r *ruled) delivers(k *oracle, input string, t time.Time) bool {
	return slices.ContainsFunc(k.known[input], func(one knowledge) bool { return one.at.Equal(t) })
}

// sameMoment reports whether what the input has for a slot has only just become whole: what comes at one moment comes
// one after the other, and so is decided.
func (r *ruled) sameMoment(k *oracle, at situation, input string, t time.Time) bool {
	i := slices.Index(r.config.Inputs, input)
	if i < 0 {
		return false
	}
	o := k.offer(at, i, t.Add(-1))
	return o == nil || o.level != whole
}

// exempt reports whether the rule for a slot is not all that counts: it is what is left of one that was given up, it
// follows a gap, or it has a defect or follows one, which may have lasted, or be held for another input.
func (r *ruled) exempt(last, s Slot) bool {
	for _, e := range r.effects {
		if g, ok := e.(SlotGivenUp); ok && g.Endpoint == s.Endpoint && !g.Time.After(s.Published) && s.Start < g.End-ClockRate && s.Start > g.Start-ClockRate {
			return true
		}
	}
	bad := func(s Slot) bool {
		return slices.ContainsFunc(s.Renditions, func(r SlotRendition) bool { return len(r.Defects) > 0 })
	}
	return last.Missing != nil || s.Switch != nil && (bad(last) || bad(s)) || bad(last) && bad(s)
}
