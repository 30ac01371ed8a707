// Package caddymodule is the origin as a module of Caddy: the handler
// `http.handlers.live_origin` and its stores.
package caddymodule

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

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
// Requests for paths that belong to no input, endpoint or status page go on to the next
// handler. In a Caddyfile, the directive comes before `respond`, `reverse_proxy` and
// `file_server`, and after `abort` and `error`, which can keep clients away. An upload
// that no handler has answered is refused with 404: an encoder must not believe that what
// it sent to a mistyped path has arrived.
//
// Errors go to `handle_errors`, with the reason in `{http.error.message}`. Where nobody
// handles them, they are answered with the reason as plain text, since that is what
// shows in an encoder's log.
//
// Access log entries have the fields `live_channel` and `live_input` or
// `live_endpoint`.
//
// State outlives a reload of the config: uploads and downloads go on, and so do
// the playlists. A changed option applies from the next segment on.
//
// Paths must not overlap within one handler, nor with those of a handler in front of it that
// gets all its requests. Handlers behind different hosts or matchers may have equal paths, and
// so may one that is behind a handler which changes the path. Two handlers may have the same
// channel if they configure it alike.
type Handler struct {
	// Where segments and state live. Nothing goes from one store to another: a channel that
	// gets another one by a reload begins anew. Default: `memory`.
	StoreRaw json.RawMessage `json:"store,omitempty" caddy:"namespace=http.live_origin.stores inline_key=engine"`

	// The channels by name. Names consist of letters, digits, `-` and `_`, at
	// most 64 of them.
	Channels map[string]*Channel `json:"channels,omitempty"`

	// The path of a check for load balancers: 200 with `ready`, or with `alone` where several
	// nodes run the channels and this one hears no other; 503 with `not_ready` as long as it has
	// not taken over what the others have. Default: none.
	Health string `json:"health,omitempty"`

	// A page for operators, with the channels of this handler. Default: none.
	Status *StatusPage `json:"status,omitempty"`

	app    *App
	logger *zap.Logger
	routes map[string]*route
	uses   []*channelUse
	// quiet throttles warnings about refused uploads, strays those about uploads to no
	// input.
	quiet, strays *throttle
	// errorRoutes: a subroute around the handler handles errors.
	errorRoutes bool
}

// route is what a path of the config leads to: an input, an endpoint or the status
// page.
type route struct {
	// page is set for the status page alone, which has nothing else, and health for the check
	// of load balancers.
	page    *statusPage
	health  bool
	use     *channelUse
	channel string
	// input is nil for endpoints.
	input    *Input
	guard    *guard
	endpoint string
	// patience is how long a viewer may take for a segment, or an encoder for what it reads back;
	// flight is what viewers are fetching of startover playlists.
	patience time.Duration
	flight   *flight
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
	h.logger = ctx.Logger(app)
	h.quiet, h.strays = newThrottle(quietInterval), newThrottle(strayInterval)
	h.errorRoutes = errorRoutesAround(ctx.Modules())

	if err := app.checkServers(ctx.Modules()); err != nil {
		return err
	}
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
	if h.Health != "" {
		if err := paths.add(h.Health, "the health check"); err != nil {
			return fmt.Errorf("health: path: %w", err)
		}
		h.routes[h.Health] = &route{health: true}
	}
	for _, name := range h.channelNames() {
		c := h.Channels[name]
		if c == nil {
			return fmt.Errorf("channel %s is null", name)
		}
		for _, in := range c.Inputs {
			if in == nil {
				continue
			}
			if err := in.checkFits(limitOf(engine)); err != nil {
				return fmt.Errorf("channel %s, input %s: %w", name, in.Name, err)
			}
		}
		c.setDefaults()
		if err := c.check(name, paths); err != nil {
			return err
		}
		use, err := h.app.use(name, c, engine, options)
		if err != nil {
			return err
		}
		h.uses = append(h.uses, use)
		if err := h.addRoutes(ctx, name, c, use); err != nil {
			return err
		}
		if page != nil {
			page.watch(name, c, use, h.Status.Path)
		}
	}
	return app.checkCapacities(engine)
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
	var longest time.Duration
	for _, e := range c.Endpoints {
		longest = max(longest, e.patience())
	}
	for _, in := range c.Inputs {
		g, err := newGuard(ctx, in)
		if err != nil {
			return fmt.Errorf("channel %s, input %s: %w", name, in.Name, err)
		}
		h.routes[in.Path] = &route{
			use: use, channel: name, input: in, guard: g, patience: longest,
			fields: [2]zap.Field{zap.String("live_channel", name), zap.String("live_input", in.Name)},
		}
	}
	for key, e := range c.Endpoints {
		h.routes[e.Path] = &route{
			use: use, channel: name, endpoint: key, patience: e.patience(), flight: &flight{},
			fields: [2]zap.Field{zap.String("live_channel", name), zap.String("live_endpoint", key)},
		}
	}
	return nil
}

