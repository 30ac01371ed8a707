package caddymodule

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
	zapobserver "go.uber.org/zap/zaptest/observer"
)

// serveTo lets a certain handler follow the origin.
func (o *origin) serveTo(next caddyhttp.HandlerFunc, method, target string) (*httptest.ResponseRecorder, error) {
	r, w := httptest.NewRequest(method, target, strings.NewReader("x")), httptest.NewRecorder()
	return w, o.handler.ServeHTTP(w, o.prepare(w, r), next)
}

// An encoder must not believe that what it sent to nowhere has arrived.
func TestStrayUploads(t *testing.T) {
	o := newOrigin(t, twoInputs)
	core, logs := zapobserver.New(zap.DebugLevel)
	o.handler.logger = zap.New(core)
	nobody := func(http.ResponseWriter, *http.Request) error { return nil }
	for _, method := range []string{"PUT", "POST", "DELETE", "MKCOL"} {
		w, err := o.serveTo(nobody, method, "/IN/a/x.ts")
		var he caddyhttp.HandlerError
		if w.Code != 404 || !errors.As(err, &he) || he.StatusCode != 404 || !strings.Contains(w.Body.String(), "no input has this path") {
			t.Errorf("%s: %d %q %v", method, w.Code, w.Body, err)
		}
	}
	for _, method := range []string{"GET", "HEAD", "OPTIONS"} {
		if w, err := o.serveTo(nobody, method, "/IN/a/x.ts"); err != nil || w.Body.Len() > 0 {
			t.Errorf("%s: %q %v", method, w.Body, err)
		}
	}
	if w, err := o.serveTo(nobody, "PUT", "/live.example/in/b/x.ts"); w.Code != 404 {
		t.Error(w.Code, err)
	}
	// Who answers, answers.
	for name, next := range map[string]caddyhttp.HandlerFunc{
		"status": func(w http.ResponseWriter, _ *http.Request) error { w.WriteHeader(nextStatus); return nil },
		"body":   func(w http.ResponseWriter, _ *http.Request) error { _, err := io.WriteString(w, "x"); return err },
		"copy": func(w http.ResponseWriter, _ *http.Request) error {
			_, err := io.Copy(w, strings.NewReader("x"))
			return err
		},
		"flush": func(w http.ResponseWriter, _ *http.Request) error { return http.NewResponseController(w).Flush() },
	} {
		if w, err := o.serveTo(next, "PUT", "/upload"); err != nil || w.Code == 404 {
			t.Errorf("%s: %d %v", name, w.Code, err)
		}
	}
	// A handler that takes no uploads says so itself; the log says the rest.
	w, err := o.serveTo(func(http.ResponseWriter, *http.Request) error {
		return caddyhttp.Error(http.StatusMethodNotAllowed, nil)
	}, "PUT", "/i/b/x.ts")
	if w.Body.Len() > 0 || err == nil {
		t.Errorf("%q %v", w.Body, err)
	}
	all := logs.FilterMessage("upload matches no input").All()
	if len(all) != 2 || all[0].ContextMap()["nearest_input"] != "/in/a" || all[1].ContextMap()["nearest_input"] != "/in/b" {
		t.Errorf("%v", all)
	}
	if n := logs.Len(); n != 2 {
		t.Errorf("%d lines", n)
	}
}

// A directive in front may have put another path in the place of the encoder's.
func TestStrayUploadsThatWereRewritten(t *testing.T) {
	o := newOrigin(t, twoInputs)
	for _, c := range []struct{ sent, path, nearest, original string }{
		{"/in/b/x.ts?token=secret", "/index.html", "/in/b", "/in/b/x.ts"},
		{"/ops/in/c/x.ts", "/in/c/x.ts", "/in/a", "/ops/in/c/x.ts"},
		{"/in/c/x.ts?token=secret", "/in/c/x.ts", "/in/a", ""},
	} {
		core, logs := zapobserver.New(zap.DebugLevel)
		o.handler.logger, o.handler.strays = zap.New(core), newThrottle(strayInterval)
		w := httptest.NewRecorder()
		r := o.prepare(w, httptest.NewRequest("PUT", c.sent, strings.NewReader("x")))
		r.URL.Path = c.path
		_ = o.handler.ServeHTTP(w, r, caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return nil }))
		fields := logs.FilterMessage("upload matches no input").All()[0].ContextMap()
		original, _ := fields["original_path"].(string)
		if fields["path"] != c.path || fields["nearest_input"] != c.nearest || original != c.original {
			t.Errorf("%s, rewritten to %s: %v", c.sent, c.path, fields)
		}
	}
}

