package caddymodule

import (
	"errors"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/output"
)

const (
	// maxFlight is how many bytes of different startover playlists, compressed, viewers
	// of an endpoint may be fetching at a time, and maxFlightOfAddress how many of them may
	// go to one address. All who fetch the same one count once.
	maxFlight          = 64 << 20
	maxFlightOfAddress = maxFlight / 4
	// flightGrace and flightRate are how long a viewer may take for a playlist.
	flightGrace = 30 * time.Second
	flightRate  = 16 << 10 // bytes per second
)

var errFlight = errors.New("too many startover playlists are being fetched; try again in a moment")

// flight is the startover playlists that viewers of an endpoint are fetching.
type flight struct {
	mu     sync.Mutex
	bytes  int
	bodies map[*byte]*inFlight
	byAddr map[netip.Addr]int
}

// inFlight is a playlist that somebody is fetching.
type inFlight struct{ size, readers int }

// enter adds a body. ok is false if there is no room for it; otherwise leave is called when
// it has been sent.
func (f *flight) enter(body []byte, from netip.Addr) (leave func(), ok bool) {
	if len(body) == 0 {
		return func() {}, true
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.bodies == nil {
		f.bodies, f.byAddr = map[*byte]*inFlight{}, map[netip.Addr]int{}
	}
	key := &body[0]
	b := f.bodies[key]
	more := len(body)
	if b != nil {
		more = 0
	}
	// The first one of an endpoint, and of an address, always has room.
	if f.bytes > 0 && f.bytes+more > maxFlight || f.byAddr[from] > 0 && f.byAddr[from]+more > maxFlightOfAddress {
		return nil, false
	}
	if b == nil {
		b = &inFlight{size: len(body)}
		f.bodies[key] = b
		f.bytes += b.size
	}
	b.readers++
	f.byAddr[from] += more
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.byAddr[from] -= more; f.byAddr[from] == 0 {
			delete(f.byAddr, from)
		}
		if b.readers--; b.readers == 0 {
			delete(f.bodies, key)
			f.bytes -= b.size
		}
	}, true
}

// serveStartover sends a playlist of the past, of which there are as many as viewers can
// think of. Only its compressed bytes are held while it is sent: it is unpacked on the way
// to those who don't accept gzip.
func (rt *route) serveStartover(w http.ResponseWriter, r *http.Request, p *output.Packed) error {
	leave, ok := rt.flight.enter(p.Gzip, clientAddr(r))
	if !ok {
		return busy(w, r, errFlight)
	}
	defer leave()
	packed, size := acceptsGzip(r.Header["Accept-Encoding"]), p.Size
	if packed {
		size = len(p.Gzip)
	}
	control := http.NewResponseController(w)
	limit := flightGrace + time.Duration(size)*time.Second/flightRate
	if control.SetWriteDeadline(time.Now().Add(limit)) == nil {
		defer func() { _ = control.SetWriteDeadline(time.Time{}) }()
	}
	if known := beginPlaylist(w, r, packed, p.ETag, p.GzipETag, p.MaxAge); known || !sizePlaylist(w, r, size) {
		return nil
	}
	var err error
	if packed {
		_, err = w.Write(p.Gzip)
	} else {
		_, err = p.WriteTo(w)
	}
	if err != nil {
		abort(r)
	}
	return nil
}

// busy tells a viewer to try again later.
func busy(w http.ResponseWriter, r *http.Request, reason error) error {
	w.Header()["Retry-After"] = oneSecondLater
	w.Header()["Cache-Control"] = noStore
	return fail(w, r, http.StatusServiceUnavailable, reason)
}

var (
	oneSecondLater = []string{"1"}
	noStore        = []string{"no-store"}
)
