package caddymodule

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/liveorigin/caddy-live-origin/internal/channel"
)

func init() {
	caddy.RegisterModule(adminAPI{})
}

const (
	adminRoot     = "/live_origin/"
	adminChannels = "/live_origin/channels"
	adminHealth   = "/live_origin/health"
	// shownDecisions is how many decisions the status of a channel has unless the
	// request asks for another number.
	shownDecisions = 100
	// maxOrderSize limits the body of a request.
	maxOrderSize = 4096
)

// adminAPI lets operators look at channels and switch inputs:
//
//	GET    /live_origin/health
//	GET    /live_origin/channels
//	GET    /live_origin/channels/<channel>
//	POST   /live_origin/channels/<channel>/endpoints/<endpoint>/switch
//	DELETE /live_origin/channels/<channel>/endpoints/<endpoint>/switch
//
// Two stores may have a channel of the same name. Then `?store=<store>` says which
// one is meant, and without it the answer is 409. `?decisions=<number>` says how many
// of a channel's decisions to show, of which it keeps 1,000.
//
// It has no state. Caddy makes it before the apps of a config and never cleans it
// up, so every request looks at what is running.
type adminAPI struct{}

// CaddyModule returns the Caddy module information.
func (adminAPI) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "admin.api.live_origin", New: func() caddy.Module { return new(adminAPI) }}
}

// Routes implements caddy.AdminRouter.
func (adminAPI) Routes() []caddy.AdminRoute {
	return []caddy.AdminRoute{
		{Pattern: adminRoot, Handler: caddy.AdminHandlerFunc(serveNothing)},
		{Pattern: adminHealth, Handler: caddy.AdminHandlerFunc(serveAdminHealth)},
		{Pattern: adminChannels, Handler: caddy.AdminHandlerFunc(serveChannels)},
		{Pattern: adminChannels + "/{channel}", Handler: caddy.AdminHandlerFunc(serveChannel)},
		{Pattern: adminChannels + "/{channel}/endpoints/{endpoint}/switch", Handler: caddy.AdminHandlerFunc(serveSwitch)},
	}
}

// serveNothing answers what no other route does.
func serveNothing(_ http.ResponseWriter, r *http.Request) error {
	return apiError(http.StatusNotFound, "there is nothing at %s; there are %s, %s and what is below a channel, without a slash at the end",
		r.URL.Path, adminHealth, adminChannels)
}

// allowed checks the method.
func allowed(w http.ResponseWriter, r *http.Request, methods ...string) error {
	if slices.Contains(methods, r.Method) {
		return nil
	}
	list := strings.Join(methods, ", ")
	w.Header().Set("Allow", list)
	return apiError(http.StatusMethodNotAllowed, "method %s is not allowed here, only %s", r.Method, list)
}

func apiError(status int, format string, args ...any) error {
	return caddy.APIError{HTTPStatus: status, Err: fmt.Errorf(format, args...)}
}

func serveChannels(w http.ResponseWriter, r *http.Request) error {
	if err := allowed(w, r, http.MethodGet, http.MethodHead); err != nil {
		return err
	}
	list, store := []channelStatus{}, r.URL.Query().Get("store")
	live.eachChannel(func(c *sharedChannel) {
		if store == "" || c.key.store == store {
			list = append(list, describe(c.key, c.channel))
		}
	})
	if store != "" && len(list) == 0 {
		return apiError(http.StatusNotFound, "store %q has no channels", store)
	}
	return writeJSON(w, http.StatusOK, list)
}

func serveChannel(w http.ResponseWriter, r *http.Request) error {
	if err := allowed(w, r, http.MethodGet, http.MethodHead); err != nil {
		return err
	}
	c, err := namedChannel(r)
	if err != nil {
		return err
	}
	defer c.release()
	status := describe(c.key, c.channel)
	shown := shownDecisions
	if v := r.URL.Query().Get("decisions"); v != "" {
		if shown, err = strconv.Atoi(v); err != nil || shown < 0 {
			return apiError(http.StatusBadRequest, "decisions is not a number: %q", v)
		}
	}
	decisions := c.channel.Decisions()
	status.Decisions = []decision{}
	for _, d := range decisions[max(0, len(decisions)-shown):] {
		status.Decisions = append(status.Decisions, decisionOf(d))
	}
	return writeJSON(w, http.StatusOK, status)
}