func (h *Handler) channelNames() []string { return slices.Sorted(maps.Keys(h.Channels)) }

// Validate warns of what is allowed but hardly intended. It runs once per config.
func (h *Handler) Validate() error {
	h.warnOfOpenInputs()
	for _, name := range h.channelNames() {
		c := h.Channels[name]
		if len(c.Inputs) == 1 {
			h.logger.Warn("channel has a single input, so there is nothing to fail over to", zap.String("channel", name))
		}
		for _, key := range c.endpointNames() {
			if e := c.Endpoints[key]; e.StartoverWindow > 0 && e.StartoverWindow < e.PlaylistWindow {
				h.logger.Warn("startover_window is shorter than playlist_window: all that it keeps is listed anyway",
					zap.String("channel", name), zap.String("endpoint", key))
			}
		}
	}
	return nil
}

// ServeHTTP serves inputs and endpoints.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if h.errorRoutes {
		caddyhttp.SetVar(r.Context(), errorRoutesVar, true)
	}
	if brings(r.Method) && r.Body != nil && r.Body != http.NoBody {
		r.Body = &countedBody{ReadCloser: r.Body}
	}
	rt, length := h.route(r.URL.Path)
	var path string // below the route's own; that of an upload is escaped
	switch {
	case rt == nil:
		// As it is, or without parts that mean nothing.
		if rt, path = h.untidy(r.URL); rt == nil {
			return h.passOn(w, r, next)
		}
	case rt.input != nil:
		path = tidy("/" + below(r.URL, length))[1:]
	case isUntidy(r.URL.Path):
		path = strings.TrimPrefix(tidy(r.URL.Path[length:]), "/")
	default:
		path = strings.TrimPrefix(r.URL.Path[length:], "/")
	}
	if rt.input == nil && brings(r.Method) {
		h.noteStray(r, http.StatusMethodNotAllowed) // an encoder that was given the URL for viewers
	}
	if rt.health {
		return h.serveHealth(w, r, r.URL.Path[length:])
	}
	if rt.page == nil {
		rt.logFields(r)
	}
	switch {
	case rt.page != nil:
		if err := h.app.inEffect(); err != nil {
			return busy(w, r, err)
		}
		return rt.page.serve(w, r, r.URL.Path[length:])
	case rt.input != nil:
		// It waits for as long as it takes: an encoder would lose the upload.
		if err := h.app.commit(); err != nil {
			return busy(w, r, err)
		}
		return h.serveInput(w, r, rt, path)
	}
	return h.serveEndpoint(w, r, rt, path)
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

// below returns the escaped path after the first n bytes of the path, without the slash
// between them. Configured paths are their own escaped form, but a client may escape more
// than it has to.
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

// isUntidy reports whether a path has empty or "." parts.
func isUntidy(path string) bool { return strings.Contains(path, "//") || strings.Contains(path, "/./") }

// untidy finds the input or endpoint of a path with empty or "." parts, which mean nothing: encoders
// and CDNs put them there when they join a base URL and a name. path begins below the route's own; that
// of an upload is escaped.
func (h *Handler) untidy(u *url.URL) (rt *route, path string) {
	if !isUntidy(u.Path) {
		return nil, ""
	}
	escaped := tidy(u.EscapedPath())
	unescaped, err := url.PathUnescape(escaped)
	if err != nil {
		return nil, ""
	}
	rt, length := h.route(unescaped)
	switch {
	case rt == nil || rt.page != nil || rt.health:
		return nil, ""
	case rt.input == nil:
		return rt, strings.TrimPrefix(unescaped[length:], "/")
	}
	return rt, below(&url.URL{Path: unescaped, RawPath: escaped}, length)
}

// tidy leaves empty and "." parts out of an escaped path that begins with a slash, except
// for an empty part at its end: whether it may name a directory is for others to judge.
func tidy(escaped string) string {
	parts := strings.Split(escaped, "/")
	last := len(parts) - 1
	kept := parts[:0]
	for i, part := range parts {
		if i == 0 || i == last || part != "" && part != "." && !strings.EqualFold(part, "%2e") {
			kept = append(kept, part)
		}
	}
	return strings.Join(kept, "/")
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

// Interface guards
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddy.Validator             = (*Handler)(nil)
	_ caddyfile.Unmarshaler       = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
