// Package caddydemo adds `caddy live-origin demo` to a build of Caddy that has the
// live_origin module: an origin with two built-in encoders that you can break. Production
// builds do without it.
package caddydemo

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/liveorigin/caddy-live-origin/caddymodule"
	"github.com/liveorigin/caddy-live-origin/internal/demo"
)

func init() {
	caddy.RegisterModule(Controls{})
	caddymodule.AddCommand(command)
}

// Controls are the buttons of the demo's status page, and what they do. The
// command `caddy live-origin demo` configures this handler; it is of no use in any
// other config, where it leaves all requests to the next handler.
//
// `GET /demo/encoders` reports the state of the built-in encoders, `POST
// /demo/encoders/<name>/<action>` does something to one: `kill`, `revive`, `stop`, `drop`,
// `corrupt`, `hole`, `mute`, `freeze`. Pages of other sites can't do that.
type Controls struct{}

const (
	encodersPath = "/demo/encoders"
	scriptPath   = "/demo/controls.js"
	stylePath    = "/demo/controls.css"
)

//go:embed controls.js controls.css
var files embed.FS

// running are the encoders of this process, nil outside the demo.
var running atomic.Pointer[[]*demo.Encoder]

// sameOrigin refuses requests that another site's page makes a browser send.
var sameOrigin = http.NewCrossOriginProtection()

// CaddyModule returns the Caddy module information.
func (Controls) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.live_origin_demo",
		New: func() caddy.Module { return new(Controls) },
	}
}

// ServeHTTP serves the script of the buttons and the requests that they make.
func (Controls) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	encoders := running.Load()
	if encoders == nil {
		return next.ServeHTTP(w, r)
	}
	h := w.Header()
	h["Cache-Control"] = []string{"no-store"}
	h["X-Content-Type-Options"] = []string{"nosniff"}
	name, isEncoder := strings.CutPrefix(r.URL.Path, encodersPath+"/")
	switch {
	case r.URL.Path == scriptPath:
		h["Content-Type"] = []string{"text/javascript; charset=utf-8"}
		http.ServeFileFS(w, r, files, "controls.js")
		return nil
	case r.URL.Path == stylePath:
		h["Content-Type"] = []string{"text/css; charset=utf-8"}
		http.ServeFileFS(w, r, files, "controls.css")
		return nil
	case r.URL.Path == encodersPath:
		if !allow(w, r, "GET, HEAD") {
			return nil
		}
		states := make([]demo.State, 0, len(*encoders))
		for _, e := range *encoders {
			states = append(states, e.State())
		}
		return answerJSON(w, http.StatusOK, states)
	case isEncoder:
		if !allow(w, r, "POST") {
			return nil
		}
		return act(w, r, *encoders, name)
	}
	return next.ServeHTTP(w, r)
}

// allow rejects requests with a method that is not listed.
func allow(w http.ResponseWriter, r *http.Request, methods string) bool {
	for method := range strings.SplitSeq(methods, ", ") {
		if r.Method == method {
			return true
		}
	}
	w.Header()["Allow"] = []string{methods}
	w.WriteHeader(http.StatusMethodNotAllowed)
	return false
}

// act does what name says, `<encoder>/<action>`, and answers with the encoder's
// state.
func act(w http.ResponseWriter, r *http.Request, encoders []*demo.Encoder, name string) error {
	if err := sameOrigin.Check(r); err != nil {
		return answerError(w, http.StatusForbidden, err)
	}
	name, action, _ := strings.Cut(name, "/")
	for _, e := range encoders {
		if e.State().Name != name {
			continue
		}
		switch err := e.Do(demo.Action(action)); {
		case errors.Is(err, demo.ErrUnknown):
			return answerError(w, http.StatusNotFound, err)
		case err != nil:
			return answerError(w, http.StatusConflict, err)
		}
		return answerJSON(w, http.StatusOK, e.State())
	}
	return answerError(w, http.StatusNotFound, fmt.Errorf("there is no encoder %q", name))
}

func answerError(w http.ResponseWriter, status int, err error) error {
	return answerJSON(w, status, map[string]string{"error": err.Error()})
}

func answerJSON(w http.ResponseWriter, status int, content any) error {
	text, err := json.Marshal(content)
	if err != nil {
		return caddyhttp.Error(http.StatusInternalServerError, fmt.Errorf("encode answer: %w", err))
	}
	w.Header()["Content-Type"] = []string{"application/json"}
	w.WriteHeader(status)
	_, _ = w.Write(text)
	return nil
}

// Interface guards
var _ caddyhttp.MiddlewareHandler = Controls{}
