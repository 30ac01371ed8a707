package activity

import (
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
)

// Locator knows where an input's media belongs. It is the core, in its state after the step
// that Follow is called for.
type Locator interface {
	Locate(input, path, id string) (failover.Located, bool)
}

// Follow records a step of the core, which has taken the fact already. It is called by one
// goroutine at a time, and does nothing if a is nil.
func (a *Notes) Follow(core Locator, now time.Time, f failover.Fact, effects []failover.Effect) {
	if a == nil {
		return
	}
	if f, ok := f.(failover.Object); ok {
		a.unlisted[f.Input] = append(a.unlisted[f.Input], unlistedObject{f, now})
	}
	// Also those of inputs that have gone silent.
	for input := range a.unlisted {
		a.locate(core, now, input)
	}
	for _, effect := range effects {
		a.followEffect(core, now, effect)
	}
}

// locate records the objects that have found their place. Only then is it known how late
// they are, as playlist and object come in any order.
func (a *Notes) locate(core Locator, now time.Time, input string) {
	waiting := a.unlisted[input][:0]
	for _, u := range a.unlisted[input] {
		at, ok := core.Locate(input, u.object.Path, u.object.ID)
		switch {
		case ok && (at.Placed || u.object.Media == nil):
			a.addSegment(now, seen(u.object, at))
		case u.object.Media == nil && now.Sub(u.at) > unsoundAge:
			a.addSegment(now, Segment{Input: input, State: Unsound, Path: u.object.Path, Size: u.object.Size, Reason: string(u.object.Fault)})
		case now.Sub(u.at) > unlistedAge:
			a.addSegment(now, Segment{Input: input, State: Unlisted, Path: u.object.Path, Size: u.object.Size})
		default:
			waiting = append(waiting, u)
		}
	}
	if len(waiting) > activityUnlisted {
		waiting = append(waiting[:0], waiting[len(waiting)-activityUnlisted:]...)
	}
	if len(waiting) == 0 {
		delete(a.unlisted, input)
		return
	}
	clear(a.unlisted[input][len(waiting):])
	a.unlisted[input] = waiting
}

// seen is the segment that an object has become.
func seen(o failover.Object, at failover.Located) Segment {
	s := Segment{
		Input: o.Input, State: Arrived, Rendition: at.Rendition, Path: o.Path, Number: at.Number,
		Start: at.Start, End: at.End, Placed: at.Placed, Usual: at.Usual, Size: o.Size,
	}
	if at.Placed {
		s.Lateness = at.Arrived.Sub(at.End.Time())
	}
	switch {
	case o.Media == nil:
		s.State, s.Reason = Unsound, string(o.Fault)
	case s.Lateness-s.Usual > (at.End-at.Start).Duration()/2:
		s.State = Late
	case len(o.Media.Defects) > 0:
		s.State = Degraded
	}
	if o.Media != nil {
		s.Defects, s.Detail = o.Media.Defects, o.Media.DefectDetail
	}
	return s
}

func (a *Notes) addSegment(now time.Time, s Segment) {
	s.Rendition, s.Path, s.Reason, s.Detail = clip(s.Rendition), clip(s.Path), clip(s.Reason), clip(s.Detail)
	a.add(Entry{Time: now, Segment: &s})
}

func (a *Notes) followEffect(core Locator, now time.Time, effect failover.Effect) {
	switch e := effect.(type) {
	case failover.Published:
		s := slotSeen(e.Slot)
		if s.Switch != nil {
			a.missed(core, now, s.Switch.From, s.Switch.Missing, s.Start, s.End)
		}
		a.add(Entry{Time: now, Slot: &s})
	case failover.SlotGivenUp:
		for input, missing := range e.Missing {
			a.missed(core, now, input, missing, e.Start, e.End)
		}
		a.add(Entry{Time: now, Effect: failover.SlotGivenUp{Time: e.Time, Endpoint: e.Endpoint, Start: e.Start, End: e.End}})
	case failover.Degraded:
		// Bad segments are recorded when they arrive; this is for the input as a whole, and for what only
		// the copy of another input has shown.
		switch {
		case e.Rendition == "":
			a.add(Entry{Time: now, Effect: e})
		case e.Compared:
			a.addSegment(now, Segment{
				Input: e.Input, State: Degraded, Rendition: e.Rendition, Path: e.Segment, Start: e.Start, End: e.End, Placed: true,
				Defects: e.Defects, Detail: e.Detail, Again: true,
			})
		}
	case failover.InputChanged, failover.PairChanged, failover.ProtectionChanged:
		a.add(Entry{Time: now, Effect: e})
	case failover.GenerationStarted:
		e.Rendition, e.Segment = clip(e.Rendition), clip(e.Segment)
		a.add(Entry{Time: now, Effect: e})
	}
}

