package failover

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// simulator is an encoder: its segments lie on a grid of the programme, and
// each is delivered when it is over, object first, then the playlist.
type simulator struct {
	name         string
	input        string // that it writes to, its own name as a rule
	from         string // its address
	burst        int    // segments that it sends at once when it begins
	renditions   []string
	length       Ticks
	lengths      map[string]Ticks         // of renditions that have another one
	cycle        []Ticks                  // lengths of the others' segments, over and over
	frames       map[string]Ticks         // of renditions that are cut at the end of a frame of this length
	lates        map[string]time.Duration // of renditions that come later
	shifts       map[string]Ticks         // of renditions with a grid of their own, against the others'
	shift        Ticks                    // of the grid, against the programme
	timestamps   Ticks                    // timestamp of programme time 0
	number       uint64
	late         time.Duration
	codec        string
	names        string
	bySecond     bool // segments are named by the second of the programme in which they begin
	plays        bool // a file, from its beginning at each start: equal timestamps are equal bytes
	dates        bool
	dateSkew     Ticks
	datesDrift   Ticks // by how much the dates go wrong in a million ticks
	window       int
	multivariant bool

	// Misbehaviour.
	every         int               // only every so many versions of a playlist are sent
	playlistFirst time.Duration     // the playlist comes so long before its segment
	claims        Ticks             // what EXTINF says, whatever the length is
	target        Ticks             // EXT-X-TARGETDURATION, -1 for 0
	sparse        int               // only every so many segments have a date
	first         Ticks             // length of the first segment
	drift         time.Duration     // how much later each segment comes than the one before
	stalls        time.Duration     // how much later all come from each minute on
	twice         string            // what comes right after each segment under its name: "same" or "other" bytes
	replaces      bool              // it has sent other bytes
	back          map[string]uint64 // how far the numbers of renditions have gone back
	countsAgain   map[string]bool   // from 1 with the next segment
	incarnation   int

	began       time.Time
	off, paused bool
	held        []func() error
	sent        []sent
	faults      map[key]string
	cues        map[key]bool
	holds       map[key]time.Duration
	jitter      func(rendition string, number uint64) time.Duration
	listed      map[string][]ListedSegment // the newest version that was sent
	made        map[string][]ListedSegment
	announced   bool
}

type key struct {
	rendition string
	number    uint64
}

func newSimulator(name string) *simulator {
	return &simulator{
		name: name, input: name, renditions: []string{"v"}, length: 2 * ClockRate, late: 100 * time.Millisecond,
		codec: "h264", window: 5, multivariant: true,
		lengths: map[string]Ticks{}, frames: map[string]Ticks{}, lates: map[string]time.Duration{}, shifts: map[string]Ticks{},
		back: map[string]uint64{}, countsAgain: map[string]bool{},
		faults: map[key]string{}, cues: map[key]bool{}, holds: map[key]time.Duration{}, listed: map[string][]ListedSegment{}, made: map[string][]ListedSegment{},
		number: 0,
	}
}

// begin schedules the first segment of every rendition: the first whole one on the grid.
func (e *simulator) begin(w *world) {
	e.began = w.now
	w.incarnations++
	e.incarnation = w.incarnations
	first, _ := e.index(w, e.length)
	if e.number == 0 {
		e.number = uint64(first)
	}
	var rest []string
	for _, r := range e.renditions {
		if length, ok := e.lengths[r]; ok {
			programme := TicksAt(w.now) - TicksAt(epoch)
			index := (programme - e.shift - e.shifts[r] + length - 1) / length
			number := uint64(index)
			if e.number != uint64(first) {
				number = e.number
			}
			e.schedule(w, []string{r}, length, index, number)
			continue
		}
		rest = append(rest, r)
	}
	// What it has when it begins is sent at once.
	for n := range e.burst {
		for _, r := range rest {
			e.deliver(w, r, e.length, first-Ticks(e.burst-n), e.number+uint64(n))
		}
	}
	e.schedule(w, rest, e.length, first, e.number+uint64(e.burst))
}

// index is that of the first whole segment on the grid of this length.
func (e *simulator) index(w *world, length Ticks) (Ticks, Ticks) {
	programme := TicksAt(w.now) - TicksAt(epoch)
	index := (programme - e.shift + length - 1) / length
	if e.cycle != nil && length == e.length {
		for index = 0; e.cut(length, index) < programme; index++ {
		}
	}
	return index, programme
}

// cut is where the segment with this index begins.
func (e *simulator) cut(length, index Ticks) Ticks {
	if e.cycle == nil || length != e.length {
		return e.shift + index*length
	}
	at := e.shift
	for i := range index {
		at += e.cycle[int(i)%len(e.cycle)]
	}
	return at
}

func (e *simulator) schedule(w *world, renditions []string, length, index Ticks, number uint64) {
	end := e.cut(length, index+1) + e.shifts[renditions[0]]
	w.at(epoch.Add(end.Duration()), func() error {
		if e.off {
			return nil
		}
		for _, r := range renditions {
			e.deliver(w, r, length, index, number)
		}
		e.schedule(w, renditions, length, index+1, number+1)
		return nil
	})
}

