package failover

import (
	"fmt"
	"slices"
	"time"
)

// fuzzWorld is a channel and what happens to it by a script of bytes.
type fuzzWorld struct {
	bytesOf
	judge
	config   Config
	channel  *Channel
	now      time.Time
	encoders map[string]*fuzzEncoder // by input and rendition
	names    []string                // of renditions
	ids      int
	facts    []Record
	trace    []Record
	happened []Effect
}

// fuzzEncoder is one rendition of an encoder: where it is, as it thinks.
type fuzzEncoder struct {
	input, path string
	number      uint64
	at          Ticks
	length      Ticks
	frame       Ticks
	modulus     Ticks
	signature   string
	window      int
	end         bool
	listed      []ListedSegment
}

func newFuzzWorld(script []byte) *fuzzWorld {
	w := &fuzzWorld{
		bytesOf: bytesOf{script}, now: epoch, encoders: map[string]*fuzzEncoder{}, names: []string{"v", "audio", "text"},
		judge: judge{last: map[string]Slot{}, objects: map[string]*fuzzObject{}},
	}
	w.options()
	return w
}

// options makes a config.
func (w *fuzzWorld) options() {
	inputs := pick(&w.bytesOf, []string{"a", "b"}, []string{"a"}, []string{"b", "a"}, []string{"a", "b", "c"}, []string{"c"})
	w.config = Config{
		Inputs:     inputs,
		MaxBacklog: time.Minute,
		Alignment:  pick(&w.bytesOf, AlignAuto, "", AlignTimestamp, AlignProgramDateTime, AlignSequence, AlignArrival),
	}
	for _, name := range pick(&w.bytesOf, []string{"hls", "long"}, []string{"hls"}, []string{"long"}, nil) {
		w.config.Endpoints = append(w.config.Endpoints, EndpointConfig{
			Name:            name,
			SegmentDuration: pick(&w.bytesOf, 2*time.Second, 6*time.Second, time.Millisecond, 1, time.Hour, 10*time.Second),
			FailoverGrace:   pick(&w.bytesOf, 0, time.Millisecond, time.Second, time.Minute),
			TimeDelay:       pick(&w.bytesOf, 0, time.Second, 10*time.Second, 1),
			Prefer:          pick(&w.bytesOf, "", "a", "b", "nobody"),
			PreferAfter:     pick(&w.bytesOf, 0, time.Second, 10*time.Second),
			GapOnLoss:       pick(&w.bytesOf, false, true),
		})
	}
}

// play carries out the script, and takes all inputs away at the end: then nothing of
// theirs may be left.
func (w *fuzzWorld) play() error {
	var err error
	if w.channel, err = New(w.config); err != nil {
		return err
	}
	w.trace = append(w.trace, Record{Time: w.now, Open: &Opening{Config: w.config}})
	for len(w.rest) > 0 {
		if err := w.event(); err != nil {
			return err
		}
	}
	w.config.Inputs = []string{"nobody"}
	if err := w.reconfigure(); err != nil {
		return err
	}
	for id, o := range w.objects {
		if !o.released {
			return fmt.Errorf("object %s is never released", id)
		}
	}
	return nil
}

func (w *fuzzWorld) event() error {
	deliver, odd := w.deliverAll, w.deliverOdd
	return pick(&w.bytesOf, deliver, odd, odd, w.wait, w.announce, w.operator, w.change, w.restart)()
}

func (w *fuzzWorld) encoder(input, path string) *fuzzEncoder {
	e := w.encoders[input+"/"+path]
	if e == nil {
		e = &fuzzEncoder{
			input: input, path: path, number: 1, at: Ticks(1<<33) - 20*ClockRate, length: 2 * ClockRate, frame: 3600,
			modulus: 1 << 33, signature: path, window: 5,
		}
		w.encoders[input+"/"+path] = e
	}
	return e
}

// deliverAll: every encoder sends its next segment, with the playlist that lists it.
func (w *fuzzWorld) deliverAll() error {
	for _, input := range w.config.Inputs {
		for _, path := range w.names[:2] {
			e := w.encoder(input, path)
			l, m := e.cut()
			if err := w.deliver(e, l, m); err != nil {
				return err
			}
		}
	}
	return w.pass(2 * time.Second)
}

// cut makes the encoder's next segment.
func (e *fuzzEncoder) cut() (ListedSegment, *Media) {
	l := ListedSegment{Number: e.number, Path: fmt.Sprintf("%s/%d", e.path, e.number), Duration: e.length}
	m := &Media{Start: e.at, End: e.at + e.length, Modulus: e.modulus, Frame: e.frame, Video: e.path == "v", Signature: e.signature}
	if e.modulus > 0 {
		m.Start %= e.modulus
		m.End = m.Start + e.length
	}
	if e.path == "text" {
		m = &Media{Untimed: true, Signature: e.signature}
	}
	e.number++
	e.at += e.length
	return l, m
}

func (w *fuzzWorld) deliver(e *fuzzEncoder, l ListedSegment, m *Media) error {
	if err := w.object(e, l.Path, m); err != nil {
		return err
	}
	return w.list(e, l)
}

func (w *fuzzWorld) object(e *fuzzEncoder, path string, m *Media) error {
	w.ids++
	o := Object{Input: e.input, Path: path, ID: fmt.Sprintf("%s-%d", path, w.ids), Media: m}
	if m == nil {
		o.ID, o.Fault = "", "truncated"
		return w.step(o)
	}
	w.longest, w.frame = max(w.longest, m.End-m.Start), max(w.frame, m.Frame)
	w.objects[o.ID] = &fuzzObject{input: e.input, media: m, shared: path == "same" || path == "v/1", slots: map[string]bool{}}
	return w.step(o)
}

