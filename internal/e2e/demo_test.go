package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/needs"
)

// demo is `caddy live-origin demo`.
type demo struct {
	t    *testing.T
	cmd  *exec.Cmd
	base string
	temp string // its folder for temporary files
	out  *printed
}

// printed is what a command has printed so far: it is read while the command runs.
type printed struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (p *printed) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(b)
}

func (p *printed) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

func startDemo(t *testing.T, options ...string) *demo {
	t.Helper()
	addr := freeAddress(t)
	d := &demo{t: t, base: "http://" + addr, temp: t.TempDir(), out: &printed{}}
	d.cmd = exec.Command(caddyBinary, append([]string{"live-origin", "demo", "--listen", addr}, options...)...)
	d.cmd.Env = append(os.Environ(), "TMPDIR="+d.temp, "HOME="+t.TempDir(), "XDG_DATA_HOME="+t.TempDir(), "XDG_CONFIG_HOME="+t.TempDir())
	d.cmd.Stdout, d.cmd.Stderr = d.out, d.out
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if d.cmd.ProcessState == nil {
			d.stop()
		}
		if t.Failed() {
			t.Log(d.out)
		}
	})
	d.waitFor("On air.")
	return d
}

func (d *demo) waitFor(text string) {
	d.t.Helper()
	for range 600 {
		if strings.Contains(d.out.String(), text) {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	d.t.Fatalf("%q was not printed:\n%s", text, d.out)
}

// stop ends it as Ctrl+C does.
func (d *demo) stop() {
	d.t.Helper()
	_ = d.cmd.Process.Signal(syscall.SIGINT)
	if err := d.cmd.Wait(); err != nil {
		d.t.Errorf("the demo ended with %v", err)
	}
	for _, report := range races(strings.Split(d.out.String(), "\n")) {
		d.t.Error("the demo has a data race: " + report)
	}
}

// TestDemoNeedsNothing: no config, no ffmpeg, an address to open, and it ends when
// it is told to.
func TestDemoNeedsNothing(t *testing.T) {
	d := startDemo(t)
	for _, stream := range []string{"/fast/demo/index.m3u8", "/live/demo/index.m3u8"} {
		if !strings.Contains(d.out.String(), d.base+stream) {
			t.Errorf("the address of %s is not printed", stream)
		}
	}
	if playlist := get(t, d.base+"/fast/demo/index.m3u8"); !bytes.Contains(playlist, []byte("avc1.")) {
		t.Errorf("playlist: %s", playlist)
	}
	second := exec.Command(caddyBinary, "live-origin", "demo", "--listen", strings.TrimPrefix(d.base, "http://"))
	if out, err := second.CombinedOutput(); err == nil || !strings.Contains(string(out), "choose another address with --listen") {
		t.Errorf("a second demo at the same address: %v %s", err, out)
	}
	_, address, _ := strings.Cut(d.out.String(), "--address ")
	address, _, _ = strings.Cut(address, "\n")
	status := exec.Command(caddyBinary, "live-origin", "status", "--address", address)
	if out, err := status.CombinedOutput(); err != nil || !strings.Contains(string(out), "demo (store memory)") {
		t.Errorf("the status that was printed: %v %s", err, out)
	}
	d.stop()
	if !strings.Contains(d.out.String(), "Stopping.") {
		t.Error("it did not say that it stops")
	}
}

// buttonsReport is what demo.js saw on the status page.
type buttonsReport struct {
	Presses []struct {
		Button, From, To string
		Entry            string // in the switch log
	}
	Errors          []string // of the page
	Disabled        bool     // no segment can be dropped by a killed encoder
	Degraded        string   // what the table of inputs counts
	Discontinuities int
	// What the picture did.
	Stalls                  []int
	Waiting, Back, Standing int
	Played                  float64
}

// TestDemoButtons presses every button of the status page, always of the encoder
// that is on air: each time the page tells of the switch and of its reason, and the
// picture beside the buttons goes on.
func TestDemoButtons(t *testing.T) {
	needs.Programs(t, "chromium", "node")
	needs.File(t, "browser/node_modules/playwright-core", "npm ci in internal/e2e/browser")
	d := startDemo(t)
	cmd := exec.Command("node", "browser/demo.js", d.base+"/status/")
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v %s", err, &complaints)
	}
	var r buttonsReport
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatal(err)
	}
	reasons := []string{"missing_segment", "truncated", "missing_segment", "hole", "track_gone", "frozen", "missing_segment", "missing_segment"}
	if len(r.Presses) != len(reasons) {
		t.Fatalf("presses: %+v", r.Presses)
	}
	for i, p := range r.Presses {
		if p.From == p.To || !strings.Contains(p.Entry, reasons[i]) || !strings.Contains(p.Entry, "no seam") {
			t.Errorf("%s: %+v, want a switch with reason %s", p.Button, p, reasons[i])
		}
	}
	for _, defect := range []string{"1 hole", "track gone", "frozen"} {
		if !strings.Contains(r.Degraded, defect) {
			t.Errorf("%q is not counted: %s", defect, r.Degraded)
		}
	}
	if !r.Disabled {
		t.Error("a killed encoder still has its buttons")
	}
	if len(r.Errors) > 0 {
		t.Errorf("the page has errors: %s", strings.Join(r.Errors, "; "))
	}
	if len(r.Stalls) > 0 || r.Waiting > 0 || r.Back > 0 || r.Standing > 250 || r.Discontinuities > 0 || r.Played < 25 {
		t.Errorf("viewers notice it: %+v", r)
	}
	t.Logf("%.0f s were played through %d switches", r.Played, len(r.Presses))
}
