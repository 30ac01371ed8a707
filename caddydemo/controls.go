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
	"path"
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
// `corrupt`, `hole`, `mute`, `freeze`. With several nodes, `GET
// /demo/parts` reports the state of nodes and NATS servers, and `POST
// /demo/parts/<name>/<action>` does `kill` or `start`. Pages of other sites can't do that.
type Controls struct{}

const (
	controlsPath = "/demo/"
	scriptPath   = controlsPath + "controls.js"
)

//go:embed controls.js elements.js parts.js controls.css
var files embed.FS

// show is what there is to break.
type show struct {
	encoders []*demo.Encoder
	parts    []*part
}

// running is the show of this process, nil outside the demo.
var running atomic.Pointer[show]

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
	now := running.Load()
	name, ours := strings.CutPrefix(r.URL.Path, controlsPath)
	if now == nil || !ours {
		return next.ServeHTTP(w, r)
	}
	h := w.Header()
	h["Cache-Control"] = []string{"no-store"}
	h["X-Content-Type-Options"] = []string{"nosniff"}
	if kind, ok := contentTypes[path.Ext(name)]; ok {
		h["Content-Type"] = []string{kind}
		http.ServeFileFS(w, r, files, name)
		return nil
	}
	what, action, acts := strings.Cut(name, "/")
	methods := "GET, HEAD"
	if acts {
		methods = "POST"
	}
	switch {
	case what != "encoders" && what != "parts":
		return next.ServeHTTP(w, r)
	case !allow(w, r, methods):
		return nil
	case acts && sameOrigin.Check(r) != nil:
		return answerError(w, http.StatusForbidden, sameOrigin.Check(r))
	case acts && what == "encoders":
		return now.actOnEncoder(w, action)
	case acts:
		return now.actOnPart(w, action)
	case what == "encoders":
		return answerJSON(w, http.StatusOK, now.encoderStates())
	}
	return answerJSON(w, http.StatusOK, now.partStates())
}

var contentTypes = map[string]string{".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}

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

func (s *show) encoderStates() []demo.State {
	states := make([]demo.State, 0, len(s.encoders))
	for _, e := range s.encoders {
		states = append(states, e.State())
	}
	return states
}

// actOnEncoder does what name says, `<encoder>/<action>`, and answers with the encoder's
// state.
func (s *show) actOnEncoder(w http.ResponseWriter, name string) error {
	name, action, _ := strings.Cut(name, "/")
	for _, e := range s.encoders {
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
