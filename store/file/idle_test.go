package file_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/liveorigin/caddy-live-origin/internal/needs"
	"github.com/liveorigin/caddy-live-origin/store/file"
)

// Channels come and go, and their journals stay, as their numbers are not to be used again: those that nobody
// writes to take no file of the process, and go on when their channel is back.
func TestIdleJournalsTakeNoFiles(t *testing.T) {
	files := func() int {
		list, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			needs.Missing(t, err.Error())
		}
		return len(list)
	}
	const many = 100
	dir := t.TempDir()
	st := mustOpen(t, file.Options{Dir: dir})
	before := files()
	put := func(n int, last uint64) {
		t.Helper()
		j, err := st.Journal(t.Context(), fmt.Sprint("ch", n, "/slots"))
		if err == nil {
			_, err = j.Append(t.Context(), last, record(last+1))
		}
		if err == nil {
			err = j.Forget(t.Context(), last+1)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for n := range many {
		put(n, 0)
	}
	if n := files() - before; n > 2 {
		t.Errorf("%d files are open after %d channels were removed", n, many)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	st = mustOpen(t, file.Options{Dir: dir})
	defer st.Close()
	if n := files() - before; n > 2 {
		t.Errorf("%d files are open of %d channels that do not exist", n, many)
	}
	for n := range many {
		put(n, 1)
	}
}
