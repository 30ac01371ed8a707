package caddymodule

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

func init() {
	caddy.RegisterModule(reasonHandler{})
}

// fail answers with a status and the reason, as a Caddy error, so that `handle_errors` and
// `{http.error.*}` work. Where nobody handles errors, the reason is the body: that is what
// shows in an encoder's log.
//
// The answer goes out at once, also when the client is still sending; see drain.
func fail(w http.ResponseWriter, r *http.Request, status int, reason error) error {
	sending := stillSending(r)
	if sending && r.ProtoMajor == 1 {
		answerFirst(w)
	}
	err := caddyhttp.Error(status, &refusedError{reason})
	if handlesErrors(r) {
		return err
	}
	writeReason(w, r, status, reason)
	if sending {
		drain(w, r, status)
	}
	if status >= http.StatusInternalServerError {
		// Caddy would log an ERROR for every upload to a store that is full, say. The log
		// has it already, at intervals.
		return nil
	}
	return err
}

// refusedError marks the errors that this module has answered with.
type refusedError struct{ error }

func (e *refusedError) Unwrap() error { return e.error }

func writeReason(w http.ResponseWriter, r *http.Request, status int, reason error) {
	h := w.Header()
	h["Content-Type"] = []string{"text/plain; charset=utf-8"}
	h["X-Content-Type-Options"] = []string{"nosniff"}
	text := reason.Error() + "\n"
	// So that the answer is complete before the rest of a body is drained.
	h["Content-Length"] = []string{strconv.Itoa(len(text))}
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = io.WriteString(w, text)
	}
}

// handlesErrors reports whether there are error routes that the request's error goes
// to: those of the server, or of a subroute that this handler is in.
func handlesErrors(r *http.Request) bool {
	if inside, _ := caddyhttp.GetVar(r.Context(), errorRoutesVar).(bool); inside {
		return true
	}
	srv, ok := r.Context().Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	return ok && srv != nil && srv.Errors != nil && len(srv.Errors.Routes) > 0
}

// errorRoutesVar is a request variable: it says that a subroute around this handler has
// error routes.
const errorRoutesVar = "live_origin.error_routes"

// errorRoutesAround reports whether one of the modules around a handler is a subroute
// with error routes. To the server's own, it appends a last error route, which sends the
// reason where the routes of other sites don't answer.
func errorRoutesAround(lineage []caddy.Module) bool {
	around := false
	for _, m := range lineage {
		switch m := m.(type) {
		case *caddyhttp.Subroute:
			around = around || m.Errors != nil && len(m.Errors.Routes) > 0
		case *caddyhttp.App:
			for _, srv := range m.Servers {
				if srv.Errors != nil && len(srv.Errors.Routes) > 0 && !sendsReason(srv.Errors.Routes) {
					srv.Errors.Routes = append(srv.Errors.Routes, reasonRoute())
				}
			}
		}
	}
	return around
}

// reasonRoute is not provisioned yet: Caddy does that with the server's other error routes,
// after its handlers.
func reasonRoute() caddyhttp.Route {
	return caddyhttp.Route{HandlersRaw: []json.RawMessage{caddyconfig.JSONModuleObject(reasonHandler{}, "handler", reasonName, nil)}}
}

func sendsReason(routes caddyhttp.RouteList) bool {
	last := routes[len(routes)-1]
	for _, raw := range last.HandlersRaw {
		if strings.Contains(string(raw), `"`+reasonName+`"`) {
			return true
		}
	}
	for _, h := range last.Handlers {
		if _, ok := h.(*reasonHandler); ok {
			return true
		}
	}
	return false
}

const reasonName = "live_origin_reason"

// reasonHandler is the last error route of a server: it sends the reason of an error of
// `live_origin`, if no route before it has answered. It is put there by the handlers,
// and is of no use in a config.
type reasonHandler struct{}

// CaddyModule returns the Caddy module information.
func (reasonHandler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers." + reasonName,
		New: func() caddy.Module { return new(reasonHandler) },
	}
}

// ServeHTTP implements caddyhttp.MiddlewareHandler.
func (reasonHandler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	err, _ := r.Context().Value(caddyhttp.ErrorCtxKey).(error)
	var failed caddyhttp.HandlerError
	var refused *refusedError
	if !errors.As(err, &failed) || !errors.As(err, &refused) {
		return next.ServeHTTP(w, r)
	}
	writeReason(w, r, failed.StatusCode, refused)
	return nil
}

const (
	// drainTime and drainSize bound how much is read of an unwanted body.
	drainTime = 5 * time.Second
	drainSize = 64 << 20
	drainStep = 64 << 10
	// drainPause is how long nothing may come over HTTP/2, where some clients stop sending when they
	// have the answer, and wait for the end of the stream.
	drainPause = 250 * time.Millisecond
)

// countedBody knows whether the body has been read to its end.
type countedBody struct {
	io.ReadCloser
	ended bool
}

// Read implements io.Reader.
func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.ended = b.ended || errors.Is(err, io.EOF)
	return n, err
}

// stillSending reports whether the client may have more of a body to send. HTTP/3 deals with that by
// itself. In HTTP/2 the stream is reset without an error (RFC 9113, 8.1), but libcurl up to 7.88 loses
// the answer by that.
func stillSending(r *http.Request) bool {
	if r.ProtoMajor > 2 || r.ContentLength == 0 || r.Body == nil || r.Body == http.NoBody {
		return false
	}
	b, ok := r.Body.(*countedBody)
	return ok && !b.ended
}

// answerFirst lets an answer go out although the body has not been read. By itself,
// net/http reads up to 256 KiB of it before it sends the header, for as long as that
// takes; and where the client waits for "100 Continue" it asks for the body after all,
// as Caddy wraps it. In full duplex it does neither. The connection ends with the
// answer, as nobody knows how much of the body follows.
func answerFirst(w http.ResponseWriter) {
	w.Header()["Connection"] = []string{"close"}
	// A server that can't do it behaves as before.
	_ = http.NewResponseController(w).EnableFullDuplex()
}

// drain reads on for a short while after an answer. A connection that is closed with unread
// data is reset, and with the reset the client may lose the answer; and many encoders look
// at an answer only when they have sent everything.
func drain(w http.ResponseWriter, r *http.Request, status int) {
	if status == http.StatusRequestTimeout || strings.EqualFold(r.Header.Get("Expect"), "100-continue") {
		return // there is nothing to come
	}
	control := http.NewResponseController(w)
	if control.Flush() != nil {
		return
	}
	pause := drainTime
	if r.ProtoMajor > 1 {
		pause = drainPause
	}
	end := time.Now().Add(drainTime)
	for range drainSize / drainStep {
		now := time.Now()
		if !now.Before(end) || control.SetReadDeadline(sooner(now.Add(pause), end)) != nil {
			return // without a deadline it might take forever
		}
		if _, err := io.CopyN(io.Discard, r.Body, drainStep); err != nil {
			return
		}
	}
}

func sooner(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// Interface guards
var _ caddyhttp.MiddlewareHandler = (*reasonHandler)(nil)
