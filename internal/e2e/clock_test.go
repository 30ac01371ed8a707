package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A process can't have a wall clock of its own on Linux. So this one gets a package time that adds
// to the time of day what a file says, in milliseconds; the monotonic clock stays as it is, as when
// NTP or an administrator sets the clock of a machine.
const shiftedTime = `package time

import (
	"sync/atomic"
	"syscall"
)

var shiftBy atomic.Int64 // nanoseconds

// The scheduler itself reads the time, and may not read a file.
func init() {
	file, ok := syscall.Getenv("CLOCK_SHIFT_FILE")
	if !ok {
		return
	}
	readShift(file)
	go func() {
		for {
			Sleep(5 * Millisecond)
			readShift(file)
		}
	}()
}

func readShift(file string) {
	fd, err := syscall.Open(file, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	var text [32]byte
	n, _ := syscall.Read(fd, text[:])
	syscall.Close(fd)
	by, sign := int64(0), int64(1)
	for _, c := range text[:max(n, 0)] {
		switch {
		case c == '-':
			sign = -1
		case '0' <= c && c <= '9':
			by = 10*by + int64(c-'0')
		}
	}
	shiftBy.Store(sign * by * 1e6)
}

func shifted(sec int64, nsec int32) (int64, int32) {
	ns := int64(nsec) + shiftBy.Load()
	sec += ns / 1e9
	if ns %= 1e9; ns < 0 {
		sec, ns = sec-1, ns+1e9
	}
	return sec, int32(ns)
}
`

// buildWithClock builds a Caddy whose clock can be set.
func buildWithClock(t *testing.T) (binary string) {
	t.Helper()
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	source := filepath.Join(strings.TrimSpace(string(root)), "src", "time")
	text, err := os.ReadFile(filepath.Join(source, "time.go"))
	if err != nil {
		t.Fatal(err)
	}
	const reads = "func Now() Time {\n\tsec, nsec, mono := runtimeNow()\n"
	changed := strings.Replace(string(text), reads, reads+"\tsec, nsec = shifted(sec, nsec)\n", 1)
	if changed == string(text) {
		t.Fatal("this version of Go reads the clock in another way")
	}
	dir := t.TempDir()
	replaced := map[string]string{}
	for name, text := range map[string]string{"time.go": changed, "shifted.go": shiftedTime} {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		replaced[filepath.Join(source, name)] = file
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replaced})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(file, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	binary = filepath.Join(dir, "caddy")
	if out, err := exec.Command("go", "build", "-overlay", file, "-o", binary, "../../cmd/caddy").CombinedOutput(); err != nil {
		t.Fatalf("build caddy with another clock: %v\n%s", err, out)
	}
	return binary
}

// wallClock is that of one process.
type wallClock struct {
	file string
	sets []clockSet
}

type clockSet struct {
	at time.Time
	by time.Duration // ahead of this process's clock
}

func (c *wallClock) set(t *testing.T, by time.Duration) {
	t.Helper()
	// In one step: the process may be reading.
	if err := os.WriteFile(c.file+".next", []byte(fmt.Sprint(by.Milliseconds())), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(c.file+".next", c.file); err != nil {
		t.Fatal(err)
	}
	c.sets = append(c.sets, clockSet{time.Now(), by})
}

// ahead is by how much it was ahead at a time.
func (c *wallClock) ahead(at time.Time) (by time.Duration) {
	if c == nil {
		return 0
	}
	for _, s := range c.sets {
		if !at.Before(s.at) {
			by = s.by
		}
	}
	return by
}

// TestClocksOfNodes: the clocks of three nodes are 500 ms and a second apart, one of them is set a
// minute ahead and back, and the node that decides dies meanwhile.
func TestClocksOfNodes(t *testing.T) {
	if !*nodesLong {
		t.Skip("only with -nodes-long: a Caddy with another clock takes minutes to build")
	}
	s := newSite(t, siteBlock)
	binary := buildWithClock(t)
	for i := range 3 {
		c := &wallClock{file: filepath.Join(t.TempDir(), "clock")}
		c.set(t, time.Duration(i-1)*500*time.Millisecond)
		s.startNode(&origin{binary: binary, clock: c, within: []string{"env", "CLOCK_SHIFT_FILE=" + c.file}})
	}
	s.placeFront()
	source := startContribution(t)
	at := source.nextBegin()
	for i, input := range []string{"a", "b"} {
		target := s.balance(i) + "/in/sports/" + input
		source.startEncoderAt(at, target, lockedOutput(target)...)
	}
	viewers := s.watchAll("/fast/sports")
	set := func(by time.Duration) func(*site, int) {
		return func(s *site, _ int) { s.nodes[0].clock.set(t, by) }
	}
	for _, r := range []row{
		{what: "clocks are 500 ms and 1 s apart", long: 20 * time.Second, dead: -1},
		{what: "the clock of node 1 is set a minute ahead", long: 20 * time.Second, dead: -1, begin: set(time.Minute)},
		{what: "kill -9 of node 1, a minute ahead", long: 10 * time.Second, dead: 0, begin: killNode, over: runNode},
		{what: "kill -9 of node 2, with node 1 a minute ahead", long: 10 * time.Second, dead: 1, begin: killNode, over: runNode},
		{what: "the clock of node 1 is set back", long: 20 * time.Second, dead: -1, begin: set(0)},
		{what: "kill -9 of node 1, set back", long: 10 * time.Second, dead: 0, begin: killNode, over: runNode},
	} {
		s.try(t, r, viewers)
	}
	for _, v := range viewers {
		v.finish()
	}
	s.compare(t, viewers...)
	checkEveryPacket(t, viewers[2], source.recorded())
}
