package failover

import (
	"cmp"
	"slices"
	"time"
)

// situation is an endpoint before a slot.
type situation struct {
	EndpointConfig
	wanted   string // what the operator asked for
	active   string
	previous int   // run of the active input that it was in, 0 if that is not known
	clock    Ticks // timestamps of programme time 0 in what it published last
	from     Ticks // the first segment of the slot
	since    time.Time
	whole    bool // nothing is lost before it
	doubt
}

// doubt is what may be unclear about an encoder that has started again and goes on counting: whether it has at all
// (its timestamps are equal), whether what it has not listed of before still comes, and ends a slot; and of one that
// has begun, whether its segments are all that EXTINF says that they are. swift: of what it has not listed pieces may
// still come, and nobody waits for those who has all of it and goes on.
type doubt struct {
	unaware, patient, trusts, shy, swift bool
	hole                                 Ticks
}

// doubts lists every combination. The rule says what is certain, and allows to wait for what is not.
func doubts() []doubt {
	var list []doubt
	for i := range 64 {
		list = append(list, doubt{i&1 > 0, i&2 > 0, i&4 > 0, i&16 > 0, i&32 > 0, Ticks(i >> 3 & 1)})
	}
	return list
}

// offer is what one input has for the slot at a moment, up to a segment.
type offer struct {
	input                        string
	order                        int
	to                           Ticks
	level                        level
	seamless, never, broke, up   bool
	omitted                      bool
	renditions, announced, holes int
	first                        time.Time // what came first of it with every deadline past
	deadline                     time.Time
}

func (k *oracle) joined(e EndpointConfig) Ticks {
	return max(1, (TicksOf(e.SegmentDuration)+k.length/2)/k.length)
}

func (k *oracle) grace(e EndpointConfig) time.Duration {
	if e.FailoverGrace > 0 {
		return e.FailoverGrace
	}
	return (k.joined(e) * k.length / 2).Duration()
}

// offer is what the input has at a time, nil if it was never heard.
func (k *oracle) offer(s situation, order int, t time.Time) *offer {
	input := k.config.Inputs[order]
	list := k.until(input, t)
	if len(list) == 0 {
		return nil
	}
	run, first := list[len(list)-1].run, list[len(list)-1].first
	if s.unaware {
		for _, one := range list {
			if k.timestamps[k.came[input][one.place].run] == k.timestamps[run] {
				first = min(first, one.place.n)
			}
		}
	}
	o := &offer{input: input, order: order, up: k.up(input, t), to: s.from + k.joined(s.EndpointConfig)}
	if first > s.from {
		// The slot begins before the latest run does.
		if listed := k.listedTo(input, first); listed >= s.from {
			o.to = min(o.to, first, listed+1+s.hole)
		}
		for _, r := range k.renditions {
			if c, ok := k.came[input][place{r, s.from}]; ok && c.run < run {
				run = c.run
			}
		}
		o.never, o.omitted = !s.patient, s.swift
	}
	goesOn := s.trusts && s.patient && first > s.from || s.unaware && k.timestamps[run] == k.timestamps[s.previous]
	o.broke = s.active == input && s.previous != 0 && run != s.previous && !goesOn
	o.seamless = s.whole && k.timestamps[run] == s.clock
	o.deadline = k.end(o.to).Add(k.lateness(input) + max(k.grace(s.EndpointConfig), s.TimeDelay))
	k.fill(o, s, t)
	return o
}

// fill finds which renditions the input has for the slot.
func (k *oracle) fill(o *offer, s situation, t time.Time) {
	o.level = whole
	for i, r := range k.renditions {
		complete, holes := true, 0
		for at := s.from; at < o.to; at++ {
			c, ok := k.has(o.input, place{r, at}, t)
			complete = complete && ok
			if ok && c.at.After(o.deadline) {
				o.first = sooner(o.first, c.at)
			}
			if ok {
				holes = max(holes, c.holes)
			}
		}
		awaited := k.live(r, s.from, k.joined(s.EndpointConfig), t)
		o.announced += btoi(awaited)
		switch {
		case complete:
			o.renditions++
			o.holes += holes
		case i == 0:
			o.level = nothing
		case awaited:
			o.level = min(o.level, picture)
		}
	}
	o.never = o.never && o.level != whole
}

