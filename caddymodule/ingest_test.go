package caddymodule

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
	zapobserver "go.uber.org/zap/zaptest/observer"
	"golang.org/x/crypto/bcrypt"
)

const shortList = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:1\n#EXTINF:1.92,\nseg1.ts\n"

func TestUpload(t *testing.T) {
	o := newOrigin(t, twoInputs)
	names, media := segments(t)
	for _, method := range []string{"PUT", "POST"} {
		path := "/in/a/" + method + "/" + names[0]
		want(t, o.do(method, path, bytes.NewReader(media[0])), 201, "")
		want(t, o.do(method, path, bytes.NewReader(media[0])), 204, "")
		chunked := io.MultiReader(bytes.NewReader(media[0])) // of unknown length
		want(t, o.do(method, path, chunked), 204, "")

		w := o.do("GET", path, nil)
		want(t, w, 200, "")
		if !bytes.Equal(w.Body.Bytes(), media[0]) {
			t.Error("read back other bytes")
		}
		wantHeader(t, w.Header(), "Content-Type", "video/mp2t")
		w = o.do("HEAD", path, nil)
		want(t, w, 200, "")
		wantHeader(t, w.Header(), "Content-Length", fmt.Sprint(len(media[0])))
		want(t, o.do("DELETE", path, nil), 204, "")
	}
	want(t, o.do("PUT", "/in/a/live.m3u8", strings.NewReader(shortList)), 201, "")
	want(t, o.do("PUT", "/in/a/live.m3u8", strings.NewReader(shortList)), 204, "")
	want(t, o.do("GET", "/in/a/live.m3u8", nil), 200, "seg1.ts")
}

func TestOtherMethodsOfInputs(t *testing.T) {
	o := newOrigin(t, twoInputs)
	w := o.do("OPTIONS", "/in/a", nil)
	want(t, w, 204, "")
	wantHeader(t, w.Header(), "Allow", inputMethods)
	wantHeader(t, w.Header(), "DAV", "1")
	want(t, o.do("MKCOL", "/in/a/dir/", nil), 201, "")
	want(t, o.do("DELETE", "/in/a/never.ts", nil), 204, "")
	// Uploaders that begin with an empty folder delete the one before.
	want(t, o.do("DELETE", "/in/a/", nil), 204, "")
	want(t, o.do("DELETE", "/in/a", nil), 204, "")
	for _, method := range []string{"PATCH", "PROPFIND", "COPY"} {
		w = o.do(method, "/in/a/x.ts", nil)
		want(t, w, 405, "an input takes only")
		wantHeader(t, w.Header(), "Allow", inputMethods)
	}
	// Clients that write as if to a folder are told what to do instead.
	for method, advice := range map[string]string{
		"MOVE": "under its final name", "COPY": "under its final name", "PROPFIND": "no WebDAV folder", "LOCK": "no WebDAV folder",
	} {
		want(t, o.do(method, "/in/a/x.ts.part", nil), 405, advice)
	}
	want(t, o.do("GET", "/in/a/never.ts", nil), 404, "nothing under this path")
	want(t, o.do("HEAD", "/in/a/never.ts", nil), 404, "")
	want(t, o.do("GET", "/in/a", nil), 404, "nothing under this path")
}

func TestRouting(t *testing.T) {
	o := newOrigin(t, twoInputs)
	for _, path := range []string{"/", "/in", "/in/", "/in/c/x.ts", "/in/ab/x.ts", "/livelier/index.m3u8", "/IN/a/x.ts"} {
		want(t, o.do("PUT", path, unread{t}), nextStatus, "")
	}
	// A client may escape more than it has to.
	want(t, o.do("PUT", "/%69n/%61/live.m3u8", strings.NewReader(shortList)), 201, "")
	want(t, o.do("GET", "/in/a/live.m3u8", nil), 200, "")
	want(t, o.do("GET", "/in/b/live.m3u8", nil), 404, "")
	for _, path := range []string{"/in/a/../b/live.m3u8", "/in/a/%2e%2e/b/live.m3u8", "/in/a/x%2f..%2flive.m3u8", "/in/a/", "/in/a"} {
		want(t, o.do("PUT", path, strings.NewReader(shortList)), 400, "")
	}
	want(t, o.do("GET", "/in/b/live.m3u8", nil), 404, "")
}

