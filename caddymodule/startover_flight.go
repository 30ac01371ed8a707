package caddymodule

import (
	"errors"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/output"
)

const (
	// maxFlight is how many bytes viewers of an endpoint may hold while they are fetching
	// startover playlists, and maxFlightOfAddress how many of them those of one address may.
	// A playlist counts with what it does not share with others, and once for all who fetch
	// it; in addition, each of them takes a buffer.
	maxFlight          = 64 << 20
	maxFlightOfAddress = maxFlight / 4
	// flightGrace and flightRate are how long a viewer may take for a playlist.
	flightGrace = 30 * time.Second
	flightRate  = 16 << 10 // bytes per second
)

var errFlight = errors.New("too many startover playlists are being fetched; try again in a moment")

// flight is the startover playlists that viewers of an endpoint are fetching.
type flight struct {
	mu      sync.Mutex
	bytes   int64
	readers counts[*output.Packed]
	byAddr  counts[netip.Addr]
}

// enter adds a viewer of a playlist. ok is false if there is no room for it; otherwise leave
// is called when it has been sent.
func (f *flight) enter(p *output.Packed, from netip.Addr) (leave func(), ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	more := int64(output.SendBuffer)
	if f.readers.get(p) == 0 {
		more += int64(p.Held)
	}
	// The first one of an endpoint, and of an address, always has room.
	if own := f.byAddr.get(from); f.bytes > 0 && f.bytes+more > maxFlight || own > 0 && own+more > maxFlightOfAddress {
		return nil, false
	}
	f.readers.add(p, 1)
	f.bytes += more
	f.byAddr.add(from, more)
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.byAddr.add(from, -more)
		// The playlist itself stays until the last one has it.
		f.bytes -= output.SendBuffer
		if f.readers.add(p, -1) == 0 {
			f.bytes -= int64(p.Held)
		}
	}, true
}

// serveStartover sends a playlist of the past, of which there are as many as viewers can
// think of, if there is room for it.
func (rt *route) serveStartover(w http.ResponseWriter, r *http.Request, p *output.Packed, err error) error {
	if err != nil {
		return serveRequested(w, r, nil, err)
	}
	leave, ok := rt.flight.enter(p, clientAddr(r))
	if !ok {
		return busy(w, r, errFlight)
	}
	defer leave()
	return serveRequested(w, r, p, nil)
}

// sendPacked sends a playlist of which only the compressed bytes are held while it is sent: it is
// unpacked on the way to those who don't accept gzip.
func sendPacked(w http.ResponseWriter, r *http.Request, p *output.Packed) {
	packed, size := acceptsGzip(r.Header["Accept-Encoding"]), p.Size
	if packed {
		size = p.GzipSize
	}
	control := http.NewResponseController(w)
	limit := flightGrace + time.Duration(size)*time.Second/flightRate
	if control.SetWriteDeadline(time.Now().Add(limit)) == nil {
		defer liftDeadline(w, r)
		defer func() { _ = finishInTime(w, r) }()
	}
	if known := beginPlaylist(w, r, packed, p.ETag, p.GzipETag, p.MaxAge); known {
		return
	}
	// Of what is sent before the handler returns, the server does not find out the length.
	w.Header()["Content-Length"] = []string{strconv.Itoa(size)}
	if !sizePlaylist(w, r, size) {
		return
	}
	var err error
	if packed {
		err = p.WriteGzip(w)
	} else {
		_, err = p.WriteTo(w)
	}
	if err != nil {
		abort(r)
	}
}

// busy tells a client to try again later.
func busy(w http.ResponseWriter, r *http.Request, reason error) error {
	w.Header()["Retry-After"] = oneSecondLater
	w.Header()["Cache-Control"] = noStore
	return fail(w, r, http.StatusServiceUnavailable, reason)
}

var (
	oneSecondLater = []string{"1"}
	noStore        = []string{"no-store"}
)