// verdict is what is to become of a slot: of whom, and when. No source: it is given up.
type verdict struct {
	source string
	to     Ticks
	at     time.Time
	why    string
}

const (
	together = "together"
	unknown  = "unknown" // the history ends before
)

func (k *oracle) verdict(s situation) verdict {
	for t := s.since; ; {
		c := &choice{oracle: k, situation: s, now: t}
		if v, done := c.decide(); done {
			v.at = t
			return v
		}
		if i, _ := slices.BinarySearchFunc(k.events, t.Add(1), time.Time.Compare); i < len(k.events) {
			c.wait = sooner(c.wait, k.events[i])
		}
		if t = c.wait; t.IsZero() || t.After(k.now) {
			return verdict{source: unknown}
		}
	}
}

// choice is what may be done with a slot at one moment, the best of the other inputs first.
type choice struct {
	*oracle
	situation
	now, wait time.Time
	a         *offer
	others    []*offer
}

func (c *choice) order(x, y *offer) int {
	return cmp.Or(cmp.Compare(y.level, x.level), cmp.Compare(btoi(y.seamless), btoi(x.seamless)), cmp.Compare(y.renditions, x.renditions),
		cmp.Compare(x.holes, y.holes), cmp.Compare(btoi(y == c.a), btoi(x == c.a)), cmp.Compare(x.order, y.order))
}

// find is the best of the others that fit.
func (c *choice) find(fits func(*offer) bool) *offer {
	if i := slices.IndexFunc(c.others, fits); i >= 0 {
		return c.others[i]
	}
	return nil
}

// awaits reports whether an input that is up and before its own deadline may yet have the slot.
func (c *choice) awaits(fits func(*offer) bool) bool {
	return c.find(func(o *offer) bool { return o.up && !o.never && c.now.Before(o.deadline) && fits(o) }) != nil
}

func (c *choice) take(o *offer, why string) (verdict, bool) {
	if at := c.end(o.to).Add(c.TimeDelay); c.TimeDelay > 0 && c.now.Before(at) {
		c.wait = sooner(c.wait, at)
		return verdict{}, false
	}
	return verdict{source: o.input, to: o.to, why: why}, true
}

// decide is the rule.
func (c *choice) decide() (verdict, bool) {
	for i, input := range c.config.Inputs {
		o := c.offer(c.situation, i, c.now)
		if o == nil {
			continue
		}
		if c.others = append(c.others, o); input == c.active {
			c.a = o
		}
		if c.now.Before(o.deadline) {
			c.wait = sooner(c.wait, o.deadline)
		}
	}
	c.others = slices.DeleteFunc(c.others, func(o *offer) bool { return o == c.a })
	slices.SortFunc(c.others, c.order)
	if o, waits := c.sought(); waits {
		return verdict{}, false
	} else if o != nil {
		return c.take(o, "sought")
	}
	if c.a.level == whole {
		return c.fromActive()
	}
	a := c.a
	more := func(o *offer) bool { return o.level == whole && (o.renditions > a.renditions || a.level == nothing) }
	goesOn := c.find(func(o *offer) bool { return o.level == whole && o.seamless })
	switch {
	case goesOn != nil && c.Hitless && goesOn.renditions >= a.announced && goesOn.holes == 0 && !(c.shy && c.half(goesOn.input, c.from, c.now)) && c.compared(c.situation, goesOn.input, a.input, c.now) &&
		c.now.Before(a.deadline) && !a.never && !a.broke:
		return c.take(goesOn, "lent")
	case goesOn != nil && (a.broke || a.omitted) && more(goesOn):
		return c.take(goesOn, "new generation")
	case !a.never && !a.broke && c.now.Before(a.deadline) && (a.up || !c.silent(a.input, c.now)):
		return verdict{}, false
	}
	u := c.union()
	if !c.whole {
		u = nil // it would begin with a discontinuity
	}
	if o := c.find(more); o != nil {
		if u != nil && (!o.seamless || u.holes < o.holes) {
			return c.take(u, "without a discontinuity")
		}
		return c.take(o, "failover")
	}
	if c.awaits(func(o *offer) bool { return a.level == nothing || o.announced > a.renditions || o.seamless }) ||
		a.broke && !a.never && a.up && c.now.Before(a.deadline) {
		return verdict{}, false
	}
	if u != nil {
		return c.take(u, "patched")
	}
	return c.picture()
}

