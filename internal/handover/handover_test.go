package handover_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/liveorigin/caddy-live-origin/internal/handover"
)

// feed is a listener whose connections the test chooses.
type feed struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (f *feed) Accept() (net.Conn, error) {
	select {
	case c := <-f.conns:
		return c, nil
	case <-f.closed:
		return nil, net.ErrClosed
	}
}
func (f *feed) Close() error   { close(f.closed); return nil }
func (f *feed) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80} }

// server answers with its name and what was sent to it.
type server struct {
	t *testing.T
	*feed
	http *http.Server
	read chan struct{} // a first byte of a request has been read
}

func start(t *testing.T, places *handover.Places, name string, over func(net.Listener) net.Listener) *server {
	t.Helper()
	s := &server{t: t, feed: &feed{make(chan net.Conn), make(chan struct{})}, read: make(chan struct{}, 16)}
	s.http = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		if r.URL.Path == "/abort" {
			panic(http.ErrAbortHandler)
		}
		fmt.Fprintf(w, "%s %s %d", name, r.URL.Path, len(body))
	})}
	ln := places.Wrap(over(s.feed))
	go func() {
		if err := s.http.Serve(watched{ln, s.read}); !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	}()
	t.Cleanup(func() { _ = s.http.Close() })
	return s
}

// watched tells when something has been read.
type watched struct {
	net.Listener
	read chan struct{}
}

func (l watched) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return watchedConn{c, l.read}, nil
}

type watchedConn struct {
	net.Conn
	read chan struct{}
}

func (c watchedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		select {
		case c.read <- struct{}{}:
		default:
		}
	}
	return n, err
}

func plain(ln net.Listener) net.Listener { return ln }

// client connects to a server, and to none other.
func client(t *testing.T, s *server) net.Conn {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	here, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = here.Close() })
	there, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	s.conns <- there
	return here
}

// takesOver returns when the server listens, which it does when it has answered.
func (s *server) takesOver() {
	s.t.Helper()
	c := client(s.t, s)
	send(s.t, c, "GET /up HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	if got := answer(s.t, c); !strings.HasSuffix(got, " /up 0") {
		s.t.Fatalf("the answer is %q", got)
	}
}

// shutDown returns when the server has begun to shut down.
func (s *server) shutDown() (wait func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := s.http.Shutdown(context.Background()); err != nil {
			s.t.Error(err)
		}
	}()
	<-s.closed
	return func() { <-done }
}

func send(t *testing.T, c net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
}

// answer is the body of the answer, or "closed".
func answer(t *testing.T, c net.Conn) string {
	t.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return "closed"
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// A server that shuts down while it reads the header of a request would close the connection
// without an answer. Its successor answers, as if the request had come to it.
func TestARequestThatIsReadDuringAShutdownIsAnsweredByTheSuccessor(t *testing.T) {
	for _, test := range []struct{ name, first, rest, want string }{
		{"header", "GET /x HTTP/1.1\r\nHo", "st: a\r\n\r\n", "next /x 0"},
		{"body", "PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n", "\r\n" + strings.Repeat("x", 100000), "next /x 100000"},
		{"two requests", "GET /x HTTP/1.1\r\nHo", "st: a\r\n\r\nGET /y HTTP/1.1\r\nHost: a\r\n\r\n", "next /x 0"},
		// What is longer than anybody's header is not remembered.
		{"long header", "GET /x HTTP/1.1\r\nCookie: " + strings.Repeat("x", 20000), "\r\nHost: a\r\n\r\n", "closed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			places := &handover.Places{}
			last := start(t, places, "last", plain)
			c := client(t, last)
			send(t, c, test.first)
			<-last.read
			start(t, places, "next", plain).takesOver()
			wait := last.shutDown()
			send(t, c, test.rest)
			if got := answer(t, c); got != test.want {
				t.Errorf("the answer is %q, not %q", got, test.want)
			}
			wait()
		})
	}
}

