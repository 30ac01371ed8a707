package caddymodule

import (
	"bufio"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"
	zapobserver "go.uber.org/zap/zaptest/observer"
)

// loadServer loads a server of JSON routes and error routes.
func (n *node) loadServer(routes, errorRoutes string) {
	n.t.Helper()
	if errorRoutes != "" {
		errorRoutes = `,"errors":{"routes":[` + errorRoutes + `]}`
	}
	config := fmt.Sprintf(`{"admin":{"disabled":true,"config":{"persist":false}},"logging":{"logs":{"default":{"writer":{"output":"discard"}}}},
		"apps":{"http":{"servers":{"s":{"listen":[%q],"automatic_https":{"disable":true},"routes":[%s]%s}}}}}`, n.addr, routes, errorRoutes)
	if err := caddy.Load([]byte(config), true); err != nil {
		n.t.Fatal(err)
	}
	n.want("GET", "/live/", nil, 404)
}

const (
	jsonOrigin = `{"handler":"live_origin","channels":{"sports":{"inputs":[{"name":"a","path":"/in/a"}],"endpoints":{"hls":{"path":"/live"}}}}}`
	writeError = `{"handler":"static_response","status_code":"{http.error.status_code}","body":"handled: {http.error.message}"}`
)

// Error routes work in every site and subroute, and where there are none for an error,
// the reason is the body.
func TestErrorRoutesOfCaddy(t *testing.T) {
	route := func(handlers string) string { return `{"handle":[` + handlers + `]}` }
	host := func(name, handlers string) string {
		return `{"match":[{"host":["` + name + `"]}],"handle":[` + handlers + `],"terminal":true}`
	}
	const reason = "no such playlist"
	for name, c := range map[string]struct{ routes, errorRoutes, want string }{
		"none":           {route(jsonOrigin), "", "there is"},
		"of the server":  {route(jsonOrigin), route(writeError), "handled: there is"},
		"of the site":    {route(jsonOrigin), host("127.0.0.1", writeError), "handled: there is"},
		"of another one": {route(jsonOrigin), host("example.com", writeError), "there is"},
		"of a subroute": {route(`{"handler":"subroute","routes":[` + route(jsonOrigin) + `],"errors":{"routes":[` + route(writeError) + `]}}`),
			"", "handled: there is"},
	} {
		t.Run(name, func(t *testing.T) {
			// An address of its own: Caddy lets the server of the config before answer
			// for a moment longer.
			n := newNode(t)
			n.loadServer(c.routes, c.errorRoutes)
			if text := n.want("GET", "/live/never.ts", nil, 404); !strings.HasPrefix(text, c.want) || !strings.Contains(text, reason) {
				t.Errorf("playlist: %q", text)
			}
			if text := n.want("PUT", "/inn/a/x.ts", strings.NewReader("x"), 404); !strings.Contains(text, "no input has this path") {
				t.Errorf("upload: %q", text)
			}
		})
	}
}

// A refusal is there before the body, whatever the client goes on to send; and it is
// not lost when the client reads only behind its body.
func TestRefusedAtOnce(t *testing.T) {
	n := newNode(t)
	n.load("live_origin {\nchannel sports {\ninput a /in/a {\nbearer token\n}\ninput b /in/b {\nmax_segment_size 64KiB\n}\nendpoint hls /live\n}\n}\n")
	for name, head := range map[string]string{
		"401, length":  "PUT /in/a/x.ts HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 50000000\r\n\r\n",
		"401, chunks":  "PUT /in/a/x.ts HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n",
		"401, small":   "PUT /in/a/x.m3u8 HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n",
		"413, length":  "PUT /in/b/x.ts HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 50000000\r\n\r\n",
		"404, no path": "PUT /inn/x.ts HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 50000000\r\n\r\n",
		"401, waiting": "PUT /in/a/x.ts HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 50000000\r\nExpect: 100-continue\r\n\r\n",
	} {
		conn, err := net.Dial("tcp", n.addr)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, head); err != nil {
			t.Fatal(err)
		}
		_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || !strings.HasPrefix(name, fmt.Sprint(resp.StatusCode)) {
			t.Errorf("%s: %v %v", name, resp, err)
		} else if !resp.Close {
			t.Errorf("%s: the connection goes on: %v", name, resp.Header)
		}
		conn.Close()
	}
	// Like old encoders: everything is sent before anything is read.
	conn, err := net.Dial("tcp", n.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const size = 24 << 20
	if _, err := fmt.Fprintf(conn, "PUT /in/a/x.ts HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n", size); err != nil {
		t.Fatal(err)
	}
	for range size / (1 << 20) {
		if _, err := conn.Write(make([]byte, 1<<20)); err != nil {
			t.Fatal("the connection is cut: ", err)
		}
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || resp.StatusCode != 401 {
		t.Fatalf("%v %v", resp, err)
	}
	// A client that sends for ever is cut off.
	began := time.Now()
	endless, err := net.Dial("tcp", n.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer endless.Close()
	_, err = io.WriteString(endless, "PUT /in/a/x.ts HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n")
	for err == nil {
		if time.Since(began) > 6*drainTime {
			t.Fatal("an endless upload goes on")
		}
		_, err = io.WriteString(endless, "1\r\nx\r\n")
		time.Sleep(50 * time.Millisecond)
	}
}

// patientRecorder takes deadlines for reading.
type patientRecorder struct{ *httptest.ResponseRecorder }

func (patientRecorder) SetReadDeadline(time.Time) error { return nil }

// What is refused may be sent to its end over HTTP/2 as well: where the stream is reset meanwhile,
// libcurl loses the answer.
func TestRefusalsReachWhoIsSending(t *testing.T) {
	o := newOrigin(t, strings.Replace(twoInputs, "input a /in/a\n", "input a /in/a {\nbearer secret\n}\n", 1))
	for target, want := range map[string]int{"/in/a/seg1.ts": http.StatusUnauthorized, "/live/seg1.ts": http.StatusMethodNotAllowed} {
		for protocol, drained := range map[int]bool{1: true, 2: true, 3: false} {
			const size = 4 << 20
			body := &io.LimitedReader{R: rand.Reader, N: size}
			w := patientRecorder{httptest.NewRecorder()}
			r := httptest.NewRequest(http.MethodPut, target, body)
			r.ProtoMajor, r.ContentLength = protocol, size
			_ = o.handler.ServeHTTP(w, o.prepare(w, r), nextHandler)
			if w.Code != want || (body.N == 0) != drained {
				t.Errorf("%s over HTTP/%d: %d, and %d bytes were not read", target, protocol, w.Code, body.N)
			}
		}
	}
}

// Encoders that are given the URL for viewers are told of in the log.
func TestPushingToAnEndpointIsLogged(t *testing.T) {
	for _, target := range []string{"/live/index.m3u8", "/status/seg1.ts", "/health"} {
		o := newOrigin(t, strings.Replace(twoInputs, "live_origin {", "live_origin {\nstatus /status\nhealth /health", 1))
		core, logs := zapobserver.New(zap.WarnLevel)
		o.handler.logger = zap.New(core)
		o.do("GET", target, nil)
		o.do("PUT", target, strings.NewReader("x"))
		if got := logs.FilterMessage("upload matches no input").Len(); got != 1 {
			t.Errorf("%s: %d lines in the log", target, got)
		}
	}
}
