package caddymodule

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/liveorigin/caddy-live-origin/internal/needs"
	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
)

// origin is a handler that is called without a server.
type origin struct {
	t       testing.TB
	handler *Handler
	app     *App
	server  *caddyhttp.Server
}

// Tests that have nothing to do with it don't wait for answers that are held back.
func init() { heldBack.time = time.Millisecond }

// newOrigin makes a handler from a Caddyfile block.
func newOrigin(t testing.TB, source string) *origin {
	t.Helper()
	o, err := tryOrigin(t, source)
	if err != nil {
		t.Fatal(err)
	}
	if err := o.app.Start(); err != nil {
		t.Fatal(err)
	}
	return o
}

func tryOrigin(t testing.TB, source string) (*origin, error) {
	t.Helper()
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	o := &origin{t: t, handler: new(Handler), app: new(App), server: &caddyhttp.Server{}}
	t.Cleanup(func() {
		cancel()
		if err := o.app.Cleanup(); err != nil {
			t.Error(err)
		}
	})
	if err := o.handler.UnmarshalCaddyfile(caddyfile.NewTestDispenser(source)); err != nil {
		return nil, err
	}
	if err := o.app.Provision(ctx); err != nil {
		return nil, err
	}
	if err := o.handler.provision(ctx, o.app); err != nil {
		return nil, err
	}
	o.handler.logger, o.app.logger = zap.NewNop(), zap.NewNop()
	return o, o.handler.Validate()
}

const twoInputs = `live_origin {
	channel sports {
		input a /in/a
		input b /in/b
		endpoint hls /live {
			segment_duration 2s
		}
	}
}`

// withInput is a channel with a configured input and an open one.
func withInput(options string) string {
	return "live_origin {\nchannel sports {\ninput a /in/a {\n" + options + "\n}\ninput b /in/b\nendpoint hls /live\n}\n}"
}

// nextStatus is what the next handler answers.
const nextStatus = 299

func (o *origin) serve(r *http.Request) *httptest.ResponseRecorder {
	o.t.Helper()
	w := httptest.NewRecorder()
	err := o.handler.ServeHTTP(w, o.prepare(w, r), nextHandler)
	var answered caddyhttp.HandlerError
	if err != nil && (!errors.As(err, &answered) || answered.StatusCode != w.Code) {
		o.t.Fatalf("%s %s: answered with %d: %v", r.Method, r.URL, w.Code, err)
	}
	return w
}

var nextHandler = caddyhttp.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
	w.WriteHeader(nextStatus)
	return nil
})

func (o *origin) prepare(w http.ResponseWriter, r *http.Request) *http.Request {
	return caddyhttp.PrepareRequest(r, caddy.NewReplacer(), w, o.server)
}

// do sends a request; edit are pairs of header names and values.
func (o *origin) do(method, target string, body io.Reader, header ...string) *httptest.ResponseRecorder {
	o.t.Helper()
	r := httptest.NewRequest(method, target, body)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return o.serve(r)
}

// want checks a status and, where text is not empty, the body.
func want(t testing.TB, w *httptest.ResponseRecorder, status int, text string) {
	t.Helper()
	if w.Code != status {
		t.Errorf("status %d, want %d; body: %s", w.Code, status, w.Body)
	}
	if !strings.Contains(w.Body.String(), text) {
		t.Errorf("body %q, want %q in it", w.Body, text)
	}
}

func wantHeader(t *testing.T, h http.Header, name, value string) {
	t.Helper()
	if got := strings.Join(h.Values(name), "; "); got != value {
		t.Errorf("%s is %q, want %q", name, got, value)
	}
}

// unread is a body that must not be touched.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, io.EOF
}

// material is encoded once: every test takes the same programme.
var material = struct {
	once     sync.Once
	names    []string
	segments [][]byte
}{}

func segments(t testing.TB) ([]string, [][]byte) {
	t.Helper()
	needs.Programs(t, "ffmpeg")
	material.once.Do(func() { material.names, material.segments = testmedia.Segments(t, "18") })
	if len(material.segments) < 8 {
		t.Fatalf("%d segments", len(material.segments))
	}
	return material.names, material.segments
}

// playlistOf lists segments from a media sequence number on.
func playlistOf(first int, names []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:%d\n", first)
	for _, name := range names {
		fmt.Fprintf(&b, "#EXTINF:%s,\n%s\n", testmedia.SegmentSeconds, name)
	}
	return b.String()
}

// push uploads segments first to last-1 and the playlist that lists them, in one
// burst.
func (o *origin) push(input string, first, last int) {
	o.t.Helper()
	names, media := segments(o.t)
	for n := first; n < last; n++ {
		if w := o.do("PUT", input+"/"+names[n], bytes.NewReader(media[n])); w.Code != 201 {
			o.t.Fatalf("segment: %d %s", w.Code, w.Body)
		}
	}
	if w := o.do("PUT", input+"/live.m3u8", strings.NewReader(playlistOf(first, names[first:last]))); w.Code/100 != 2 {
		o.t.Fatalf("playlist: %d %s", w.Code, w.Body)
	}
}

// uris are the lines of a playlist that are no tags.
func uris(text string) (list []string) {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			list = append(list, line)
		}
	}
	return list
}
