package file_test

import (
	"bytes"
	"fmt"
	"os"
	"testing"

	"github.com/liveorigin/caddy-live-origin/internal/needs"
	"github.com/liveorigin/caddy-live-origin/store/file"
)

// A disk may fail once, so that nobody knows what became of a record: the journal takes the next one, and
// nothing that it has acknowledged is lost, now or when it is opened again. A record that was refused is not
// there, also where the disk has written it.
func TestAJournalOutlivesAnErrorOfTheDisk(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		needs.Missing(t, "there is no /dev/full")
	}
	for what, written := range map[string][]byte{"not written": nil, "written all the same": []byte("refused")} {
		t.Run(what, func(t *testing.T) {
			dir := t.TempDir()
			st := mustOpen(t, file.Options{Dir: dir, Warn: func(err error) { t.Error(err) }})
			j, err := st.Journal(t.Context(), "ch/j")
			if err != nil {
				t.Fatal(err)
			}
			last := uint64(0)
			put := func() {
				t.Helper()
				if last, err = j.Append(t.Context(), last, record(last+1)); err != nil {
					t.Fatal(err)
				}
			}
			for _, before := range []int{0, 3, 2, 1} { // 0: the first record
				for range before {
					put()
				}
				if err := st.Spoil("ch/j", written); err != nil {
					t.Fatal(err)
				}
				if _, err := j.Append(t.Context(), last, []byte("refused")); err == nil {
					t.Fatal("the disk has failed, and the record is acknowledged")
				}
			}
			put()
			check := func() {
				t.Helper()
				want := uint64(1)
				err := j.Read(t.Context(), 0, func(revision uint64, b []byte) error {
					if revision != want || !bytes.Equal(b, record(revision)) {
						return fmt.Errorf("record %d is %q", revision, b)
					}
					want++
					return nil
				})
				if err != nil || want != last+1 {
					t.Errorf("%d of %d records are there, %v", want-1, last, err)
				}
			}
			check()
			used := st.Usage().Bytes
			if err := st.Close(); err != nil {
				t.Fatal(err)
			}
			st = mustOpen(t, file.Options{Dir: dir, Warn: func(err error) { t.Error(err) }})
			defer st.Close()
			if j, err = st.Journal(t.Context(), "ch/j"); err != nil {
				t.Fatal(err)
			}
			if again := st.Usage().Bytes; again != used {
				t.Errorf("%d bytes are used, and %d after it was opened again", used, again)
			}
			check()
			if err := j.Forget(t.Context(), last); err != nil {
				t.Fatal(err)
			}
			put()
			if n, err := j.Last(t.Context()); err != nil || n != last {
				t.Errorf("the last record is %d, not %d, %v", n, last, err)
			}
		})
	}
}
