package nodes

import "time"

// clock estimates how far away another node is and how its clock stands, as NTP does: from
// beats that come back with the time for which the other held them. The shortest round trip
// of the last beats knows it best.
type clock struct {
	samples [64]sample // five seconds of beats
	count   int
}

type sample struct {
	trip  time.Duration // there and back, without what it was held
	ahead time.Duration
}

// heard takes a beat that was sent at a time of the other's clock, and arrived now after a
// round trip.
func (c *clock) heard(trip time.Duration, at, now time.Time) {
	if trip < 0 {
		return
	}
	s := sample{trip: trip, ahead: at.Add(trip / 2).Sub(now)}
	if best, ok := c.best(); ok {
		// Both are right to within half their round trips, or a clock has stepped.
		apart := (s.ahead - best.ahead).Abs()
		if apart > (s.trip+best.trip)/2+2*time.Millisecond {
			c.count = 0
		}
	}
	c.samples[c.count%len(c.samples)] = s
	c.count++
}

func (c *clock) best() (sample, bool) {
	if c.count == 0 {
		return sample{}, false
	}
	best := c.samples[0]
	for _, s := range c.samples[1:min(c.count, len(c.samples))] {
		if s.trip < best.trip {
			best = s
		}
	}
	return best, true
}

// beats remembers when this node sent its last beats.
type beats struct {
	number uint64
	sent   [64]time.Time
}

func (b *beats) next(now time.Time) {
	b.number++
	b.sent[b.number%uint64(len(b.sent))] = now
}

// at is when a beat was sent, if it was one of the last.
func (b *beats) at(number uint64) (time.Time, bool) {
	if number == 0 || number > b.number || b.number-number >= uint64(len(b.sent)) {
		return time.Time{}, false
	}
	return b.sent[number%uint64(len(b.sent))], true
}
