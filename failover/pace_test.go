package failover

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// heldBack runs a world, and returns how long after its media had arrived the last slot was
// published.
func heldBack(t *testing.T, w *world, run time.Duration) (held time.Duration) {
	t.Helper()
	arrived := map[string]time.Time{}
	slots := 0
	w.check = func(now time.Time, e Effect) error {
		for _, a := range w.arrivals {
			arrived[a.object] = a.at
		}
		w.arrivals = w.arrivals[:0]
		if p, ok := e.(Published); ok {
			slots++
			parts := p.Slot.Renditions[0].Parts
			at := arrived[parts[len(parts)-1].Object]
			held = now.Sub(at)
		}
		return nil
	}
	if err := w.run(w.now.Add(run)); err != nil {
		t.Fatal(err)
	}
	if slots == 0 {
		t.Fatal("nothing was published")
	}
	return held
}

func worldOf(t *testing.T, script string) *world {
	t.Helper()
	w := newWorld()
	for line := range strings.Lines(script) {
		if _, err := w.command(strings.Fields(line)); err != nil {
			t.Fatal(line, err)
		}
	}
	return w
}

// An encoder's clock is 50 millionths faster or slower than the origin's: for days, no slot is held
// back for it, and a delay stays as long as it was.
func TestTheChannelsClockFollowsItsEncoders(t *testing.T) {
	for _, test := range []struct {
		name, script string
		delay        time.Duration
	}{
		{"fast", "channel a b\nendpoint hls 6s\nencoder a segment 6s drift -300us\nencoder b segment 6s drift -300us", 0},
		{"fast with a delay", "channel a b\nendpoint hls 6s delay 10s\nencoder a segment 6s drift -300us\nencoder b segment 6s drift -300us", 10 * time.Second},
		{"slow with a delay", "channel a b\nendpoint hls 6s delay 10s\nencoder a segment 6s drift 300us\nencoder b segment 6s drift 300us", 10 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := worldOf(t, test.script)
			atFirst := heldBack(t, w, time.Minute)
			heldBack(t, w, 24*time.Hour)
			if held := heldBack(t, w, time.Minute); (held-atFirst).Abs() > 200*time.Millisecond || (held-test.delay).Abs() > 200*time.Millisecond {
				t.Errorf("a slot is published %s after its media arrived, and %s after a day", atFirst, held)
			}
		})
	}
}

// The channel began with an input that comes five seconds late, and another one is the only one now.
func TestTheChannelsClockFollowsAnEarlierInput(t *testing.T) {
	w := worldOf(t, "channel a b\nendpoint hls 2s\nencoder a dates 0s late 5s")
	heldBack(t, w, 20*time.Second)
	for _, command := range []string{"encoder b dates 0s", "kill a"} {
		if _, err := w.command(strings.Fields(command)); err != nil {
			t.Fatal(err)
		}
	}
	if held := heldBack(t, w, time.Minute); held < 2*time.Second {
		t.Errorf("held back for %s at first: there is nothing to follow", held)
	}
	if held := heldBack(t, w, time.Hour); held > 100*time.Millisecond {
		t.Errorf("after an hour, a slot is published %s after its media arrived", held)
	}
}

// The programme breaks twice a minute, with other timestamps each time, and comes with jitter: the
// breaks follow on what was before, and do not move the clock by how each of them happens to come.
func TestBreaksDoNotMoveTheChannelsClock(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 3))
	w := worldOf(t, "channel a b\nendpoint hls 2s delay 10s\nencoder a timestamps 20000s")
	e := w.encoders["a"]
	e.jitter = func(string, uint64) time.Duration { return time.Duration(random.Int64N(int64(600 * time.Millisecond))) }
	for k := range 120 {
		held := heldBack(t, w, 30*time.Second)
		if k > 0 && (held-10*time.Second).Abs() > time.Second {
			t.Fatalf("after %d breaks, a slot is published %s after its media arrived", k, held)
		}
		e.faults[key{"v", uint64(15*(k+1)) + 1}] = "break"
		e.timestamps += Ticks(random.IntN(2000)-1000)*ClockRate + 7777
	}
	for _, s := range w.all["hls"] {
		if s.Lost > 0 {
			t.Errorf("%d: lost %s", s.MSN, s.Lost.Duration())
		}
	}
}
