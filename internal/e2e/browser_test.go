package e2e

import (
	"bufio"
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

	"github.com/liveorigin/caddy-live-origin/internal/needs"
)

const (
	hlsJS = "hls.js"
	shaka = "shaka-player"
)

// player is a player of the web in headless Chromium, with its own defaults.
type player struct {
	t   *testing.T
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
	err *printed
}

// viewing is what a browser is to play, and how.
type viewing struct {
	player   string // hlsJS or shaka
	stream   string // URL of the multivariant playlist
	position int    // where to begin, in seconds; -1 for where the player likes to
	options  string // JSON: what differs from the player's defaults
	persist  bool   // hls.js: a network error is not the end
}

// playerReport is what player.js noted.
type playerReport struct {
	Errors, Fatal  []string
	Back           int
	Stalls, Stills []pause
	Behind         [][2]int64 // when, and how far behind the dates of the media; milliseconds
	Played         float64    // position, in seconds
	Duration       float64
	Pictures       int
	Took           int // milliseconds that a seek took until the picture moved
	Ended          bool
	Failed         string
}

// pause is from when to when something stood still, in milliseconds of the clock, how many
// milliseconds of media the player had at hand, and how many it had played.
type pause [4]int64

func (p pause) length() time.Duration { return time.Duration(p[1]-p[0]) * time.Millisecond }

func play(t *testing.T, stream string) *player {
	t.Helper()
	return startPlayer(t, viewing{player: hlsJS, stream: stream, position: -1})
}

// playFrom begins at a position in seconds.
func playFrom(t *testing.T, stream string, position int) *player {
	t.Helper()
	return startPlayer(t, viewing{player: hlsJS, stream: stream, position: position})
}

// startPlayer starts a browser and waits until the picture moves.
func startPlayer(t *testing.T, v viewing) *player {
	t.Helper()
	p := openPlayer(t, v)
	p.waitPlaying()
	return p
}

func openPlayer(t *testing.T, v viewing) *player {
	t.Helper()
	needs.Programs(t, "chromium", "node")
	scripts := map[string]string{
		"/hls.js":          "browser/node_modules/hls.js/dist/hls.js",
		"/shaka-player.js": "browser/node_modules/shaka-player/dist/shaka-player.compiled.js",
	}
	files := http.NewServeMux()
	files.Handle("/", http.FileServer(http.Dir("browser")))
	for path, file := range scripts {
		needs.File(t, file, "npm ci in internal/e2e/browser")
		files.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, file) })
	}
	server := httptest.NewServer(files)
	t.Cleanup(server.Close)

	query := url.Values{"player": {v.player}, "src": {v.stream}, "position": {strconv.Itoa(v.position)}}
	if v.options != "" {
		query.Set("options", v.options)
	}
	if v.persist {
		query.Set("persist", "yes")
	}
	p := &player{t: t, err: &printed{}}
	p.cmd = exec.Command("node", "browser/watch.js", server.URL+"/player.html?"+query.Encode())
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
	p.out.Buffer(nil, 4<<20)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.close)
	return p
}

func (p *player) waitPlaying() {
	p.t.Helper()
	if !p.out.Scan() || p.out.Text() != "playing" {
		p.t.Fatalf("the player does not start: %s %s", p.out.Text(), p.err)
	}
}

// ask returns what the player has noted so far. The question is JSON.
func (p *player) ask(question string) playerReport {
	p.t.Helper()
	var r playerReport
	if _, err := io.WriteString(p.in, question+"\n"); err != nil {
		p.t.Fatal(err)
	}
	if !p.out.Scan() {
		p.t.Fatalf("the player gave no report: %s", p.err)
	}
	if err := json.Unmarshal(p.out.Bytes(), &r); err != nil {
		p.t.Fatal(err)
	}
	if r.Failed != "" {
		p.t.Fatalf("%s: %s", question, r.Failed)
	}
	return r
}

func (p *player) close() {
	p.in.Close()
	_ = p.cmd.Wait()
}

// report stops the player, which must not have had a fatal error.
func (p *player) report() playerReport {
	p.t.Helper()
	r := p.ask("{}")
	p.close()
	p.t.Logf("player: %.1f s played, errors: %q", r.Played, r.Errors)
	for _, s := range r.Stalls {
		p.t.Logf("the picture stood still for %s after %.1f s, with %d ms of media at hand", s.length(), float64(s[3])/1000, s[2])
	}
	if len(r.Fatal) > 0 {
		p.t.Errorf("fatal errors: %s", strings.Join(r.Fatal, "; "))
	}
	if r.Back > 0 {
		p.t.Errorf("the picture stepped back %d times", r.Back)
	}
	return r
}

// stalled is how long the position stood still, all in all: for want of media, or, with media
// at hand, for so long that it is no machine that had no time for its browser. On a busy machine
// hls.js now and then takes 0.3 s to append what it has fetched in time; that slots are in time is
// checked by itself.
func (r playerReport) stalled() (sum time.Duration) {
	for _, p := range r.Stalls {
		if p[2] < 500 && p.length() > 400*time.Millisecond || p.length() > time.Second {
			sum += p.length()
		}
	}
	return sum
}

// puller is an ffmpeg that plays the stream without showing it.
type puller struct {
	t   *testing.T
	cmd *exec.Cmd
	err *printed
	end chan struct{}
}

func pull(t *testing.T, stream string) *puller {
	t.Helper()
	p := &puller{t: t, err: &printed{}, end: make(chan struct{})}
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
