package caddymodule

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/channel"
)

// StatusPage is a page for the people who operate the channels of the handler: which
// input is on air, why, and whether another one can take over. It keeps itself up to date
// and loads nothing from other servers.
//
// It is open to everybody who reaches its path, as any route is: put an authentication
// handler in front of it.
type StatusPage struct {
	// The URL path. The page is at `<path>/`. The rules are those of an input's
	// path. Required.
	Path string `json:"path,omitempty"`

	// A path on the same site, absolute or relative to `<path>/`, of a JavaScript
	// module that the page loads. The page has an empty `<section id="controls">` for it,
	// after the preview of the first channel. If the module has a function as its default
	// export, that is called with this element. Default: none.
	Controls string `json:"controls,omitempty"`
}

const (
	// maxDetailed is how many channels a page shows in full. If there are more, the page
	// lists them, and shows the one that it is asked for.
	maxDetailed = 8

	pageMethods = "GET, HEAD"
)

// check checks the page's options. paths is still empty.
func (s *StatusPage) check(paths pathSet) error {
	if err := paths.add(s.Path, "the status page"); err != nil {
		return fmt.Errorf("status: path: %w", err)
	}
	if err := checkControls(s.Controls); err != nil {
		return fmt.Errorf("status: controls: %w", err)
	}
	return nil
}

// checkControls allows scripts of the same site only: the page does not run others.
func checkControls(uri string) error {
	if !only(uri, "/-._~?&=") || strings.HasPrefix(uri, "//") {
		return fmt.Errorf("must be a path on the same site, of letters, digits and the characters '-._~/?&=', but is %q", uri)
	}
	return nil
}

// statusPage is the page of one handler.
type statusPage struct {
	app      *App
	controls string
	channels []*watched
	open     listeners

	mu       sync.Mutex
	taken    time.Time
	statuses []byte
}

// watched is a channel of the page.
type watched struct {
	name      string
	use       *channelUse
	endpoints []pageEndpoint
}

func newStatusPage(h *Handler) *statusPage {
	return &statusPage{app: h.app, controls: h.Status.Controls}
}

// watch makes the page show a channel.
func (p *statusPage) watch(name string, c *Channel, use *channelUse, at string) {
	use.config.Activity = true
	w := &watched{name: name, use: use}
	for _, key := range c.endpointNames() {
		e := c.Endpoints[key]
		w.endpoints = append(w.endpoints, pageEndpoint{
			Name:                   key,
			Playlist:               relative(at, e.Path) + "/" + url.PathEscape(e.ManifestName) + ".m3u8",
			SegmentDurationSeconds: time.Duration(e.SegmentDuration).Seconds(),
			GraceSeconds:           time.Duration(e.FailoverGrace).Seconds(),
			DelaySeconds:           time.Duration(e.TimeDelay).Seconds(),
		})
	}
	p.channels = append(p.channels, w)
}

// relative is the relative URL from a page at "<from>/" to another path of the handler. It
// holds wherever the handler is mounted.
func relative(from, to string) string {
	return strings.Repeat("../", strings.Count(from, "/")) + strings.TrimPrefix(to, "/")
}

func (w *watched) channel() *channel.Channel { return w.use.shared.channel }

var errNoPage = errors.New("the status page has nothing under this path")

// serve serves the page. name is what follows its path, with the slash.
func (p *statusPage) serve(w http.ResponseWriter, r *http.Request, name string) error {
	h := w.Header()
	h["X-Content-Type-Options"] = []string{"nosniff"}
	h["Referrer-Policy"] = []string{"no-referrer"}
	h["Content-Security-Policy"] = pagePolicy
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", pageMethods)
		return fail(w, r, http.StatusMethodNotAllowed, errors.New("the status page takes only "+pageMethods))
	}
	switch name {
	case "":
		redirectBelow(w, r)
		return nil
	case "/channels":
		return p.serveSnapshot(w, r)
	case "/events":
		return p.serveEvents(w, r)
	}
	if a := asset(strings.TrimPrefix(name, "/")); a != nil {
		a.serve(w, r)
		return nil
	}
	return notFound(w, r, errNoPage)
}

// redirectBelow sends the client to the same path with a slash at its end. The
// location is relative: whoever stripped a prefix on the way knows it, and we don't.
func redirectBelow(w http.ResponseWriter, r *http.Request) {
	to := path.Base(r.URL.Path) + "/"
	if r.URL.RawQuery != "" {
		to += "?" + r.URL.RawQuery
	}
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusTemporaryRedirect)
}

// pagePolicy lets nothing in from outside. The player's media comes from memory.
var pagePolicy = []string{"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
	"connect-src 'self'; media-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"}

// selected are the channels that the request asks for.
func (p *statusPage) selected(r *http.Request) (list []*watched, err error) {
	names := r.URL.Query()["channel"]
	if len(names) == 0 {
		if len(p.channels) > maxDetailed {
			return nil, nil
		}
		return p.channels, nil
	}
	if len(names) > maxDetailed {
		return nil, fmt.Errorf("at most %d channels are shown at a time", maxDetailed)
	}
	for _, c := range p.channels {
		if slices.Contains(names, c.name) {
			list = append(list, c)
		}
	}
	if len(list) < len(names) {
		return nil, errors.New("there is no such channel")
	}
	return list, nil
}
