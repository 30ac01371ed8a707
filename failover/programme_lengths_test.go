package failover

import (
	"testing"
	"time"
)

// Encoders cut where key frames come, and sound elsewhere: nothing of it is lost, in any variant.
func TestSegmentsOfVaryingLengthAreNotLost(t *testing.T) {
	histories(t, 150, func(p *programme) (int, Ticks) {
		p.renditions = pickOf(p, []string{"v", "v2"}, []string{"v", "audio"}, []string{"v", "v2", "audio"})
		var cycle []Ticks
		for range 1 + p.rng.IntN(6) {
			cycle = append(cycle, ClockRate+Ticks(p.rng.IntN(50))*3600)
		}
		sound := pickOf(p, Ticks(0), ClockRate*16/15, 172800, 4*ClockRate, 6*ClockRate) // 0: cut as the picture is
		framed, later := p.rng.IntN(2) == 0, time.Duration(p.rng.IntN(400))*time.Millisecond
		for i := range p.config.Endpoints {
			p.config.Endpoints[i].SegmentDuration = pickOf(p, 6*time.Second, 10*time.Second)
		}
		p.cut = func(e *simulator) {
			e.length, e.cycle = cycle[0], cycle
			e.lates["v2"], e.lates["audio"] = later, later/2
			if sound != 0 && sound != e.length {
				e.lengths["audio"] = sound
			}
			if framed {
				e.frames["audio"] = 1920
			}
			p.longest = max(3*ClockRate, sound)
		}
		for _, name := range p.config.Inputs {
			p.begin(name, p.cut, 1<<32, time.Duration(p.rng.IntN(500))*time.Millisecond)
		}
		p.pass(150, 150)
		return 0, 0
	})
}
