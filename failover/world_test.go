package failover

import (
	"container/heap"
	"fmt"
	"strings"
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
		all: map[string][]Slot{}, released: map[string]bool{}, of: map[string]int{},
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
func (w *world) restart(remembering bool) error {
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
	for _, slots := range w.all {
		if len(slots) > 0 {
			last := slots[len(slots)-1]
			w.take(c, Restored{last})
		}
	}
	w.channel = c
	if !remembering {
		return w.step(Resumed{})
	}
	for _, rec := range facts {
		now := w.now
		switch {
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

func (w *world) stamp(t time.Time) string { return fmt.Sprintf("%.2fs", t.Sub(epoch).Seconds()) }

// describe prints a slot: its number, input, the input's segments, and what is
// remarkable about it.
func (w *world) describe(s Slot) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d %s", s.MSN, s.Input)
	if len(s.Sources) > 0 {
		fmt.Fprintf(&b, " (%s)", strings.Join(s.Sources, "+"))
	}
	var gaps, silent []string
	first := ""
	for _, r := range s.Renditions {
		var numbers []string
		for _, p := range r.Parts {
			numbers = append(numbers, p.Object[strings.LastIndex(p.Object, "/")+1:])
		}
		list := strings.Join(numbers, "+")
		switch {
		case r.Gap():
			gaps = append(gaps, r.Path)
		case r.Silent:
			silent = append(silent, r.Path)
		case len(r.Parts) == 0:
		case first == "":
			first = list
			fmt.Fprintf(&b, " %s", list)
		case list != first:
			fmt.Fprintf(&b, " %s:%s", r.Path, list)
		}
	}
	fmt.Fprintf(&b, " at %s", w.stamp(s.Published))
	for _, r := range s.Renditions {
		if len(r.Defects) > 0 {
			fmt.Fprintf(&b, ", %s %v", r.Path, r.Defects)
		}
	}
	if len(gaps) > 0 {
		fmt.Fprintf(&b, ", gap in %s", strings.Join(gaps, " "))
	}
	if len(silent) > 0 {
		fmt.Fprintf(&b, ", no cue in %s", strings.Join(silent, " "))
	}
	if s.Rewound {
		b.WriteString(", rewound")
	}
	if s.Lost > 0 {
		fmt.Fprintf(&b, ", lost %.2fs", s.Lost.Seconds())
	}
	if s.Dated != 0 {
		fmt.Fprintf(&b, ", dated %.2fs ahead", s.Dated.Seconds())
	}
	if s.Discontinuity {
		fmt.Fprintf(&b, ", discontinuity %d", s.DiscontinuityNumber)
	}
	if s.Switch.Patched() {
		b.WriteString(", patched")
		for _, from := range s.Switch.Borrowed {
			fmt.Fprintf(&b, " [%s %s of %s]", from.Rendition, from.Segment, from.Input)
		}
	}
	if sw := s.Switch; sw.Changed() {
		fmt.Fprintf(&b, ", switch from %s: %s", sw.From, sw.Reason)
		for _, m := range sw.Missing {
			fmt.Fprintf(&b, " [%s %s %s]", m.Rendition, m.Segment, m.Why)
		}
		fmt.Fprintf(&b, ", due %s, deadline %s, %s", w.stamp(sw.Due), w.stamp(sw.Deadline), sw.Pair)
		if sw.Seamless {
			b.WriteString(", seamless")
		}
	}
	b.WriteString("\n")
	return b.String()
}

func (w *world) describeEvent(effect Effect) string {
	switch e := effect.(type) {
	case InputChanged:
		if e.Up {
			return "input " + e.Input + " up"
		}
		return "input " + e.Input + " down: " + e.Reason
	case GenerationStarted:
		return fmt.Sprintf("input %s generation %d: %s, by %s", e.Input, e.Generation, e.Reason, e.Basis)
	case PairChanged:
		s := fmt.Sprintf("pair %s %s %s", e.A, e.B, e.State)
		if e.Detail != "" {
			s += ": " + e.Detail
		}
		if e.Drift != 0 {
			s += fmt.Sprintf(", drift %.2fs", e.Drift.Seconds())
		}
		return s
	case Degraded:
		return strings.TrimRight(fmt.Sprintf("input %s degraded %v %s: %s", e.Input, e.Defects, e.Segment, e.Detail), ": ")
	case SegmentMissed:
		return fmt.Sprintf("input %s missed %s %s: %s", e.Input, e.Missing.Rendition, e.Missing.Segment, e.Missing.Why)
	case Noticed:
		return fmt.Sprintf("notice %s%s %s: %s", e.Input, e.Endpoint, e.What, e.Detail)
	case SlotGivenUp:
		return fmt.Sprintf("endpoint %s gave up %.2fs to %.2fs", e.Endpoint,
			e.Start.Time().Sub(epoch).Seconds(), e.End.Time().Sub(epoch).Seconds())
	case ProtectionChanged:
		if e.Protected {
			return "endpoint " + e.Endpoint + " protected"
		}
		return "endpoint " + e.Endpoint + " unprotected: " + e.Why
	case Ended:
		return "endpoint " + e.Endpoint + " ended"
	}
	return fmt.Sprintf("%T", effect)
}

// describeObjects prints a slot with the names of its objects, and the start of the
// encoder that each is from.
func (w *world) describeObjects(s Slot) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d", s.MSN)
	for _, r := range s.Renditions {
		for _, p := range r.Parts {
			fmt.Fprintf(&b, " %s of run %d", p.Object, w.of[p.Object])
		}
		if r.Gap() {
			fmt.Fprintf(&b, " %s:gap", r.Path)
		}
	}
	if s.Discontinuity {
		b.WriteString(", discontinuity")
	}
	return b.String() + "\n"
}

// describeSegments prints what is remembered of the inputs' timelines.
func describeSegments(c *Channel) string {
	var b strings.Builder
	states := []string{"pending", "sound", "unsound", "unplaced"}
	for _, in := range c.inputs {
		for _, r := range in.renditions {
			for _, s := range r.segments {
				fmt.Fprintf(&b, "%s %s run %d number %d %s", in.name, r.path, s.run, s.number, states[s.state])
				if s.placed {
					fmt.Fprintf(&b, " %.2fs to %.2fs", s.channelStart().Time().Sub(epoch).Seconds(), s.channelEnd().Time().Sub(epoch).Seconds())
				}
				if s.passed {
					b.WriteString(" used")
				}
				b.WriteByte('\n')
			}
		}
	}
	return b.String()
}

func describeStatus(s Status) string {
	var b strings.Builder
	for _, in := range s.Inputs {
		fmt.Fprintf(&b, "input %s up=%t ended=%t lateness=%.2fs whole=%.2fs generation=%d", in.Name, in.Up, in.Ended,
			in.Lateness.Seconds(), in.Whole.Seconds(), in.Generation)
		for _, r := range in.Renditions {
			fmt.Fprintf(&b, " %s:%.2fs", r.Path, r.SegmentDuration.Seconds())
		}
		b.WriteByte('\n')
	}
	for _, p := range s.Pairs {
		fmt.Fprintf(&b, "pair %s %s %s %s\n", p.A, p.B, p.State, p.Detail)
	}
	for _, e := range s.Endpoints {
		fmt.Fprintf(&b, "endpoint %s active=%s ordered=%q pinned=%t next=%d discontinuities=%d\n", e.Name, e.Active,
			e.Ordered, e.Pinned, e.NextMSN, e.Discontinuities)
	}
	return b.String()
}
