package caddymodule

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// discard is the cheapest response writer, so that the handlers are what is
// measured.
type discard struct {
	header http.Header
	n      int64
}

func (d *discard) Header() http.Header { return d.header }
func (d *discard) WriteHeader(int)     {}
func (d *discard) Write(p []byte) (int, error) {
	d.n += int64(len(p))
	return len(p), nil
}

func (d *discard) WriteString(s string) (int, error) {
	d.n += int64(len(s))
	return len(s), nil
}

// BenchmarkPlaylist serves a playlist of 1 KB, beside the static response of the
// same bytes that it is measured against.
func BenchmarkPlaylist(b *testing.B) {
	body := "#EXTM3U\n" + strings.Repeat("#EXTINF:6.00000,\nv0/1-1700000000.ts\n", 28)
	respond := &caddyhttp.StaticResponse{
		Body:    body,
		Headers: http.Header{"Content-Type": hlsType, "Cache-Control": {"max-age=3"}, "Etag": {`"0123456789abcdef"`}},
	}
	plain := &caddyhttp.StaticResponse{Body: body}
	o, name, _ := onAir(b)
	for _, c := range []struct {
		name   string
		handle caddyhttp.MiddlewareHandler
		target string
		header http.Header
	}{
		{"respond", plain, "/", nil},
		{"respond-with-headers", respond, "/", nil},
		{"live_origin", o.handler, name, nil},
		{"live_origin-gzip", o.handler, name, http.Header{"Accept-Encoding": {"gzip, br"}}},
	} {
		b.Run(c.name, func(b *testing.B) {
			w := &discard{header: http.Header{}}
			r := caddyhttp.PrepareRequest(httptest.NewRequest("GET", c.target, nil), caddy.NewReplacer(), w, &caddyhttp.Server{})
			for k, v := range c.header {
				r.Header[k] = v
			}
			b.ReportAllocs()
			for b.Loop() {
				clear(w.header)
				if err := c.handle.ServeHTTP(w, r, nextHandler); err != nil {
					b.Fatal(err)
				}
			}
			if w.n == 0 {
				b.Fatal("nothing was written")
			}
		})
	}
}

// BenchmarkSegment sends a segment as a whole over a real connection, in both of
// the ways that there are.
func BenchmarkSegment(b *testing.B) {
	o, _, segment := onAir(b)
	for _, c := range []struct{ name, header string }{{"WriteTo", ""}, {"ServeContent", "Range"}} {
		b.Run(c.name, func(b *testing.B) {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if err := o.handler.ServeHTTP(w, o.prepare(w, r), nextHandler); err != nil {
					b.Error(err)
				}
			}))
			defer srv.Close()
			b.ReportAllocs()
			for b.Loop() {
				r, err := http.NewRequest("GET", srv.URL+segment, nil)
				if err != nil {
					b.Fatal(err)
				}
				if c.header != "" {
					r.Header.Set(c.header, "bytes=0-")
				}
				resp, err := srv.Client().Do(r)
				if err != nil {
					b.Fatal(err)
				}
				n, err := io.Copy(io.Discard, resp.Body)
				if err != nil {
					b.Fatal(err)
				}
				resp.Body.Close()
				b.SetBytes(n)
			}
		})
	}
}
