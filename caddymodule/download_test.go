package caddymodule

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/output"
)

// stalledViewer is a viewer who reads nothing.
type stalledViewer struct {
	header   http.Header
	deadline chan time.Time
}

func newStalledViewer() *stalledViewer {
	return &stalledViewer{header: http.Header{}, deadline: make(chan time.Time, 10)}
}

func (s *stalledViewer) Header() http.Header { return s.header }
func (s *stalledViewer) WriteHeader(int)     {}

func (s *stalledViewer) SetWriteDeadline(t time.Time) error {
	s.deadline <- t
	return nil
}

func (s *stalledViewer) Write([]byte) (int, error) {
	var expired <-chan time.Time
	for {
		select {
		case t := <-s.deadline:
			expired = nil
			if !t.IsZero() {
				expired = time.After(time.Until(t))
			}
		case <-expired:
			return 0, os.ErrDeadlineExceeded
		}
	}
}

// Viewers who read what was deleted, and don't get on with it, fill no store.
func TestSlowReadersAreCutOff(t *testing.T) {
	segments(t)
	synctest.Test(t, func(t *testing.T) {
		o := newOrigin(t, fmt.Sprintf(fullStore, 1600))
		rt := o.handler.routes["/live"]
		if rt.patience != 20*time.Second {
			t.Errorf("viewers may take %v", rt.patience)
		}
		rt.patience = 10 * time.Minute // so that only the need of room cuts them
		cut := func(reason string) uint64 {
			key := rt.use.shared.key
			return counted.downloadsCut.count(key.store, key.name, "hls", reason)
		}
		wereCut, wereSlow := cut(cutForRoom), cut(cutAsTooSlow)
		var viewers sync.WaitGroup
		watch := func() {
			view := o.handler.routes["/live"].use.shared.channel.View("hls")
			text := view.Playlist("index.m3u8")
			if text == nil {
				return
			}
			list := uris(string(view.Playlist(uris(string(text.Body))[0]).Body))
			newest := list[len(list)-1]
			for _, rang := range []string{"", "bytes=1-"} {
				viewers.Go(func() {
					w, r := newStalledViewer(), httptest.NewRequest("GET", "/live/"+newest, nil)
					if rang != "" {
						r.Header.Set("Range", rang)
					}
					_ = o.handler.ServeHTTP(w, o.prepare(w, r), nextHandler)
				})
			}
		}
		if refused := o.pushFor(90, watch, "/in/live"); refused > 0 {
			t.Errorf("%d uploads were refused", refused)
		}
		// Without any need, they end by themselves.
		began := time.Now()
		if cut(cutForRoom) == wereCut || cut(cutAsTooSlow) != wereSlow {
			t.Errorf("%v were cut off for their room, and %v as too slow", cut(cutForRoom)-wereCut, cut(cutAsTooSlow)-wereSlow)
		}
		viewers.Wait()
		if cut(cutAsTooSlow) == wereSlow {
			t.Error("those who took too long are not counted")
		}
		if took := time.Since(began); took > rt.patience {
			t.Errorf("they read for %v", took)
		}
		if n := len(o.handler.routes["/live"].use.shared.downloads.all); n != 0 {
			t.Errorf("%d downloads are left", n)
		}
	})
}

// Nor do those who read back what an encoder has put there.
func TestSlowEncodersAreCutOff(t *testing.T) {
	names, _ := segments(t)
	synctest.Test(t, func(t *testing.T) {
		o := newOrigin(t, fmt.Sprintf(fullStore, 1600))
		rt := o.handler.routes["/in/live"]
		if longest := o.handler.routes["/live"].patience; rt.patience != longest {
			t.Errorf("encoders may take %v, viewers %v", rt.patience, longest)
		}
		rt.patience = 10 * time.Minute // so that only the need of room cuts them
		var readers sync.WaitGroup
		sent := 0
		read := func() {
			target := fmt.Sprintf("/in/live/%d-%s", sent, names[sent%8])
			sent++
			readers.Go(func() {
				w, r := newStalledViewer(), httptest.NewRequest("GET", target, nil)
				_ = o.handler.ServeHTTP(w, o.prepare(w, r), nextHandler)
			})
		}
		if refused := o.pushFor(90, read, "/in/live"); refused > 0 {
			t.Errorf("%d uploads were refused", refused)
		}
		began := time.Now()
		readers.Wait()
		if took := time.Since(began); took > rt.patience {
			t.Errorf("they read for %v", took)
		}
		if n := len(rt.use.shared.downloads.all); n != 0 {
			t.Errorf("%d downloads are left", n)
		}
	})
}

// Startover playlists that are read slowly hold so many bytes and no more; those who
// read the same one count once.
func TestStartoverInFlight(t *testing.T) {
	var f flight
	a, b := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	body := func() *output.Packed { return &output.Packed{Held: 8<<20 - output.SendBuffer} }
	var leave []func()
	enter := func(body *output.Packed, from netip.Addr) bool {
		l, ok := f.enter(body, from)
		if ok {
			leave = append(leave, l)
		}
		return ok
	}
	taken := 0
	for range 20 {
		if enter(body(), a) {
			taken++
		}
	}
	if taken != maxFlightOfAddress/(8<<20) {
		t.Errorf("%d playlists for one address", taken)
	}
	popular := body()
	for i := range 1000 {
		if !enter(popular, netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})) {
			t.Fatal("a popular playlist is refused")
		}
	}
	if !enter(body(), b) {
		t.Error("there is no room for another viewer")
	}
	for _, l := range leave {
		l()
	}
	if f.bytes != 0 || len(f.readers.of) != 0 || len(f.byAddr.of) != 0 {
		t.Errorf("%d bytes are left", f.bytes)
	}
	// Over HTTP it is 503.
	o := newOrigin(t, twoInputs)
	rt := o.handler.routes["/live"]
	rt.flight.bytes = maxFlight
	w := httptest.NewRecorder()
	r := httptest.NewRequest("GET", "/live/index.m3u8?start=1", nil)
	_ = rt.serveStartover(w, o.prepare(w, r), output.Pack([]byte("#EXTM3U"), 0), nil)
	want(t, w, 503, "too many startover playlists")
	wantHeader(t, w.Header(), "Retry-After", "1")
}
