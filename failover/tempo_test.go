package failover

import "testing"

// A generation that is put elsewhere on the channel's clock, by however much, does not fall behind.
func TestMovingAGenerationIsNotSlow(t *testing.T) {
	const length = 2 * ClockRate
	for _, by := range []Ticks{-28 * ClockRate, 0, 28 * ClockRate} {
		g := &generation{input: newInput(&Channel{}, "a")}
		var lately tempo
		for n := range Ticks(40) {
			if n == 13 {
				g.move(by)
			}
			// Each is later than the one before, by much less than a slow encoder's.
			end := (n + 1) * length
			lately.follow(end+n*20, &segment{generation: g, start: end - length, end: end})
		}
		if lost := lately.lost(40 * length); lost <= 0 || lost > slowLost/4 {
			t.Errorf("moved by %v s: lost %v ticks within a minute", by/ClockRate, lost)
		}
	}
}