// sought is the input that the operator or the policy wants, if it has the slot. waits: it may have it yet.
func (c *choice) sought() (found *offer, waits bool) {
	want := cmp.Or(c.wanted, c.Prefer)
	o := c.find(func(o *offer) bool { return o.input == want })
	if o == nil || !o.up || o.never || o.omitted {
		return nil, false
	}
	if c.wanted == "" && (c.wholeFor(o.input, c.now, true) < TicksOf(c.PreferAfter) || o.holes > c.a.holes ||
		!o.seamless && (c.a.level != whole || c.a.seamless)) {
		return nil, false
	}
	back := o.level == whole && !o.seamless && c.a.seamless && (c.a.level == whole || c.now.Before(c.a.deadline))
	switch {
	case c.wanted != "" && back && c.compared(c.situation, o.input, c.a.input, c.now):
		return nil, false // it is locked, and goes on without a discontinuity a slot later
	case o.level == whole:
		return o, false
	}
	return nil, c.now.Before(o.deadline) && c.wholeFor(o.input, c.now, false) > 0
}

// fromActive is what becomes of a slot that the active input has whole: a discontinuity and a defect are reasons to
// prefer another one that has no fewer renditions.
func (c *choice) fromActive() (verdict, bool) {
	a := c.a
	asMuch := func(o *offer) bool { return o.level == whole && o.renditions >= a.renditions }
	goesOn := c.find(func(o *offer) bool { return asMuch(o) && o.seamless })
	if !a.seamless && goesOn == nil && a.holes > 0 {
		goesOn = c.find(func(o *offer) bool { return asMuch(o) && o.holes < a.holes }) // at no cost
	}
	switch {
	case !a.seamless && goesOn != nil && goesOn.seamless:
		return c.take(goesOn, "goes on")
	case !a.seamless && c.awaits(func(o *offer) bool { return o.seamless && o.announced >= a.renditions }):
		return verdict{}, false
	case a.holes == 0:
	case goesOn != nil && goesOn.holes == 0:
		return c.take(goesOn, "hole")
	case c.awaits(func(o *offer) bool {
		return o.level != whole && (o.seamless || c.timestamps[c.run(o.input, c.now)] == c.clock)
	}):
		return verdict{}, false
	default:
		if u := c.union(); u != nil && u.holes < a.holes && (goesOn == nil || u.holes < goesOn.holes) {
			return c.take(u, "without holes")
		}
		if goesOn != nil && goesOn.holes < a.holes {
			return c.take(goesOn, "fewer holes")
		}
	}
	return c.take(a, "active")
}

// union is what the inputs have together whose timestamps go on, nil if that is not whole.
func (c *choice) union() *offer {
	u := &offer{input: together, to: c.from + c.joined(c.EndpointConfig)}
	for i, r := range c.renditions {
		if i > 0 && !c.live(r, c.from, c.joined(c.EndpointConfig), c.now) {
			continue
		}
		worst := 0
		for at := c.from; at < u.to; at++ {
			least := -1
			for _, input := range c.config.Inputs {
				if had, ok := c.has(input, place{r, at}, c.now); ok && c.timestamps[had.run] == c.clock && (least < 0 || had.holes < least) {
					least = had.holes
				}
			}
			if least < 0 {
				return nil
			}
			worst = max(worst, least)
		}
		u.holes += worst
	}
	return u
}

// picture is the picture alone, where that is all that there is of a slot of one segment. What comes with every
// deadline past gets one grace from its first segment.
func (c *choice) picture() (verdict, bool) {
	var best *offer
	for _, o := range append([]*offer{c.a}, c.others...) {
		if o.level > nothing && (best == nil || c.order(o, best) < 0 && (best != c.a || o.renditions > best.renditions)) {
			best = o
		}
	}
	if best == nil || c.joined(c.EndpointConfig) > 1 {
		return verdict{why: "given up"}, true
	}
	if ripe := best.first.Add(c.grace(c.EndpointConfig)); !best.first.IsZero() && c.now.Before(ripe) {
		c.wait = sooner(c.wait, ripe)
		return verdict{}, false
	}
	return c.take(best, "picture")
}