// deliver sends one segment and the playlist that lists it.
func (e *simulator) deliver(w *world, r string, length, index Ticks, number uint64) {
	start, next := e.cut(length, index)+e.shifts[r], e.cut(length, index+1)+e.shifts[r]
	if f := e.frames[r]; f > 0 {
		start, next = (start+f-1)/f*f, (next+f-1)/f*f
	}
	length = next - start
	if e.countsAgain[r] {
		e.back[r], e.countsAgain[r] = number-1, false
		delete(e.made, r)
		delete(e.listed, r)
	}
	number -= e.back[r]
	k := key{r, number}
	path := fmt.Sprintf("%s/%s%d.ts", r, e.names, number)
	if e.bySecond {
		path = fmt.Sprintf("%s/%s%d.ts", r, e.names, start/ClockRate)
	}
	delay := e.late + e.lates[r] + e.holds[k]
	delay += e.drift * time.Duration(number)
	delay += e.stalls * time.Duration(Ticks(number)*e.length/(60*ClockRate))
	if e.jitter != nil {
		delay += e.jitter(r, number)
	}
	fault := e.faults[k]
	listed := ListedSegment{
		Number: number, Path: path, Duration: length, Discontinuity: fault == "break", Cue: e.cues[k], Gap: fault == "gap",
	}
	if listed.Cue {
		listed.Tags = []string{"cue " + path}
	}
	if e.claims != 0 {
		listed.Duration = e.claims
	}
	if e.dates && (e.sparse == 0 || number%uint64(e.sparse) == 0) {
		listed.ProgramDateTime = (TicksAt(epoch) + start + e.dateSkew + start*e.datesDrift/1e6).Time()
	}
	modulus := Ticks(1) << 33
	media := &Media{
		Start: (start + e.timestamps + modulus) % modulus, Modulus: modulus, Frame: 3600,
		Video: strings.HasPrefix(r, "v"), Kind: kindOf(r), Signature: e.signature(r),
	}
	if e.first > 0 && len(e.made[r]) == 0 {
		media.Start += length - e.first
	}
	if media.Kind == Subtitles {
		media.Frame = length // one sample
	}
	media.End = media.Start + length
	if e.first > 0 && len(e.made[r]) == 0 {
		media.End = media.Start + e.first
		listed.Duration = e.first
	}
	if strings.HasPrefix(r, "text") {
		media = &Media{Untimed: true, Signature: r}
	}
	if fault != "unlist" {
		e.made[r] = append(e.made[r], listed)
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
	if d := Defect(fault); slices.Contains(Defects(), d) {
		media.Defects = []Defect{d}
	}
	if fault == "cut" {
		media.End -= 10 * media.Frame
	}
	if fault == "again" {
		// The segment before, under this name.
		media.Start, media.End = media.Start-length, media.End-length
	}
	if fault != "drop" && fault != "gap" {
		w.at(w.now.Add(delay), send(func() error {
			id := fmt.Sprintf("%s/%s/%d", e.name, r, number)
			if _, used := w.of[id]; used {
				w.object++
				id = fmt.Sprintf("%s/%s/#%d/%d", e.name, r, w.object, number)
			}
			w.of[id], w.holds[id] = e.incarnation, stretch{start, start + length}
			o := Object{Input: e.input, Path: path, ID: id, Media: media, Hash: fmt.Sprintf("%d/%s/%d", e.incarnation, path, number)}
			if e.plays {
				o.Hash = fmt.Sprintf("%s %d", r, media.Start)
			}
			if fault == "truncate" {
				o.Media, o.Fault, o.ID = nil, "truncated", ""
			}
			if fault == "back" {
				o.Fault = ReasonRepeated
			}
			e.sent = append(e.sent, sent{w.now, o})
			if err := w.step(o); err != nil || e.twice == "" || o.Media == nil || e.twice == "other" && number%10 != 3 {
				return err
			}
			o.ID += "#" + e.twice
			w.of[o.ID], w.holds[o.ID] = e.incarnation, w.holds[id]
			if e.twice == "other" {
				o.Hash += " other"
			}
			return w.step(o)
		}))
	}
	w.at(w.now.Add(delay-e.holds[k]-e.playlistFirst), send(func() error {
		// The version that lists this segment as its newest, which may have been
		// overtaken by a later one.
		version := e.version(r, number)
		if last := e.listed[r]; len(last) == 0 || len(version) > 0 && version[len(version)-1].Number > last[len(last)-1].Number {
			e.listed[r] = version
		}
		if e.every < 2 || number%uint64(e.every) == 0 {
			p := e.playlist(r, false)
			p.Segments = slices.Clone(version)
			e.sent = append(e.sent, sent{w.now, p})
			if err := w.step(p); err != nil {
				return err
			}
		}
		if !e.multivariant || e.announced {
			return nil
		}
		e.announced = true
		return w.step(e.multivariantOf())
	}))
}

// version is what the playlist lists up to a number.
func (e *simulator) version(r string, number uint64) []ListedSegment {
	list := e.made[r]
	for len(list) > 0 && list[len(list)-1].Number > number {
		list = list[:len(list)-1]
	}
	return slices.Clone(list[max(0, len(list)-e.window):])
}

// multivariantOf lists the encoder's renditions.
func (e *simulator) multivariantOf() Multivariant {
	m := Multivariant{Input: e.input}
	for _, path := range e.renditions {
		m.Renditions = append(m.Renditions, Announced{Path: path, Kind: kindOf(path)})
	}
	return m
}

// kindOf is what a name says of its rendition.
func kindOf(path string) Kind {
	switch {
	case strings.HasPrefix(path, "audio"):
		return Audio
	case strings.HasPrefix(path, "text"), strings.HasPrefix(path, "sub"):
		return Subtitles
	}
	return Variant
}

func (e *simulator) playlist(r string, end bool) Playlist {
	target := e.length
	if length, ok := e.lengths[r]; ok {
		target = length
	}
	if e.target != 0 {
		target = max(e.target, 0)
	}
	return Playlist{
		Input: e.input, Path: r, TargetDuration: target.Duration(), EndList: end, From: e.from,
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

// signature is what tells a rendition's codec configuration from those of others. With "codec any" all have the same.
func (e *simulator) signature(rendition string) string {
	if e.codec == "any" {
		return e.codec
	}
	return rendition + " " + e.codec
}
