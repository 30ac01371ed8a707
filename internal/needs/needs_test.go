package needs

import (
	"os"
	"path/filepath"
	"testing"
)

// told is a test that is told that something is missing.
type told struct {
	testing.TB
	skipped, failed bool
}

func (t *told) Helper()                   { /* it has no lines */ }
func (t *told) Name() string              { return "TestTold" }
func (t *told) Skip(...any)               { t.skipped = true }
func (t *told) Fatal(...any)              { t.failed = true }
func (t *told) Fatalf(_ string, _ ...any) { t.failed = true }

// What is missing skips a test and is noted, and fails it in CI.
func TestMissing(t *testing.T) {
	notes := filepath.Join(t.TempDir(), "notes")
	for _, ci := range []string{"", "true"} {
		t.Setenv("CI", ci)
		t.Setenv("SKIPPED", notes)
		program, file := &told{TB: t}, &told{TB: t}
		Programs(program, "go", "no-such-program")
		File(file, "no-such-file", "make it")
		for _, is := range []*told{program, file} {
			if is.failed != (ci != "") {
				t.Errorf("CI=%q: failed %v, skipped %v", ci, is.failed, is.skipped)
			}
		}
		if ci == "" && !(program.skipped && file.skipped) {
			t.Error("a test that lacks something runs on")
		}
		Programs(&told{TB: t}, "go")
	}
	text, err := os.ReadFile(notes)
	const want = "TestTold: no-such-program is not installed\nTestTold: no-such-file is missing: make it\n"
	if err != nil || len(text) < len(want) || string(text[:len(want)]) != want {
		t.Errorf("noted: %q, %v", text, err)
	}
}
