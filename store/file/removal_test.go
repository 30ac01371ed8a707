package file_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/liveorigin/caddy-live-origin/store/file"
)

func write(t *testing.T, st *file.Store, key, content string) {
	t.Helper()
	w, err := st.Create(t.Context(), key, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	if _, err := w.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
}

// What is deleted counts for nothing from then on, its key may be used again, and its file is off the
// disk when the store is closed.
func TestDeletedObjectsLeaveTheDisk(t *testing.T) {
	dir := t.TempDir()
	st := mustOpen(t, file.Options{Dir: dir})
	empty := st.Usage()
	const count = 500
	for i := range count {
		write(t, st, fmt.Sprintf("ch/a/%d", i), "first")
	}
	for i := range count {
		if err := st.Delete(t.Context(), fmt.Sprintf("ch/a/%d", i)); err != nil {
			t.Fatal(err)
		}
	}
	if u := st.Usage(); u.Bytes != empty.Bytes || u.Objects != 0 {
		t.Errorf("%d bytes and %d objects are left of what was deleted", u.Bytes-empty.Bytes, u.Objects)
	}
	write(t, st, fmt.Sprintf("ch/a/%d", count-1), "second")
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "objects", "ch+", "a+", "*"))
	if err != nil {
		t.Fatal(err)
	}
	if len(left) != 1 {
		t.Fatalf("%d files are left, one object was not deleted", len(left))
	}
	if content, _ := os.ReadFile(left[0]); string(content) != "second" {
		t.Errorf("the object holds %q", content)
	}
}

// A file that can't be removed is told once, and is there again for whoever opens the store next.
func TestWhatCannotBeDeletedIsTold(t *testing.T) {
	dir := t.TempDir()
	var warnings []string
	st := mustOpen(t, file.Options{Dir: dir, Warn: func(err error) { warnings = append(warnings, err.Error()) }})
	for _, key := range []string{"ch/a/1", "ch/a/2"} {
		write(t, st, key, "media")
		// A directory that is not empty can't be removed, whoever asks.
		path := filepath.Join(dir, "objects", "ch+", "a+", filepath.Base(key))
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Join(path, "in the way"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	before := st.Usage()
	for _, key := range []string{"ch/a/1", "ch/a/2"} {
		if err := st.Delete(t.Context(), key); err != nil {
			t.Fatal(err)
		}
	}
	st.WaitForRemovals()
	if after := st.Usage(); after.Bytes != before.Bytes || after.Objects != before.Objects {
		t.Errorf("%d objects of %d bytes, and %d of %d before nothing could be deleted", after.Objects, after.Bytes, before.Objects, before.Bytes)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	if len(warnings) != 1 || !strings.Contains(warnings[0], "ch/a/1") {
		t.Errorf("warnings: %q", warnings)
	}
}
