package main

import (
	"errors"
	"testing"
	"time"
)

const testPieces = 20

var testBegin = time.Date(2026, 5, 1, 20, 0, 0, 0, time.UTC)

// testLedger is one of encoders that delivered everything at once.
func testLedger() *ledger {
	l := makeLedger(testBegin, 2*time.Second, testPieces)
	for input := range l.pieces {
		for k := range l.pieces[input] {
			at := l.due(input, k).Add(10 * time.Millisecond)
			l.pieces[input][k] = delivery{sent: at, stored: at, listed: at}
		}
	}
	return l
}

// lose takes a piece from both encoders.
func (l *ledger) lose(k int) {
	for input := range l.pieces {
		l.pieces[input][k] = delivery{fault: faultBoth}
	}
}

// testOutput is all of it on air, two pieces in each slot.
func testOutput() []aired {
	var slots []aired
	for k := 0; k < testPieces; k += 2 {
		n := k / 2
		slots = append(slots, aired{
			entry:  entry{sequence: 100 + n, uri: "x", seconds: 4, date: testBegin.Add(time.Duration(n) * 4 * time.Second), breaks: 7},
			pieces: []int{k, k + 1},
		})
	}
	return slots
}

func kindsOf(v *verdict) map[string]int {
	kinds := map[string]int{}
	for _, f := range v.findings {
		kinds[f.kind]++
	}
	return kinds
}

func TestCheckPassesWhatIsRight(t *testing.T) {
	v := check("c", testOutput(), testLedger(), outages{})
	if len(v.findings) > 0 {
		t.Fatalf("%+v", v.findings)
	}
	if v.slots != 10 || v.pieces != testPieces {
		t.Fatalf("%+v", v)
	}
}

func TestCheckNotices(t *testing.T) {
	tests := map[string]struct {
		change func([]aired) []aired
		want   string
	}{
		"lost piece": {func(s []aired) []aired {
			s[3].pieces, s[3].seconds = []int{6}, 2
			return s
		}, foundLost},
		"lost slot": {func(s []aired) []aired {
			s = append(s[:3], s[4:]...)
			for i := 3; i < len(s); i++ {
				s[i].sequence--
			}
			return s
		}, foundLost},
		"doubled piece":          {func(s []aired) []aired { s[4].pieces = []int{7, 8}; return s }, foundDouble},
		"older piece":            {func(s []aired) []aired { s[4].pieces = []int{9, 8}; return s }, foundOrder},
		"gap":                    {func(s []aired) []aired { s[4].gap, s[4].pieces = true, nil; return s }, foundLost},
		"needless discontinuity": {func(s []aired) []aired { return breakAt(s, 4) }, foundBreak},
		"missing discontinuity": {func(s []aired) []aired {
			s[4].pieces, s[4].seconds = []int{9}, 2
			return s
		}, foundNoBreak},
		"discontinuity number": {func(s []aired) []aired { s[4].breaks = 6; return s }, foundChange},
		"unreadable media":     {func(s []aired) []aired { s[4].fault = errors.New("no"); return s }, foundMedia},
		"counters":             {func(s []aired) []aired { s[4].jumps = 1; return s }, foundCounter},
		"date":                 {func(s []aired) []aired { s[4].date = s[4].date.Add(time.Second); return s }, foundDate},
		"length":               {func(s []aired) []aired { s[4].seconds = 3; return s }, foundLength},
		"end":                  {func(s []aired) []aired { return s[:7] }, foundStalled},
		"nothing":              {func([]aired) []aired { return nil }, foundStalled},
		"late beginning":       {func(s []aired) []aired { return s[2:] }, foundStalled},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			v := check("c", test.change(testOutput()), testLedger(), outages{})
			if kindsOf(v)[test.want] == 0 {
				t.Fatalf("%q was not found, but %+v", test.want, v.findings)
			}
		})
	}
}

// breakAt puts a discontinuity before a slot.
func breakAt(s []aired, at int) []aired {
	s[at].broken = true
	for i := at; i < len(s); i++ {
		s[i].breaks++
	}
	return s
}

func TestCheckForgivesWhatNobodyDelivered(t *testing.T) {
	l := testLedger()
	l.lose(8)
	l.lose(9)
	slots := breakAt(testOutput(), 5)
	slots = append(slots[:4], slots[5:]...)
	for i := 4; i < len(slots); i++ {
		slots[i].sequence--
	}
	v := check("c", slots, l, outages{})
	if len(v.findings) > 0 || v.absent != 2 || v.breaks != 1 {
		t.Fatalf("%+v", v)
	}
}

func TestCheckCountsWhatNobodyLookedAt(t *testing.T) {
	slots := testOutput()
	slots = append(slots[:4], slots[6:]...)
	v := check("c", slots, testLedger(), outages{})
	if len(v.findings) > 0 || v.unseen != 2 {
		t.Fatalf("%+v", v)
	}
}
