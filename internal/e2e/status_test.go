package e2e

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/needs"
)

const statusBlock = `
		status /status
		channel sports {
			input a /in/sports/a
			input b /in/sports/b
			endpoint fast /fast/sports {
				segment_duration 2s
				playlist_window 20s
			}
		}`

// statusPage is the status page in headless Chromium.
type statusPage struct {
	t   *testing.T
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
	err *printed
}

// statusReport is what status.js noted.
type statusReport struct {
	Active, Headline, Log, Announced, Title, Pointed, Alert string
	Muted, Reloaded                                         bool
	Markup                                                  int
	Errors, Foreign, Focus, Unnamed                         []string
	Widths                                                  map[string]int
}

func openStatusPage(t *testing.T, page, hostile string) *statusPage {
	t.Helper()
	needs.Programs(t, "chromium", "node")
	needs.File(t, "browser/node_modules/playwright-core", "npm ci in internal/e2e/browser")
	p := &statusPage{t: t, err: &printed{}}
	p.cmd = exec.Command("node", "browser/status.js", page, hostile)
	p.cmd.Stderr = p.err
	var err error
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.out = bufio.NewScanner(out)
	p.out.Buffer(nil, 1<<20)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.in.Close()
		_ = p.cmd.Wait()
	})
	return p
}

// goOn lets the page wait for the next thing.
func (p *statusPage) goOn() {
	p.t.Helper()
	if _, err := io.WriteString(p.in, "\n"); err != nil {
		_ = p.cmd.Wait()
		p.t.Fatalf("%v: %s", err, p.err)
	}
}

func (p *statusPage) report() statusReport {
	p.t.Helper()
	if !p.out.Scan() {
		_ = p.cmd.Wait() // until then, it may write
		p.t.Fatalf("the page does not show what it should: %s", p.err)
	}
	var r statusReport
	if err := json.Unmarshal(p.out.Bytes(), &r); err != nil {
		p.t.Fatal(err)
	}
	p.t.Logf("status page: %s", p.out.Bytes())
	return r
}

// TestTheStatusPageTellsOfAFailover: who looks at the page sees both inputs, and after
// a kill of the active encoder what is on air, why, and that there is no standby,
// without a reload. The preview plays on. What an encoder chose as a name is text.
func TestTheStatusPageTellsOfAFailover(t *testing.T) {
	t.Parallel()
	source := startContribution(t)
	o := startOrigin(t, statusBlock)
	encoders := map[string]*encoder{}
	for _, input := range []string{"a", "b"} {
		encoders[input] = source.startEncoder(o.url("/in/sports/" + input))
	}
	watch(t, o, "/fast/sports").wait(4)
	const hostile = "<img src=x onerror=alert(1)>.ts"
	request, err := http.NewRequest("PUT", o.url("/in/sports/b/%3Cimg%20src=x%20onerror=alert(1)%3E.ts"), strings.NewReader("garbage"))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()

	page := openStatusPage(t, o.url("/status"), hostile)
	before := page.report()
	active := before.Active
	if encoders[active] == nil {
		t.Fatalf("the active input is %q", active)
	}
	standby := map[string]string{"a": "b", "b": "a"}[active]
	if want := "On air: " + active; !strings.HasPrefix(before.Headline, want) {
		t.Errorf("headline %q, want %q", before.Headline, want)
	}
	if want := "Standby " + standby + " can take over without a seam."; !strings.Contains(before.Headline, want) {
		t.Errorf("headline %q, want %q in it", before.Headline, want)
	}
	if !before.Muted {
		t.Error("the preview is loud")
	}

	encoders[active].kill()
	page.goOn()
	after := page.report()
	switches := o.log.find("active input switched")
	if len(switches) == 0 {
		t.Fatal("no switch in the log")
	}
	reason, _ := switches[len(switches)-1]["reason"].(string)
	for what, texts := range map[string][2]string{
		"headline":     {after.Headline, "On air: " + standby + " since "},
		"its reason":   {after.Headline, "(" + reason + ")"},
		"the standby":  {after.Headline, "No standby: " + active + " is down"},
		"switch log":   {after.Log, reason},
		"seam":         {after.Log, "no seam"},
		"announcement": {after.Announced, "switched from " + active + " to " + standby},
		"title":        {after.Title, "! sports"},
		"pointed":      {after.Pointed, "arrived"},
	} {
		if !strings.Contains(texts[0], texts[1]) {
			t.Errorf("%s: %q, want %q in it", what, texts[0], texts[1])
		}
	}
	if after.Reloaded || after.Markup > 0 || len(after.Errors) > 0 || len(after.Foreign) > 0 {
		t.Errorf("reloaded: %v, markup: %d, errors: %q, requests to others: %q", after.Reloaded, after.Markup, after.Errors, after.Foreign)
	}
	// The strip, the table, its scrolled part, the choice of endpoint, the video, the
	// log: in the order in which they stand.
	want := []string{"div visible", "summary visible", "div visible", "select visible", "video visible", "ol visible"}
	if !slices.Equal(after.Focus[:min(len(want), len(after.Focus))], want) {
		t.Errorf("the tabulator key leads to %q", after.Focus)
	}
	if len(after.Unnamed) > 0 {
		t.Errorf("without a name: %q", after.Unnamed)
	}
	for width, over := range after.Widths {
		if over > 0 {
			t.Errorf("at %s the page is %d px too wide", width, over)
		}
	}

	_ = o.cmd.Process.Kill()
	_ = o.cmd.Wait()
	page.goOn()
	page.report()
	o.run(o.config)
	page.goOn()
	if page.report().Reloaded {
		t.Error("the page was loaded anew")
	}
}

// TestStatusPagesDoNotHoldUpCaddy: Caddy waits for its requests when it ends, and the
// stream of a page has no end of its own.
func TestStatusPagesDoNotHoldUpCaddy(t *testing.T) {
	t.Parallel()
	o := startOrigin(t, statusBlock)
	resp, err := http.Get(o.url("/status/events"))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.ReadFull(resp.Body, make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, resp.Body)
		ended <- err
	}()
	o.reload(statusBlock + "\n\t\tchannel news {\n\t\t\tinput a /in/news\n\t\t\tendpoint hls /news\n\t\t}")
	if err := <-ended; err != nil {
		t.Errorf("the stream broke off: %v", err)
	}
	again, err := http.Get(o.url("/status/events"))
	if err != nil {
		t.Fatal(err)
	}
	defer again.Body.Close()
	if err := o.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	// It is the page that would keep it for ever: any limit will do.
	gone := time.AfterFunc(time.Minute, func() {
		t.Error("Caddy waits for the page")
		_ = o.cmd.Process.Kill()
	})
	_ = o.cmd.Wait()
	gone.Stop()
}
