package main

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// aired is a segment of the output.
type aired struct {
	entry
	seen   time.Time
	pieces []int
	jumps  int // of continuity counters
	// elsewhere: this rendition has a gap, and the pieces are those of another one.
	elsewhere bool
	fault     error // why it can't be read
}

// finding is something that must not be.
type finding struct {
	channel string
	kind    string // one of the kinds of findings
	at      time.Time
	piece   int // -1 if it is about none
	text    string
}

// verdict is what the check of a channel found.
type verdict struct {
	slots, pieces int
	absent, late  int // pieces that are rightly not on air, by reason
	rescued       int // on air although they were late
	breaks        int // discontinuities where media is missing
	elsewhere     int // slots that only another rendition has
	unseen        int // slots that were listed while nobody looked
	findings      []finding
	notes         []finding // what is not wrong, but may be of interest
}

// kinds of findings.
const (
	foundLost    = "lost"
	foundDouble  = "doubled"
	foundOrder   = "out of order"
	foundBreak   = "discontinuity without a reason"
	foundNoBreak = "missing media without a discontinuity"
	foundBack    = "number went back"
	foundChange  = "published segment changed"
	foundMedia   = "media is not what was sent"
	foundCounter = "continuity counters jump"
	foundDate    = "dates jump"
	foundLength  = "EXTINF is wrong"
	foundStalled = "stopped"
	foundAnswer  = "wrong answer"
	foundOrigin  = "origin"
	foundReplay  = "replay differs"

	noteLate = "late"
)

// check compares the output of a channel, in the order of its numbers, with what its
// encoders delivered.
func check(channel string, slots []aired, l *ledger, away outages) *verdict {
	v := &verdict{slots: len(slots)}
	find := func(s *aired, kind string, piece int, format string, args ...any) {
		at := s.seen
		if piece >= 0 {
			at = l.due(0, piece)
		}
		v.findings = append(v.findings, finding{channel, kind, at, piece, fmt.Sprintf("slot %d: ", s.sequence) + fmt.Sprintf(format, args...)})
	}
	last := -1            // piece
	var before *aired     // slot
	seen := map[int]int{} // slot by piece
	for i := range slots {
		s := &slots[i]
		// Without the slots before it, nothing is known of what should come.
		known := before != nil && s.sequence == before.sequence+1 && before.fault == nil
		if before != nil {
			v.unseen += s.sequence - before.sequence - 1
		}
		v.slot(s, before, known, l.length, find)
		if s.broken && known && len(s.pieces) > 0 && s.pieces[0] == last+1 {
			find(s, foundBreak, s.pieces[0], "piece %d follows %d, but there is a discontinuity between them", s.pieces[0], last)
		}
		for j, k := range s.pieces {
			v.pieces++
			if slot, twice := seen[k]; twice {
				find(s, foundDouble, k, "piece %d was in slot %d before", k, slot)
				continue
			}
			seen[k] = s.sequence
			if k <= last {
				find(s, foundOrder, k, "piece %d after %d", k, last)
				continue
			}
			if l.outcome(k, away) == late {
				v.rescued++
				v.notes = append(v.notes, finding{channel, noteLate, l.due(0, k), k, "on air"})
			}
			if (known || j > 0) && k > last+1 {
				v.missing(channel, last, k, j, s, l, away, find)
			}
			last = k
		}
		before = s
	}
	v.ends(channel, slots, l, last)
	return v
}

// slot checks what a slot says of itself.
func (v *verdict) slot(s, before *aired, known bool, length time.Duration, find func(*aired, string, int, string, ...any)) {
	if s.elsewhere {
		v.elsewhere++
	} else if s.gap {
		find(s, foundLost, -1, "is listed as a gap")
	}
	if s.fault != nil {
		find(s, foundMedia, -1, "%v", s.fault)
		return
	}
	if want := float64(len(s.pieces)) * length.Seconds(); !s.gap && math.Abs(s.seconds-want) > 0.05 {
		find(s, foundLength, s.pieces[0], "%.3f s for %d pieces", s.seconds, len(s.pieces))
	}
	if s.jumps > 0 {
		find(s, foundCounter, -1, "%d of them", s.jumps)
	}
	if !known {
		return
	}
	breaks := before.breaks
	if s.broken {
		breaks++
	}
	if s.breaks != breaks {
		find(s, foundChange, -1, "discontinuity sequence %d instead of %d", s.breaks, breaks)
	}
	end := before.date.Add(time.Duration(before.seconds * float64(time.Second)))
	if off := s.date.Sub(end); !s.broken && off.Abs() > 250*time.Millisecond {
		find(s, foundDate, -1, "%s after the end of the one before", off)
	}
}

// missing judges the pieces between two that are on air; j is the position of the later one
// in its slot.
func (v *verdict) missing(channel string, last, k, j int, s *aired, l *ledger, away outages, find func(*aired, string, int, string, ...any)) {
	for p := last + 1; p < k; p++ {
		switch l.outcome(p, away) {
		case absent:
			v.absent++
		case late:
			v.late++
			v.notes = append(v.notes, finding{channel, noteLate, l.due(0, p), p, "not on air"})
		case delivered:
			find(s, foundLost, p, "piece %d is not on air: %d is followed by %d", p, last, k)
		}
	}
	if j > 0 || !s.broken {
		find(s, foundNoBreak, k, "%d is followed by %d", last, k)
		return
	}
	v.breaks++
}

// ends checks that a channel began when it could, and went on until the end.
func (v *verdict) ends(channel string, slots []aired, l *ledger, last int) {
	first := l.first()
	if first < 0 {
		return
	}
	stalled := func(piece int, format string, args ...any) {
		v.findings = append(v.findings, finding{channel, foundStalled, l.due(0, piece), piece, fmt.Sprintf(format, args...)})
	}
	begun := slices.IndexFunc(slots, func(s aired) bool { return len(s.pieces) > 0 })
	if begun < 0 {
		stalled(first, "nothing was ever on air; piece %d was delivered", first)
		return
	}
	if k := slots[begun].pieces[0]; k > first+atBegin {
		stalled(first, "the first piece on air is %d; %d was delivered", k, first)
	}
	if end := l.last(); last < end-atEnd-int(math.Ceil(l.delay.Seconds()/l.length.Seconds())) {
		stalled(last+1, "the last piece on air is %d; %d was delivered", last, end)
	}
}

const (
	// atBegin is how many pieces may be missing at the very beginning: the first encoder to
	// be heard has its own first piece.
	atBegin = 2
	// atEnd is how many may not be on air yet when the run ends, besides those of the delay: a slot has two.
	atEnd = 2
)
