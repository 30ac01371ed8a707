//go:build unix

package nodes

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/nodes/natstest"
	"github.com/liveorigin/caddy-live-origin/store"
)

// The variables that make this test binary a node in a process of its own, which can be
// stopped and killed.
const (
	processNode    = "NODES_TEST_NODE"
	processServers = "NODES_TEST_SERVERS"
)

// hasAll is what a node says when it has received what was sent before it woke.
const hasAll = "has all since it woke"

func TestMain(m *testing.M) {
	if os.Getenv(processNode) != "" {
		runNode(os.Getenv(processNode), strings.Split(os.Getenv(processServers), " "))
		return
	}
	os.Exit(m.Run())
}

// runNode says what it hears on its standard output, and a message every 20 ms.
func runNode(name string, servers []string) {
	n, err := Open(context.Background(), Options{Servers: servers, Prefix: "test.origin", Node: name, Event: func(e Event) { fmt.Println("event", e.Kind) }})
	if err != nil {
		fmt.Println("error", err)
		return
	}
	g, err := n.Join("news/hd.1", printer{})
	if err != nil {
		fmt.Println("error", err)
		return
	}
	printer{}.Changed(g.Status()) // it knows some when it joins, and is told what changes
	go func() {
		for i := 1; ; i++ {
			g.Send(fmt.Appendf(nil, "message %d", i))
			time.Sleep(20 * time.Millisecond)
		}
	}()
	go func() {
		for said := (time.Time{}); ; time.Sleep(time.Millisecond) {
			if woke := g.Woke(); woke != said && g.Received(woke) {
				fmt.Println(hasAll)
				said = woke
			}
		}
	}()
	_, _ = os.Stdin.Read(make([]byte, 1)) // until the parent is gone, or says so
	_ = n.Close()
	fmt.Println("closed")
}

// printer is a member that prints.
type printer struct{ silentMember }

func (printer) Receive(from string, message []byte) { fmt.Println("received", from, string(message)) }
func (printer) Lost(from string, count int)         { fmt.Println("lost", from, count) }
func (printer) Changed(s store.GroupStatus) {
	line := "status " + strings.ReplaceAll(string(s.Contact), " ", "-")
	for _, p := range s.Peers {
		line += fmt.Sprintf(" %s:%v", p.Node, p.Alive)
	}
	fmt.Println(line)
}

// process is a node in a process of its own.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	stdin interface{ Close() error }

	mu    sync.Mutex
	lines []string
	ended chan struct{}
}

func startProcess(t *testing.T, name string, urls []string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(os.Args[0]), ended: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), processNode+"="+name, processServers+"="+strings.Join(urls, " "))
	p.cmd.Stderr = os.Stderr
	stdin, err := p.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.stdin = stdin
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		for s := bufio.NewScanner(stdout); s.Scan(); {
			p.mu.Lock()
			p.lines = append(p.lines, s.Text())
			p.mu.Unlock()
		}
	}()
	t.Cleanup(p.kill)
	return p
}

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

func (p *process) kill() {
	if p.cmd.ProcessState != nil {
		return
	}
	_ = p.cmd.Process.Kill()
	<-p.ended
	_ = p.cmd.Wait()
}

// said are its lines from one on.
func (p *process) said(from int) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.lines[from:])
}

