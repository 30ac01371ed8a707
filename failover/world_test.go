package failover

import (
	"container/heap"
	"fmt"
	"slices"
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
	incarnations int
	of           map[string]int
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
	}
}

func (w *world) at(t time.Time, do func() error) {
	w.order++
	heap.Push(&w.queue, event{at: t, order: w.order, do: do})
}

// start lets an encoder begin with the first of its segments that begins now or
// later.
func (w *world) start(e *simulator) error {
	if w.channel == nil {
		c, err := New(w.config)
		if err != nil {
			return err
		}
		w.channel = c
	}
	if old := w.encoders[e.name]; old != nil {
		old.off = true
	}
	w.encoders[e.name] = e
	e.begin(w)
	return nil
}

// run lets time pass: encoders deliver, and the channel is woken exactly at its
// deadlines.
func (w *world) run(until time.Time) error {
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
			if again, ok := w.channel.Deadline(); ok && !again.After(deadline) {
				return fmt.Errorf("at %s the channel asks to be woken at %s", w.stamp(w.now), w.stamp(again))
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
	if o, ok := f.(Object); ok {
		w.arrivals = append(w.arrivals, arrival{w.now, o.ID})
	}
	for _, effect := range w.channel.Step(w.now, f) {
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
	var gaps []string
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
		case len(r.Parts) == 0:
		case first == "":
			first = list
			fmt.Fprintf(&b, " %s", list)
		case list != first:
			fmt.Fprintf(&b, " %s:%s", r.Path, list)
		}
	}
	fmt.Fprintf(&b, " at %s", w.stamp(s.Published))
	if len(gaps) > 0 {
		fmt.Fprintf(&b, ", gap in %s", strings.Join(gaps, " "))
	}
	if s.Lost > 0 {
		fmt.Fprintf(&b, ", lost %.2fs", s.Lost.Seconds())
	}
	if s.Discontinuity {
		fmt.Fprintf(&b, ", discontinuity %d", s.DiscontinuityNumber)
	}
	if sw := s.Switch; sw != nil && sw.From != "" {
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
		return s
	case SegmentMissed:
		return fmt.Sprintf("input %s missed %s %s: %s", e.Input, e.Missing.Rendition, e.Missing.Segment, e.Missing.Why)
	case SlotGivenUp:
		return fmt.Sprintf("endpoint %s gave up %.2fs to %.2fs", e.Endpoint,
			e.Start.Time().Sub(epoch).Seconds(), e.End.Time().Sub(epoch).Seconds())
	case Ended:
		return "endpoint " + e.Endpoint + " ended"
	}
	return fmt.Sprintf("%T", effect)
}

// simulator is an encoder: its segments lie on a grid of the programme, and
// each is delivered when it is over, object first, then the playlist.
type simulator struct {
	name         string
	renditions   []string
	length       Ticks
	shift        Ticks // of the grid, against the programme
	timestamps   Ticks // timestamp of programme time 0
	number       uint64
	late         time.Duration
	codec        string
	names        string
	dates        bool
	dateSkew     Ticks
	window       int
	multivariant bool

	// Misbehaviour.
	every         int           // only every so many versions of a playlist are sent
	playlistFirst time.Duration // the playlist comes so long before its segment
	claims        Ticks         // what EXTINF says, whatever the length is
	target        Ticks         // EXT-X-TARGETDURATION, -1 for 0
	sparse        int           // only every so many segments have a date
	first         Ticks         // length of the first segment
	incarnation   int

	began       time.Time
	off, paused bool
	held        []func() error
	faults      map[key]string
	holds       map[key]time.Duration
	jitter      func(rendition string, number uint64) time.Duration
	listed      map[string][]ListedSegment
	announced   bool
}

type key struct {
	rendition string
	number    uint64
}

func newSimulator(name string) *simulator {
	return &simulator{
		name: name, renditions: []string{"v"}, length: 2 * ClockRate, late: 100 * time.Millisecond,
		codec: "h264", window: 5, multivariant: true,
		faults: map[key]string{}, holds: map[key]time.Duration{}, listed: map[string][]ListedSegment{},
		number: 0,
	}
}

// begin schedules the first segment: the first whole one on the grid.
func (e *simulator) begin(w *world) {
	e.began = w.now
	w.incarnations++
	e.incarnation = w.incarnations
	programme := TicksAt(w.now) - TicksAt(epoch)
	index := (programme - e.shift + e.length - 1) / e.length
	if e.number == 0 {
		e.number = uint64(index)
	}
	e.schedule(w, index, e.number)
}

func (e *simulator) schedule(w *world, index Ticks, number uint64) {
	end := e.shift + (index+1)*e.length
	w.at(epoch.Add(end.Duration()), func() error {
		if e.off {
			return nil
		}
		for _, r := range e.renditions {
			e.deliver(w, r, index, number)
		}
		e.schedule(w, index+1, number+1)
		return nil
	})
}