func (w *fuzzWorld) list(e *fuzzEncoder, l ListedSegment) error {
	e.listed = append(e.listed, l)
	if over := len(e.listed) - e.window; over > 0 {
		e.listed = e.listed[over:]
	}
	return w.step(Playlist{
		Input: e.input, Path: e.path, EndList: e.end, Segments: slices.Clone(e.listed),
		TargetDuration: pick(&w.bytesOf, e.length.Duration(), 0, 24*time.Hour, time.Second),
	})
}

// absurd are lengths of media that no encoder means, but that a probe or a playlist
// may say.
var absurd = []Ticks{2 * ClockRate, 0, 1, 10 * ClockRate, ClockRate / 2, 24 * 3600 * ClockRate, 1000 * ClockRate}

// deliverOdd: one encoder does something else.
func (w *fuzzWorld) deliverOdd() error {
	b := &w.bytesOf
	e := w.encoder(pick(b, "a", "b", "c"), pick(b, w.names...))
	// First, what changes for good.
	switch b.next() % 16 {
	case 0:
		e.number = pick(b, 1, e.number+1, e.number+1000, e.number-3, e.number-1, 1<<62, 1<<40)
		e.listed = nil // within a playlist the numbers follow one another
	case 1:
		e.at = pick(b, e.at, 0, e.at+100*ClockRate, e.at-3*ClockRate, e.at+ClockRate/3, 1<<33-1, 1<<50)
	case 2:
		e.length = pick(b, absurd...)
	case 3:
		e.frame = pick(b, Ticks(3600), 0, 1, 1<<40)
	case 4:
		e.modulus = pick(b, Ticks(1<<33), 0)
		e.signature = fmt.Sprint(e.path, " ", e.modulus) // another container
	case 5:
		e.signature = pick(b, e.path, "other", "")
	case 6:
		e.window = pick(b, 5, 1, 0, 40)
	case 7:
		e.end = !e.end
	}
	l, m := e.cut()
	// Then what is odd with this segment alone.
	switch b.next() % 16 {
	case 0:
		l.Path = pick(b, "same", l.Path, "v/1")
	case 1:
		l.Duration = pick(b, absurd...)
	case 2:
		l.Discontinuity, l.Cue = pick(b, true, false), pick(b, true, false)
	case 3:
		l.Gap = true
	case 4:
		year := pick(b, w.now.Year(), 9999, 1900)
		l.ProgramDateTime = time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC)
	case 5:
		l.ProgramDateTime = w.now.Add(pick(b, 0, time.Hour, -time.Hour, 100*time.Millisecond))
	case 6:
		l.Tags = []string{"#EXT-X-ODD"}
	case 7:
		m = nil
	case 8:
		m.End = m.Start + pick(b, absurd...)
	case 9:
		m.Start, m.End = 1<<60, 1<<60
	case 10:
		m.Start, m.End = -1<<40, -1<<40+e.length
	}
	switch b.next() % 8 {
	case 0:
		return w.object(e, l.Path, m)
	case 1:
		return w.list(e, l)
	case 2:
		if err := w.list(e, l); err != nil {
			return err
		}
		return w.object(e, l.Path, m)
	case 3:
		if err := w.object(e, l.Path, m); err != nil {
			return err
		}
		return w.deliver(e, l, m)
	case 4:
		return w.step(Object{Input: e.input, Path: l.Path, Media: m, Gone: true})
	case 5:
		return w.step(Playlist{Input: e.input, Path: e.path, EndList: e.end})
	}
	return w.deliver(e, l, m)
}

func (w *fuzzWorld) wait() error {
	return w.pass(pick(&w.bytesOf, 100*time.Millisecond, time.Second, 5*time.Second, 30*time.Second, 3*time.Minute, 1))
}

// announce: an encoder sends a multivariant playlist.
func (w *fuzzWorld) announce() error {
	m := Multivariant{Input: pick(&w.bytesOf, "a", "b", "c")}
	for _, path := range pick(&w.bytesOf, w.names[:2], w.names, w.names[1:], w.names[2:], []string{"v", "never"}, nil) {
		kind := Variant
		if path == "text" {
			kind = Subtitles
		}
		m.Renditions = append(m.Renditions, Announced{Path: path, Kind: kind})
	}
	return w.step(m)
}

func (w *fuzzWorld) operator() error {
	endpoint := pick(&w.bytesOf, "hls", "long")
	if pick(&w.bytesOf, true, false) {
		return w.step(Order{Endpoint: endpoint, Input: pick(&w.bytesOf, "b", "a", "", "nobody"), Pin: pick(&w.bytesOf, false, true)})
	}
	return w.step(Selection{Endpoint: endpoint, Excluded: pick(&w.bytesOf, nil, []string{"v"}, []string{"audio"}, w.names)})
}

func (w *fuzzWorld) change() error {
	had := w.config.Endpoints
	w.options()
	for _, e := range had {
		if !slices.ContainsFunc(w.config.Endpoints, func(o EndpointConfig) bool { return o.Name == e.Name }) {
			// One that comes back begins anew here.
			delete(w.last, e.Name)
			for _, o := range w.objects {
				delete(o.slots, e.Name)
			}
		}
	}
	return w.reconfigure()
}

func (w *fuzzWorld) reconfigure() error {
	config := w.config
	return w.step(Configured{config})
}