func TestBelow(t *testing.T) {
	for target, w := range map[string]string{
		"/in/a":             "",
		"/in/a/":            "",
		"/in/a/x.ts":        "x.ts",
		"/in/a/x%20y.ts":    "x%20y.ts",
		"/%69n/%61/x%2fy":   "x%2fy",
		"/in%2Fa/x%20y":     "x%20y",
		"/in/a%2Fx":         "%2Fx",
		"/in/a/d/e/f.m3u8":  "d/e/f.m3u8",
		"/in/a//double/":    "/double/",
		"/in/a/%E2%82%AC/x": "%E2%82%AC/x",
	} {
		if got := below(httptest.NewRequest("GET", target, nil).URL, len("/in/a")); got != w {
			t.Errorf("%s: %q, want %q", target, got, w)
		}
	}
}

func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

func TestAuth(t *testing.T) {
	hash, err := bcrypt.GenerateFromPassword([]byte("secret"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("ORIGIN_TOKEN", "token-1")
	t.Setenv("ORIGIN_HASH", string(hash))
	const put = "/in/a/live.m3u8"
	t.Run("basic", func(t *testing.T) {
		o := newOrigin(t, withInput("basic_auth encoder {env.ORIGIN_HASH}"))
		const wrong = "credentials are wrong"
		for header, reason := range map[string]string{
			"": "credentials are missing: the input takes Basic", "Bearer secret": "credentials are of another kind than the input takes: Basic",
			basic("encoder", "wrong"): wrong, basic("other", "secret"): wrong, "Basic ???": wrong,
		} {
			w := o.do("PUT", put, unread{t}, "Authorization", header)
			want(t, w, 401, reason)
			wantHeader(t, w.Header(), "WWW-Authenticate", `Basic realm="live_origin"`)
		}
		w := o.do("PUT", put, strings.NewReader(shortList), "Authorization", basic("encoder", "secret"))
		want(t, w, 201, "")
		wantHeader(t, w.Header(), "WWW-Authenticate", "")
		for _, method := range []string{"GET", "DELETE", "OPTIONS", "MKCOL"} {
			want(t, o.do(method, put, nil), 401, "")
		}
		want(t, o.do("PUT", "/in/b/live.m3u8", strings.NewReader(shortList)), 201, "")
	})
	t.Run("bearer", func(t *testing.T) {
		o := newOrigin(t, withInput("bearer {env.ORIGIN_TOKEN} token-2"))
		for _, header := range []string{"", "Bearer", "Bearer ", "Bearer token", "Bearer token-3", "Basic token-1", "token-1"} {
			w := o.do("PUT", put, unread{t}, "Authorization", header)
			want(t, w, 401, "")
			wantHeader(t, w.Header(), "WWW-Authenticate", `Bearer realm="live_origin"`)
		}
		for _, header := range []string{"Bearer token-1", "bearer token-2"} {
			if w := o.do("PUT", put, strings.NewReader(shortList), "Authorization", header); w.Code/100 != 2 {
				t.Error(header, w.Code)
			}
		}
	})
	t.Run("either", func(t *testing.T) {
		o := newOrigin(t, withInput("bearer token-1\nbasic_auth encoder {env.ORIGIN_HASH}"))
		w := o.do("PUT", put, unread{t})
		want(t, w, 401, "")
		wantHeader(t, w.Header(), "WWW-Authenticate", `Basic realm="live_origin"; Bearer realm="live_origin"`)
		want(t, o.do("PUT", put, strings.NewReader(shortList), "Authorization", "Bearer token-1"), 201, "")
		want(t, o.do("PUT", put, strings.NewReader(shortList), "Authorization", basic("encoder", "secret")), 204, "")
	})
	t.Run("allow", func(t *testing.T) {
		o := newOrigin(t, withInput("allow 198.51.100.0/24 2001:db8::/32 ::ffff:203.0.113.0/120 ::ffff:192.0.2.9\nbearer token-1"))
		for addr, status := range map[string]int{
			"198.51.100.7:1": 201, "[2001:db8::1]:1": 204, "[::ffff:198.51.100.7]:1": 204,
			"203.0.113.200:1": 204, "[::ffff:203.0.113.1]:1": 204, "192.0.2.9:1": 204, "203.0.114.1:1": 403,
			"192.0.2.1:1": 403, "[2001:db9::1]:1": 403, "@": 403,
		} {
			if status/100 == 2 {
				status = 0 // new or replaced
			}
			r := httptest.NewRequest("PUT", put, strings.NewReader(shortList))
			if status != 0 {
				r = httptest.NewRequest("PUT", put, unread{t})
			}
			r.RemoteAddr = addr
			r.Header.Set("Authorization", "Bearer token-1")
			r.Header.Set("X-Forwarded-For", "198.51.100.7")
			if w := o.serve(r); status != 0 && w.Code != status || status == 0 && w.Code/100 != 2 {
				t.Errorf("%s: %d %s", addr, w.Code, w.Body)
			}
		}
		r := httptest.NewRequest("PUT", put, unread{t})
		r.RemoteAddr = "198.51.100.7:1"
		want(t, o.serve(r), 401, "")
	})
}

func gzipped(t *testing.T, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestContentEncoding(t *testing.T) {
	o := newOrigin(t, withInput("max_segment_size 1MiB\nmax_playlist_size 1MiB"))
	packed := gzipped(t, []byte(shortList))
	const path = "/in/a/live.m3u8"
	want(t, o.do("PUT", path, bytes.NewReader(packed), "Content-Encoding", "gzip"), 201, "")
	want(t, o.do("PUT", path, strings.NewReader(shortList), "Content-Encoding", "identity"), 204, "")
	inTwo := append(gzipped(t, []byte(shortList[:20])), gzipped(t, []byte(shortList[20:]))...)
	want(t, o.do("PUT", path, bytes.NewReader(inTwo), "Content-Encoding", "gzip"), 204, "")
	want(t, o.do("GET", path, nil), 200, "seg1.ts")

	bomb := gzipped(t, append([]byte("#EXTM3U\n"), make([]byte, 8<<20)...))
	want(t, o.do("PUT", path, bytes.NewReader(bomb), "Content-Encoding", "gzip"), 413, "larger than 1048576 bytes (max_playlist_size)")
	want(t, o.do("PUT", "/in/a/x.ts", bytes.NewReader(bomb), "Content-Encoding", "gzip"), 413, "")

	w := o.do("PUT", path, unread{t}, "Content-Encoding", "br")
	want(t, w, 415, `content encoding "br" is not supported`)
	wantHeader(t, w.Header(), "Accept-Encoding", "gzip")

	for name, body := range map[string][]byte{
		"cut": packed[:len(packed)-6], "plain": []byte(shortList), "empty": {}, "damaged": append(bytes.Clone(packed[:20]), packed[22:]...),
	} {
		if w := o.do("PUT", path, bytes.NewReader(body), "Content-Encoding", "gzip"); w.Code != 400 {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	want(t, o.do("GET", path, nil), 200, "seg1.ts")
}

// A compressed upload that does not get on keeps none of its input's others waiting.
func TestCompressedUploadsTakeTurns(t *testing.T) {
	packed := gzipped(t, []byte(shortList))
	synctest.Test(t, func(t *testing.T) {
		o := newOrigin(t, withInput(""))
		body, sender := io.Pipe()
		answered := make(chan *httptest.ResponseRecorder)
		go func() { answered <- o.do("PUT", "/in/a/slow.m3u8", body, "Content-Encoding", "gzip") }()
		if _, err := sender.Write(packed[:len(packed)/2]); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		want(t, o.do("PUT", "/in/a/live.m3u8", bytes.NewReader(packed), "Content-Encoding", "gzip"), 201, "")
		want(t, o.do("PUT", "/in/a/plain.m3u8", strings.NewReader(shortList)), 201, "")
		if _, err := sender.Write(packed[len(packed)/2:]); err != nil {
			t.Fatal(err)
		}
		sender.Close()
		want(t, <-answered, 201, "")
	})
}

func TestLimits(t *testing.T) {
	o := newOrigin(t, withInput("max_segment_size 100KiB\nmax_playlist_size 1KiB\nmax_renditions 2"))
	long := shortList + strings.Repeat("# comment\n", 200)
	// What the length discloses is refused before the body is read.
	announced := func(path string, length int64) *httptest.ResponseRecorder {
		r := httptest.NewRequest("PUT", path, unread{t})
		r.ContentLength = length
		return o.serve(r)
	}
	want(t, announced("/in/a/live.m3u8", 1025), 413, "larger than 1024 bytes (max_playlist_size)")
	want(t, announced("/in/a/LIVE.M3U8", 1025), 413, "")
	want(t, announced("/in/a/seg.ts", 100<<10+1), 413, "larger than 102400 bytes (max_segment_size)")
	for _, path := range []string{"/in/a/live.m3u8", "/in/a/playlist"} {
		want(t, o.do("PUT", path, io.MultiReader(strings.NewReader(long))), 413, "")
	}
	want(t, o.do("PUT", "/in/a/seg.ts", io.MultiReader(bytes.NewReader(make([]byte, 101<<10)))), 413, "")

	for n := range 2 {
		want(t, o.do("PUT", fmt.Sprintf("/in/a/%d.m3u8", n), strings.NewReader(shortList)), 201, "")
	}
	want(t, o.do("PUT", "/in/a/2.m3u8", strings.NewReader(shortList)), 429, "")
	want(t, o.do("PUT", "/in/a/1.m3u8", strings.NewReader(shortList)), 204, "")
}

func TestRefusedUploads(t *testing.T) {
	o := newOrigin(t, twoInputs)
	names, media := segments(t)
	path := "/in/a/" + names[0]
	half := bytes.NewReader(media[0][:len(media[0])/2])
	stalled := fmt.Errorf("read: %w", os.ErrDeadlineExceeded)
	reset := &net.OpError{Op: "read", Net: "tcp", Source: &net.TCPAddr{Port: 443}, Err: errors.New("connection reset by peer")}
	packed, gzipHeader := gzipped(t, []byte(shortList)), []string{"Content-Encoding", "gzip"}
	for _, c := range []struct {
		name   string
		path   string
		body   io.Reader
		header []string
		status int
		reason string
	}{
		{"broken off", path, io.MultiReader(half, iotest.ErrReader(io.ErrUnexpectedEOF)), nil, 400, "broke off"},
		{"reset", path, io.MultiReader(half, iotest.ErrReader(errors.New("connection reset"))), nil, 400, "broke off"},
		{"reset, as a connection tells it", path, io.MultiReader(half, iotest.ErrReader(reset)), nil, 400, "broke off: connection reset by peer\n"},
		{"stalled", path, io.MultiReader(half, iotest.ErrReader(stalled)), nil, 408, "stalled"},
		{"stalled at once", path, iotest.ErrReader(stalled), nil, 408, "stalled"},
		{"cut before it was sent", "/in/a/live.m3u8", bytes.NewReader(packed[:len(packed)-9]), gzipHeader, 400, "decode gzip: the compressed data is cut off"},
		{"empty, as gzip", "/in/a/live.m3u8", bytes.NewReader(nil), gzipHeader, 400, "decode gzip: the compressed data is cut off"},
		{"gzip and a few bytes", "/in/a/live.m3u8", bytes.NewReader(append(slices.Clone(packed), "tail"...)), gzipHeader, 400, "decode gzip: the compressed data has ended, and more follows"},
		{"gzip and a block of nothing", "/in/a/live.m3u8", bytes.NewReader(append(slices.Clone(packed), make([]byte, 512)...)), gzipHeader, 400, "decode gzip: the compressed data has ended, and more follows"},
		{"gzip twice, cut off", "/in/a/live.m3u8", bytes.NewReader(append(slices.Clone(packed), packed[:len(packed)-9]...)), gzipHeader, 400, "decode gzip: the compressed data is cut off"},
		{"broken off, as gzip", "/in/a/live.m3u8", io.MultiReader(bytes.NewReader(packed[:9]), iotest.ErrReader(io.ErrUnexpectedEOF)), gzipHeader, 400, "broke off"},
		{"partial", path, unread{t}, []string{"Content-Range", "bytes 0-9/100"}, 400, "partial uploads"},
		{"bad playlist", "/in/a/live.m3u8", strings.NewReader("nonsense"), nil, 400, ""},
		{"encrypted", "/in/a/live.m3u8", strings.NewReader(strings.Replace(shortList, "#EXTINF", "#EXT-X-KEY:METHOD=AES-128,URI=\"k\"\n#EXTINF", 1)), nil, 415, ""},
		{"bad path", "/in/a/a%00b.ts", strings.NewReader("x"), nil, 400, "path"},
	} {
		w := o.do("PUT", c.path, c.body, c.header...)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.reason) {
			t.Errorf("%s: %d %q, want %d %q", c.name, w.Code, w.Body, c.status, c.reason)
		}
		wantHeader(t, w.Header(), "Content-Type", "text/plain; charset=utf-8")
		if w := o.do("GET", c.path, nil); w.Code != 404 {
			t.Errorf("%s: something of it is there: %d", c.name, w.Code)
		}
	}
}

func TestStoreFull(t *testing.T) {
	o := newOrigin(t, strings.Replace(twoInputs, "channel", "store memory {\ncapacity 100KB\n}\nchannel", 1))
	names, media := segments(t)
	for n := range names {
		w := o.do("PUT", "/in/a/"+names[n], bytes.NewReader(media[n]))
		if w.Code == http.StatusInsufficientStorage {
			want(t, w, 507, "")
			if !strings.HasPrefix(w.Body.String(), "store is full for this ") {
				t.Errorf("answered with the origin's own names: %q", w.Body)
			}
			return
		}
	}
	t.Error("the store is never full")
}

// Where the operator has error routes, they decide what is sent.
func TestErrorRoutes(t *testing.T) {
	o := newOrigin(t, twoInputs)
	o.server.Errors = &caddyhttp.HTTPErrorConfig{Routes: caddyhttp.RouteList{{}}}
	for _, r := range []*http.Request{
		httptest.NewRequest("PUT", "/in/a/live.m3u8", strings.NewReader("nonsense")),
		httptest.NewRequest("GET", "/live/never", nil),
	} {
		w := httptest.NewRecorder()
		err := o.handler.ServeHTTP(w, o.prepare(w, r), nextHandler)
		var he caddyhttp.HandlerError
		if !errors.As(err, &he) || he.StatusCode/100 != 4 || he.Err == nil || w.Body.Len() > 0 {
			t.Errorf("%s %s: %v, body %q", r.Method, r.URL, err, w.Body)
		}
	}
}

// An encoder that is refused repeats itself for ever.
func TestRefusalsAreLoggedOnce(t *testing.T) {
	o := newOrigin(t, withInput("bearer token"))
	core, logs := zapobserver.New(zap.DebugLevel)
	o.handler.logger = zap.New(core)
	for range 50 {
		o.do("PUT", "/in/a/x.ts", unread{t})
		o.do("PUT", "/in/b/live.m3u8", strings.NewReader("nonsense"))
		o.do("PUT", "/in/b/../x", unread{t})
	}
	warned := logs.FilterMessage("upload refused").All()
	if len(warned) != 3 {
		t.Fatalf("%d warnings", len(warned))
	}
	fields := warned[0].ContextMap()
	if fields["channel"] != "sports" || fields["input"] != "a" || fields["status"] != int64(401) || fields["client_ip"] != "192.0.2.1" {
		t.Errorf("%v", fields)
	}
	// The challenge that many encoders wait for is no refusal.
	o.handler.quiet = newThrottle(quietInterval)
	want(t, o.do("PUT", "/in/a/live.m3u8", strings.NewReader(shortList), "Authorization", "Bearer token"), 201, "")
	logs.TakeAll()
	want(t, o.do("PUT", "/in/a/live.m3u8", unread{t}), 401, "")
	if n := logs.FilterMessage("upload refused").Len(); n != 0 {
		t.Errorf("%d warnings", n)
	}
}

// What a storage or a proxy said instead of a segment is no media, whatever it looks like. A DASH
// manifest is kept.
func TestAnErrorPageIsNoSegment(t *testing.T) {
	o := newOrigin(t, twoInputs)
	for name, want := range map[string]int{"seg1.ts": http.StatusUnsupportedMediaType, "live.mpd": http.StatusCreated} {
		w := o.do("PUT", "/in/a/"+name, strings.NewReader(`<?xml version="1.0" encoding="UTF-8"?><Error><Code>NoSuchKey</Code></Error>`))
		if w.Code != want {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}
