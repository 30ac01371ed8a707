// Package caddymodule is the origin as a module of Caddy: the handler
// `http.handlers.live_origin` and its stores.
package caddymodule

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
)

func init() {
	caddy.RegisterModule(Handler{})
}

// Handler is an origin for live HLS with redundant inputs. Two encoders push the
// same programme over HTTP, each to its own input; viewers pull from endpoints.
// When the active input of an endpoint misses segments, the endpoint goes on with
// the other one.
//
// Requests for paths of no input, no endpoint and no status page go on to the next
// handler.
//
// Uploads that are refused are answered with the reason as plain text, since that
// is what shows in an encoder's log. On a server with `handle_errors`, errors are
// left to those routes, with the reason in `{http.error.message}`.
//
// Access log entries have the fields `live_channel` and `live_input` or
// `live_endpoint`.
//
// State outlives a reload of the config: uploads and downloads go on, and so do
// the playlists. A changed option applies from the next segment on.
//
// Paths must not overlap within one handler. Two handlers are not compared, as
// they may be behind different hosts or matchers. Two handlers may have the same
// channel if they configure it alike.
type Handler struct {
	// Where segments and state live. Default: `memory`.
	StoreRaw json.RawMessage `json:"store,omitempty" caddy:"namespace=http.live_origin.stores inline_key=engine"`

	// The channels by name. Names consist of letters, digits, `-` and `_`, at
	// most 64 of them.
	Channels map[string]*Channel `json:"channels,omitempty"`

	// A page for operators, with the channels of this handler. Default: none.
	Status *StatusPage `json:"status,omitempty"`

	app    *App
	logger *zap.Logger
	routes map[string]*route
	quiet  *throttle
}

// route is what a path of the config leads to: an input, an endpoint or the status
// page.
type route struct {
	// page is nil but for the status page, which has nothing else.
	page    *statusPage
	use     *channelUse
	channel string
	// input is nil for endpoints.
	input    *Input
	guard    *guard
	endpoint string
	// fields go to the access log.
	fields [2]zap.Field
}

// CaddyModule returns the Caddy module information.
func (Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.live_origin",
		New: func() caddy.Module { return new(Handler) },
	}
}

// Provision sets up the handler. It touches nothing outside the config.
func (h *Handler) Provision(ctx caddy.Context) error {
	app, err := ctx.App("live_origin")
	if err != nil {
		return fmt.Errorf("loading companion app: %w", err)
	}
	return h.provision(ctx, app.(*App))
}

func (h *Handler) provision(ctx caddy.Context, app *App) error {
	h.app = app
	h.logger = ctx.Logger()
	h.quiet = newThrottle(quietInterval)

	if len(h.Channels) == 0 {
		return errors.New("at least one channel is required")
	}
	engine, options, err := h.loadEngine(ctx)
	if err != nil {
		return err
	}
	// Cross checks come before the config is registered with the app, which two
	// handlers share; so they can't wait for Validate.
	paths := pathSet{}
	h.routes = map[string]*route{}
	var page *statusPage
	if h.Status != nil {
		if err := h.Status.check(paths); err != nil {
			return err
		}
		page = newStatusPage(h)
		h.routes[h.Status.Path] = &route{page: page}
	}
	for _, name := range h.channelNames() {
		c := h.Channels[name]
		if c == nil {
			return fmt.Errorf("channel %s is null", name)
		}
		c.setDefaults()
		if err := c.check(name, paths); err != nil {
			return err
		}
		use, err := h.app.use(name, c, engine, options)
		if err != nil {
			return err
		}
		if err := h.addRoutes(ctx, name, c, use); err != nil {
			return err
		}
		if page != nil {
			page.watch(name, c, use, h.Status.Path)
		}
	}
	return nil
}

// loadEngine loads the store's module. options are those it has with all defaults
// filled in.
func (h *Handler) loadEngine(ctx caddy.Context) (Engine, string, error) {
	if h.StoreRaw == nil {
		h.StoreRaw = caddyconfig.JSON(map[string]string{"engine": "memory"}, nil)
	}
	mod, err := ctx.LoadModule(h, "StoreRaw")
	if err != nil {
		return nil, "", fmt.Errorf("loading store module: %w", err)
	}
	engine, ok := mod.(Engine)
	if !ok {
		return nil, "", fmt.Errorf("store module %T is not an engine", mod)
	}
	options, err := json.Marshal(engine)
	if err != nil {
		return nil, "", fmt.Errorf("reading store options: %w", err)
	}
	return engine, string(options), nil
}

