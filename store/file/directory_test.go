//go:build unix

package file_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/liveorigin/caddy-live-origin/store/file"
)

// A directory that somebody else uses is refused, and nothing in it is touched.
func TestForeignDirectoryIsRefused(t *testing.T) {
	for _, names := range [][]string{
		{"tmp/precious"}, {"lock/run", "tmp/precious", "log/syslog"}, {"notes.txt"}, {"objects/a", "journals/b"},
		{"tmp/1", "lock", "objects/x"},
	} {
		dir := t.TempDir()
		for _, name := range names {
			if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, name), []byte("precious"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		before := list(t, dir)
		if _, err := file.Open(file.Options{Dir: dir}); !errors.Is(err, file.ErrForeign) {
			t.Errorf("%q: error is %v", names, err)
		}
		if after := list(t, dir); len(after) != len(before) {
			t.Errorf("%q became %q", before, after)
		}
	}
	// A new file system.
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "lost+found"), 0o700); err != nil {
		t.Fatal(err)
	}
	mustOpen(t, file.Options{Dir: dir}).Close()
}

func list(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		names = append(names, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// A store of a version without the mark goes on; what was unfinished in it goes.
func TestFormerDirectory(t *testing.T) {
	dir := t.TempDir()
	st := mustOpen(t, file.Options{Dir: dir})
	w, err := st.Create(context.Background(), "a/b", -1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("kept")); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	st.Close()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.Remove(filepath.Join(dir, "live-origin-store")))
	must(os.Rename(filepath.Join(dir, "unfinished-uploads"), filepath.Join(dir, "tmp")))
	must(os.WriteFile(filepath.Join(dir, "tmp", "17"), []byte("half"), 0o644))
	for _, name := range []string{"objects", "journals"} {
		must(os.Chmod(filepath.Join(dir, name), 0o755))
	}
	st = mustOpen(t, file.Options{Dir: dir})
	defer st.Close()
	if n := st.Usage().Objects; n != 1 {
		t.Errorf("%d objects", n)
	}
	if _, err := os.Stat(filepath.Join(dir, "tmp")); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	wantPrivate(t, dir)
}

func wantPrivate(t *testing.T, dir string) {
	t.Helper()
	for _, name := range list(t, dir)[1:] {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		// What lies in a closed directory is closed.
		if filepath.Dir(name) == dir && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v", name, info.Mode())
		}
	}
}

func TestFilesArePrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	st := mustOpen(t, file.Options{Dir: dir})
	defer st.Close()
	if _, err := st.Journal(context.Background(), "a/b"); err != nil {
		t.Fatal(err)
	}
	w, err := st.Create(context.Background(), "a/c.ts", -1)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	for _, name := range append(list(t, dir), dir) {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v", name, info.Mode())
		}
	}
}