// deliver sends one segment and the playlist that lists it.
func (e *simulator) deliver(w *world, r string, index Ticks, number uint64) {
	start := e.shift + index*e.length
	k := key{r, number}
	path := fmt.Sprintf("%s/%s%d.ts", r, e.names, number)
	delay := e.late + e.holds[k]
	if e.jitter != nil {
		delay += e.jitter(r, number)
	}
	fault := e.faults[k]
	listed := ListedSegment{Number: number, Path: path, Duration: e.length, Discontinuity: fault == "break"}
	if e.claims != 0 {
		listed.Duration = e.claims
	}
	if e.dates && (e.sparse == 0 || number%uint64(e.sparse) == 0) {
		listed.ProgramDateTime = (TicksAt(epoch) + start + e.dateSkew).Time()
	}
	modulus := Ticks(1) << 33
	media := &Media{
		Start: (start + e.timestamps) % modulus, Modulus: modulus, Frame: 3600,
		Video: strings.HasPrefix(r, "v"), Signature: r + " " + e.codec,
	}
	if e.first > 0 && len(e.listed[r]) == 0 {
		media.Start += e.length - e.first
	}
	media.End = media.Start + e.length
	if e.first > 0 && len(e.listed[r]) == 0 {
		media.End = media.Start + e.first
		listed.Duration = e.first
	}
	if strings.HasPrefix(r, "text") {
		media = &Media{Untimed: true, Signature: r}
	}
	send := func(do func() error) func() error {
		return func() error {
			if e.off {
				return nil
			}
			if e.paused {
				e.held = append(e.held, do)
				return nil
			}
			return do()
		}
	}
	if fault != "drop" {
		w.at(w.now.Add(delay), send(func() error {
			id := fmt.Sprintf("%s/%s/%d", e.name, r, number)
			if w.released[id] || slices.ContainsFunc(w.arrivals, func(a arrival) bool { return a.object == id }) {
				w.object++
				id = fmt.Sprintf("%s/%s/#%d/%d", e.name, r, w.object, number)
			}
			w.of[id] = e.incarnation
			o := Object{Input: e.name, Path: path, ID: id, Media: media}
			if fault == "truncate" {
				o.Media, o.Fault, o.ID = nil, "truncated", ""
			}
			return w.step(o)
		}))
	}
	w.at(w.now.Add(delay-e.holds[k]-e.playlistFirst), send(func() error {
		if fault != "unlist" {
			e.listed[r] = append(e.listed[r], listed)
		}
		if len(e.listed[r]) > e.window {
			e.listed[r] = e.listed[r][1:]
		}
		if e.every < 2 || number%uint64(e.every) == 0 {
			if err := w.step(e.playlist(r, false)); err != nil {
				return err
			}
		}
		if !e.multivariant || e.announced {
			return nil
		}
		e.announced = true
		var m Multivariant
		m.Input = e.name
		for _, path := range e.renditions {
			m.Renditions = append(m.Renditions, Announced{Path: path})
		}
		return w.step(m)
	}))
}

func (e *simulator) playlist(r string, end bool) Playlist {
	target := e.length
	if e.target != 0 {
		target = max(e.target, 0)
	}
	return Playlist{
		Input: e.name, Path: r, TargetDuration: target.Duration(), EndList: end,
		Segments: slices.Clone(e.listed[r]),
	}
}

// resume delivers what a pause held back, all at once.
func (e *simulator) resume(w *world) error {
	e.paused = false
	for _, do := range e.held {
		if err := do(); err != nil {
			return err
		}
	}
	e.held = nil
	return nil
}

// end stops the encoder as a clean stop does: EXT-X-ENDLIST.
func (e *simulator) end(w *world) error {
	e.off = true
	for _, r := range e.renditions {
		if err := w.step(e.playlist(r, true)); err != nil {
			return err
		}
	}
	return nil
}

// again sends the last playlists once more.
func (e *simulator) again(w *world) error {
	for _, r := range e.renditions {
		if err := w.step(e.playlist(r, false)); err != nil {
			return err
		}
	}
	return nil
}

// rename sends the last segment once more, under another name.
func (e *simulator) rename(w *world) error {
	for _, r := range e.renditions {
		list := e.listed[r]
		last := &list[len(list)-1]
		last.Path = fmt.Sprintf("%s/again-%d.ts", r, last.Number)
		start := e.shift + Ticks(last.Number)*e.length + e.timestamps
		id := fmt.Sprintf("%s/%s/again-%d", e.name, r, last.Number)
		media := &Media{Start: start, End: start + e.length, Modulus: 1 << 33, Frame: 3600, Video: true, Signature: r + " " + e.codec}
		if err := w.step(Object{Input: e.name, Path: last.Path, ID: id, Media: media}); err != nil {
			return err
		}
	}
	return e.again(w)
}
