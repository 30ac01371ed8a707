package failover

import (
	"fmt"
	"time"
)

// stepTime is for how long a step may keep a machine busy that does other things as
// well. As a rule it is microseconds.
const stepTime = time.Minute

// mostAtOnce is how often a channel may go on at once with what came of one fact: ten minutes of lost
// slots of a tenth of a second.
const mostAtOnce = 10*60*10/slotsAtOnce + 100

// step lets a fact in and judges what comes of it, all of it.
func (w *fuzzWorld) step(f Fact) error {
	for again := 0; ; again++ {
		if err := w.stepOnce(f); err != nil {
			return err
		}
		at, ok := w.channel.Deadline()
		if !ok || at.After(w.now) {
			return nil
		}
		if again > mostAtOnce {
			return fmt.Errorf("at %s the channel asks to be woken at %s, again and again", w.now, at)
		}
		f = Tick{}
	}
}

func (w *fuzzWorld) stepOnce(f Fact) error {
	rec := RecordOf(w.now, f)
	if _, tick := f.(Tick); !tick {
		w.facts = append(w.facts, rec)
	}
	w.trace = append(w.trace, rec)
	hangs := time.AfterFunc(stepTime, func() { panic(fmt.Sprintf("a step at %s takes no end", rec.Time)) })
	effects := w.channel.Step(w.now, f)
	hangs.Stop()
	w.happened = append(w.happened, effects...)
	if err := w.effects(effects); err != nil {
		return err
	}
	return w.size(w.channel)
}

// maxWakes bounds how often a channel may ask to be woken: a slot of a tenth of a
// second has a few deadlines, for two endpoints.
const maxWakes = 100

// pass lets time pass, and wakes the channel when it wants to be.
func (w *fuzzWorld) pass(d time.Duration) error {
	until := w.now.Add(d)
	limit := maxWakes + int(d.Seconds()*maxWakes)
	for wakes := 0; ; wakes++ {
		at, ok := w.channel.Deadline()
		if !ok || at.After(until) {
			w.now = until
			return nil
		}
		if wakes > limit {
			return fmt.Errorf("woken %d times within %s", wakes, d)
		}
		w.now = at
		if err := w.step(Tick{}); err != nil {
			return err
		}
	}
}

// restart is the origin's process ending and starting again.
func (w *fuzzWorld) restart() error {
	remembering := pick(&w.bytesOf, true, false)
	facts := w.facts
	w.facts = nil
	switch w.config.Alignment {
	case AlignAuto, "", AlignTimestamp:
	default:
		// Without timestamps nothing tells what was published: it may come again.
		for _, o := range w.objects {
			o.slots = map[string]bool{}
		}
	}
	c, err := New(w.config)
	if err != nil {
		return err
	}
	w.channel = c
	w.trace = append(w.trace, Record{Time: w.now, Open: &Opening{Config: w.config}})
	for _, e := range w.config.Endpoints {
		if last, ok := w.last[e.Name]; ok {
			w.take(Restored{last})
		}
	}
	if remembering {
		if err := w.remember(facts); err != nil {
			return err
		}
	}
	for _, o := range w.objects {
		o.released = o.released || !remembering // orphans are deleted
	}
	return w.step(Resumed{})
}

// remember tells a restarted channel what it has heard before, as of then.
func (w *fuzzWorld) remember(facts []Record) error {
	now := w.now
	given := map[string]bool{}
	for _, rec := range facts {
		switch f := rec.fact().(type) {
		case Multivariant:
			w.take(Recalled{f})
		case Playlist:
			w.now = rec.Time
			if err := w.step(f); err != nil {
				return err
			}
		case Object:
			if f.Media == nil {
				continue
			}
			if o := w.objects[f.ID]; o == nil || o.released {
				f.ID, f.Gone = "", true
			}
			given[f.ID] = true
			w.now = rec.Time
			if err := w.step(f); err != nil {
				return err
			}
		}
	}
	w.now = now
	for id, o := range w.objects {
		o.released = o.released || !given[id]
	}
	return nil
}

// take tells the channel of an earlier life.
func (w *fuzzWorld) take(f Fact) {
	w.trace = append(w.trace, RecordOf(w.now, f))
	w.channel.Step(w.now, f)
}
