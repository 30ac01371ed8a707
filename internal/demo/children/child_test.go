//go:build unix

package children

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Of the test binary, when it is one of the processes.
const parentVar = "CHILDREN_TEST_PARENT"

func TestMain(m *testing.M) {
	if os.Getenv(parentVar) != "" {
		beParent()
		return
	}
	os.Exit(m.Run())
}

// beParent starts a child that prints its id, and waits for its own death.
func beParent() {
	group, err := NewGroup()
	if err != nil {
		panic(err)
	}
	child := group.Child("sleeper", os.Stdout, func() *exec.Cmd { return exec.Command("sh", "-c", "echo $$; sleep 60") })
	if err := child.Start(); err != nil {
		panic(err)
	}
	time.Sleep(time.Minute)
}

func newGroup(t *testing.T) *Group {
	t.Helper()
	group, err := NewGroup()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(group.Close)
	return group
}

func wantState(t *testing.T, c *Child, want string) {
	t.Helper()
	for range 500 {
		if c.State() == want {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("it is %s, not %s", c.State(), want)
}

func TestKilledAndStartedAgain(t *testing.T) {
	group := newGroup(t)
	sleeper := group.Child("sleeper", io.Discard, func() *exec.Cmd { return exec.Command("sleep", "60") })
	if err := sleeper.Kill(); !errors.Is(err, ErrState) {
		t.Errorf("killing what does not run: %v", err)
	}
	for range 2 {
		if err := sleeper.Start(); err != nil {
			t.Fatal(err)
		}
		if err := sleeper.Start(); !errors.Is(err, ErrState) {
			t.Errorf("starting it twice: %v", err)
		}
		wantState(t, sleeper, Running)
		if err := sleeper.Kill(); err != nil {
			t.Fatal(err)
		}
		wantState(t, sleeper, Killed)
	}
	ended := group.Child("true", io.Discard, func() *exec.Cmd { return exec.Command("true") })
	if err := ended.Start(); err != nil {
		t.Fatal(err)
	}
	wantState(t, ended, Ended)
	missing := group.Child("missing", io.Discard, func() *exec.Cmd { return exec.Command("/nowhere/missing") })
	if err := missing.Start(); err == nil || missing.State() == Running {
		t.Errorf("what can't start is %s, %v", missing.State(), err)
	}
}

func TestTheGroupEndsAtOnce(t *testing.T) {
	group := newGroup(t)
	sleeper := group.Child("sleeper", io.Discard, func() *exec.Cmd { return exec.Command("sleep", "60") })
	if err := sleeper.Start(); err != nil {
		t.Fatal(err)
	}
	group.Close()
	if state := sleeper.State(); state != Ended {
		t.Errorf("it is %s", state)
	}
	if err := sleeper.Start(); err == nil {
		t.Error("it can be started in a group that has ended")
	}
}

// After kill -9 of the parent, nothing is left.
func TestNoChildOutlivesItsParent(t *testing.T) {
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), parentVar+"=yes")
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, 0); err != nil {
		t.Fatalf("the child does not run: %v", err)
	}
	_ = parent.Process.Kill()
	_ = parent.Wait()
	for range 500 {
		if gone(pid) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("the child is still there")
}

// gone reports whether a process runs no more, though nobody may have asked how it ended.
func gone(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return true
	}
	state, err := exec.Command("ps", "-o", "stat=", "-p", strconv.Itoa(pid)).Output()
	return err == nil && strings.HasPrefix(string(state), "Z")
}

func TestLines(t *testing.T) {
	var out strings.Builder
	lines := NewLines(&out)
	a := lines.Of("a", func(line []byte) bool { return string(line) == "noise" })
	b := lines.Of("b", func([]byte) bool { return false })
	for _, w := range []struct {
		to   io.Writer
		text string
	}{{a, "one\nnoise\ntw"}, {b, "else\n"}, {a, "o\n"}} {
		if _, err := io.WriteString(w.to, w.text); err != nil {
			t.Fatal(err)
		}
	}
	if want := "a | one\nb | else\na | two\n"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}
