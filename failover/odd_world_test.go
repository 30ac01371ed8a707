package failover

import (
	"fmt"
	"slices"
	"time"
)

// odd is a random history of encoders that are ordinary in what they deliver and odd in how: in order and number of
// uploads, in timestamps that wrap and jump, in dates, numbers and tags, in what their sound and text is cut like.
type odd struct {
	*programme
	sound  map[string]Ticks // length of audio segments, 0: as the picture
	texts  []string
	shared Ticks
	late   map[string]time.Duration
}

func newOdd(seed uint64, inputs int) *odd {
	p := newProgramme(seed, inputs)
	o := &odd{programme: p, sound: map[string]Ticks{}, late: map[string]time.Duration{}}
	p.renditions = pickOf(p, []string{"v"}, []string{"v", "audio"}, []string{"v", "audio"}, []string{"v", "v2", "audio"})
	o.texts = pickOf(p, nil, nil, []string{"sub"}, []string{"text"})
	o.shared = pickOf(p, p.elsewhere(), Ticks(1)<<33-Ticks(p.rng.IntN(150))*ClockRate)
	sound := pickOf(p, Ticks(0), 0, 172800, 180000, 360000)
	if sound > 2*lengths[0][0] && p.rng.IntN(2) == 0 {
		sound = 0
	}
	p.config.Endpoints = nil
	for i := range 1 + p.rng.IntN(3) {
		e := p.endpoint(fmt.Sprint("e", i))
		e.SegmentDuration = pickOf(p, 2*time.Second, 4*time.Second, 6*time.Second, 10*time.Second)
		p.config.Endpoints = append(p.config.Endpoints, e)
	}
	for i, name := range p.config.Inputs {
		o.sound[name] = sound
		o.late[name] = time.Duration(100+p.rng.IntN(1500)+7*i) * time.Millisecond
	}
	return o
}

// encoder starts one of an input, odd in how it delivers.
func (o *odd) encoder(name string, cut func(*simulator), timestamps Ticks) *simulator {
	e := newSimulator(name)
	e.renditions, e.timestamps, e.window, e.late = append(slices.Clone(o.renditions), o.texts...), timestamps, 8, o.late[name]
	e.dates = o.dates
	cut(e)
	if length := o.sound[name]; length != 0 && length != e.length {
		e.lengths["audio"] = length
		o.longest = max(o.longest, length)
	}
	for _, t := range o.texts {
		e.lates[t] = time.Duration(o.rng.IntN(500)) * time.Millisecond
	}
	e.playlistFirst = pickOf(o.programme, 0, 0, time.Duration(o.rng.IntN(90))*time.Millisecond)
	if e.every = pickOf(o.programme, 1, 1, 1, 2); len(e.lengths) > 0 || len(o.texts) > 0 {
		e.every = 1 // when every second playlist comes is not known when the first slots are due
	}
	e.twice = pickOf(o.programme, "", "", "same", "other")
	e.replaces = e.twice == "other"
	e.names = fmt.Sprintf("%d-", o.incarnations)
	if o.rng.IntN(2) == 0 {
		e.number = 1
	}
	o.say("start %s at %d late %s first %s every %d twice %q number %d", name, timestamps, e.late, e.playlistFirst, e.every, e.twice, e.number)
	o.must(o.start(e))
	o.timestamps[e.incarnation] = timestamps
	return e
}

// oddity is what an encoder does in the middle: it goes on, and loses nothing.
func (o *odd) oddity(e *simulator) {
	kind := o.rng.IntN(8)
	if o.sound[e.name] != 0 && (kind == 0 || kind == 1 || kind == 4) {
		return // where the sound is cut elsewhere, no moment is the end of a segment of all renditions
	}
	switch kind {
	case 0:
		back := Ticks(pickOf(o.programme, -3600, 3600, -100, 100, -30, 7)) * ClockRate
		o.say("%s jumps by %d", e.name, back)
		e.timestamps += back
	case 1:
		if e.every > 1 || TicksOf(e.late) > e.length-ClockRate/2 {
			return // what it had made before is not listed any more
		}
		o.say("%s counts from 1 again", e.name)
		if e.playlistFirst > 0 {
			e.late += 100 * time.Millisecond // what comes any sooner, with no media yet, may be an old version of its playlist
		}
		clear(e.faults) // which are by number
		e.countAgain(fmt.Sprintf("%d-", 100*o.incarnations+o.rng.IntN(100)))
	case 2:
		e.dateSkew = Ticks(pickOf(o.programme, -3600, 3600, -20, 20, 1, -1)) * ClockRate
		o.say("%s dates step to %d", e.name, e.dateSkew)
	case 3:
		e.datesDrift = pickOf(o.programme, Ticks(100), -100)
		o.say("%s dates drift", e.name)
	case 4:
		for _, r := range e.renditions {
			n := e.nextNumber(r) + 1
			e.faults[key{r, n}] = "break"
		}
		o.say("%s says that it breaks", e.name)
	case 5:
		o.say("%s repeats", e.name)
		if len(e.listed["v"]) > 0 {
			o.must(e.again(o.world))
		}
	case 6:
		if e.replaces {
			return // what it sends again may have been replaced since
		}
		o.say("%s echo", e.name)
		o.must(e.echo(o.world, time.Duration(1+o.rng.IntN(20))*time.Second))
	case 7:
		e.twice = pickOf(o.programme, "", "same", "other")
		e.replaces = e.replaces || e.twice == "other"
		o.say("%s twice %q", e.name, e.twice)
	}
}

func (e *simulator) nextNumber(r string) uint64 {
	if made := e.made[r]; len(made) > 0 {
		return made[len(made)-1].Number + 1
	}
	return 1
}

// reconfigure changes an endpoint. One that is added may begin on an input whose clock has jumped.
func (o *odd) reconfigure() {
	o.config.Endpoints, o.raised = slices.Clone(o.config.Endpoints), 25*time.Second
	changed := &o.config.Endpoints[o.rng.IntN(len(o.config.Endpoints))]
	switch now := o.endpoint(""); o.rng.IntN(2) {
	case 0:
		changed.SegmentDuration, changed.TimeDelay = now.SegmentDuration, now.TimeDelay
	default:
		changed.Hitless, changed.GapOnLoss = now.Hitless, now.GapOnLoss
		changed.FailoverGrace = pickOf(o.programme, 0, 300*time.Millisecond, 3*time.Second)
		slices.Reverse(o.config.Inputs[1:])
	}
	o.say("%+v", o.config)
	o.must(o.step(Configured{o.config}))
}
