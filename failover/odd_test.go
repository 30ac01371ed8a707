package failover

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// One encoder of several is ordinary. Whatever the others do that is odd, viewers get all of the programme, once, in
// order and in time, and without a seam.
func TestOddEncodersBesideAnOrdinaryOne(t *testing.T) {
	for seed := range seeds(60) {
		o := newOdd(seed, 2+int(seed)%2)
		keeper := o.encoder("a", o.cut, o.shared)
		keeper.every, keeper.playlistFirst, keeper.twice = 1, 0, ""
		o.pass(20, 40)
		for _, name := range o.config.Inputs[1:] {
			o.encoder(name, o.cut, o.shared)
			o.pass(0, 10)
		}
		o.pass(20, 40)
		for range 8 {
			name := pickOf(o.programme, o.config.Inputs[1:]...)
			switch e := o.encoders[name]; o.rng.IntN(10) {
			case 0:
				o.say("restart of the process")
				o.must(o.restart(true))
			case 8:
				o.reconfigure()
			case 9:
				order := Order{Endpoint: pickOf(o.programme, o.config.Endpoints...).Name, Input: pickOf(o.programme, "", "a"), Pin: o.rng.IntN(2) == 0}
				o.say("%+v", order)
				o.must(o.step(order))
			case 1:
				o.say("kill %s", name)
				e.off = true
			case 2:
				if o.rng.IntN(2) == 0 {
					o.encoder(name, o.cut, o.shared)
				} else {
					o.encoder(name, pickOf(o.programme, o.cut, o.grid()), o.elsewhere())
				}
			default:
				if e.off {
					o.encoder(name, o.cut, o.shared)
				} else {
					o.oddity(e)
				}
			}
			o.pass(1, 20)
		}
		o.pass(30, 30)
		most := 500 * time.Millisecond
		for _, l := range o.late {
			most = max(most, l+500*time.Millisecond)
		}
		if o.raised > 0 {
			most = 0 // while a slot is longer, or a delay, none is late by the one before
		}
		if why := o.judge(0, 0, most); why != "" {
			t.Errorf("seed %d: %s\n%s", seed, why, o.describe())
		}
	}
}

// The only encoder is odd: viewers get all of it, once and in order, with a seam where its clock or it itself says so.
func TestTheOnlyEncoderIsOdd(t *testing.T) {
	for seed := range seeds(60) {
		o := newOdd(seed, 1)
		e := o.encoder("a", o.cut, o.shared)
		o.pass(20, 40)
		rounds := 5
		for range rounds {
			if o.rng.IntN(8) == 0 {
				o.say("restart of the process")
				o.must(o.restart(true))
			} else {
				o.oddity(e)
			}
			o.pass(25, 40)
		}
		o.pass(10, 30)
		if why := o.judge(rounds*len(o.config.Endpoints), 0, 0); why != "" {
			t.Errorf("seed %d: %s\n%s", seed, why, o.describe())
		}
	}
}

// Encoders that cut at other places and in other lengths, on one clock or not: a death costs one seam, less media than
// one of the other's segments, and nothing comes twice.
func TestADeathBesideAnotherCadence(t *testing.T) {
	for seed := range seeds(60) {
		o := newOdd(seed, 2)
		pair := pickOf(o.programme, [2]Ticks{180000, 270000}, [2]Ticks{360000, 540000}, [2]Ticks{172800, 180000}, [2]Ticks{180000, 180000}, [2]Ticks{180180, 180000})
		if o.rng.IntN(2) == 0 {
			pair[0], pair[1] = pair[1], pair[0]
		}
		same := o.rng.IntN(2) == 0
		o.dates = o.dates || !same
		sound := pickOf(o.programme, Ticks(0), 172800, 180000, 360000)
		shifts := map[string]Ticks{"a": 0, "b": Ticks(o.rng.IntN(20)) * 9000}
		soundShift := map[string]Ticks{"a": 0, "b": Ticks(o.rng.IntN(20)) * 9000}
		start := func(i int) {
			name := o.config.Inputs[i]
			timestamps := o.shared
			if !same {
				timestamps = o.elsewhere()
			}
			o.longest, o.apart = max(pair[0], pair[1], sound), sound*3/4
			e := newSimulator(name)
			e.renditions, e.timestamps, e.window, e.late, e.dates = append(slices.Clone(o.renditions), o.texts...), timestamps, 8, o.late[name], o.dates
			e.length, e.shift = pair[i], shifts[name]
			if sound != 0 && sound != e.length {
				e.lengths["audio"], e.shifts["audio"] = sound, soundShift[name]
			}
			e.names = fmt.Sprintf("%d-", o.incarnations)
			o.say("start %s at %d length %d shift %d sound %d shift %d late %s", name, timestamps, e.length, e.shift, e.lengths["audio"], e.shifts["audio"], e.late)
			o.must(o.start(e))
		}
		start(0)
		start(1)
		o.pass(50, 60)
		deaths := 4
		for range deaths {
			victim := o.channel.endpoints[0].active
			o.say("kill %s", victim)
			o.encoders[victim].off = true
			o.pass(20, 50)
			start(slices.Index(o.config.Inputs, victim))
			o.pass(60, 60)
		}
		seams := deaths * len(o.config.Endpoints)
		if sound != 0 {
			seams *= 2 // sound that does not fit makes an input miss some of it, and the other one takes over for good
		}
		if why := o.judge(seams, o.longest+3600, 0); why != "" {
			t.Errorf("seed %d: %s\n%s", seed, why, o.describe())
		}
	}
}
