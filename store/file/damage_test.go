package file_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/liveorigin/caddy-live-origin/internal/needs"
	"github.com/liveorigin/caddy-live-origin/store"
	"github.com/liveorigin/caddy-live-origin/store/file"
)

func record(revision uint64) []byte {
	return bytes.Repeat([]byte{byte(revision)}, int(revision*13%90))
}

// writeJournal makes a store with a journal of n records behind base and returns
// the path of its file.
func writeJournal(t *testing.T, dir string, n uint64) string {
	t.Helper()
	st := mustOpen(t, file.Options{Dir: dir})
	defer st.Close()
	j, err := st.Journal(context.Background(), "ch/j")
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if _, err := j.Append(context.Background(), i, record(i+1)); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "journals", "ch+", "j~00000000000000000000")
}

// readJournal opens the store and returns the revisions that are left and the
// number of warnings; every record must be sound.
func readJournal(t *testing.T, dir string) (first, last uint64, warnings int) {
	t.Helper()
	st := mustOpen(t, file.Options{Dir: dir, Warn: func(error) { warnings++ }})
	defer st.Close()
	ctx := context.Background()
	j, err := st.Journal(ctx, "ch/j")
	if err != nil {
		t.Fatal(err)
	}
	err = j.Read(ctx, 0, func(revision uint64, b []byte) error {
		if !bytes.Equal(b, record(revision)) {
			return fmt.Errorf("record %d is not what was written", revision)
		}
		if first == 0 {
			first = revision
		}
		last = revision
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if l, err := j.Last(ctx); err != nil || first != 0 && l != last {
		t.Fatalf("last revision is %d, %v; the last record has %d", l, err, last)
	}
	if _, err := j.Append(ctx, last, record(last+1)); err != nil {
		t.Fatalf("append after repair: %v", err)
	}
	return first, last, warnings
}

func TestJournalTornAnywhere(t *testing.T) {
	source := writeJournal(t, t.TempDir(), 6)
	whole, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	target := writeJournal(t, dir, 1)
	for n := range whole {
		if err := os.WriteFile(target, whole[:n], 0o644); err != nil {
			t.Fatal(err)
		}
		first, last, _ := readJournal(t, dir)
		if last >= 6 || last > 0 && first != 1 {
			t.Fatalf("cut to %d of %d bytes: records %d to %d", n, len(whole), first, last)
		}
		// The repair and the append were written; the next start is quiet.
		if _, again, warnings := readJournal(t, dir); again != last+1 || warnings != 0 {
			t.Fatalf("cut to %d bytes: then %d, after another start %d, %d warnings", n, last, again, warnings)
		}
	}
}

func TestJournalBitFlips(t *testing.T) {
	source := writeJournal(t, t.TempDir(), 8)
	whole, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	target := writeJournal(t, dir, 1)
	for i := range whole {
		damaged := bytes.Clone(whole)
		damaged[i] ^= 1 << (i % 8)
		if err := os.WriteFile(target, damaged, 0o644); err != nil {
			t.Fatal(err)
		}
		_, last, warnings := readJournal(t, dir)
		if warnings == 0 {
			t.Fatalf("flip in byte %d: no warning", i)
		}
		if i < 24 && last != 8 {
			t.Fatalf("flip in byte %d of the header: %d records are left", i, last)
		}
	}
}

func TestJournalGarbageTail(t *testing.T) {
	dir := t.TempDir()
	target := writeJournal(t, dir, 8)
	whole, _ := os.ReadFile(target)
	r := rand.New(rand.NewPCG(1, 1))
	for _, tail := range [][]byte{make([]byte, 4096), {0}, bytes.Repeat([]byte{0xff}, 100), whole[24:], func() []byte {
		b := make([]byte, 1000)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return b
	}()} {
		if err := os.WriteFile(target, append(bytes.Clone(whole), tail...), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, last, warnings := readJournal(t, dir); last != 8 || warnings != 1 {
			t.Fatalf("%d records are left, %d warnings", last, warnings)
		}
	}
}

// A journal of several files keeps its newest records, and their numbers, whatever
// happens to an older file.
func TestJournalOfSeveralFiles(t *testing.T) {
	const records = 100
	big := func(revision uint64) []byte { return bytes.Repeat([]byte{byte(revision)}, 20_000) }
	ctx := context.Background()
	damages := map[string]func(t *testing.T, files []string){
		"none":                  func(*testing.T, []string) {},
		"the first one flipped": func(t *testing.T, files []string) { flip(t, files[0], 100_000) },
		"a middle one flipped":  func(t *testing.T, files []string) { flip(t, files[3], 100_000) },
		"a middle one is gone": func(t *testing.T, files []string) {
			if err := os.Remove(files[2]); err != nil {
				t.Fatal(err)
			}
		},
		"the last one torn": func(t *testing.T, files []string) {
			last := files[len(files)-1]
			info, err := os.Stat(last)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(last, info.Size()-100); err != nil {
				t.Fatal(err)
			}
		},
	}
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			st := mustOpen(t, file.Options{Dir: dir})
			j, err := st.Journal(ctx, "ch/j")
			if err != nil {
				t.Fatal(err)
			}
			for i := range uint64(records) {
				if _, err := j.Append(ctx, i, big(i+1)); err != nil {
					t.Fatal(err)
				}
			}
			used := st.Usage().Bytes
			st.Close()
			files, err := filepath.Glob(filepath.Join(dir, "journals", "ch+", "j~*"))
			if err != nil || len(files) < 5 {
				t.Fatalf("%d files, %v", len(files), err)
			}
			damage(t, files)
			warnings := 0
			st = mustOpen(t, file.Options{Dir: dir, Warn: func(error) { warnings++ }})
			defer st.Close()
			if j, err = st.Journal(ctx, "ch/j"); err != nil {
				t.Fatal(err)
			}
			want := uint64(records)
			if name == "the last one torn" {
				want--
			}
			if last, err := j.Last(ctx); err != nil || last != want {
				t.Fatalf("the last revision is %d, not %d: %v", last, want, err)
			}
			if (warnings > 0) != (name != "none") {
				t.Errorf("%d warnings", warnings)
			}
			next := uint64(0)
			err = j.Read(ctx, 0, func(revision uint64, b []byte) error {
				if next != 0 && revision != next || !bytes.Equal(b, big(revision)) {
					return fmt.Errorf("revision %d, %d bytes", revision, len(b))
				}
				next = revision + 1
				return nil
			})
			if err != nil || next != want+1 {
				t.Fatalf("read up to %d: %v", next-1, err)
			}
			if name == "none" && st.Usage().Bytes != used {
				t.Errorf("%d bytes are used, and before it was %d", st.Usage().Bytes, used)
			}
			// Forgetting removes files, also under a reader.
			err = j.Read(ctx, 0, func(revision uint64, b []byte) error {
				if !bytes.Equal(b, big(revision)) {
					return fmt.Errorf("revision %d is not what it was", revision)
				}
				return j.Forget(ctx, want)
			})
			if err != nil {
				t.Fatal(err)
			}
			files, _ = filepath.Glob(filepath.Join(dir, "journals", "ch+", "j~*"))
			if len(files) > 2 {
				t.Errorf("%d files are left", len(files))
			}
			if _, err := j.Append(ctx, want, big(want+1)); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func flip(t *testing.T, name string, at int) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	b[at] ^= 1
	if err := os.WriteFile(name, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestForeignFilesAreLeftAlone(t *testing.T) {
	dir := t.TempDir()
	mustOpen(t, file.Options{Dir: dir}).Close()
	for _, name := range []string{"objects/.hidden", "objects/no+plus", "objects/x/y"} {
		p := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "unfinished-uploads", "99"), []byte("half"), 0o644); err != nil {
		t.Fatal(err)
	}
	warnings := 0
	st := mustOpen(t, file.Options{Dir: dir, Warn: func(error) { warnings++ }})
	defer st.Close()
	if u := st.Usage(); warnings != 3 || u.Objects != 0 || u.Bytes != 0 {
		t.Fatalf("%d warnings, usage %+v", warnings, u)
	}
	if left, _ := os.ReadDir(filepath.Join(dir, "unfinished-uploads")); len(left) != 0 {
		t.Fatal("unfinished objects of the last run are left")
	}
}

func TestOneProcessPerDirectory(t *testing.T) {
	dir := t.TempDir()
	st := mustOpen(t, file.Options{Dir: dir})
	if _, err := file.Open(file.Options{Dir: dir}); !errors.Is(err, file.ErrLocked) {
		t.Fatalf("second open: %v", err)
	}
	w, err := st.Create(context.Background(), "a", -1)
	if err != nil {
		t.Fatal(err)
	}
	w.Write([]byte("the second open did not empty tmp"))
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	st.Close()
	st = mustOpen(t, file.Options{Dir: dir})
	st.Close()
}

func TestOptionsAreCheckedWithoutTheDisk(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "not", "yet")
	if err := (file.Options{Dir: dir, MaxSize: 1}).Validate(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Fatal("Validate made the directory")
	}
	for _, o := range []file.Options{{}, {Dir: "a\x00b"}, {Dir: dir, MaxSize: -1}} {
		if err := o.Validate(); err == nil {
			t.Errorf("%+v passes", o)
		}
		if _, err := file.Open(o); err == nil {
			t.Errorf("%+v opens", o)
		}
	}
}

// TestNoWayOut: a link that points out of the directory is not followed.
func TestNoWayOut(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	mustOpen(t, file.Options{Dir: dir}).Close()
	if err := os.Symlink(outside, filepath.Join(dir, "objects", "out+")); err != nil {
		needs.Missing(t, err.Error())
	}
	st := mustOpen(t, file.Options{Dir: dir, Warn: func(error) {}})
	defer st.Close()
	w, err := st.Create(context.Background(), "out/a", -1)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	if err := w.Commit(); err == nil {
		t.Fatal("an object was written outside of the directory")
	}
	if left, _ := os.ReadDir(outside); len(left) != 0 {
		t.Fatal("there is a file outside of the directory")
	}
	if _, err := st.Open(context.Background(), "out/a"); !errors.Is(err, store.ErrNotFound) {
		t.Fatal(err)
	}
}
