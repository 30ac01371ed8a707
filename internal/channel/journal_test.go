package channel

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/liveorigin/caddy-live-origin/store"
	"github.com/liveorigin/caddy-live-origin/store/memory"
)

// note is a record.
type note struct{ Text string }

// openNotes opens a journal of notes and appends what it holds to seen.
func openNotes(t *testing.T, st store.Store, seen *[]string) *journal[note] {
	t.Helper()
	j, err := openJournal(t.Context(), st, "notes", "notes", &unfinished{}, nil, func(revision uint64, n note) error {
		*seen = append(*seen, fmt.Sprint(revision, " ", n.Text))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// appendNotes gives each of some notes a place.
func appendNotes(t *testing.T, j *journal[note], notes ...string) (revision uint64) {
	t.Helper()
	for _, text := range notes {
		var err error
		if revision, err = j.append(note{text}); err != nil {
			t.Fatal(err)
		}
	}
	return revision
}

// Records are written in order, when it is asked for, and a journal of which nothing is left goes on
// where it was.
func TestAJournalIsWrittenLater(t *testing.T) {
	st := memory.Open(1 << 20)
	defer st.Close()
	var first, second, third []string
	j := openNotes(t, st, &first)
	if revision := appendNotes(t, j, "one", "two"); revision != 2 {
		t.Errorf("the second record has revision %d", revision)
	}
	if last, err := j.records.Last(t.Context()); err != nil || last != 0 {
		t.Errorf("%d records were written at once, %v", last, err)
	}
	if !slices.Equal(j.later.journals, []*backlog{j.backlog}) {
		t.Errorf("to be written later: %v", j.later.journals)
	}
	if err := j.write(); err != nil {
		t.Fatal(err)
	}
	openNotes(t, st, &second)
	if want := []string{"1 one", "2 two"}; len(first) > 0 || !slices.Equal(second, want) {
		t.Errorf("read first %q, then %q", first, second)
	}
	j.forget(3)
	if want := []unneeded{{j.backlog, 3}}; !slices.Equal(j.later.forgets, want) {
		t.Errorf("to be forgotten later: %v", j.later.forgets)
	}
	if err := j.shorten(3); err != nil {
		t.Fatal(err)
	}
	if again := openNotes(t, st, &third); again.revision != 2 || len(third) > 0 {
		t.Errorf("opened at revision %d after %q", again.revision, third)
	}
}

// failing is a store whose journals fail, or wait, before a record is written.
type failing struct {
	store.Store
	before func() error
	after  func() error
	// refuse is the name of a journal that can't be opened.
	refuse string
	// short: of the records that are appended next, the store takes only so many.
	short bool
	takes int
}

func (f *failing) Persistent() bool { return true }

func (f *failing) Journal(ctx context.Context, name string) (store.Journal, error) {
	if name == f.refuse {
		return nil, errors.New("input/output error")
	}
	j, err := f.Store.Journal(ctx, name)
	return failingJournal{j, f}, err
}

type failingJournal struct {
	store.Journal
	store *failing
}

func (j failingJournal) Append(ctx context.Context, last uint64, records ...[]byte) (uint64, error) {
	if j.store.short && len(records) > j.store.takes {
		j.store.short = false
		if _, err := j.Journal.Append(ctx, last, records[:j.store.takes]...); err != nil {
			return 0, err
		}
		return 0, errors.New("the disk is full")
	}
	if j.store.before != nil {
		if err := j.store.before(); err != nil {
			return 0, err
		}
	}
	revision, err := j.Journal.Append(ctx, last, records...)
	if j.store.after != nil && err == nil {
		err = j.store.after()
	}
	return revision, err
}

// onFullDisk is a store on a disk that is full whenever it is said so.
func onFullDisk() (st *failing, full *atomic.Bool) {
	full = new(atomic.Bool)
	return &failing{Store: memory.Open(64 << 20), before: func() error {
		if full.Load() {
			return errors.New("the disk is full")
		}
		return nil
	}}, full
}

// openOn opens a channel with one endpoint on a store, which outlives it.
func openOn(t *testing.T, st store.Store) *Channel {
	t.Helper()
	c, err := Open(t.Context(), testConfig(shortEndpoint()), st)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A record that the disk refuses is missing, or is there although it said so: those after it come
// behind what is there, and nothing is forgotten that was not meant.
func TestAJournalGoesOnAfterAnError(t *testing.T) {
	errDisk := errors.New("the disk is full")
	once := func() func() error {
		done := false
		return func() error {
			if done {
				return nil
			}
			done = true
			return errDisk
		}
	}
	for _, test := range []struct {
		what          string
		before, after func() error
		all           []string
	}{
		{what: "not written", before: once(), all: []string{"1 two", "2 three", "3 four"}},
		{what: "written all the same", after: once(), all: []string{"1 one", "2 two", "3 three", "4 four"}},
	} {
		t.Run(test.what, func(t *testing.T) {
			st := &failing{Store: memory.Open(1 << 20), before: test.before, after: test.after}
			defer st.Close()
			var seen, all, left []string
			j := openNotes(t, st, &seen)
			appendNotes(t, j, "one")
			if err := j.write(); !errors.Is(err, errDisk) {
				t.Errorf("%v", err)
			}
			third := appendNotes(t, j, "two", "three", "four") - 1
			if err := j.write(); err != nil {
				t.Error(err)
			}
			openNotes(t, st, &all)
			if !slices.Equal(all, test.all) {
				t.Errorf("the journal holds %q", all)
			}
			if err := j.shorten(third); err != nil {
				t.Error(err)
			}
			openNotes(t, st, &left)
			if n := len(test.all); !slices.Equal(left[max(0, len(left)-2):], test.all[n-2:]) {
				t.Errorf("of %q, there is %q", test.all, left)
			}
		})
	}
}

// A disk that is full takes some of the records which are written at once. Each of them is there once, in
// order.
func TestRecordsOfWhichTheDiskTakesSome(t *testing.T) {
	for _, takes := range []int{0, 1, 2} {
		st := &failing{Store: memory.Open(1 << 20), takes: takes}
		defer st.Close()
		var seen, all []string
		j := openNotes(t, st, &seen)
		st.short = true
		appendNotes(t, j, "one", "two", "three")
		if err := j.write(); err != nil {
			t.Error(err)
		}
		appendNotes(t, j, "four")
		if err := j.write(); err != nil {
			t.Error(err)
		}
		if openNotes(t, st, &all); !slices.Equal(all, []string{"1 one", "2 two", "3 three", "4 four"}) {
			t.Errorf("the disk took %d at first, and the journal holds %q", takes, all)
		}
	}
}

// Facts that are written again, so that the old ones can go, are lost with a full disk: then those stay, until it
// has them.
func TestNothingIsForgottenForWhatIsNotWritten(t *testing.T) {
	full := false
	st := &failing{Store: memory.Open(1 << 20), before: func() error {
		if full {
			return errors.New("the disk is full")
		}
		return nil
	}}
	defer st.Close()
	var seen, kept, left []string
	j := openNotes(t, st, &seen)
	again := func() error {
		first := appendNotes(t, j, "one", "two", "three") - 2
		err := j.write()
		return errors.Join(err, j.shorten(first))
	}
	if err := again(); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		appendNotes(t, j, "three")
	}
	if err := j.write(); err != nil {
		t.Fatal(err)
	}
	full = true
	if err := again(); err == nil {
		t.Error("a full disk has taken it")
	}
	if openNotes(t, st, &kept); len(kept) == 0 || kept[0] != "1 one" {
		t.Errorf("of three facts there is %q", kept)
	}
	full = false
	if err := errors.Join(again(), again()); err != nil {
		t.Fatal(err)
	}
	if openNotes(t, st, &left); len(left) > 6 || len(left) < 3 {
		t.Errorf("of three facts there is %q", left)
	}
}

// A disk that does not answer is not waited for with ever more records.
func TestABacklogHasALimit(t *testing.T) {
	st := memory.Open(64 << 20)
	defer st.Close()
	var seen []string
	j := openNotes(t, st, &seen)
	for range backlogAtMost {
		appendNotes(t, j, "x")
	}
	if _, err := j.append(note{"y"}); !errors.Is(err, errBacklog) {
		t.Errorf("one more: %v", err)
	}
	if err := j.write(); err != nil {
		t.Fatal(err)
	}
	// What comes then is not taken for what is missing.
	last := appendNotes(t, j, "z")
	if err := errors.Join(j.write(), j.shorten(last)); err != nil {
		t.Fatal(err)
	}
	openNotes(t, st, &seen)
	if len(seen) == 0 || !strings.HasSuffix(seen[len(seen)-1], " z") {
		t.Errorf("of %d records, the last one is not there", last)
	}
}

// Nor with ever more bytes: a multivariant playlist is a record, and may be long.
func TestABacklogHasALimitOfBytes(t *testing.T) {
	st := memory.Open(64 << 20)
	defer st.Close()
	var seen []string
	j := openNotes(t, st, &seen)
	const size = 1 << 20
	for n := range 2 * backlogBytes / size {
		if _, err := j.append(note{strings.Repeat("x", size)}); (err != nil) != (n >= backlogBytes/size-1) {
			t.Errorf("record %d: %v", n+1, err)
		}
	}
	if err := j.write(); err != nil {
		t.Fatal(err)
	}
	appendNotes(t, j, "y")
}

// A disk that refuses a thousand records is told of in one line.
func TestManyRecordsThatFailAreOneError(t *testing.T) {
	st := &failing{Store: memory.Open(1 << 20), before: func() error { return errors.New("the disk is full") }}
	defer st.Close()
	var seen []string
	j := openNotes(t, st, &seen)
	for range 1000 {
		appendNotes(t, j, "x")
	}
	if err := j.write(); err == nil || err.Error() != "append to journal of notes: the disk is full (and 999 more records)" {
		t.Errorf("%.200v", err)
	}
}