// TestStoppedNodeConcludesNothing: it was not there to hear anybody. The others see that it
// is silent, and it misses nothing of what they said.
func TestStoppedNodeConcludesNothing(t *testing.T) {
	urls := natstest.Start(t, 3).URLs()
	a, b := openNode(t, "a", urls), openNode(t, "b", urls)
	c := startProcess(t, "c", urls)
	eventually(t, "all know all", func() bool {
		return a.alive() == 2 && b.alive() == 2 && slices.Contains(c.said(0), "status in-contact a:true b:true")
	})
	before := len(c.said(0))
	stop := speak(a)
	type waking struct{ line, message int } // what c had said, and how many messages of a there were
	var wakings []waking
	for range 3 {
		c.signal(syscall.SIGSTOP)
		eventually(t, "c is silent", func() bool { return a.alive() == 1 && b.alive() == 1 })
		time.Sleep(time.Second)
		wakings = append(wakings, waking{len(c.said(before)), b.count("a")})
		time.Sleep(500 * time.Millisecond) // more than the time between two beats
		c.signal(syscall.SIGCONT)
		eventually(t, "c is back", func() bool { return a.alive() == 2 && b.alive() == 2 })
		eventually(t, "c says that it has all", func() bool {
			return slices.Contains(c.said(before)[wakings[len(wakings)-1].line:], hasAll)
		})
	}
	stop()
	last := fmt.Sprintf("received a message %d", a.sent)
	eventually(t, "c has heard all", func() bool { return slices.Contains(c.said(before), last) })
	eventually(t, "c is in contact", func() bool {
		status := ""
		for _, line := range c.said(before) {
			if strings.HasPrefix(line, "status") {
				status = line
			}
		}
		return status == "status in-contact a:true b:true"
	})
	for _, w := range wakings {
		lines := c.said(before)
		claim := slices.Index(lines[w.line:], hasAll)
		if has := fmt.Sprintf("received a message %d", w.message); !slices.Contains(lines[:w.line+claim], has) {
			t.Errorf("c claims to have all, and message %d of a, which was sent before it woke, is yet to come", w.message)
		}
	}
	out, expected := false, 1
	for _, line := range c.said(before) {
		switch {
		case strings.HasPrefix(line, "status"):
			out = out || strings.HasPrefix(line, "status out-of-contact")
			if strings.Contains(line, "false") || strings.Contains(line, "alone") {
				t.Errorf("c concluded: %s", line)
			}
		case strings.HasPrefix(line, "lost"):
			t.Error("c: ", line)
		case strings.HasPrefix(line, "received a"):
			if want := fmt.Sprintf("received a message %d", expected); line != want {
				t.Fatalf("c: %s, want %s", line, want)
			}
			expected++
		}
	}
	if !out {
		t.Error("c has not noticed that it was stopped")
	}
}

// TestKilledNodeComesBack: with a new epoch, whose messages are all heard, and none of the
// one before again.
func TestKilledNodeComesBack(t *testing.T) {
	urls := natstest.Start(t, 1).URLs()
	a := openNode(t, "a", urls)
	for range 2 {
		c := startProcess(t, "c", urls)
		before := a.count("c")
		eventually(t, "c speaks", func() bool { return a.alive() == 1 && a.count("c") >= before+20 })
		start := time.Now()
		c.kill()
		eventually(t, "c is dead", func() bool { return a.alive() == 0 })
		t.Logf("known to be dead after %v", time.Since(start).Round(time.Millisecond))
	}
	a.listener.mu.Lock()
	defer a.listener.mu.Unlock()
	want := 1
	for _, m := range a.messages["c"] {
		if want > 1 && string(m) == "message 1" {
			want = 1
		}
		if string(m) != fmt.Sprintf("message %d", want) {
			t.Fatalf("%s instead of message %d", m, want)
		}
		want++
	}
	if a.lost["c"] > 0 {
		t.Errorf("%d were lost", a.lost["c"])
	}
}

// TestGoodbye: a node that is closed is away at once, with all that it said before.
func TestGoodbye(t *testing.T) {
	urls := natstest.Start(t, 1).URLs()
	a := openNode(t, "a", urls)
	c := startProcess(t, "c", urls)
	eventually(t, "c speaks", func() bool { return a.alive() == 1 && a.count("c") > 0 })
	if err := c.stdin.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "c is away", func() bool { return a.alive() == 0 })
	<-c.ended
	if lines := c.said(0); !slices.Contains(lines, "closed") {
		t.Errorf("it did not end: %q", lines[max(0, len(lines)-5):])
	}
}
