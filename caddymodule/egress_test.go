package caddymodule

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/output"
)

// onAir is an origin that has published some slots from input a.
func onAir(t testing.TB) (o *origin, media, segment string) {
	t.Helper()
	return onAirWith(t, twoInputs)
}

func onAirWith(t testing.TB, source string) (o *origin, media, segment string) {
	t.Helper()
	o = newOrigin(t, source)
	o.push("/in/a", 0, 6)
	w := o.do("GET", "/live/index.m3u8", nil)
	for wait := time.Millisecond; w.Code == 404 && wait < 10*time.Second; wait *= 2 {
		time.Sleep(wait)
		w = o.do("GET", "/live/index.m3u8", nil)
	}
	want(t, w, 200, "#EXTM3U")
	variants := uris(w.Body.String())
	if len(variants) != 1 {
		t.Fatalf("%d variants", len(variants))
	}
	media = "/live/" + variants[0]
	list := uris(o.do("GET", media, nil).Body.String())
	if len(list) == 0 {
		t.Fatal("no segments")
	}
	return o, media, path.Join(path.Dir(media), list[0])
}

// overNetwork serves over TLS, with HTTP/1.1 or HTTP/2.
func overNetwork(t *testing.T, protocol int, serve http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(serve)
	s.EnableHTTP2 = protocol == 2
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// wantLength fetches something, and checks that the length is told, and is right.
func wantLength(t *testing.T, s *httptest.Server, method, target, coding string) int64 {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.URL+target, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept-Encoding", coding)
	resp, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK || resp.ContentLength <= 0 || method == http.MethodGet && int64(len(body)) != resp.ContentLength {
		t.Errorf("%s %s over %s: %s; %d bytes, said to be %d", method, target, resp.Proto, resp.Status, len(body), resp.ContentLength)
	}
	return resp.ContentLength
}

func TestPlaylistsHaveALength(t *testing.T) {
	o, media, _ := onAir(t)
	for _, protocol := range []int{1, 2} {
		s := overNetwork(t, protocol, func(w http.ResponseWriter, r *http.Request) {
			if err := o.handler.ServeHTTP(w, o.prepare(w, r), nextHandler); err != nil {
				t.Error(err)
			}
		})
		for _, target := range []string{"/live/index.m3u8", media, media + "?start=0"} {
			for _, coding := range []string{"identity", "gzip"} {
				get, head := wantLength(t, s, http.MethodGet, target, coding), wantLength(t, s, http.MethodHead, target, coding)
				if get != head {
					t.Errorf("HTTP/%d, %s, %s: %d bytes by GET, %d by HEAD", protocol, target, coding, get, head)
				}
			}
		}
		// Long and short ones, and those at the limits of what servers count by themselves.
		for _, size := range []int{1, countedByServer - 1, countedByServer, 4<<10 - 1, 4 << 10, 100 << 10} {
			s := overNetwork(t, protocol, func(w http.ResponseWriter, r *http.Request) {
				if sizePlaylist(w, r, size) {
					_, _ = w.Write(make([]byte, size))
				}
			})
			wantLength(t, s, http.MethodGet, "/", "identity")
			wantLength(t, s, http.MethodHead, "/", "identity")
		}
	}
}

// CDNs that join the origin's URL, with a slash at its end, and a path ask for two slashes. Without a
// handler, Caddy answers that with 200 and nothing in it.
func TestUntidyPathsOfViewers(t *testing.T) {
	o, media, segment := onAir(t)
	for _, path := range []string{"/live/index.m3u8", media, segment} {
		whole := o.do("GET", path, nil).Body.String()
		for _, untidy := range []string{"/" + path, strings.Replace(path, "/live/", "/live//", 1), strings.Replace(path, "/live/", "/./live/.//", 1)} {
			w := o.do("GET", "http://example.com"+untidy, nil)
			want(t, w, 200, "")
			if w.Body.String() != whole {
				t.Errorf("%s: %d bytes, want %d", untidy, w.Body.Len(), len(whole))
			}
		}
	}
	want(t, o.do("GET", "http://example.com//live/../live/index.m3u8", nil), 404, "")
	want(t, o.do("GET", "http://example.com//livelier/index.m3u8", nil), nextStatus, "")
	want(t, o.do("PUT", "http://example.com//live/index.m3u8", strings.NewReader(shortList)), 405, "")
}

func TestNothingPublished(t *testing.T) {
	o := newOrigin(t, twoInputs)
	for _, target := range []string{"/live/index.m3u8", "/live", "/live/", "/live/v0/1-2.ts", "/live/a%2fb"} {
		for _, method := range []string{"GET", "HEAD"} {
			w := o.do(method, target, nil)
			want(t, w, 404, "")
			wantHeader(t, w.Header(), "Cache-Control", "max-age=1")
			wantHeader(t, w.Header(), "Access-Control-Allow-Origin", "*")
		}
	}
	want(t, o.do("GET", "/live/index.m3u8", nil), 404, "nothing has been published yet")
	want(t, o.do("GET", "/live/master.m3u8", nil), 404, "no such playlist")
}

// A player in a browser learns to come back only from what CORS lets it see, and caches must
// not keep it.
func TestStarting(t *testing.T) {
	o, err := tryOrigin(t, twoInputs)
	if err != nil {
		t.Fatal(err)
	}
	live.changing.Lock() // the config does not get on
	defer live.changing.Unlock()
	for _, method := range []string{"GET", "HEAD"} {
		for _, target := range []string{"/live/index.m3u8", "/live/v0/1-2.ts"} {
			w := o.do(method, target, nil, "Origin", "https://player.example")
			want(t, w, 503, "")
			wantHeader(t, w.Header(), "Retry-After", "1")
			wantHeader(t, w.Header(), "Cache-Control", "no-store")
			wantHeader(t, w.Header(), "Access-Control-Allow-Origin", "*")
		}
	}
	want(t, o.do("OPTIONS", "/live/index.m3u8", nil, "Origin", "https://player.example"), 204, "")
	want(t, o.do("PUT", "/live/index.m3u8", nil), 405, "")
}

func TestMethodsOfEndpoints(t *testing.T) {
	o := newOrigin(t, twoInputs)
	w := o.do("OPTIONS", "/live/index.m3u8", nil, "Origin", "https://player.example", "Access-Control-Request-Headers", "range")
	want(t, w, 204, "")
	wantHeader(t, w.Header(), "Access-Control-Allow-Origin", "*")
	wantHeader(t, w.Header(), "Access-Control-Allow-Methods", "GET, HEAD, OPTIONS")
	wantHeader(t, w.Header(), "Access-Control-Allow-Headers", "Range, Authorization, *")
	wantHeader(t, w.Header(), "Access-Control-Max-Age", "86400")
	for _, method := range []string{"PUT", "POST", "DELETE", "MKCOL"} {
		w := o.do(method, "/live/index.m3u8", unread{t})
		want(t, w, 405, "")
		wantHeader(t, w.Header(), "Allow", "GET, HEAD, OPTIONS")
	}
}

func TestPlaylist(t *testing.T) {
	o, media, _ := onAir(t)
	for _, target := range []string{"/live/index.m3u8", media} {
		w := o.do("GET", target, nil)
		want(t, w, 200, "#EXTM3U")
		h, plain := w.Header(), w.Body.String()
		wantHeader(t, h, "Content-Type", "application/vnd.apple.mpegurl")
		wantHeader(t, h, "Content-Encoding", "")
		wantHeader(t, h, "Vary", "Accept-Encoding")
		wantHeader(t, h, "Cache-Control", "max-age=1")
		wantHeader(t, h, "Access-Control-Allow-Origin", "*")
		wantHeader(t, h, "Access-Control-Expose-Headers", exposedHeaders[0])
		etag := h.Get("ETag")

		w = o.do("HEAD", target, nil)
		want(t, w, 200, "")
		wantHeader(t, w.Header(), "Content-Length", fmt.Sprint(len(plain)))
		wantHeader(t, w.Header(), "ETag", etag)
		if w.Body.Len() != 0 {
			t.Error("HEAD has a body")
		}

		w = o.do("GET", target, nil, "Accept-Encoding", "br, gzip")
		want(t, w, 200, "")
		wantHeader(t, w.Header(), "Content-Encoding", "gzip")
		wantHeader(t, w.Header(), "Vary", "Accept-Encoding")
		packed := w.Header().Get("ETag")
		if packed == etag || !strings.HasPrefix(etag, `"`) || !strings.HasPrefix(packed, `"`) {
			t.Errorf("ETags %s and %s", etag, packed)
		}
		r, err := gzip.NewReader(w.Body)
		if err != nil {
			t.Fatal(err)
		}
		if text, err := io.ReadAll(r); err != nil || string(text) != plain {
			t.Errorf("gzip decodes to %q, %v", text, err)
		}

		for _, c := range []struct {
			encoding, none string
			status         int
		}{
			{"", etag, 304}, {"", "W/" + etag, 304}, {"", `"x", ` + etag, 304}, {"", "*", 304},
			{"", packed, 200}, {"", `"x"`, 200}, {"gzip", packed, 304}, {"gzip", etag, 200},
		} {
			w := o.do("GET", target, nil, "Accept-Encoding", c.encoding, "If-None-Match", c.none)
			want(t, w, c.status, "")
			wantHeader(t, w.Header(), "Vary", "Accept-Encoding")
			wantHeader(t, w.Header(), "Cache-Control", "max-age=1")
			if c.status == 304 && (w.Body.Len() != 0 || w.Header().Get("ETag") == "" || w.Header().Get("Content-Encoding") != "") {
				t.Errorf("304 with %v %q", w.Header(), w.Body)
			}
		}
	}
}

func TestVaryOfOthersStays(t *testing.T) {
	before := []string{"Origin"}
	w := httptest.NewRecorder()
	w.Header()["Vary"] = before
	r := httptest.NewRequest("GET", "/", nil)
	servePlaylist(w, r, &output.Text{Body: []byte("x"), ETag: `"1"`})
	wantHeader(t, w.Header(), "Vary", "Origin; Accept-Encoding")
	if len(before) != 1 || len(varyEncoding) != 1 {
		t.Error("shared values were written to")
	}
}

// A playlist is never older than half the target duration.
func TestPlaylistAge(t *testing.T) {
	for age, header := range map[time.Duration]string{
		0: "max-age=0", 500 * time.Millisecond: "max-age=0", time.Second: "max-age=1",
		2999 * time.Millisecond: "max-age=2", time.Hour: "max-age=3600",
	} {
		w := httptest.NewRecorder()
		servePlaylist(w, httptest.NewRequest("GET", "/", nil), &output.Text{MaxAge: age, ETag: `"1"`})
		wantHeader(t, w.Header(), "Cache-Control", header)
	}
}

// What is compressed by itself goes through `encode` as it is, and so does what viewers and
// caches send to ask whether it has changed.
func TestRevalidationBehindEncode(t *testing.T) {
	n := newNode(t)
	n.load("encode\n" + strings.Replace(site("startover_window 1h"), "{", "{\nstatus /status", 1))
	n.goOnAir("/in/a", "/live")
	ask := func(target, coding, etag string) *http.Response {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+n.addr+target, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept-Encoding", coding)
		if etag != "" {
			r.Header.Set("If-None-Match", etag)
		}
		resp, err := n.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp
	}
	media := "/live/" + uris(n.want("GET", "/live/index.m3u8", nil, 200))[0]
	for _, target := range []string{"/live/index.m3u8", media, media + "?start=0", "/status/"} {
		for _, coding := range []string{"gzip", "gzip, br, zstd", "zstd, gzip;q=0.5", "identity"} {
			// More than once: another segment may be published in between.
			eventually(t, "304 for "+target+" in "+coding, func() bool {
				etag := ask(target, coding, "").Header.Get("ETag")
				again := ask(target, coding, etag)
				return again.StatusCode == http.StatusNotModified && again.Header.Get("ETag") == etag
			})
		}
	}
}

func TestAcceptsGzip(t *testing.T) {
	for header, accepted := range map[string]bool{
		"": false, "gzip": true, "GZIP": true, "x-gzip": true, "br": false, "br, gzip": true, "br,gzip;q=0.1": true,
		"gzip;q=0": false, "gzip; q=0.000": false, "gzip;q=0.001": true, "gzip;q=1": true, "gzip;Q=0": false,
		"*": true, "*;q=0": false, "gzip;q=0, *": false, "*;q=0, gzip": true, "identity": false,
		"gzip;foo=1;q=0": false, "gzipped": false, ",,gzip": true, "gzip;q=0.": false,
	} {
		if got := acceptsGzip([]string{header}); got != accepted {
			t.Errorf("%q: %v", header, got)
		}
	}
	if !acceptsGzip([]string{"br", "gzip"}) {
		t.Error("second header line is ignored")
	}
}

func TestSegment(t *testing.T) {
	o, _, segment := onAir(t)
	_, media := segments(t)
	w := o.do("GET", segment, nil)
	want(t, w, 200, "")
	body, h := bytes.Clone(w.Body.Bytes()), w.Header()
	if !bytes.Equal(body, media[0]) {
		t.Errorf("%d bytes, the encoder sent %d", len(body), len(media[0]))
	}
	wantHeader(t, h, "Content-Type", "video/mp2t")
	wantHeader(t, h, "Content-Length", fmt.Sprint(len(body)))
	wantHeader(t, h, "X-Live-Origin-Input", "a")
	wantHeader(t, h, "X-Live-Origin-Defects", "")
	rate := (len(body)*8*100/192 + 500) / 1000 // of 1.92 s
	wantHeader(t, h, "CMSD-Static", fmt.Sprintf("br=%d,com.live-origin-score=100,d=1920,ot=av,sf=h,st=l", rate))
	wantHeader(t, h, "Accept-Ranges", "bytes")
	wantHeader(t, h, "Access-Control-Allow-Origin", "*")
	wantHeader(t, h, "Vary", "")
	if c := h.Get("Cache-Control"); !strings.HasPrefix(c, "public, max-age=") || !strings.HasSuffix(c, ", immutable") {
		t.Errorf("Cache-Control %q", c)
	}
	if _, err := http.ParseTime(h.Get("Last-Modified")); err != nil {
		t.Error(err)
	}
	etag := h.Get("ETag")

	w = o.do("HEAD", segment, nil)
	want(t, w, 200, "")
	for _, name := range []string{"Content-Type", "Content-Length", "ETag", "Cache-Control", "Last-Modified", "Accept-Ranges", "X-Live-Origin-Input"} {
		wantHeader(t, w.Header(), name, h.Get(name))
	}

	w = o.do("GET", segment, nil, "Range", "bytes=188-375")
	want(t, w, 206, "")
	wantHeader(t, w.Header(), "Content-Range", fmt.Sprintf("bytes 188-375/%d", len(body)))
	wantHeader(t, w.Header(), "Content-Length", "188")
	if !bytes.Equal(w.Body.Bytes(), body[188:376]) {
		t.Error("the range has other bytes")
	}
	w = o.do("GET", segment, nil, "Range", "bytes=-188")
	if want(t, w, 206, ""); !bytes.Equal(w.Body.Bytes(), body[len(body)-188:]) {
		t.Error("the last bytes are others")
	}
	want(t, o.do("GET", segment, nil, "Range", "bytes=99999999-"), 416, "")
	want(t, o.do("GET", segment, nil, "Range", "bytes=0-1", "If-Range", `"other"`), 200, "")
	want(t, o.do("GET", segment, nil, "If-None-Match", etag), 304, "")
	want(t, o.do("GET", segment, nil, "If-None-Match", `"other"`), 200, "")
	want(t, o.do("GET", segment, nil, "If-Match", `"other"`), 412, "")

	w = o.do("GET", path.Dir(segment)+"/no.ts", nil)
	want(t, w, 404, "")
	wantHeader(t, w.Header(), "Cache-Control", "max-age=1")
	wantHeader(t, w.Header(), "X-Live-Origin-Input", "")
}
