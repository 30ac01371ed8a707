package caddymodule

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"golang.org/x/crypto/bcrypt"
)

const withStatus = `live_origin {
	status /ops/status
	channel sports {
		input a /in/a {
			bearer the-secret-token
		}
		input b /in/b
		endpoint hls /live/sports {
			manifest_name master
		}
	}
}`

func TestStatusPageFiles(t *testing.T) {
	o := newOrigin(t, withStatus)
	w := o.do("GET", "/ops/status?channel=sports", nil)
	want(t, w, 307, "")
	// Relative, so that it holds behind handle_path, too.
	wantHeader(t, w.Header(), "Location", "status/?channel=sports")

	for name, contentType := range map[string]string{
		"": "text/html; charset=utf-8", "page.css": "text/css; charset=utf-8", "page.js": "text/javascript; charset=utf-8",
		"hls.min.mjs": "text/javascript; charset=utf-8", "hls.LICENSE.txt": "text/plain; charset=utf-8",
	} {
		w := o.do("GET", "/ops/status/"+name, nil)
		want(t, w, 200, "")
		wantHeader(t, w.Header(), "Content-Type", contentType)
		wantHeader(t, w.Header(), "X-Content-Type-Options", "nosniff")
		wantHeader(t, w.Header(), "Referrer-Policy", "no-referrer")
		if policy := w.Header().Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'") ||
			strings.Contains(policy, "unsafe") || strings.Contains(policy, "http") || strings.Contains(policy, "*") {
			t.Errorf("%s: policy %q", name, policy)
		}
		etag := w.Header().Get("Etag")
		want(t, o.do("GET", "/ops/status/"+name, nil, "If-None-Match", etag), 304, "")

		zipped := o.do("GET", "/ops/status/"+name, nil, "Accept-Encoding", "gzip", "If-None-Match", etag)
		want(t, zipped, 200, "")
		wantHeader(t, zipped.Header(), "Content-Encoding", "gzip")
		wantHeader(t, zipped.Header(), "Vary", "Accept-Encoding")
		z, err := gzip.NewReader(zipped.Body)
		if err != nil {
			t.Fatal(err)
		}
		if plain, err := io.ReadAll(z); err != nil || !bytes.Equal(plain, w.Body.Bytes()) {
			t.Errorf("%s: other bytes with gzip: %v", name, err)
		}
		if head := o.do("HEAD", "/ops/status/"+name, nil); head.Code != 200 || head.Body.Len() > 0 {
			t.Errorf("HEAD %s: %d, %d bytes", name, head.Code, head.Body.Len())
		}
	}
	want(t, o.do("GET", "/ops/status/index.html", nil), 404, "")
	want(t, o.do("GET", "/ops/status/nothing.js", nil), 404, "")
	want(t, o.do("GET", "/ops/status/../../etc/passwd", nil), 404, "")
	for _, path := range []string{"", "/", "/page.js", "/events", "/channels"} {
		w := o.do("POST", "/ops/status"+path, strings.NewReader("x"))
		want(t, w, 405, "")
		wantHeader(t, w.Header(), "Allow", "GET, HEAD")
	}
	want(t, o.do("GET", "/ops/statuses", nil), nextStatus, "")
	want(t, o.do("GET", "/ops", nil), nextStatus, "")
}

// The page works without internet: nothing in it names another place.
func TestStatusPageIsComplete(t *testing.T) {
	for name, a := range pageAssets() {
		if a.contentType == "" {
			t.Errorf("%s has no type", name)
		}
		if len(a.body) > 1<<20 {
			t.Errorf("%s has %d bytes", name, len(a.body))
		}
		if strings.HasPrefix(name, "hls.") {
			continue // texts and names of schemes
		}
		for _, foreign := range []string{"http://", "https://", "innerHTML", "insertAdjacentHTML", "document.write", "eval("} {
			if bytes.Contains(a.body, []byte(foreign)) {
				t.Errorf("%s contains %s", name, foreign)
			}
		}
	}
}

// The player of the page is the one that the tests play with.
func TestStatusPageHasTheTestedPlayer(t *testing.T) {
	text, err := os.ReadFile("../internal/e2e/browser/package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	var lock struct {
		Packages map[string]struct{ Version string }
	}
	if err := json.Unmarshal(text, &lock); err != nil {
		t.Fatal(err)
	}
	version := lock.Packages["node_modules/hls.js"].Version
	if version == "" || !bytes.Contains(asset("hls.min.mjs").body, []byte(`"`+version+`"`)) {
		t.Errorf("the page has another hls.js than %s", version)
	}
}