// What the origin has is served by it, whatever else answers all paths of the site.
func TestBesideOtherHandlers(t *testing.T) {
	pages := t.TempDir()
	if err := os.WriteFile(filepath.Join(pages, "index.html"), []byte("welcome"), 0o600); err != nil {
		t.Fatal(err)
	}
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "welcome") }))
	t.Cleanup(backend.Close)
	files := "root " + pages + "\n"
	fallback := "try_files {path} /index.html\nfile_server\n"
	for name, config := range map[string]string{
		"respond":               "respond welcome\n" + site(""),
		"file_server":           files + "file_server\n" + site(""),
		"reverse_proxy":         "reverse_proxy " + backend.Listener.Addr().String() + "\n" + site(""),
		"try_files in a route":  files + "route {\n" + site("") + fallback + "}\n",
		"try_files in a handle": files + "@origin path /in/* /live/*\nhandle @origin {\n" + site("") + "}\nhandle {\n" + fallback + "}\n",
	} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t)
			// Not with load: what it asks for is swallowed, too.
			if err := caddy.Load([]byte(n.config(config)), true); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the others' answer", func() bool { _, text := n.do("GET", "/", nil); return text == "welcome" })
			n.goOnAir("/in/a", "/live")
		})
	}
}

func TestNearestInput(t *testing.T) {
	for _, c := range []struct {
		path, input string
		changes     int
	}{
		{"/in/a/x.ts", "/in/a", 0}, {"/in/", "/in/a", 1}, {"/ina/x", "/in/a", 1}, {"/inn/a/x", "/in/a", 1},
		{"/", "/in/a", 4}, {"", "/in/a", 5}, {"/on/b", "/in/a", 2},
	} {
		if got := changesTo(c.path, c.input); got != c.changes {
			t.Errorf("%s to %s: %d, want %d", c.path, c.input, got, c.changes)
		}
	}
}

// Empty and "." parts mean nothing, also before the input's path.
func TestUntidyPaths(t *testing.T) {
	o := newOrigin(t, twoInputs)
	for _, path := range []string{"//in/a/1.m3u8", "/in//a/./2.m3u8", "/in/%2e/a/3.m3u8", "/./in/a//x/.//4.m3u8", "/in/a//./5.m3u8"} {
		want(t, o.do("PUT", "http://example.com"+path, strings.NewReader(shortList)), 201, "")
	}
	for i, path := range []string{"/in/a/1.m3u8", "/in/a/2.m3u8", "/in/a/3.m3u8", "/in/a/x/4.m3u8", "/in/a/5.m3u8"} {
		if w := o.do("GET", path, nil); w.Code != 200 {
			t.Errorf("%d: %s: %d", i+1, path, w.Code)
		}
	}
	for _, path := range []string{"//in/c/x", "/in/./../a/x.m3u8", "//"} {
		want(t, o.do("PUT", "http://example.com"+path, unread{t}), nextStatus, "")
	}
}

func TestNameInQuery(t *testing.T) {
	o := newOrigin(t, twoInputs)
	for _, target := range []string{"/in/a/?file=seg1.ts", "/in/a?FileName=live.m3u8", "/in/a/upload.php?x=1&file=a/seg1.ts", "/in/a/put?name=seg1.ts", "/in/a?path=v/live.m3u8", "/in/a/up.cgi?seg1.M4S"} {
		w := o.do("POST", target, unread{t})
		want(t, w, 400, "is in the query")
	}
	for i, query := range []string{"token=x", "file=", "profile=main", "x", "playlist=other.m3u8"} {
		want(t, o.do("PUT", fmt.Sprintf("/in/a/%d.m3u8?%s", i, query), strings.NewReader(shortList)), 201, "")
	}
}
