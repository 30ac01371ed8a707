package failover

import "time"

// tempo follows how late an input's media comes, to detect one that falls behind.
type tempo struct {
	generation *generation
	length     Ticks  // of a segment
	arrivals   []beat // of as much time as is looked at, in order
}

// beat is when a segment of the generation came, and how late that was by the generation's own
// clock, which is not moved when its place on the channel's clock is. Of segments that come in
// quick succession it is the earliest.
type beat struct{ at, late Ticks }

// How much of the past is looked at, in quarters of a minute: the minute itself, and two
// stretches in which a loss that comes in steps has to show, each a little longer than that.
const (
	paceMinute  = 4
	paceStretch = 5
	paceTotal   = 2*paceStretch + 1
)

// quarter is a quarter of a minute, or three segments where these are long: jitter shows in a
// single one.
func (t *tempo) quarter() Ticks { return max(slowOver/paceMinute, 3*t.length) }

// follow takes a segment of the leading rendition into account.
func (t *tempo) follow(now Ticks, s *segment) {
	if t.generation != s.generation {
		*t = tempo{generation: s.generation}
	}
	t.length = s.rendition.length
	late := now - s.end
	if n := len(t.arrivals); n > 0 {
		if last := &t.arrivals[n-1]; now-last.at < paceTotal*t.quarter()/slowBeats {
			last.late = min(last.late, late)
			return
		}
	}
	drop := 0
	for drop < len(t.arrivals) && (now-t.arrivals[drop].at > paceTotal*t.quarter() || len(t.arrivals)-drop >= slowBeats) {
		drop++
	}
	t.arrivals = append(t.arrivals[drop:], beat{now, late})
}

// paces are how late media came in each quarter, the last one first: at least, and at most. The
// earliest arrival counts, so that jitter does not, and neither does an outage after which
// everything comes in a burst.
type paces struct {
	quarter    Ticks
	late, most [paceTotal]Ticks
	known      [paceTotal]bool
}

func (t *tempo) paces(now Ticks) (p paces) {
	p.quarter = t.quarter()
	for _, b := range t.arrivals {
		i := (now - b.at) / p.quarter
		if i < 0 || i >= paceTotal {
			continue
		}
		if !p.known[i] {
			p.late[i], p.most[i], p.known[i] = b.late, b.late, true
		}
		p.late[i], p.most[i] = min(p.late[i], b.late), max(p.most[i], b.late)
	}
	return p
}

// lost is how much later media came in one quarter than in an earlier one, per minute that
// lies between them.
func (p *paces) lost(from, to int) (lost Ticks, ok bool) {
	if !p.known[from] || !p.known[to] {
		return 0, false
	}
	return (p.late[to] - p.late[from]) * slowOver / (p.quarter * Ticks(from-to)), true
}

// lost is by how much the media falls behind in a minute. It is 0 unless it did so in each
// quarter of the last one, or in each of two stretches that together are longer: a single
// outage that the encoder never makes up for is over.
func (t *tempo) lost(now Ticks) Ticks {
	p := t.paces(now)
	if first, ok := p.lost(2*paceStretch, paceStretch); ok {
		if second, ok := p.lost(paceStretch, 0); ok && min(first, second) > 0 {
			return max(min(first, second), p.steadily())
		}
	}
	return p.steadily()
}

// steadily is how much is lost in a minute in which each quarter was later than the one before,
// and all of the last one later than all of the first. With more jitter than that it takes longer
// to tell.
func (p *paces) steadily() Ticks {
	if p.late[0] <= p.most[paceMinute-1] {
		return 0
	}
	for i := range paceMinute - 1 {
		if lost, ok := p.lost(i+1, i); !ok || lost <= 0 {
			return 0
		}
	}
	lost, _ := p.lost(paceMinute-1, 0)
	return lost
}

// keeps reports whether the media comes as it did: not later than at any time that is
// remembered. An input that was held up once has not fallen behind for that, but others are
// not measured by it for a while.
func (t *tempo) keeps(now Ticks) bool {
	p := t.paces(now)
	overall, _ := p.lost(2*paceStretch, 0)
	return len(t.arrivals) > 0 && max(overall, p.steadily()) < slowLost/4
}

// checkTempo finds inputs that fall behind while another one keeps pace.
func (c *Channel) checkTempo(now time.Time) {
	if c.now.Sub(c.paced) < slowStep {
		return
	}
	c.paced = now
	at, keeps := TicksAt(now), 0
	for _, in := range c.inputs {
		if in.up && in.tempo.keeps(at) {
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
