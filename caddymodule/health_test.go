package caddymodule

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/liveorigin/caddy-live-origin/store"
)

const withHealth = `live_origin {
	store shared_test
	health /ops/health
	channel sports {
		input a /in/a
		input b /in/b
		endpoint hls /live
	}
}`

const oneNode = `live_origin {
	health /health
	channel news {
		input a /in/a
		endpoint hls /live
	}
}`

func TestHealth(t *testing.T) {
	hear(t, twoNodes())
	o := newOrigin(t, withHealth)
	other := newOrigin(t, oneNode)
	w := o.do("GET", "/ops/health", nil)
	want(t, w, 200, `{"status":"ready"}`)
	wantHeader(t, w.Header(), "Cache-Control", "no-store")
	wantHeader(t, w.Header(), "Content-Type", "application/json")
	want(t, o.do("HEAD", "/ops/health", nil), 200, "")

	// It is this path and no other.
	want(t, o.do("GET", "/ops/health/", nil), 404, "")
	want(t, o.do("GET", "/ops/health/x", nil), 404, "")
	want(t, o.do("GET", "/ops/healthy", nil), nextStatus, "")
	want(t, o.do("GET", "/ops", nil), nextStatus, "")
	w = o.do("POST", "/ops/health", strings.NewReader("x"))
	want(t, w, 405, "GET, HEAD")
	wantHeader(t, w.Header(), "Allow", "GET, HEAD")

	// A node that is alone is ready, and says so; it is no business of other handlers.
	hear(t, aloneNode())
	want(t, o.do("GET", "/ops/health", nil), 200, `{"status":"alone","channels":{"sports":"alone"}}`)
	want(t, other.do("GET", "/health", nil), 200, `{"status":"ready"}`)
	want(t, adminHealthOf(t, "GET"), 200, `{"status":"alone","channels":{"sports":"alone"}}`)
	hear(t, twoNodes())
	want(t, adminHealthOf(t, "HEAD"), 200, `{"status":"ready"}`)

	err := serveAdminHealth(httptest.NewRecorder(), httptest.NewRequest("POST", "/live_origin/health", nil))
	var refused caddy.APIError
	if !errors.As(err, &refused) || refused.HTTPStatus != http.StatusMethodNotAllowed {
		t.Errorf("POST: %v", err)
	}
}

func adminHealthOf(t *testing.T, method string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	if err := serveAdminHealth(w, httptest.NewRequest(method, "/live_origin/health", nil)); err != nil {
		t.Fatal(err)
	}
	return w
}

// A node that starts is not ready until it has what the others have, and says so at once.
func TestHealthDuringTheStart(t *testing.T) {
	gate := make(chan struct{})
	others.mu.Lock()
	others.gate, others.status = gate, store.GroupStatus{Contact: store.Alone}
	others.mu.Unlock()
	defer func() {
		others.mu.Lock()
		others.gate = nil
		others.mu.Unlock()
	}()
	o, err := tryOrigin(t, withHealth)
	if err != nil {
		t.Fatal(err)
	}
	w := o.do("GET", "/ops/health", nil)
	want(t, w, 503, `{"status":"not_ready"}`)
	wantHeader(t, w.Header(), "Retry-After", "1")
	wantHeader(t, w.Header(), "Cache-Control", "no-store")
	w = adminHealthOf(t, "GET")
	want(t, w, 503, `{"status":"not_ready"}`)
	wantHeader(t, w.Header(), "Retry-After", "1")
	w = o.do("GET", "/live/index.m3u8", nil)
	want(t, w, 503, "starting")
	wantHeader(t, w.Header(), "Retry-After", "1")
	close(gate)
	if err := o.app.Start(); err != nil {
		t.Fatal(err)
	}
	want(t, o.do("GET", "/ops/health", nil), 200, "alone")
	want(t, o.do("GET", "/live/index.m3u8", nil), 404, "")
	want(t, adminHealthOf(t, "GET"), 200, "alone")
}