// order is the body of a request to switch.
type order struct {
	// Input is the input to switch to.
	Input string `json:"input"`
	// Pin: go back there whenever the endpoint had to leave, until it is unpinned.
	Pin bool `json:"pin"`
}

func serveSwitch(w http.ResponseWriter, r *http.Request) error {
	if err := allowed(w, r, http.MethodPost, http.MethodDelete); err != nil {
		return err
	}
	var o order
	status := http.StatusOK
	if r.Method == http.MethodPost {
		if err := readOrder(r, &o); err != nil {
			return err
		}
		// The switch happens with the next slot that the input has whole.
		status = http.StatusAccepted
	}
	c, err := namedChannel(r)
	if err != nil {
		return err
	}
	defer c.release()
	endpoint := r.PathValue("endpoint")
	switch err := c.channel.Order(endpoint, o.Input, o.Pin); {
	case errors.Is(err, channel.ErrUnknown):
		return unknownName(c, endpoint, o.Input)
	case errors.Is(err, channel.ErrClosed):
		return apiError(http.StatusServiceUnavailable, "channel %s is being closed", c.key.name)
	case err != nil:
		return caddy.APIError{HTTPStatus: http.StatusInternalServerError, Err: err}
	}
	for _, e := range c.channel.Status().Endpoints {
		if e.Name == endpoint {
			return writeJSON(w, status, statusOfEndpoint(e))
		}
	}
	return unknownName(c, endpoint, o.Input)
}

func readOrder(r *http.Request, o *order) error {
	decoder := json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxOrderSize))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(o)
	if _, end := decoder.Token(); err == nil && !errors.Is(end, io.EOF) {
		err = errors.New("something follows it") // of two orders in a row, neither is certain to be meant
	}
	if err != nil {
		return apiError(http.StatusBadRequest, `the body must be like {"input":"b","pin":true}: %w`, err)
	}
	if o.Input == "" {
		return apiError(http.StatusBadRequest, "input is required")
	}
	return nil
}

// unknownName says which of the two names the channel does not have.
func unknownName(c *sharedChannel, endpoint, input string) error {
	for _, e := range c.channel.Status().Endpoints {
		if e.Name == endpoint {
			return apiError(http.StatusNotFound, "channel %s has no input %q", c.key.name, input)
		}
	}
	return apiError(http.StatusNotFound, "channel %s has no endpoint %q", c.key.name, endpoint)
}

// namedChannel returns the channel that the request means. The caller releases it.
func namedChannel(r *http.Request) (*sharedChannel, error) {
	name, store := r.PathValue("channel"), r.URL.Query().Get("store")
	var found *sharedChannel
	var stores []string
	live.eachChannel(func(c *sharedChannel) {
		if c.key.name != name || store != "" && c.key.store != store {
			return
		}
		stores = append(stores, c.key.store)
		if found == nil && c.acquire() {
			found = c
		}
	})
	if len(stores) > 1 {
		if found != nil {
			found.release()
		}
		return nil, apiError(http.StatusConflict, "several stores have a channel %s; add ?store= with one of: %s",
			name, strings.Join(stores, ", "))
	}
	if found == nil && store != "" {
		return nil, apiError(http.StatusNotFound, "store %q has no channel %q", store, name)
	}
	if found == nil {
		return nil, apiError(http.StatusNotFound, "there is no channel %q", name)
	}
	return found, nil
}

func writeJSON(w http.ResponseWriter, status int, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return caddy.APIError{HTTPStatus: http.StatusInternalServerError, Err: err}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// What fails here is the connection: there is nobody left to tell.
	_, _ = w.Write(append(text, '\n'))
	return nil
}

// Interface guards
var _ caddy.AdminRouter = (*adminAPI)(nil)