func (h *Handler) addRoutes(ctx caddy.Context, name string, c *Channel, use *channelUse) error {
	for _, in := range c.Inputs {
		g, err := newGuard(ctx, in)
		if err != nil {
			return fmt.Errorf("channel %s, input %s: %w", name, in.Name, err)
		}
		h.routes[in.Path] = &route{
			use: use, channel: name, input: in, guard: g,
			fields: [2]zap.Field{zap.String("live_channel", name), zap.String("live_input", in.Name)},
		}
	}
	for key, e := range c.Endpoints {
		h.routes[e.Path] = &route{
			use: use, channel: name, endpoint: key,
			fields: [2]zap.Field{zap.String("live_channel", name), zap.String("live_endpoint", key)},
		}
	}
	return nil
}

func (h *Handler) channelNames() []string {
	names := make([]string, 0, len(h.Channels))
	for name := range h.Channels {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Validate warns of what is allowed but hardly meant. It runs once per config.
func (h *Handler) Validate() error {
	for _, name := range h.channelNames() {
		c := h.Channels[name]
		if len(c.Inputs) == 1 {
			h.logger.Warn("channel has a single input, so there is nothing to fail over to", zap.String("channel", name))
		}
		for _, in := range c.Inputs {
			if h.routes[in.Path].guard.open() {
				h.logger.Warn("input is open: anybody may upload to it",
					zap.String("channel", name), zap.String("input", in.Name), zap.String("path", in.Path))
			}
		}
	}
	return nil
}

// ServeHTTP serves inputs and endpoints.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	rt, length := h.route(r.URL.Path)
	if rt == nil {
		return next.ServeHTTP(w, r)
	}
	if rt.page == nil {
		rt.logFields(r)
	}
	if err := h.app.commit(); err != nil {
		return fail(w, r, http.StatusServiceUnavailable, err)
	}
	if rt.page != nil {
		return rt.page.serve(w, r, r.URL.Path[length:])
	}
	if rt.input != nil {
		return h.serveInput(w, r, rt, below(r.URL, length))
	}
	return h.serveEndpoint(w, r, rt, strings.TrimPrefix(r.URL.Path[length:], "/"))
}

// route finds what the path belongs to, and how much of it is the configured
// path. Configured paths never overlap, so there is at most one.
func (h *Handler) route(path string) (*route, int) {
	for n := len(path); n > 0; n = strings.LastIndexByte(path[:n], '/') {
		if rt := h.routes[path[:n]]; rt != nil {
			return rt, n
		}
	}
	return nil, 0
}

// below returns the escaped path behind the first n bytes of the path, without
// the slash between them. Configured paths are their own escaped form, but a
// client may escape more than it has to.
func below(u *url.URL, n int) string {
	escaped := u.EscapedPath()
	i := 0
	for ; n > 0 && i < len(escaped); n-- {
		if escaped[i] == '%' {
			i += 2
		}
		i++
	}
	return strings.TrimPrefix(escaped[min(i, len(escaped)):], "/")
}

// logFields adds to the access log entry, if there will be one.
func (rt *route) logFields(r *http.Request) {
	ctx := r.Context()
	if srv, ok := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server); ok && srv != nil && srv.Logs == nil {
		return
	}
	if extra, ok := ctx.Value(caddyhttp.ExtraLogFieldsCtxKey).(*caddyhttp.ExtraLogFields); ok {
		extra.Add(rt.fields[0])
		extra.Add(rt.fields[1])
	}
}

// fail answers with the reason, in the way that is of most use: where the
// operator has error routes, they decide what is sent. Without them Caddy would
// send the bare status, and an encoder's log would not tell why.
func fail(w http.ResponseWriter, r *http.Request, status int, reason error) error {
	answerUnasked(w, r)
	if srv, ok := r.Context().Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server); ok &&
		srv != nil && srv.Errors != nil && len(srv.Errors.Routes) > 0 {
		return caddyhttp.Error(status, reason)
	}
	h := w.Header()
	h["Content-Type"] = []string{"text/plain; charset=utf-8"}
	h["X-Content-Type-Options"] = []string{"nosniff"}
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write([]byte(reason.Error() + "\n"))
	}
	return nil
}

// answerUnasked lets a refusal go out although the client still waits with its
// body for "100 Continue". net/http knows that case by the type of the body, which
// Caddy's server wraps; so it would ask for the body after all and read up to
// 256 KiB of it before it sends the answer. In full duplex it sends the answer
// first. The connection ends with it, as nobody knows whether a body follows.
func answerUnasked(w http.ResponseWriter, r *http.Request) {
	if r.ProtoMajor != 1 || !strings.EqualFold(r.Header.Get("Expect"), "100-continue") {
		return
	}
	w.Header()["Connection"] = []string{"close"}
	// A server that can't do it behaves as before.
	_ = http.NewResponseController(w).EnableFullDuplex()
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddy.Validator             = (*Handler)(nil)
	_ caddyfile.Unmarshaler       = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
