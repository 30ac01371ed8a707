package caddymodule

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/output"
)

const endpointMethods = "GET, HEAD, OPTIONS"

// Header values that are the same in every response. They are shared between
// responses: nothing may write into them.
var (
	anyOrigin = []string{"*"}
	// exposedHeaders is what scripts may read of a playlist's or an error's headers, and
	// exposedOfSegments what they may read of a segment's.
	exposedHeaders    = []string{"Content-Length, Content-Range, Date, Age, ETag"}
	exposedOfSegments = []string{exposedHeaders[0] + ", X-Live-Origin-Input, X-Live-Origin-Defects, CMSD-Static"}
	hlsType           = []string{"application/vnd.apple.mpegurl"}
	gzipEncoding      = []string{"gzip"}
	varyEncoding      = []string{"Accept-Encoding"}
	acceptBytes       = []string{"bytes"}
	oneSecond         = []string{"max-age=1"}
	// playlistAges is indexed by whole seconds. Half of the longest target duration is well
	// below the end; only what never changes is above it.
	playlistAges = func() (ages [61][]string) {
		for i := range ages {
			ages[i] = []string{"max-age=" + strconv.Itoa(i)}
		}
		return ages
	}()
)

// serveEndpoint serves viewers. name is what follows the endpoint's path.
func (h *Handler) serveEndpoint(w http.ResponseWriter, r *http.Request, rt *route, name string) error {
	header := w.Header()
	header["Access-Control-Allow-Origin"] = anyOrigin
	switch r.Method {
	case http.MethodGet, http.MethodHead:
	case http.MethodOptions:
		preflight(w)
		return nil
	default:
		header.Set("Allow", endpointMethods)
		return fail(w, r, http.StatusMethodNotAllowed, errors.New("an endpoint takes only "+endpointMethods))
	}
	header["Access-Control-Expose-Headers"] = exposedHeaders
	if err := h.app.inEffect(); err != nil {
		return busy(w, r, err)
	}
	if !rt.use.shared.channel.Ready() {
		return busy(w, r, errCatchingUp)
	}
	found, err := h.servePublished(w, r, rt, name)
	if !found && rt.use.shared.channel.Await(r.Context(), rt.endpoint, name) {
		found, err = h.servePublished(w, r, rt, name)
	}
	if !found {
		return notFound(w, r, absence(rt, name))
	}
	return err
}

// absence says why there is nothing of a name: whoever looks into an outage must not take it for
// a wrong URL.
func absence(rt *route, name string) error {
	if view := rt.use.shared.channel.View(rt.endpoint); view != nil {
		if err := view.Withheld(name); err != nil {
			return err
		}
	}
	return errNotThere
}

// servePublished serves what has been published under a name, and reports whether there is such a
// thing; if not, nothing has been answered.
func (h *Handler) servePublished(w http.ResponseWriter, r *http.Request, rt *route, name string) (found bool, err error) {
	// No lease up to here, and none for playlists: a view is plain memory.
	view := rt.use.shared.channel.View(rt.endpoint)
	if view == nil {
		return false, nil
	}
	if r.URL.RawQuery != "" {
		text, err := view.Startover(r.Context(), name, r.URL.RawQuery)
		if text != nil || err != nil {
			return true, rt.serveStartover(w, r, text, err)
		}
	}
	if text := view.Playlist(name); text != nil {
		servePlaylist(w, r, text)
		return true, nil
	}
	if text, err := view.LongPlaylist(r.Context(), name); text != nil || err != nil {
		return true, serveRequested(w, r, text, err)
	}
	if segment := view.Segment(name); segment != nil {
		return true, h.serveSegment(w, r, rt, segment)
	}
	return false, nil
}

// serveRequested sends a playlist that was made because somebody asked for it, or says why it can't
// be made.
func serveRequested(w http.ResponseWriter, r *http.Request, text *output.Packed, err error) error {
	switch {
	case errors.Is(err, output.ErrBusy):
		return busy(w, r, err)
	case r.Context().Err() != nil:
		return nil //nolint:nilerr // nobody is there any more
	case errors.Is(err, output.ErrQuery):
		return fail(w, r, http.StatusBadRequest, err)
	case errors.Is(err, output.ErrOutside):
		return notFound(w, r, err)
	case err != nil:
		return fail(w, r, http.StatusInternalServerError, err)
	}
	sendPacked(w, r, text)
	return nil
}

var errCatchingUp = errors.New("this node is catching up with the others; try again in a second")

var errNotThere = errors.New("there is no such playlist or segment")

// notFound may be cached for a moment only: the first slot or the segment may come at any
// time.
func notFound(w http.ResponseWriter, r *http.Request, reason error) error {
	w.Header()["Cache-Control"] = oneSecond
	return fail(w, r, http.StatusNotFound, reason)
}