func TestStatusSnapshot(t *testing.T) {
	o := newOrigin(t, withStatus)
	w := o.do("GET", "/ops/status/channels", nil)
	want(t, w, 200, `"playlist":"../../live/sports/master.m3u8"`)
	wantHeader(t, w.Header(), "Cache-Control", "no-store")
	for _, private := range []string{"the-secret-token", "/in/a", "memory", "store"} {
		if strings.Contains(w.Body.String(), private) {
			t.Errorf("it tells %q: %s", private, w.Body)
		}
	}
	want(t, o.do("GET", "/ops/status/channels?channel=sports", nil), 200, `"name":"sports"`)
	want(t, o.do("GET", "/ops/status/channels?channel=other", nil), 404, "no such channel")
	want(t, o.do("GET", "/ops/status/events?channel=other", nil), 404, "no such channel")
}

// With many channels the page lists them, and shows those that it is asked for.
func TestStatusOfManyChannels(t *testing.T) {
	var block strings.Builder
	block.WriteString("live_origin {\nstatus /status\n")
	for i := range maxDetailed + 1 {
		c := string(rune('a' + i))
		block.WriteString("channel " + c + " {\ninput a /in/" + c + "\nendpoint hls /live/" + c + "\n}\n")
	}
	o := newOrigin(t, block.String()+"}")
	for query, shown := range map[string]int{"": 0, "?channel=b": 1, "?channel=b&channel=a": 2} {
		var s pageSnapshot
		if err := json.Unmarshal(o.do("GET", "/status/channels"+query, nil).Body.Bytes(), &s); err != nil {
			t.Fatal(err)
		}
		if len(s.Channels) != shown || len(s.Names) != maxDetailed+1 {
			t.Errorf("%q: %d of %d channels", query, len(s.Channels), len(s.Names))
		}
	}
	want(t, o.do("GET", "/status/channels?"+strings.Repeat("channel=a&", maxDetailed+1), nil), 404, "at most")
}

func TestStatusControls(t *testing.T) {
	for uri, ok := range map[string]bool{
		"": true, "/demo/controls.js": true, "controls.js?x=1": true,
		"https://elsewhere.example/x.js": false, "//elsewhere.example/x.js": false, `/\elsewhere.example/x.js`: false,
		"javascript:alert(1)": false, "/x.js\"><script>": false,
	} {
		if err := checkControls(uri); (err == nil) != ok {
			t.Errorf("%q: %v", uri, err)
		}
	}
	config := `{"apps":{"http":{"servers":{"s":{"listen":["127.0.0.1:0"],"routes":[{"handle":[{"handler":"live_origin",
		"status":{"path":%q,"controls":%q},
		"channels":{"sports":{"inputs":[{"name":"a","path":"/in/a"}],"endpoints":{"hls":{"path":"/live"}}}}}]}]}}}}}`
	fill := func(path, controls string) string {
		return strings.Replace(strings.Replace(config, "%q", `"`+path+`"`, 1), "%q", `"`+controls+`"`, 1)
	}
	validate(t, fill("/status", "/demo/controls.js"), "")
	validate(t, fill("/status", "//x.example/y.js"), "status: controls: must be a path on the same site")
	validate(t, fill("/live/status", ""), "/live is above /live/status, the path of the status page")
	validate(t, fill("", ""), "status: path: a path is required")
}

// events reads a stream of server-sent events.
type events struct {
	t      *testing.T
	body   io.ReadCloser
	lines  *bufio.Scanner
	header http.Header
}

func (n *node) events(path string) *events {
	n.t.Helper()
	resp, err := n.client.Get("http://" + n.addr + path)
	if err != nil {
		n.t.Fatal(err)
	}
	if resp.StatusCode != 200 {
		n.t.Fatalf("status %d", resp.StatusCode)
	}
	n.t.Cleanup(func() { resp.Body.Close() })
	e := &events{t: n.t, body: resp.Body, lines: bufio.NewScanner(resp.Body), header: resp.Header}
	e.lines.Buffer(nil, 1<<22)
	return e
}

