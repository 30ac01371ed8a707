package channel

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/liveorigin/caddy-live-origin/store"
	"github.com/liveorigin/caddy-live-origin/store/memory"
)

// Two nodes append to one journal: each record is written once, and who comes second
// knows what the other one wrote before it tries again.
func TestAConflictIsReadBeforeTheNextAppend(t *testing.T) {
	st := memory.Open(1 << 20)
	defer st.Close()
	type note struct{ Text string }
	open := func(seen *[]string) *journal[note] {
		j, err := openJournal(t.Context(), st, "notes", "notes", func(revision uint64, n note) error {
			*seen = append(*seen, fmt.Sprint(revision, " ", n.Text))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return j
	}
	var seenA, seenB []string
	a, b := open(&seenA), open(&seenB)
	for _, text := range []string{"one", "two"} {
		if _, err := a.append(t.Context(), note{text}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.append(t.Context(), note{"three"}); !errors.Is(err, store.ErrConflict) {
		t.Fatalf("append behind what is not known: %v", err)
	}
	if want := []string{"1 one", "2 two"}; !slices.Equal(seenB, want) {
		t.Errorf("b has seen %q", seenB)
	}
	if revision, err := b.append(t.Context(), note{"three"}); err != nil || revision != 3 {
		t.Errorf("revision %d, %v", revision, err)
	}
	// A journal of which nothing is left goes on where it was.
	if err := b.forget(4); err != nil {
		t.Fatal(err)
	}
	var late []string
	if c := open(&late); c.revision != 3 {
		t.Errorf("opened at revision %d after %q", c.revision, late)
	}
}
