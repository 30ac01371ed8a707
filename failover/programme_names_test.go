package failover

import (
	"fmt"
	"testing"
	"time"
)

// Encoders that return under other playlist names are on air within seconds, whether their timestamps, numbers and
// names of segments go on or start over, whether they were away or not, and whatever they announce.
func TestEncodersWithOtherPlaylistNamesAreOnAirWithinSeconds(t *testing.T) {
	for seed := range seeds(150) {
		p := newProgramme(seed, 2)
		slot := pickOf(p, 2*time.Second, 4*time.Second)
		p.config.Endpoints = []EndpointConfig{{Name: "e", SegmentDuration: slot, Hitless: p.rng.IntN(2) == 0}}
		announces, numbers, names, away := p.rng.IntN(2) == 0, p.rng.IntN(2) == 0, p.rng.IntN(2) == 0, p.rng.IntN(2) == 0
		late := map[string]time.Duration{"a": 100 * time.Millisecond, "b": time.Duration(100+p.rng.IntN(600)) * time.Millisecond}
		timestamps := func() Ticks { return 1 << 32 }
		if p.rng.IntN(2) == 0 {
			timestamps = func() Ticks { return TicksAt(epoch) - TicksAt(p.now) } // they start over
		}
		start := func(suffix string) {
			shift := TicksOf(p.now.Sub(epoch)) % (2 * ClockRate)
			for _, name := range p.config.Inputs {
				e := newSimulator(name)
				e.renditions = []string{"v" + suffix, "audio" + suffix}
				e.timestamps, e.shift, e.window, e.late, e.multivariant = timestamps(), shift, 8, late[name], announces
				if numbers {
					e.number = 1
				}
				if names {
					e.names = fmt.Sprint(p.incarnations, "-")
				}
				p.must(p.start(e))
			}
		}
		start("")
		for _, suffix := range []string{"x", ""} {
			p.pass(15, 30)
			for _, e := range p.encoders {
				e.off = true
			}
			gone := p.now
			if away {
				p.pass(3, 6)
			}
			start(suffix)
			back := p.now
			p.pass(15, 15)
			if onAir := p.after(gone); onAir.IsZero() || onAir.Sub(back) > slot+4*time.Second {
				t.Errorf("seed %d: back under %q at %s, on air at %s", seed, suffix, p.stamp(back), p.stamp(onAir))
			}
			if last := p.all["e"][len(p.all["e"])-1]; len(last.Gaps()) > 0 {
				t.Errorf("seed %d: back under %q at %s, and %v is still a gap", seed, suffix, p.stamp(back), last.Gaps())
			}
		}
	}
}

// after is when the first media was published that was made after a moment.
func (p *programme) after(moment time.Time) time.Time {
	for _, s := range p.all["e"] {
		if s.End.Time().After(moment.Add(time.Second)) && len(s.Gaps()) < len(s.Renditions) {
			return s.Published
		}
	}
	return time.Time{}
}
