package caddymodule

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// Strangers can't lock the operator out, and one address not the others.
func TestStatusPlacesAreKept(t *testing.T) {
	var l listeners
	o := &origin{t: t, server: &caddyhttp.Server{}}
	var leave []func()
	enter := func(from, user string) error {
		r := httptest.NewRequest("GET", "/status/events", nil)
		r.RemoteAddr = from + ":1"
		r = o.prepare(httptest.NewRecorder(), r)
		if user != "" {
			r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer).Set("http.auth.user.id", user)
		}
		done, err := l.enter(r)
		if err == nil {
			leave = append(leave, done)
		}
		return err
	}
	for range 100 {
		_ = enter("192.0.2.1", "")
	}
	if len(leave) != maxOfStatusAddress {
		t.Errorf("one address has %d pages", len(leave))
	}
	for i := range 100 {
		_ = enter(fmt.Sprintf("198.51.100.%d", i), "")
	}
	if err := enter("203.0.113.1", ""); !errors.Is(err, errTooManyPages) {
		t.Errorf("error is %v", err)
	}
	for range keptStatusStreams {
		if err := enter("192.0.2.1", "operator"); err != nil {
			t.Error(err)
		}
	}
	for _, done := range leave {
		done()
	}
	if l.known+l.strangers != 0 || len(l.byAddr.of) != 0 {
		t.Errorf("%+v is left", l.byAddr.of)
	}
}
