package caddydemo

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	"github.com/liveorigin/caddy-live-origin/internal/demo"
)

// passedOn answers what the handler leaves to the next one.
const passedOn = http.StatusTeapot

var next = caddyhttp.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
	w.WriteHeader(passedOn)
	return nil
})

// want checks an answer.
func want(t *testing.T, w *httptest.ResponseRecorder, status int, text string) {
	t.Helper()
	if w.Code != status || !strings.Contains(w.Body.String(), text) {
		t.Errorf("%d %s, want %d and %q", w.Code, w.Body, status, text)
	}
}

// ask sends a request to the buttons' handler.
func ask(t *testing.T, method, target string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	if err := (Controls{}).ServeHTTP(w, r, next); err != nil {
		t.Fatal(err)
	}
	return w
}

func TestControls(t *testing.T) {
	want(t, ask(t, "GET", "/demo/encoders"), passedOn, "") // no demo is running
	var encoders []*demo.Encoder
	for _, name := range []string{"a", "b"} {
		e, err := demo.NewEncoder(demo.Options{Name: name, Target: "http://localhost/in/" + name})
		if err != nil {
			t.Fatal(err)
		}
		encoders = append(encoders, e)
	}
	running.Store(&show{encoders: encoders})
	defer running.Store(nil)

	want(t, ask(t, "GET", "/demo/encoders"), 200, `[{"name":"a","state":"running","sent":0},{"name":"b","state":"running","sent":0}]`)
	want(t, ask(t, "POST", "/demo/encoders/b/kill"), 200, `{"name":"b","state":"killed","sent":0}`)
	want(t, ask(t, "POST", "/demo/encoders/b/kill"), 409, "encoder b is killed")
	want(t, ask(t, "POST", "/demo/encoders/b/revive", "Sec-Fetch-Site", "same-origin"), 200, `"running"`)
	want(t, ask(t, "POST", "/demo/encoders/a/drop"), 200, `"next":"drop","left":1`)
	want(t, ask(t, "POST", "/demo/encoders/a/hole"), 200, `"next":"hole","left":1`)
	want(t, ask(t, "POST", "/demo/encoders/a/mute"), 200, `"next":"mute","left":3`)
	want(t, ask(t, "POST", "/demo/encoders/a/freeze"), 200, `"next":"freeze","left":5`)
	want(t, ask(t, "POST", "/demo/encoders/a/stop"), 200, `"stopped"`)

	// Other sites press no button.
	want(t, ask(t, "POST", "/demo/encoders/a/kill", "Sec-Fetch-Site", "cross-site"), 403, "cross-origin")
	want(t, ask(t, "POST", "/demo/encoders/a/kill", "Origin", "http://other.example"), 403, "cross-origin")

	want(t, ask(t, "POST", "/demo/encoders/c/kill"), 404, "no encoder")
	want(t, ask(t, "POST", "/demo/encoders/a/explode"), 404, "unknown action")
	want(t, ask(t, "POST", "/demo/encoders/a"), 404, "unknown action")
	want(t, ask(t, "GET", "/demo/encoders/a/kill"), 405, "")
	want(t, ask(t, "POST", "/demo/encoders"), 405, "")
	want(t, ask(t, "GET", "/demo/else"), passedOn, "")

	want(t, ask(t, "GET", "/demo/parts"), 200, `[]`)

	for file, contentType := range map[string]string{
		"controls.js": "text/javascript; charset=utf-8", "controls.css": "text/css; charset=utf-8",
		"elements.js": "text/javascript; charset=utf-8", "parts.js": "text/javascript; charset=utf-8",
	} {
		w := ask(t, "GET", "/demo/"+file)
		want(t, w, 200, "demo-")
		if got := w.Header().Get("Content-Type"); got != contentType {
			t.Errorf("%s is %s", file, got)
		}
	}
}

// Every button of the page is one that an encoder knows.
func TestButtonsAreActions(t *testing.T) {
	script, err := files.ReadFile("controls.js")
	if err != nil {
		t.Fatal(err)
	}
	for _, action := range []demo.Action{demo.Stop, demo.Drop, demo.Corrupt, demo.Hole, demo.Mute, demo.Freeze} {
		if !strings.Contains(string(script), fmt.Sprintf("[%q, ", action)) {
			t.Errorf("there is no button for %s", action)
		}
	}
}

// The demo's config is one that Caddy takes, and its address one that is free.
func TestConfig(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	site, err := newSite("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	config, err := json.Marshal(site.config())
	if err != nil {
		t.Fatal(err)
	}
	if err := caddy.Load(config, true); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := caddy.Stop(); err != nil {
			t.Error(err)
		}
	}()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, site.base+"/in/demo/a/live.m3u8", strings.NewReader("#EXTM3U\n"))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("an upload without the token: %s", resp.Status)
	}
	if _, err := newSite(site.listen); err == nil || !strings.Contains(err.Error(), "--listen") {
		t.Errorf("a taken address: %v", err)
	}
}
