package caddymodule

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/spf13/cobra"
)

func TestStatusTable(t *testing.T) {
	s, decisions := sampleStatus()
	now := time.Unix(1_700_000_010, 0)
	one := statusOfChannel(channelKey{store: "memory", name: "sports"}, s)
	two := one
	for _, d := range decisions {
		one.Decisions = append(one.Decisions, decisionOf(d))
	}
	two.Name, two.Up, two.Pairs = "news", false, nil
	var b bytes.Buffer
	for _, list := range [][]channelStatus{nil, {one}, {two, two}} {
		if err := printStatus(&b, list, now); err != nil {
			t.Fatal(err)
		}
		b.WriteString("====\n")
	}
	golden(t, "command_status.txt", b.String())
}

// run runs a command as the shell would.
func run(cmd *cobra.Command, args ...string) (string, error) {
	var out bytes.Buffer
	cmd.SetArgs(args)
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	err := cmd.Execute()
	return out.String(), err
}

// lockedBuffer is read while a command writes to it.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// status --watch prints the state again and again until it is interrupted, also when
// the server is away for a moment.
func TestStatusIsWatched(t *testing.T) {
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) == 2 {
			panic(http.ErrAbortHandler) // the connection ends without an answer
		}
		fmt.Fprintf(w, `[{"name":"picture-%d","store":"memory"}]`, asked.Load())
	}))
	defer server.Close()
	var out, trouble lockedBuffer
	cmd := statusCommand()
	cmd.SetArgs([]string{"--watch", "--address", server.Listener.Addr().String()})
	cmd.SetOut(&out)
	cmd.SetErr(&trouble)
	ended := make(chan error, 1)
	go func() { ended <- cmd.Execute() }()
	eventually(t, "a picture behind the trouble", func() bool { return strings.Contains(out.String(), "picture-3") })
	if !strings.Contains(out.String(), "picture-1") || !strings.Contains(trouble.String(), "asking the admin API") {
		t.Errorf("printed %q, and as trouble %q", out.String(), trouble.String())
	}
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if err := self.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("interrupted: %v", err)
	}
}

func TestCommands(t *testing.T) {
	n := newNode(t)
	addr := n.loadWithAdmin(site(""))
	n.goOnAir("/in/a", "/live")
	n.ask(addr, "GET", "/live_origin/channels", "", 200)
	for _, c := range []struct {
		cmd  *cobra.Command
		args []string
		want string
	}{
		{statusCommand(), nil, "sports (store memory)"},
		{statusCommand(), []string{"sports"}, "- to a, start"},
		{statusCommand(), []string{"sports", "--json"}, `{"name":"sports","store":"memory"`},
		{statusCommand(), []string{"--json"}, `[{"name":"sports"`},
		{switchCommand(), []string{"sports", "hls", "b", "--pin"}, "Endpoint hls will go from a to b with the next segment that b has whole.\nIt is pinned to b.\n"},
		{unpinCommand(), []string{"sports", "hls", "--store", "memory"}, "Endpoint hls is on a and not pinned.\n"},
		{switchCommand(), []string{"sports", "hls", "a"}, "Endpoint hls is on a.\n"},
	} {
		out, err := run(c.cmd, append(c.args, "--address", "http://"+addr+"/")...) // or without what makes it a URL
		if err != nil || !strings.Contains(out, c.want) {
			t.Errorf("%s %v: %v, %s; want %s", c.cmd.Name(), c.args, err, out, c.want)
		}
	}
	for _, c := range []struct {
		cmd  *cobra.Command
		args []string
		want string
	}{
		{statusCommand(), []string{"news"}, `there is no channel "news"`},
		{statusCommand(), []string{"--store", "file:/x"}, `store "file:/x" has no channels`},
		{statusCommand(), []string{"sports", "--store", "file:/x"}, `has no channel`},
		{switchCommand(), []string{"sports", "hls", "c"}, `has no input`},
		{switchCommand(), []string{"sports", "hls"}, `accepts 3 arg`},
		{unpinCommand(), []string{"sports"}, `accepts 2 arg`},
	} {
		if out, err := run(c.cmd, append(c.args, "--address", addr)...); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), `{"error"`) {
			t.Errorf("%s %v: %v, %s; want %s", c.cmd.Name(), c.args, err, out, c.want)
		}
	}
}

func TestAMisspeltCommandFails(t *testing.T) {
	cmd := &cobra.Command{Use: "live-origin", SilenceUsage: true}
	completeCommand(cmd)
	if out, err := run(cmd, "swich", "sports", "hls", "b"); err == nil || !strings.Contains(err.Error(), `unknown command "swich"`) {
		t.Errorf("%v, %s", err, out)
	}
	if out, err := run(cmd); err != nil || !strings.Contains(out, "switch") {
		t.Errorf("without a command: %v, %s", err, out)
	}
}

// The port of viewers is easily taken for that of the admin API.
func TestCommandsAskTheWrongPort(t *testing.T) {
	site := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer site.Close()
	for _, c := range []struct {
		cmd  *cobra.Command
		args []string
	}{
		{statusCommand(), nil},
		{statusCommand(), []string{"--json"}},
		{switchCommand(), []string{"sports", "hls", "b"}},
	} {
		out, err := run(c.cmd, append(c.args, "--address", site.Listener.Addr().String())...)
		if err == nil || !strings.Contains(err.Error(), "does not answer like an admin API") || !strings.Contains(err.Error(), site.Listener.Addr().String()) {
			t.Errorf("%s %v: %v, %s", c.cmd.Name(), c.args, err, out)
		}
	}
}
