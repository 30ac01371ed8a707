package channel

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// The journal of all nodes keeps what a startover window still holds, also where that is far longer than
// what nodes remember of it, and somewhat more. Histories have been replaced meanwhile.
func TestTheJournalOfAllNodesKeepsTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		defer s.end()
		l := s.start("n1").nodes.ledger
		journal, err := s.quorum.Journal(t.Context(), "sports/long")
		if err != nil {
			t.Fatal(err)
		}
		const last = 5 * ledgerKept
		revision := uint64(0)
		write := func(from, to int, history string) {
			for n := from; n <= to; n++ {
				text, err := json.Marshal(record{Link: &link{Number: uint64(n), ID: fmt.Sprint(history, n)}})
				if err != nil {
					t.Fatal(err)
				}
				if revision, err = journal.Append(t.Context(), revision, text); err != nil {
					t.Fatal(err)
				}
			}
		}
		write(1, last/4, "a")
		write(last/4-30, last/2, "b")
		write(last/2-50, last, "c")
		p := l.page("long")
		if err := l.readOn(t.Context(), "long", p, true); err != nil {
			t.Fatal(err)
		}
		for _, number := range []uint64{300, last/4 + 100, last/2 - 20, last/2 + 30, last - ledgerKept - 10, last - 10} {
			before := firstOf(t, s)
			l.forget("long", number)
			time.Sleep(time.Second)
			first := firstOf(t, s)
			// The store forgets when that frees more than it copies.
			if kept := last - number; first > number || first < before || number-first > kept+kept/forgetEvery+100 {
				t.Errorf("it begins with record %d, and the window with %d", first, number)
			}
		}
	})
}

// firstOf is the number of the first record.
func firstOf(t *testing.T, s *site) (number uint64) {
	t.Helper()
	journal, err := s.quorum.Journal(t.Context(), "sports/long")
	if err == nil {
		number, err = firstNumber(t.Context(), journal)
	}
	if err != nil && !errors.Is(err, errEnough) {
		t.Fatal(err)
	}
	return number
}
