// Package needs is for tests that can't do without something that a machine may lack. It is only
// imported by tests.
package needs

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
)

// Programs skips the test if one of them is not installed, see Missing.
func Programs(t testing.TB, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			Missing(t, p+" is not installed")
		}
	}
}

// File does the same for a file, and says what makes it.
func File(t testing.TB, path, how string) {
	t.Helper()
	if _, err := os.Stat(path); err != nil {
		Missing(t, path+" is missing: "+how)
	}
}

// Missing skips the test, and fails it where CI is set, where nothing may be skipped. As "go test"
// says nothing of what is skipped in packages that pass, it is noted in the file that SKIPPED
// names, if it does.
func Missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatal(what)
	}
	if name := os.Getenv("SKIPPED"); name != "" {
		if err := note(name, fmt.Sprintf("%s: %s\n", t.Name(), what)); err != nil {
			t.Fatalf("%s, which can't be noted: %v", what, err)
		}
	}
	t.Skip("SKIPPED, NOT TESTED: " + what)
}

func note(name, line string) error {
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err := f.WriteString(line); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
