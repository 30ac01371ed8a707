package main

import (
	"fmt"
	"strings"
	"sync"
	"time"
)

// delivery is what became of a piece at one encoder.
type delivery struct {
	fault          faultKind // empty if all is well
	sent           time.Time // for the first time
	stored, listed time.Time // when the upload of the segment, and of a playlist with it, was acknowledged
	node           string    // that has the segment
	attempts       int
	answer         string // if it was refused
}

// whole is when all of it had arrived, zero if it never did.
func (d *delivery) whole() time.Time {
	if d.fault.unsound() || d.stored.IsZero() || d.listed.IsZero() {
		return time.Time{}
	}
	if d.listed.After(d.stored) {
		return d.listed
	}
	return d.stored
}

// ledger is what the encoders of a channel delivered, and when.
type ledger struct {
	begin  time.Time     // of piece 0
	length time.Duration // of a piece
	phase  [2]time.Duration
	delay  time.Duration // of the endpoint

	mu     sync.Mutex
	pieces [2][]delivery
}

func makeLedger(begin time.Time, length time.Duration, pieces int) *ledger {
	l := &ledger{begin: begin, length: length}
	for i := range l.pieces {
		l.pieces[i] = make([]delivery, pieces)
	}
	return l
}

// due is when an encoder without a fault sends a piece: when it has all of it.
func (l *ledger) due(input, piece int) time.Time {
	return l.begin.Add(time.Duration(piece+1)*l.length + l.phase[input])
}

// note changes an entry.
func (l *ledger) note(input, piece int, change func(*delivery)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if piece >= 0 && piece < len(l.pieces[input]) {
		change(&l.pieces[input][piece])
	}
}

// outcome says how much of a right to be on air a piece has.
type outcome int

const (
	// absent: no encoder delivered it soundly.
	absent outcome = iota
	// late: when it arrived, it was rightly given up.
	late
	// delivered: it must be on air.
	delivered
)

const (
	// inTime is how long after it was due a piece may be whole to count as delivered: less than
	// the endpoints' grace, which is half of an output segment of 2 s at least.
	inTime = 700 * time.Millisecond
	// comeback is how long, after the origin is back, what it missed may take.
	comeback = 3 * time.Second
	// alone is how long one of several nodes may be the only one that has a segment: until the slot
	// is decided, and the others have fetched it.
	alone = 3 * time.Second
)

// outages are what excuses that a piece is not on air.
type outages struct {
	away   []span                 // when there was no origin
	killed map[string][]time.Time // nodes of several, by address, with what only they had
}

// took reports whether a segment went with the node that had it, which the others get when its slot is
// due, after the endpoint's delay.
func (o outages) took(d *delivery, delay time.Duration) bool {
	for _, at := range o.killed[d.node] {
		if at.After(d.stored) && at.Before(d.whole().Add(alone+delay)) {
			return true
		}
	}
	return false
}

// outcome judges a piece.
func (l *ledger) outcome(piece int, o outages) outcome {
	l.mu.Lock()
	defer l.mu.Unlock()
	best := absent
	for input := range l.pieces {
		if piece >= len(l.pieces[input]) {
			continue
		}
		d := &l.pieces[input][piece]
		whole := d.whole()
		if whole.IsZero() {
			continue
		}
		best = max(best, late)
		if !whole.After(l.deadline(input, piece, o.away)) && !o.took(d, l.delay) {
			return delivered
		}
	}
	return best
}

// deadline is until when a piece counts as delivered. Encoders hold what an origin that is
// away does not take.
func (l *ledger) deadline(input, piece int, away []span) time.Time {
	due := l.due(input, piece)
	deadline := due.Add(inTime)
	for _, s := range away {
		if deadline.Before(s.from) || due.After(s.to.Add(comeback/3)) {
			continue
		}
		if back := s.to.Add(comeback); back.After(deadline) {
			deadline = back
		}
	}
	return deadline
}

// last is the last piece that any encoder delivered, -1 if there is none.
func (l *ledger) last() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	for k := len(l.pieces[0]) - 1; k >= 0; k-- {
		if !l.pieces[0][k].whole().IsZero() || !l.pieces[1][k].whole().IsZero() {
			return k
		}
	}
	return -1
}

// first is the first piece that any encoder delivered, -1 if there is none.
func (l *ledger) first() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	for k := range l.pieces[0] {
		if !l.pieces[0][k].whole().IsZero() || !l.pieces[1][k].whole().IsZero() {
			return k
		}
	}
	return -1
}

// tell describes what the encoders did with a piece.
func (l *ledger) tell(piece int) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var b strings.Builder
	for input, pieces := range l.pieces {
		if piece < 0 || piece >= len(pieces) {
			continue
		}
		d := &pieces[piece]
		due := l.due(input, piece)
		fmt.Fprintf(&b, "  piece %d, encoder %s, due %s: ", piece, inputNames[input], due.Format(clockFormat))
		if d.fault != "" {
			fmt.Fprintf(&b, "%s; ", d.fault)
		}
		after := func(t time.Time) string {
			if t.IsZero() {
				return "never"
			}
			return fmt.Sprintf("%+d ms", t.Sub(due).Milliseconds())
		}
		fmt.Fprintf(&b, "sent %s, stored %s, listed %s", after(d.sent), after(d.stored), after(d.listed))
		if d.attempts > 1 {
			fmt.Fprintf(&b, ", %d attempts", d.attempts)
		}
		if d.answer != "" {
			fmt.Fprintf(&b, ", %s", d.answer)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

var inputNames = [2]string{"a", "b"}

// clockFormat is a time of day, as precise as findings need.
const clockFormat = "15:04:05.000"

// span is a stretch of time.
type span struct{ from, to time.Time }
