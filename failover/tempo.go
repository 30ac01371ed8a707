package failover

import "time"

// tempo follows how late an input's media comes, to detect one that falls behind.
type tempo struct {
	generation *generation
	arrivals   []beat // of the last minute and a bit, in order
}

// beat is when a segment of the generation came, and how late that was by the generation's own
// clock, which is not moved when its place on the channel's clock is.
type beat struct{ at, late Ticks }

// follow takes a segment of the leading rendition into account.
func (t *tempo) follow(now Ticks, s *segment) {
	if t.generation != s.generation {
		*t = tempo{generation: s.generation}
	}
	drop := 0
	for drop < len(t.arrivals) && (now-t.arrivals[drop].at > slowOver+slowOver/4 || len(t.arrivals)-drop >= slowBeats) {
		drop++
	}
	t.arrivals = append(t.arrivals[drop:], beat{now, now - s.end})
}

// lost is by how much the media has fallen behind within the last minute: 0 unless it
// did so all the time. The earliest arrival of each quarter counts, so that jitter and a
// single outage do not.
func (t *tempo) lost(now Ticks) Ticks {
	var quarters [4]Ticks
	var known [4]bool
	for _, b := range t.arrivals {
		i := 3 - int((now-b.at)/(slowOver/4))
		if i < 0 || i > 3 {
			continue
		}
		if !known[i] || b.late < quarters[i] {
			quarters[i], known[i] = b.late, true
		}
	}
	for i := range quarters {
		if !known[i] || i > 0 && quarters[i] <= quarters[i-1] {
			return 0
		}
	}
	// Three quarters lie between the first and the last.
	return (quarters[3] - quarters[0]) * 4 / 3
}

// checkTempo finds inputs that fall behind while another one keeps pace.
func (c *Channel) checkTempo(now time.Time) {
	if c.now.Sub(c.paced) < slowStep {
		return
	}
	c.paced = now
	at, keeps := TicksAt(now), 0
	for _, in := range c.inputs {
		if in.up && len(in.tempo.arrivals) > 0 && in.tempo.lost(at) < slowLost/4 {
			keeps++
		}
	}
	for _, in := range c.inputs {
		falls := in.up && keeps > 0 && in.tempo.lost(at) > slowLost
		if falls && !in.falls {
			c.emit(Degraded{Time: now, Input: in.name, Defects: []Defect{DefectSlow}, Detail: "its media gains less than 0.98 s per second, and another input keeps pace"})
		}
		in.falls = falls
	}
}