func preflight(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Allow", endpointMethods)
	h.Set("Access-Control-Allow-Methods", endpointMethods)
	// Old browsers don't know the wildcard, and it never covers Authorization; players send Range most
	// of all.
	h.Set("Access-Control-Allow-Headers", "Range, Authorization, *")
	h.Set("Access-Control-Max-Age", "86400")
	w.WriteHeader(http.StatusNoContent)
}

// servePlaylist sends bytes that are already there, except to the first viewer who wants
// them compressed.
func servePlaylist(w http.ResponseWriter, r *http.Request, t *output.Text) {
	packed := acceptsGzip(r.Header["Accept-Encoding"])
	if known := beginPlaylist(w, r, packed, t.ETag, t.GzipETag, t.MaxAge); known {
		return
	}
	body := t.Body
	if packed {
		body = t.Gzip()
	}
	if sizePlaylist(w, r, len(body)) {
		_, _ = w.Write(body)
	}
}

// beginPlaylist sets the headers of a playlist. known reports that the viewer has it
// already, and that 304 has been sent.
func beginPlaylist(w http.ResponseWriter, r *http.Request, packed bool, etag, gzipETag string, age time.Duration) (known bool) {
	h := w.Header()
	h["Vary"] = with(h["Vary"], varyEncoding)
	if packed {
		etag = gzipETag
	}
	// Rounded down, to no age at all if need be: a playlist that is older than
	// half the target duration makes players stall.
	h["Cache-Control"] = playlistAge(int(age / time.Second))
	h["Etag"] = []string{etag}
	if matches(r.Header["If-None-Match"], etag) {
		w.WriteHeader(http.StatusNotModified)
		return true
	}
	if packed {
		h["Content-Encoding"] = gzipEncoding
	}
	return false
}

// countedByServer is how long a body may be for servers to find out its length by themselves: of
// HTTP/1.1, 2 and 3, net/http for HTTP/1.1 holds the least before it sends the headers.
const countedByServer = 2 << 10

// sizePlaylist sends the headers, and reports whether the body is to follow.
func sizePlaylist(w http.ResponseWriter, r *http.Request, size int) bool {
	h := w.Header()
	h["Content-Type"] = hlsType
	body := r.Method != http.MethodHead
	// Of a short body, the server tells the length. It does so without another entry in the map
	// of headers, which up to eight fit in; with more it is made anew, and so is its copy.
	if !body || size >= countedByServer {
		h["Content-Length"] = []string{strconv.Itoa(size)}
	}
	w.WriteHeader(http.StatusOK)
	return body
}

func playlistAge(seconds int) []string {
	if seconds = max(seconds, 0); seconds < len(playlistAges) {
		return playlistAges[seconds]
	}
	return []string{"max-age=" + strconv.Itoa(seconds)}
}

// conditional reports whether the request asks for anything but the whole.
func conditional(h http.Header) bool {
	return h["Range"] != nil || h["If-None-Match"] != nil || h["If-Modified-Since"] != nil ||
		h["If-Match"] != nil || h["If-Unmodified-Since"] != nil
}

// with adds shared values to what other handlers have set, writing into neither.
func with(have, more []string) []string {
	if len(have) == 0 {
		return more
	}
	return append(have[:len(have):len(have)], more...)
}

// matches reports whether If-None-Match names the ETag. Weak ones count: a cache
// on the way may have weakened it. The quotes are part of etag, so that finding
// it within the list is enough.
func matches(list []string, etag string) bool {
	for _, l := range list {
		if strings.Contains(l, etag) || strings.TrimSpace(l) == "*" {
			return true
		}
	}
	return false
}

// acceptsGzip reads Accept-Encoding without allocating. gzip has to be named, or
// covered by "*", with a weight above zero.
func acceptsGzip(list []string) bool {
	any := false
	for _, l := range list {
		for l != "" {
			var item string
			item, l, _ = strings.Cut(l, ",")
			coding, params, _ := strings.Cut(item, ";")
			coding = strings.TrimSpace(coding)
			switch {
			case strings.EqualFold(coding, "gzip"), strings.EqualFold(coding, "x-gzip"):
				return weighty(params)
			case coding == "*":
				any = weighty(params)
			}
		}
	}
	return any
}

// weighty reports whether the parameters of a coding give it a weight above zero.
func weighty(params string) bool {
	for params != "" {
		var p string
		p, params, _ = strings.Cut(params, ";")
		name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		if strings.EqualFold(strings.TrimSpace(name), "q") {
			// 0, 0. and 0.000 are zero.
			return strings.Trim(strings.TrimSpace(value), "0.") != ""
		}
	}
	return true
}
