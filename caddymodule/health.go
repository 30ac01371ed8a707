package caddymodule

import (
	"errors"
	"net/http"
	"slices"

	"github.com/liveorigin/caddy-live-origin/store"
)

// health is what a load balancer asks for.
type health struct {
	// Status is `ready`, `alone` (the node is ready, and hears no other one: what it serves may
	// differ from what they serve), or `not_ready`.
	Status string `json:"status"`
	// Channels are those that are not ready, or alone.
	Channels map[string]string `json:"channels,omitempty"`
}

const (
	healthReady    = "ready"
	healthAlone    = "alone"
	healthNotReady = "not_ready"
)

// healthOf sums up the channels for which of is true.
func healthOf(of func(*sharedChannel) bool) health {
	h := health{Status: healthReady, Channels: map[string]string{}}
	live.eachChannel(func(c *sharedChannel) {
		if !of(c) {
			return
		}
		switch nodes := c.channel.Nodes(); {
		case !c.channel.Ready():
			h.Status, h.Channels[c.key.name] = healthNotReady, healthNotReady
		case nodes != nil && nodes.Contact == store.Alone:
			h.Channels[c.key.name] = healthAlone
			if h.Status == healthReady {
				h.Status = healthAlone
			}
		}
	})
	return h
}

func (h health) write(w http.ResponseWriter) error {
	if h.Status != healthNotReady {
		return writeJSON(w, http.StatusOK, h)
	}
	w.Header()["Retry-After"] = oneSecondLater
	return writeJSON(w, http.StatusServiceUnavailable, h)
}

// serveHealth is the check of a handler: of its own channels.
func (h *Handler) serveHealth(w http.ResponseWriter, r *http.Request, below string) error {
	switch {
	case below != "":
		return notFound(w, r, errNotThere)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", pageMethods)
		return fail(w, r, http.StatusMethodNotAllowed, errors.New("the health check takes only "+pageMethods))
	}
	state := health{Status: healthNotReady}
	if h.app.inEffect() == nil {
		state = healthOf(func(c *sharedChannel) bool {
			return slices.ContainsFunc(h.uses, func(u *channelUse) bool { return u.shared == c })
		})
	}
	w.Header()["Cache-Control"] = noStore
	return state.write(w)
}

// serveAdminHealth is that of the admin API: of all channels.
func serveAdminHealth(w http.ResponseWriter, r *http.Request) error {
	if err := allowed(w, r, http.MethodGet, http.MethodHead); err != nil {
		return err
	}
	h := health{Status: healthNotReady}
	if live.serving.Load() {
		h = healthOf(func(*sharedChannel) bool { return true })
	}
	return h.write(w)
}
