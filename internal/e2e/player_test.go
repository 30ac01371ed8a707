package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
)

// player is hls.js in headless Chromium.
type player struct {
	t   *testing.T
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
	err *bytes.Buffer
}

// playerReport is what player.html noted.
type playerReport struct {
	Errors, Fatal []string
	Back          int
	Stalls        []int // milliseconds
	Stalled       int   // milliseconds, at the end
	Played, Edge  float64
}

func play(t *testing.T, stream string) *player {
	t.Helper()
	return playFrom(t, stream, -1)
}

// playFrom begins at a position in seconds, -1 for where the player likes to.
func playFrom(t *testing.T, stream string, position int) *player {
	t.Helper()
	testmedia.Need(t, "chromium", "node")
	testmedia.NeedFile(t, "browser/node_modules/hls.js", "npm ci in internal/e2e/browser")
	files := http.NewServeMux()
	files.Handle("/", http.FileServer(http.Dir("browser")))
	files.HandleFunc("/hls.js", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFile(w, r, "browser/node_modules/hls.js/dist/hls.js")
	})
	server := httptest.NewServer(files)
	t.Cleanup(server.Close)

	p := &player{t: t, err: &bytes.Buffer{}}
	p.cmd = exec.Command("node", "browser/watch.js", server.URL+"/player.html?position="+strconv.Itoa(position)+"&src="+url.QueryEscape(stream))
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
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.in.Close()
		_ = p.cmd.Wait()
	})
	if !p.out.Scan() || p.out.Text() != "playing" {
		t.Fatalf("the player does not start: %s %s", p.out.Text(), p.err)
	}
	return p
}

// report stops the player.
func (p *player) report() playerReport {
	p.t.Helper()
	p.in.Close()
	var r playerReport
	if !p.out.Scan() {
		p.t.Fatalf("the player gave no report: %s", p.err)
	}
	if err := json.Unmarshal(p.out.Bytes(), &r); err != nil {
		p.t.Fatal(err)
	}
	p.t.Logf("player: %+v", r)
	if len(r.Fatal) > 0 {
		p.t.Errorf("fatal errors: %s", strings.Join(r.Fatal, "; "))
	}
	if r.Back > 0 {
		p.t.Errorf("the picture stepped back %d times", r.Back)
	}
	return r
}

func (r playerReport) stalled() time.Duration {
	sum := r.Stalled
	for _, s := range r.Stalls {
		sum += s
	}
	return time.Duration(sum) * time.Millisecond
}

// TestPlayersDoNotNoticeAFailover: hls.js and ffmpeg play through a kill of the
// active encoder.
func TestPlayersDoNotNoticeAFailover(t *testing.T) {
	for _, test := range []struct {
		name   string
		output func(target string) []string
	}{
		{"transport streams", lockedOutput},
		{"fragmented MP4", fmp4Output},
	} {
		t.Run(test.name, func(t *testing.T) {
			source := startContribution(t)
			o := startOrigin(t, oneEndpoint)
			encoders, at := map[string]*encoder{}, source.nextBegin()
			for _, input := range []string{"a", "b"} {
				target := o.url("/in/sports/" + input)
				encoders[input] = source.startEncoderAt(at, target, test.output(target)...)
			}
			fast := watch(t, o, "/fast/sports")
			fast.wait(4)
			browser := play(t, o.url("/fast/sports/index.m3u8"))
			puller := pull(t, o.url("/fast/sports/index.m3u8"))
			fast.wait(3)
			encoders[fast.lastInput()].kill()
			fast.wait(7)
			r := browser.report()
			if d := r.stalled(); d > 0 {
				t.Errorf("the picture stood still for %s", d)
			}
			if r.Played < 15 {
				t.Errorf("only %.1f s were played", r.Played)
			}
			puller.check()
			fast.finish()
		})
	}
}

// TestPlayersSurviveAFailoverOfIndependentEncoders: with a discontinuity the
// picture may stand still for less than a target duration.
func TestPlayersSurviveAFailoverOfIndependentEncoders(t *testing.T) {
	o := startOrigin(t, oneEndpoint)
	a := startIndependent(t, o.url("/in/sports/a"), 50)
	fast := watch(t, o, "/fast/sports")
	time.Sleep(7 * time.Second)
	startIndependent(t, o.url("/in/sports/b"), 45)
	fast.wait(4)
	browser := play(t, o.url("/fast/sports/index.m3u8"))
	fast.wait(3)
	a.kill()
	fast.wait(8)
	r := browser.report()
	if d := r.stalled(); d >= 2*time.Second {
		t.Errorf("the picture stood still for %s", d)
	}
	if r.Played < 15 {
		t.Errorf("only %.1f s were played", r.Played)
	}
	fast.finish()
}

// puller is an ffmpeg that plays the stream without showing it.
type puller struct {
	t   *testing.T
	cmd *exec.Cmd
	err *bytes.Buffer
	end chan struct{}
}

func pull(t *testing.T, stream string) *puller {
	t.Helper()
	p := &puller{t: t, err: &bytes.Buffer{}, end: make(chan struct{})}
	p.cmd = exec.Command("ffmpeg", "-v", "warning", "-re", "-i", stream, "-map", "0:v:0", "-map", "0:a:0", "-f", "null", "-")
	p.cmd.Stderr = p.err
	stdin, err := p.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait()
		close(p.end)
	}()
	t.Cleanup(func() {
		stdin.Close()
		p.stop()
	})
	return p
}

// stop ends ffmpeg, which has to be at work still.
func (p *puller) stop() {
	p.t.Helper()
	select {
	case <-p.end:
		if p.cmd.ProcessState.ExitCode() >= 0 {
			p.t.Errorf("ffmpeg has given up: %s", p.err)
		}
	default:
		_ = p.cmd.Process.Kill()
		<-p.end
	}
}

// check stops ffmpeg and looks for complaints about the stream.
func (p *puller) check() {
	p.t.Helper()
	p.stop()
	for _, line := range strings.Split(p.err.String(), "\n") {
		for _, complaint := range []string{"corrupt", "timestamp", "DTS", "dts", "discontinuity", "non-existing", "error while decoding"} {
			if strings.Contains(line, complaint) {
				p.t.Errorf("ffmpeg complains: %s", line)
				break
			}
		}
	}
}
