package caddydemo

import (
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/liveorigin/caddy-live-origin/internal/demo/children"
	"github.com/liveorigin/caddy-live-origin/internal/needs"
)

// newSeveral is the demo with three nodes, none of which is started. The NATS servers are a
// program that sleeps.
func newSeveral(t *testing.T) *several {
	t.Helper()
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	group, err := children.NewGroup()
	if err != nil {
		needs.Missing(t, err.Error())
	}
	t.Cleanup(group.Close)
	s := &several{dir: t.TempDir(), group: group, lines: children.NewLines(t.Output())}
	if s.site, err = newSite("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	if err := s.prepare("true", 3); err != nil {
		t.Fatal(err)
	}
	running.Store(&s.show)
	t.Cleanup(func() { running.Store(nil) })
	return s
}

// The nodes' configs are such that Caddy takes them, and nodes differ in what they have to.
func TestNodeConfigs(t *testing.T) {
	s := newSeveral(t)
	var names, places []string
	for i, node := range s.nodes {
		text, err := json.Marshal(node.nodeConfig(nodeName(i), s.nats.URLs(), s.listen))
		if err != nil {
			t.Fatal(err)
		}
		var config caddy.Config
		if err := json.Unmarshal(text, &config); err != nil {
			t.Fatal(err)
		}
		if err := caddy.Validate(&config); err != nil {
			t.Errorf("node %d: %v", i, err)
		}
		for _, url := range s.nats.URLs() {
			if !bytes.Contains(text, []byte(url)) {
				t.Errorf("node %d does not know the server %s", i, url)
			}
		}
		if !bytes.Contains(text, []byte(s.token)) {
			t.Errorf("node %d takes nothing from the encoders", i)
		}
		names = append(names, nodeName(i))
		places = append(places, node.listen, node.admin)
	}
	slices.Sort(places)
	if !slices.Equal(names, []string{"origin-1", "origin-2", "origin-3"}) || len(slices.Compact(places)) != 6 {
		t.Errorf("%q at %q", names, places)
	}
}

// The front has the buttons and the way to the nodes, also if none of them runs.
func TestSeveralHandler(t *testing.T) {
	s := newSeveral(t)
	h := s.handler()
	get := func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		return w
	}
	if w := get("/"); w.Code != 302 || w.Header().Get("Location") != "/status/" {
		t.Errorf("/: %d %v", w.Code, w.Header())
	}
	want(t, get("/status/"), 502, "no node answers")
	want(t, get("/fast/demo/index.m3u8"), 502, "no node answers")
	want(t, get("/demo/controls.js"), 200, "demo-")
	want(t, get("/demo/encoders"), 200, `{"name":"a","state":"running","sent":0}`)
	want(t, get("/demo/parts"), 200, `{"name":"node-1","title":"Node 1","state":"killed"}`)
	want(t, get("/demo/parts"), 200, `{"name":"server-3","title":"Server 3","state":"killed"}`)
	want(t, get("/demo/else"), 404, "")
}

func TestPartsAreKilledAndStarted(t *testing.T) {
	s := newSeveral(t)
	sleeper := s.addPart("sleeper", 0, "", func() *exec.Cmd { return exec.Command("sleep", "60") })
	sleeper.about = func() string { return "snores" }
	want(t, ask(t, "POST", "/demo/parts/sleeper-1/kill"), 409, "sleeper 1 is not running")
	want(t, ask(t, "POST", "/demo/parts/sleeper-1/start"), 200, `"state":"running","about":"snores"`)
	want(t, ask(t, "POST", "/demo/parts/sleeper-1/start"), 409, "sleeper 1 is running")
	want(t, ask(t, "POST", "/demo/parts/sleeper-1/kill", "Sec-Fetch-Site", "cross-site"), 403, "cross-origin")
	want(t, ask(t, "POST", "/demo/parts/sleeper-1/kill"), 200, `"state":"killed"}`)
	want(t, ask(t, "POST", "/demo/parts/sleeper-1/explode"), 404, "unknown action")
	want(t, ask(t, "POST", "/demo/parts/node-9/kill"), 404, "there is no")
	want(t, ask(t, "GET", "/demo/parts/sleeper-1/kill"), 405, "")
}

func TestSeveralSaysWhatIsWrong(t *testing.T) {
	for want, run := range map[string]func() error{
		"2 to 5":         func() error { return runSeveral(t.Context(), t.Output(), "127.0.0.1:0", 1, "") },
		"but is 6":       func() error { return runSeveral(t.Context(), t.Output(), "127.0.0.1:0", 6, "") },
		"nowhere/nats":   func() error { return runSeveral(t.Context(), t.Output(), "127.0.0.1:0", 3, "/nowhere/nats") },
		"does not start": func() error { return runSeveral(t.Context(), t.Output(), "127.0.0.1:0", 3, "true") },
	} {
		if err := run(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