func slotSeen(slot failover.Slot) Slot {
	s := Slot{
		Endpoint: slot.Endpoint, MSN: slot.MSN, Input: slot.Input, Sources: slot.Sources, Start: slot.Start, End: slot.End,
		Discontinuity: slot.Discontinuity, Lost: slot.Lost.Duration(),
	}
	for i := range slot.Renditions {
		if slot.Renditions[i].Gap() {
			s.Gaps++
		}
	}
	s.Gap = s.Gaps > 0 && s.Gaps == len(slot.Renditions)
	if !slot.Due.IsZero() {
		s.Late = slot.Published.Sub(slot.Due)
	}
	if slot.Switch != nil {
		sw := *slot.Switch
		sw.Missing, sw.Borrowed = nil, nil
		for _, m := range slot.Switch.Missing {
			sw.Missing = append(sw.Missing, failover.Missing{Rendition: clip(m.Rendition), Segment: clip(m.Segment), Why: m.Why})
		}
		for _, b := range slot.Switch.Borrowed {
			sw.Borrowed = append(sw.Borrowed, failover.Borrowed{Rendition: clip(b.Rendition), Segment: clip(b.Segment), Input: b.Input})
		}
		sw.PairDetail = clip(sw.PairDetail)
		s.Switch = &sw
	}
	return s
}

// missed records segments that had not come by the deadline of a slot. Several endpoints
// may find out about the same one.
func (a *Notes) missed(core Locator, now time.Time, input string, list []failover.Missing, start, end failover.Ticks) {
	for _, m := range list {
		if m.Why != failover.ReasonNotArrived && m.Why != failover.ReasonNotListed && m.Why != failover.ReasonGap {
			continue // it arrived unsound, which was seen when it did
		}
		s := Segment{
			Input: input, State: Missed, Rendition: m.Rendition, Path: m.Segment, Reason: string(m.Why),
			Start: start, End: end, Placed: true,
		}
		if m.Segment != "" {
			if at, ok := core.Locate(input, m.Segment, ""); ok && at.Placed {
				s.Number, s.Start, s.End = at.Number, at.Start, at.End
			}
		}
		if !a.knows(s) {
			a.addSegment(now, s)
		}
	}
}

// knownMissing is how far back to look for a segment that is missing again.
const knownMissing = 256

func (a *Notes) knows(s Segment) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := len(a.entries) - 1; i >= max(0, len(a.entries)-knownMissing); i-- {
		o := a.entries[i].Segment
		if o != nil && o.State == s.State && o.Input == s.Input && o.Rendition == clip(s.Rendition) &&
			o.Path == clip(s.Path) && (s.Path != "" || s.Start < o.End && o.Start < s.End) {
			return true
		}
	}
	return false
}

// Refused records an upload of an input that was refused or broke off, which the
// core never hears of. path is below the input's path. locate is called for its place, if
// it is shown.
func (a *Notes) Refused(input, path, reason string, locate func() (failover.Located, bool)) {
	if !a.countRefusal(input) {
		return
	}
	s := Segment{Input: input, State: Refused, Path: path, Reason: reason}
	if at, ok := locate(); ok {
		s.Rendition, s.Number, s.Start, s.End, s.Placed = at.Rendition, at.Number, at.Start, at.End, at.Placed
	}
	a.addSegment(time.Now(), s)
}

// countRefusal counts a refusal and reports whether to show it.
func (a *Notes) countRefusal(input string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	in := a.counters.Inputs[input]
	in.Refused++
	a.counters.Inputs[input] = in
	now := time.Now()
	if last, ok := a.refused[input]; ok && now.Sub(last) < refusalInterval {
		return false
	}
	a.refused[input] = now
	return true
}
