package failover

import (
	"cmp"
	"container/heap"
	"fmt"
	"maps"
	"slices"
	"time"
)

// epoch is when the world begins: programme time 0 is the Unix time 1000, so
// that the first media sequence number of a script is about 1000.
var epoch = time.Unix(1000, 0)

// world is a channel with simulated encoders around it. Time only passes when
// it is told to.
type world struct {
	config   Config
	channel  *Channel
	now      time.Time
	queue    events
	order    int
	encoders map[string]*simulator
	slots    map[string][]Slot // published and not yet shown
	all      map[string][]Slot
	events   []string
	object   int
	released map[string]bool
	arrivals []arrival
	check    func(now time.Time, e Effect) error
	// incarnations counts starts of encoders; of is that of each object.
	steps        int
	incarnations int
	of           map[string]int
	holds        map[string]stretch // of the programme, by object
	// trace is what was done to the channel, effects what came of it.
	trace   []Record
	effects []Effect
	ahead   time.Duration  // of the wall clock
	shown   map[string]int // how many slots' objects were shown
}

type arrival struct {
	at     time.Time
	object string
}

type event struct {
	at    time.Time
	order int
	do    func() error
}

type events []event

func (q events) Len() int { return len(q) }
func (q events) Less(i, j int) bool {
	if !q[i].at.Equal(q[j].at) {
		return q[i].at.Before(q[j].at)
	}
	return q[i].order < q[j].order
}
func (q events) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *events) Push(x any)   { *q = append(*q, x.(event)) }
func (q *events) Pop() any {
	old := *q
	e := old[len(old)-1]
	*q = old[:len(old)-1]
	return e
}

func newWorld() *world {
	return &world{
		now: epoch, encoders: map[string]*simulator{}, slots: map[string][]Slot{},
		all: map[string][]Slot{}, released: map[string]bool{}, of: map[string]int{}, holds: map[string]stretch{},
		shown: map[string]int{},
	}
}

func (w *world) at(t time.Time, do func() error) {
	w.order++
	heap.Push(&w.queue, event{at: t, order: w.order, do: do})
}

func (w *world) open() (err error) {
	w.channel, err = New(w.config)
	w.trace = append(w.trace, Record{Time: w.now, Open: &Opening{Config: w.config}})
	return err
}

// start lets an encoder begin with the first of its segments that begins now or
// later.
func (w *world) start(e *simulator) error {
	if w.channel == nil {
		if err := w.open(); err != nil {
			return err
		}
	}
	if old := w.encoders[e.name]; old != nil {
		old.off = true
	}
	w.encoders[e.name] = e
	e.begin(w)
	return nil
}

// restart is the origin's process ending and starting again: the channel knows
// nothing but the last slot of each endpoint, and if it remembers, what was
// delivered and is not published yet.
func (w *world) restart(remembering bool) error { return w.restartSince(remembering, time.Time{}) }

// restartSince remembers only what was delivered since then.
func (w *world) restartSince(remembering bool, since time.Time) error {
	c, err := New(w.config)
	if err != nil {
		return err
	}
	facts := w.trace
	for i, rec := range w.trace {
		if rec.Open != nil {
			facts = w.trace[i:]
		}
	}
	w.trace = append(w.trace, Record{Time: w.now, Open: &Opening{Config: w.config}})
	for _, endpoint := range slices.Sorted(maps.Keys(w.all)) {
		if slots := w.all[endpoint]; len(slots) > 0 {
			w.take(c, Restored{slots[len(slots)-1]})
		}
	}
	w.channel = c
	if !remembering {
		return w.step(Resumed{})
	}
	for _, rec := range facts {
		now := w.now
		switch {
		case rec.Time.Before(since):
		case rec.Object != nil && rec.Object.Media != nil, rec.Playlist != nil:
			w.now = rec.Time
			fact := rec.fact()
			if o, ok := fact.(Object); ok && w.released[o.ID] {
				o.Gone = true
				fact = o
			}
			if err := w.step(fact); err != nil {
				return err
			}
			w.now = now
		case rec.Multivariant != nil:
			w.take(c, Recalled{*rec.Multivariant})
		}
	}
	return w.step(Resumed{})
}

// take tells a channel of an earlier life.
func (w *world) take(c *Channel, f Fact) {
	w.trace = append(w.trace, RecordOf(w.now, f))
	c.Step(w.now, f)
}

// run lets time pass: encoders deliver, and the channel is woken exactly at its
// deadlines.
func (w *world) run(until time.Time) error {
	const atOnce = 1000 // far more than what may be left over from one fact
	again := 0
	for {
		next := until
		deadline, ok := time.Time{}, false
		if w.channel != nil {
			deadline, ok = w.channel.Deadline()
		}
		fact := len(w.queue) > 0 && !w.queue[0].at.After(until)
		if fact {
			next = w.queue[0].at
		}
		if ok && deadline.Before(next) {
			if deadline.Before(w.now) {
				deadline = w.now
			}
			w.now = deadline
			if err := w.step(Tick{}); err != nil {
				return err
			}
			at, ok := w.channel.Deadline()
			if again++; !ok || at.After(deadline) {
				again = 0
			}
			if again > atOnce {
				return fmt.Errorf("at %s the channel asks to be woken at %s, again and again", w.stamp(w.now), w.stamp(at))
			}
			continue
		}
		w.now = next
		if !fact {
			return nil
		}
		if err := heap.Pop(&w.queue).(event).do(); err != nil {
			return err
		}
	}
}

func (w *world) step(f Fact) error {
	w.steps++
	if o, ok := f.(Object); ok {
		w.arrivals = append(w.arrivals, arrival{w.now, o.ID})
	}
	if p, ok := f.(Playlist); ok {
		p.Rendition = cmp.Or(w.channel.Continued(p.Input, p.Path), p.Rendition)
		f = p
	}
	w.trace = append(w.trace, RecordOf(w.now, f))
	effects := w.channel.Step(w.now, f)
	w.effects = append(w.effects, effects...)
	for _, effect := range effects {
		if w.check != nil {
			if err := w.check(w.now, effect); err != nil {
				return fmt.Errorf("at %s: %w", w.stamp(w.now), err)
			}
		}
		switch e := effect.(type) {
		case Published:
			w.slots[e.Slot.Endpoint] = append(w.slots[e.Slot.Endpoint], e.Slot)
			w.all[e.Slot.Endpoint] = append(w.all[e.Slot.Endpoint], e.Slot)
		case Released:
			for _, id := range e.Objects {
				if w.released[id] {
					return fmt.Errorf("object %s released twice", id)
				}
				w.released[id] = true
			}
		default:
			w.events = append(w.events, w.stamp(w.now)+" "+w.describeEvent(effect))
		}
	}
	return nil
}
