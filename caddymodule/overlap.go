package caddymodule

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
)

// checkServers compares the paths of all handlers of each server, once per config. Provisioning
// clears what the config says of a handler, so this is done when the first one is provisioned:
// nothing that was before it has one.
func (a *App) checkServers(lineage []caddy.Module) error {
	if a.compared {
		return nil
	}
	a.compared = true
	for _, m := range lineage {
		app, ok := m.(*caddyhttp.App)
		if !ok {
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(app.Servers)) {
			srv := app.Servers[name]
			lists := []caddyhttp.RouteList{srv.Routes}
			for _, named := range slices.Sorted(maps.Keys(srv.NamedRoutes)) {
				lists = append(lists, caddyhttp.RouteList{*srv.NamedRoutes[named]})
			}
			for _, routes := range lists {
				if err := (&chain{logger: a.logger}).walk(routes, nil, nil); err != nil {
					return fmt.Errorf("server %s: %w", name, err)
				}
			}
		}
	}
	return nil
}

// chain is what requests of one list of routes pass through. It knows which paths are certain to
// have been answered on the way.
//
// Handlers of a server may have equal paths for good reasons: behind different hosts, other
// matchers, or directives that change the path. Only what no request can reach is an error.
type chain struct {
	claims []claim
	groups map[string]bool
	unique int
	// changed: a request may have another path by now than it came with.
	changed bool
	logger  *zap.Logger
}

// claim is a path of a handler, which gets all requests for it that meet some conditions.
type claim struct {
	path, owner string
	conditions  []string
}

// walk follows the routes, which are reached under the conditions, by requests with a path that each
// of the routes around them takes.
func (c *chain) walk(routes caddyhttp.RouteList, conditions []string, around []patterns) error {
	for i := range routes {
		r := &routes[i]
		under, within := slices.Concat(conditions, c.conditions(r)), around
		if p := patternsOf(r); p != nil {
			within = append(slices.Clip(around), p)
		}
		for _, raw := range r.HandlersRaw {
			if err := c.handler(raw, under, within); err != nil {
				return err
			}
		}
	}
	return nil
}

// conditions are those under which a route gets a request. Equal ones have equal texts.
func (c *chain) conditions(r *caddyhttp.Route) (list []string) {
	if r.Group != "" {
		// Others of the group come first, but for the first one.
		if c.groups[r.Group] {
			list = append(list, "group "+r.Group)
		}
		if c.groups == nil {
			c.groups = map[string]bool{}
		}
		c.groups[r.Group] = true
	}
	switch {
	case len(r.MatcherSetsRaw) > 0:
		text, _ := json.Marshal(r.MatcherSetsRaw) // it was read from JSON
		return append(list, "match "+string(text))
	case len(r.MatcherSets) > 0:
		// They are provisioned, and not to be compared any more.
		c.unique++
		return append(list, fmt.Sprint("route ", c.unique))
	}
	return list
}

// harmless are handlers that change nothing of a request that a matcher may look at, and that may
// be between two of ours.
var harmless = []string{"authentication", "encode"}

func (c *chain) handler(raw json.RawMessage, conditions []string, around []patterns) error {
	var kind struct {
		Handler string `json:"handler"`
	}
	// What can't be read is reported when it is provisioned.
	_ = json.Unmarshal(raw, &kind)
	switch {
	case kind.Handler == "subroute":
		var inner struct {
			Routes caddyhttp.RouteList `json:"routes"`
		}
		_ = json.Unmarshal(raw, &inner)
		return c.walk(inner.Routes, conditions, around)
	case kind.Handler == "live_origin":
		var h Handler
		_ = json.Unmarshal(raw, &h)
		claims := h.claims(conditions)
		c.warnOfUnreached(claims, around)
		return c.claim(claims)
	case slices.Contains(harmless, kind.Handler):
		return nil
	}
	c.claims, c.changed = nil, true // whatever follows may get other paths
	return nil
}

// claim adds the paths of a handler.
func (c *chain) claim(claims []claim) error {
	for _, mine := range claims {
		if err := c.reaches(mine); err != nil {
			return err
		}
	}
	c.claims = append(c.claims, claims...)
	return nil
}

// reaches reports why no request for the path gets as far as this.
func (c *chain) reaches(mine claim) error {
	for _, before := range c.claims {
		met := !slices.ContainsFunc(before.conditions, func(s string) bool { return !slices.Contains(mine.conditions, s) })
		if !met {
			continue
		}
		if err := overlap(mine.path, before.path, before.owner); err != nil {
			return fmt.Errorf("%s: path: %w, in another live_origin block in front", mine.owner, err)
		}
	}
	return nil
}

// claims are the handler's paths.
func (h *Handler) claims(conditions []string) (list []claim) {
	add := func(path, owner string) {
		if path != "" {
			list = append(list, claim{path, owner, conditions})
		}
	}
	if h.Status != nil {
		add(h.Status.Path, "the status page")
	}
	add(h.Health, "the health check")
	for _, name := range h.channelNames() {
		c := h.Channels[name]
		if c == nil {
			continue
		}
		for _, in := range c.Inputs {
			if in != nil {
				add(in.Path, "channel "+name+", input "+in.Name)
			}
		}
		for _, key := range c.endpointNames() {
			if e := c.Endpoints[key]; e != nil {
				add(e.Path, "channel "+name+", endpoint "+key)
			}
		}
	}
	return list
}
