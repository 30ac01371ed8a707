package e2e

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/ports"
)

// caddyBinary is built once for all tests.
var caddyBinary string

func TestMain(m *testing.M) {
	if name := os.Getenv(attackVar); name != "" {
		os.Exit(fight(name))
	}
	dir, err := os.MkdirTemp("", "live-origin-e2e")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	caddyBinary = filepath.Join(dir, "caddy")
	args := []string{"build", "-o", caddyBinary}
	if raceEnabled {
		args = append(args, "-race")
	}
	build := exec.Command("go", append(args, "../../cmd/caddy")...)
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build caddy: %v\n%s", err, out)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// origin is a Caddy process.
type origin struct {
	t      *testing.T
	cmd    *exec.Cmd
	addr   string
	admin  string
	config string
	data   string   // Caddy's own directory
	level  string   // of the log
	tls    string   // options of the site; empty for plain HTTP
	site   string   // more directives of the site
	global string   // global options of the Caddyfile
	within []string // a command around the process, such as `ip netns exec name`
	binary string   // empty for that of all tests
	clock  *wallClock
	log    *logLines
}

// logLines are the entries of the process's JSON log.
type logLines struct {
	mu      sync.Mutex
	entries []map[string]any
	changed chan struct{}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	address, err := ports.FreeAddress("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// startOrigin runs Caddy with a live_origin block, and with global options.
func startOrigin(t *testing.T, block string, global ...string) *origin {
	t.Helper()
	return startOriginAt(t, "DEBUG", block, global...)
}

// startOriginAt does so with a log of this level.
func startOriginAt(t *testing.T, level, block string, global ...string) *origin {
	t.Helper()
	o := &origin{global: strings.Join(global, "\n")}
	o.prepare(t, level)
	o.start(block)
	return o
}

// prepare gives it what every origin needs.
func (o *origin) prepare(t *testing.T, level string) {
	t.Helper()
	o.t, o.level, o.addr, o.admin, o.data = t, level, freeAddress(t), freeAddress(t), t.TempDir()
}

func (o *origin) start(block string) {
	o.t.Helper()
	o.config = filepath.Join(o.t.TempDir(), "Caddyfile")
	o.configure(block)
	o.run(o.config)
}

// configure writes the config with a live_origin block.
func (o *origin) configure(block string) {
	o.t.Helper()
	config := fmt.Sprintf(`{
	admin %s
	persist_config off
	auto_https off
	log {
		output stderr
		format json
		level %s
	}
	%s
}
%s {
	%s
	%s
	live_origin {
%s
	}
}
`, o.admin, o.level, o.global, o.url(""), o.tls, o.site, block)
	if err := os.WriteFile(o.config, []byte(config), 0o644); err != nil {
		o.t.Fatal(err)
	}
}

// reload makes the running process take another config, as an operator would.
func (o *origin) reload(block string) {
	o.t.Helper()
	o.configure(block)
	cmd := exec.Command(caddyBinary, "reload", "--config", o.config, "--adapter", "caddyfile", "--address", o.admin)
	if out, err := cmd.CombinedOutput(); err != nil {
		o.t.Fatalf("caddy reload: %v\n%s", err, out)
	}
}

// killAndRestart ends the process as a power switch would, and starts it again
// after a while.
func (o *origin) killAndRestart(down time.Duration) {
	o.t.Helper()
	_ = o.cmd.Process.Kill()
	_ = o.cmd.Wait()
	time.Sleep(down)
	o.run(o.config)
}

func (o *origin) run(config string) {
	o.t.Helper()
	command := append(slices.Clone(o.within), cmp.Or(o.binary, caddyBinary), "run", "--config", config, "--adapter", "caddyfile")
	o.cmd = exec.Command(command[0], command[1:]...)
	o.cmd.Env = append(os.Environ(), "HOME="+o.data, "XDG_DATA_HOME="+o.data, "XDG_CONFIG_HOME="+o.data)
	stderr, err := o.cmd.StderrPipe()
	if err != nil {
		o.t.Fatal(err)
	}
	if err := o.cmd.Start(); err != nil {
		o.t.Fatal(err)
	}
	cmd, log := o.cmd, &logLines{changed: make(chan struct{})}
	o.log = log
	go log.read(stderr)
	o.t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		for _, report := range races(log.text()) {
			o.t.Error("the origin has a data race: " + report)
		}
		if o.t.Failed() {
			log.dump(o.t)
		}
	})
	o.waitListening()
}

func (o *origin) waitListening() {
	o.t.Helper()
	for range 200 {
		conn, err := net.Dial("tcp", o.addr)
		if err == nil {
			conn.Close()
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	o.log.dump(o.t)
	o.t.Fatal("the origin does not listen")
}

func (o *origin) url(path string) string {
	if o.tls != "" {
		return "https://" + o.addr + path
	}
	return "http://" + o.addr + path
}

func (l *logLines) read(r io.Reader) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var entry map[string]any
		if json.Unmarshal(lines.Bytes(), &entry) != nil {
			entry = map[string]any{"msg": lines.Text()}
		}
		entry["received"] = time.Now() // by the clock of the test
		l.mu.Lock()
		l.entries = append(l.entries, entry)
		close(l.changed)
		l.changed = make(chan struct{})
		l.mu.Unlock()
	}
}

// find returns the entries with this message.
func (l *logLines) find(msg string) []map[string]any {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []map[string]any
	for _, e := range l.entries {
		if e["msg"] == msg {
			found = append(found, e)
		}
	}
	return found
}

// count is how many entries there are.
func (l *logLines) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.entries)
}

// text is what the process wrote that is no log entry.
func (l *logLines) text() (lines []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.entries {
		if msg, ok := e["msg"].(string); ok && e["level"] == nil {
			lines = append(lines, msg)
		}
	}
	return lines
}

func (l *logLines) dump(t *testing.T) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var b strings.Builder
	for _, e := range l.entries {
		if e["level"] == "debug" {
			continue
		}
		line, _ := json.Marshal(e)
		b.Write(line)
		b.WriteByte('\n')
	}
	t.Logf("the origin's log:\n%s", b.String())
}

// get fetches a URL, nil unless it answers 200.
func get(t *testing.T, url string) []byte {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil
	}
	return body
}
