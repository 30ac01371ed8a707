package e2e

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/needs"
	"github.com/liveorigin/caddy-live-origin/internal/nodes/natstest"
)

// nodesReport is what demo_nodes.js saw on the status page.
type nodesReport struct {
	Killed          []string
	Decided         string         // the node that did at first
	Errors          []string       // of the page, and what the player did not get
	Served          map[string]int // to the player, by node
	Discontinuities int
	Stalls          []int // of the picture, for lack of media; milliseconds
	Slow            []int // though there was media
	Waiting, Back   int
	Played          float64
}

// TestDemoNodes kills the node that decides, another one and a server with the buttons of the
// status page, and starts each again: the page shows it, and the picture goes on.
func TestDemoNodes(t *testing.T) {
	needs.Programs(t, "chromium", "node")
	needs.File(t, "browser/node_modules/playwright-core", "npm ci in internal/e2e/browser")
	d := startDemo(t, "--nodes", "3", "--nats-server", natstest.Need(t))
	cmd := exec.Command("node", "browser/demo_nodes.js", d.base+"/status/")
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v %s", err, &complaints)
	}
	var r nodesReport
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Killed) != 3 || r.Killed[0] != "Node "+r.Decided || r.Killed[2] != "Server 1" {
		t.Errorf("killed: %q, where node %s decided", r.Killed, r.Decided)
	}
	if len(r.Errors) > 0 {
		t.Errorf("the page has errors: %s", strings.Join(r.Errors, "; "))
	}
	if len(r.Served) != 3 {
		t.Errorf("the player did not move: %v", r.Served)
	}
	if len(r.Stalls) > 0 || r.Waiting > 0 || r.Back > 0 || r.Discontinuities > 0 || r.Played < 8 {
		t.Errorf("viewers notice it: %+v", r)
	}
	t.Logf("%.0f s were played, from %v; the browser stood still for %v ms", r.Played, r.Served, r.Slow)
	d.stop()
	d.wantNothingLeft()
	if files, _ := filepath.Glob(filepath.Join(d.temp, "*")); len(files) > 0 {
		t.Errorf("files are left: %q", files)
	}
}

// TestDemoNodesEndWithTheDemo: kill -9 of the demo leaves no node and no server.
func TestDemoNodesEndWithTheDemo(t *testing.T) {
	d := startDemo(t, "--nodes", "2", "--nats-server", natstest.Need(t))
	_ = d.cmd.Process.Kill()
	_ = d.cmd.Wait()
	d.wantNothingLeft()
}

// wantNothingLeft looks for processes that know the folder of the demo's configs.
func (d *demo) wantNothingLeft() {
	d.t.Helper()
	var left string
	for range 100 {
		all, err := exec.Command("ps", "-A", "-o", "args=").Output()
		if err != nil {
			d.t.Fatal(err)
		}
		left = ""
		for line := range strings.Lines(string(all)) {
			if strings.Contains(line, d.temp) {
				left += line
			}
		}
		if left == "" {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	d.t.Errorf("still there:\n%s", left)
}