func TestARequestOverTLSIsAnsweredByTheSuccessor(t *testing.T) {
	pair := httptest.NewUnstartedServer(nil)
	pair.StartTLS()
	defer pair.Close()
	over := func(ln net.Listener) net.Listener {
		return tls.NewListener(ln, &tls.Config{Certificates: pair.TLS.Certificates})
	}
	places := &handover.Places{}
	last := start(t, places, "last", over)
	raw := client(t, last)
	next := start(t, places, "next", over)
	client(t, next) // when it has taken this, it listens
	wait := last.shutDown()
	// The handshake has not even begun.
	c := tls.Client(raw, &tls.Config{InsecureSkipVerify: true})
	send(t, c, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
	if got := answer(t, c); got != "next /x 0" {
		t.Errorf("the answer is %q", got)
	}
	wait()
}

// A config that fails after its server has started is taken back: the one before goes on.
func TestAServerThatFailsHandsBack(t *testing.T) {
	places := &handover.Places{}
	last := start(t, places, "last", plain)
	last.takesOver()
	failing := start(t, places, "failing", plain)
	c := client(t, failing)
	send(t, c, "GET /x HTTP/1.1\r\n")
	<-failing.read
	wait := failing.shutDown()
	send(t, c, "Host: a\r\n\r\n")
	if got := answer(t, c); got != "last /x 0" {
		t.Errorf("the answer is %q", got)
	}
	wait()
}

// What was accepted, and not taken by a server, is not lost either.
func TestAConnectionThatNoServerHasTakenIsHandedOver(t *testing.T) {
	places := &handover.Places{}
	last := &server{t: t, feed: &feed{make(chan net.Conn), make(chan struct{})}}
	ln := places.Wrap(last.feed)
	taken := make(chan error)
	go func() {
		_, err := ln.Accept()
		taken <- err
	}()
	client(t, last)
	if err := <-taken; err != nil {
		t.Fatal(err)
	}
	c := client(t, last)
	start(t, places, "next", plain).takesOver()
	send(t, c, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
	_ = ln.Close()
	if got := answer(t, c); got != "next /x 0" {
		t.Errorf("the answer is %q", got)
	}
}

func TestOnlyWhatIsNotAnsweredIsHandedOver(t *testing.T) {
	const get = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
	places := &handover.Places{}
	last := start(t, places, "last", plain)
	idle, alone := client(t, last), client(t, last)
	send(t, idle, get)
	if got := answer(t, idle); got != "last /x 0" {
		t.Errorf("the answer is %q", got)
	}
	<-last.read
	send(t, alone, "GET /x HTTP/1.1\r\n")
	<-last.read
	wait := last.shutDown()
	if got := answer(t, idle); got != "closed" {
		t.Errorf("a connection without a request was not closed, but answered %q", got)
	}
	send(t, alone, "Host: a\r\n\r\n")
	if got := answer(t, alone); got != "closed" {
		t.Errorf("without a successor the answer is %q", got)
	}
	wait()

	// What a handler gives up is given up: by the successor, in the end.
	last = start(t, places, "last", plain)
	last.takesOver()
	start(t, places, "next", plain).takesOver()
	c := client(t, last)
	send(t, c, "GET /abort HTTP/1.1\r\nHost: a\r\n\r\n")
	if got := answer(t, c); got != "closed" {
		t.Errorf("the answer is %q", got)
	}
}

// The successor of a successor gets it, too, with all that has been read.
func TestARequestIsHandedOverAsOftenAsNeeded(t *testing.T) {
	places := &handover.Places{}
	first := start(t, places, "1", plain)
	c := client(t, first)
	send(t, c, "PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n")
	<-first.read
	second := start(t, places, "2", plain)
	second.takesOver()
	third := start(t, places, "3", plain)
	third.takesOver()
	wait2 := second.shutDown()
	wait := first.shutDown()
	send(t, c, "\r\n1234")
	if got := answer(t, c); got != "3 /x 4" {
		t.Errorf("the answer is %q", got)
	}
	wait()
	wait2()
}

// BenchmarkRequest: what wrapping costs a connection that is kept, and one per request.
func BenchmarkRequest(b *testing.B) {
	places := &handover.Places{}
	for _, kept := range []bool{true, false} {
		for _, wrapped := range []bool{false, true} {
			b.Run(fmt.Sprintf("kept=%t/wrapped=%t", kept, wrapped), func(b *testing.B) {
				ln, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					b.Fatal(err)
				}
				url := "http://" + ln.Addr().String()
				if wrapped {
					ln = places.Wrap(ln)
				}
				s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					_, _ = io.WriteString(w, "x")
				})}
				go func() { _ = s.Serve(ln) }()
				defer s.Close()
				c := http.Client{Transport: &http.Transport{DisableKeepAlives: !kept}}
				for b.Loop() {
					resp, err := c.Get(url)
					if err != nil {
						b.Fatal(err)
					}
					_, _ = io.Copy(io.Discard, resp.Body)
					_ = resp.Body.Close()
				}
			})
		}
	}
}
