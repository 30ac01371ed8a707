package failover

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
)

// FuzzChannel lets encoders, the operator and the clock do whatever bytes can say, and
// checks what must hold for every channel whatever they do.
func FuzzChannel(f *testing.F) {
	// Each byte string tells another story: sound encoders with something odd here
	// and there (a high byte is an orderly one, see pick), up to none that is sound.
	for seed := range uint64(64) {
		if seed%slowdown != 0 {
			continue
		}
		rng := rand.New(rand.NewPCG(seed, 7))
		script := make([]byte, 400)
		for i := range script {
			script[i] = byte(rng.Uint32())
			if rng.IntN(64) >= int(seed) {
				script[i] |= 0xC0
			}
		}
		f.Add(script)
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		if len(script) > 2000 {
			return // more of the same
		}
		w := newFuzzWorld(script)
		if err := w.play(); err != nil {
			t.Fatal(err)
		}
		sameEffects(t, w.happened, replay(t, Replay{}, w.trace))
	})
}

// bytesOf reads choices from a script. What is beyond its end is 0.
type bytesOf struct{ rest []byte }

func (b *bytesOf) next() int {
	if len(b.rest) == 0 {
		return 0
	}
	v := b.rest[0]
	b.rest = b.rest[1:]
	return int(v)
}

// pick is one of the values; a byte of 0xC0 and above is the first one, which is what
// a sound encoder does.
func pick[T any](b *bytesOf, values ...T) T {
	v := b.next()
	if v >= 0xC0 {
		return values[0]
	}
	return values[v%len(values)]
}

// judge checks the effects of a channel over its whole life.
type judge struct {
	last    map[string]Slot
	objects map[string]*fuzzObject
	// longest and frame are the longest segment and frame of any encoder.
	longest, frame Ticks
}

type fuzzObject struct {
	input    string
	media    *Media
	released bool
	shared   bool // its path is listed more than once
	slots    map[string]bool
}

// maxEffects is far more than what a step can have to tell: ten minutes of lost slots of
// a tenth of a second, twice each, for two endpoints.
const maxEffects = 4 * 2 * 10 * 60 * 10

func (j *judge) effects(effects []Effect) error {
	if len(effects) > maxEffects {
		return fmt.Errorf("%d effects of one step, the last %T%+v", len(effects), effects[len(effects)-1], effects[len(effects)-1])
	}
	for _, effect := range effects {
		if _, err := json.Marshal(effect); err != nil {
			return fmt.Errorf("%T %+v: %w", effect, effect, err)
		}
		switch e := effect.(type) {
		case Published:
			if err := j.slot(e.Slot); err != nil {
				return fmt.Errorf("endpoint %s, slot %d: %w", e.Slot.Endpoint, e.Slot.MSN, err)
			}
		case Released:
			for _, id := range e.Objects {
				o := j.objects[id]
				if o == nil || o.released {
					return fmt.Errorf("object %s is released, but not in use", id)
				}
				o.released = true
			}
		}
	}
	return nil
}

func (j *judge) slot(s Slot) error {
	last, ok := j.last[s.Endpoint]
	j.last[s.Endpoint] = s
	if ok {
		if err := j.sequence(last, s); err != nil {
			return err
		}
	}
	if s.End <= s.Start {
		return fmt.Errorf("ends at %d, begins at %d", s.End, s.Start)
	}
	for _, r := range s.Renditions {
		for _, p := range r.Parts {
			o := j.objects[p.Object]
			switch {
			case o == nil:
				return fmt.Errorf("names %q, which nobody delivered", p.Object)
			case o.released:
				return fmt.Errorf("names %s, which was released", p.Object)
			case o.input != s.From(p):
				return fmt.Errorf("is from %s, but holds %s of %s", s.Input, p.Object, o.input)
			case o.slots[s.Endpoint] && !o.shared:
				return fmt.Errorf("repeats %s", p.Object)
			case o.media.Signature != j.objects[r.Parts[0].Object].media.Signature:
				return fmt.Errorf("joins media of several configurations")
			}
			o.slots[s.Endpoint] = true
			if err := j.within(s, o.media); err != nil {
				return fmt.Errorf("%s: %w", p.Object, err)
			}
		}
	}
	return nil
}

// within checks that media lies in its slot, on the slot's clock.
func (j *judge) within(s Slot, m *Media) error {
	if m.Untimed {
		return nil
	}
	middle := m.Start + (m.End-m.Start)/2 + s.Clock.Offset
	middle = nearest(middle, m.Modulus, s.Start+(s.End-s.Start)/2)
	if slack := max(j.frame, j.longest/2, ClockRate) + beside; middle < s.Start-slack || middle > s.End+slack {
		return fmt.Errorf("lies at %d, the slot from %d to %d", middle, s.Start, s.End)
	}
	return nil
}

func (j *judge) sequence(last, s Slot) error {
	want := last.DiscontinuityNumber
	if s.Discontinuity {
		want++
	}
	switch {
	case s.Switch != nil && s.Switch.Reason == "":
		return fmt.Errorf("a switch without a reason")
	case s.MSN != last.MSN+1:
		return fmt.Errorf("follows %d", last.MSN)
	case s.DiscontinuityNumber != want:
		return fmt.Errorf("discontinuity number %d, not %d", s.DiscontinuityNumber, want)
	case s.TargetDuration != last.TargetDuration:
		return fmt.Errorf("target duration %d was %d", s.TargetDuration, last.TargetDuration)
	case s.Start < last.End-max(j.longest, ClockRate) && !j.repeats(s) && !s.Rewound:
		return fmt.Errorf("begins at %d, the last one ended at %d", s.Start, last.End)
	case s.Published.Before(last.Published):
		return fmt.Errorf("published before the last one")
	}
	return nil
}

// repeats reports whether the slot holds what its encoder lists more than once: then it
// lies where it lay before.
func (j *judge) repeats(s Slot) bool {
	for _, r := range s.Renditions {
		for _, p := range r.Parts {
			if o := j.objects[p.Object]; o != nil && o.shared {
				return true
			}
		}
	}
	return false
}

// maxKept bounds the segments of one rendition that a channel of the fuzz test may
// hold: its backlog of a minute, the longest playlist, and what is remembered of them.
const maxKept = 60*10 + 40 + 5*history

// size checks that a channel does not grow.
func (j *judge) size(c *Channel) error {
	for _, in := range c.inputs {
		expected := 0
		for _, list := range in.expected {
			expected += len(list)
		}
		segments := 0
		for _, r := range in.renditions {
			segments += len(r.segments)
			if len(r.segments) > maxKept {
				return fmt.Errorf("input %s keeps %d segments of %s", in.name, len(r.segments), r.path)
			}
		}
		if expected != segments {
			return fmt.Errorf("input %s expects %d objects for %d segments", in.name, expected, segments)
		}
	}
	if len(c.unbound) > maxKept {
		return fmt.Errorf("%d segments are to be given their objects", len(c.unbound))
	}
	if len(c.shared) > maxKept {
		return fmt.Errorf("%d shared objects", len(c.shared))
	}
	if len(c.restored) > 2 {
		return fmt.Errorf("%d clocks of an earlier life", len(c.restored))
	}
	return nil
}