// next returns the data of the next event of this name that contains the text.
func (e *events) next(name, text string) string {
	e.t.Helper()
	event := ""
	for e.lines.Scan() {
		line := e.lines.Text()
		if value, ok := strings.CutPrefix(line, "event: "); ok {
			event = value
		}
		if data, ok := strings.CutPrefix(line, "data: "); ok && event == name && strings.Contains(data, text) {
			return data
		}
	}
	e.t.Fatalf("the stream ended without %s with %q: %v", name, text, e.lines.Err())
	return ""
}

// ended waits for the clean end of the stream.
func (e *events) ended() {
	e.t.Helper()
	for e.lines.Scan() {
	}
	if err := e.lines.Err(); err != nil {
		e.t.Errorf("the stream broke off: %v", err)
	}
}

func statusSite(more string) string {
	return "encode gzip\nhandle_path /ops/* {\nlive_origin {\nstatus /status\nchannel sports {\ninput a /in/a\ninput b /in/b\nendpoint hls /live {\nsegment_duration 2s\n" + more + "\n}\n}\n}\n}\n"
}

// Every stream begins with all there is and goes on with what happens. It ends with
// its config, as Caddy waits for it.
func TestStatusStream(t *testing.T) {
	n := newNode(t)
	n.load(statusSite(""))
	e := n.events("/ops/status/events")
	if got := e.header.Get("Content-Type"); got != "text/event-stream" {
		t.Errorf("type %q", got)
	}
	if got := e.header.Get("X-Accel-Buffering"); got != "no" {
		t.Errorf("X-Accel-Buffering %q", got)
	}
	e.next("snapshot", `"playlist":"../live/index.m3u8"`)
	n.goOnAir("/ops/in/a", "/ops/live")
	e.next("activity", `"kind":"slot"`)
	e.next("status", `"active":"a"`)
	n.want("PUT", "/ops/in/b/%3Cimg%20src=x%3E.m3u8", strings.NewReader("garbage"), 400)
	if data := e.next("activity", `"state":"refused"`); strings.Contains(data, "<") {
		t.Errorf("markup in %s", data)
	}

	n.load(statusSite("playlist_window 30s"))
	e.ended()
	again := n.events("/ops/status/events")
	again.next("snapshot", `"state":"arrived"`)
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
	again.ended()
}

func TestStatusStreamsAreLimited(t *testing.T) {
	n := newNode(t)
	n.load(statusSite(""))
	for range maxOfStatusAddress {
		n.events("/ops/status/events").next("snapshot", "")
	}
	n.want("GET", "/ops/status/events", nil, 503)
	n.want("GET", "/ops/status/channels", nil, 200)
}

// stuck is a client that does not read.
type stuck struct {
	*httptest.ResponseRecorder
	deadline time.Time
}

func (s *stuck) SetWriteDeadline(t time.Time) error { s.deadline = t; return nil }
func (s *stuck) FlushError() error                  { return os.ErrDeadlineExceeded }

func TestStatusStreamGivesUpOnAClientThatDoesNotRead(t *testing.T) {
	w := &stuck{ResponseRecorder: httptest.NewRecorder()}
	s := &eventStream{w: w, control: http.NewResponseController(w)}
	before := time.Now()
	if err := s.send("status", []byte("{}")); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the stream goes on: %v", err)
	}
	if w.deadline.Before(before.Add(statusWriteTimeout)) || w.deadline.After(time.Now().Add(statusWriteTimeout)) {
		t.Errorf("deadline %s", w.deadline)
	}
}

// The page is guarded by what guards any route: none of it is seen without a password.
func TestStatusPageBehindBasicAuth(t *testing.T) {
	hash, err := bcrypt.GenerateFromPassword([]byte("secret"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	n := newNode(t)
	n.load("basic_auth /status* {\noperator " + string(hash) + "\n}\nlive_origin {\nstatus /status\nchannel sports {\ninput a /in/a\nendpoint hls /live\n}\n}\n")
	for _, path := range []string{"/status", "/status/", "/status/page.js", "/status/channels", "/status/events"} {
		n.want("GET", path, nil, 401)
	}
	n.want("GET", "/live/index.m3u8", nil, 404)
	r, err := http.NewRequest("GET", "http://"+n.addr+"/status/channels", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth("operator", "secret")
	resp, err := n.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != 200 {
		t.Errorf("status %d with the password", resp.StatusCode)
	}
}
