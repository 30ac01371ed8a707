package nats

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/liveorigin/caddy-live-origin/internal/nodes"
	"github.com/liveorigin/caddy-live-origin/store"
	"github.com/liveorigin/caddy-live-origin/store/memory"
)

func testPeer(t *testing.T) *peerServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := "http://" + l.Addr().String()
	l.Close()
	local := memory.Open(0)
	p, err := servePeers(address+"/", local)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.close()
		_ = local.Close()
	})
	for _, key := range []string{"a/1.ts", "a/2.ts"} {
		w, err := local.Create(context.Background(), key, -1)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(w, "bytes of "+key)
		if err := w.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

func TestPeerWantsTicket(t *testing.T) {
	p := testPeer(t)
	good := p.url("a/1.ts")
	expired := time.Now().Add(-time.Second).Unix()
	for name, c := range map[string]struct {
		method, url string
		status      int
	}{
		"signed":               {"GET", good, 200},
		"no ticket":            {"GET", strings.Split(good, "?")[0], 401},
		"another key":          {"GET", strings.Replace(good, "1.ts", "2.ts", 1), 401},
		"another time":         {"GET", strings.Replace(good, "until=", "until=9", 1), 401},
		"another ticket":       {"GET", good[:len(good)-1] + "x", 401},
		"expired":              {"GET", p.signed("a/1.ts", expired), 401},
		"not there":            {"GET", p.url("a/3.ts"), 404},
		"not even a key":       {"GET", p.url("a"), 404},
		"another path":         {"GET", p.address + "/", 401},
		"another method":       {"POST", good, 405},
		"a method, no ticket":  {"DELETE", strings.Split(good, "?")[0], 401},
		"HEAD is not provided": {"HEAD", good, 405},
	} {
		request, err := http.NewRequest(c.method, c.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := peerClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(response.Body)
		response.Body.Close()
		if response.StatusCode != c.status {
			t.Errorf("%s: %d, want %d", name, response.StatusCode, c.status)
		}
		if c.status == 200 && string(body) != "bytes of a/1.ts" {
			t.Errorf("%s: %q", name, body)
		}
		if c.status == 401 && strings.Contains(string(body), "bytes") {
			t.Errorf("%s: %q", name, body)
		}
	}
}

// Another process, or another node, has another secret.
func TestTicketsAreOneServers(t *testing.T) {
	a, b := testPeer(t), testPeer(t)
	response, err := peerClient.Get(strings.Replace(a.url("a/1.ts"), a.address, b.address, 1))
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != 401 {
		t.Errorf("%d", response.StatusCode)
	}
}

// TestPeerThatHangs: what does not deliver is given up, and nothing of it is kept.
func TestPeerThatHangs(t *testing.T) {
	local := memory.Open(0)
	defer local.Close()
	alone, err := nodes.Open(context.Background(), nodes.Options{Servers: []string{"nats://127.0.0.1:1"}, Prefix: "p", Node: "a"})
	if err != nil {
		t.Fatal(err)
	}
	defer alone.Close()
	s := &Store{local: newTier(local), nodes: alone}
	part := bytes.Repeat([]byte("x"), 1<<20)
	for name, answer := range map[string]http.HandlerFunc{
		"before anything": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"after a part": func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write(part)
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		},
		"never, but sends less": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(part) },
		"never, but sends more": func(w http.ResponseWriter, _ *http.Request) {
			for range 3 {
				_, _ = w.Write(part)
			}
		},
		"never, but sends elsewhere": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://192.0.2.1/", http.StatusFound)
		},
	} {
		server := httptest.NewServer(answer)
		h := &holder{node: "b", head: objectHead{Size: 2 << 20, URL: server.URL}}
		if err := s.write(context.Background(), h, "a", &s.fetched.http, s.readHTTP); err == nil || strings.Contains(err.Error(), server.URL) {
			t.Errorf("%s: %v", name, err)
		}
		if u := local.Usage(); u.Objects != 0 || u.Bytes != 0 {
			t.Errorf("%s: %+v is left", name, u)
		}
		server.Close()
	}
}

// TestPeerAnswersWhoLooks: a node is there for another one that looks at its address, and something else is not.
func TestPeerAnswersWhoLooks(t *testing.T) {
	s := &Store{ctx: t.Context()}
	if err := s.answers(addressOf(testPeer(t).url("a/1.ts"))); err != nil {
		t.Error(err)
	}
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	if err := s.answers(other.URL); err == nil {
		t.Error("another server is taken for a node")
	}
}

// TestPeerIsLookedAtBeforeItIsUsedAgain: no object, for which somebody waits, finds out whether an address that
// did not work does so now.
func TestPeerIsLookedAtBeforeItIsUsedAgain(t *testing.T) {
	local := memory.Open(0)
	defer local.Close()
	alone, err := nodes.Open(context.Background(), nodes.Options{Servers: []string{"nats://127.0.0.1:1"}, Prefix: "p", Node: "a"})
	if err != nil {
		t.Fatal(err)
	}
	defer alone.Close()
	var works atomic.Bool
	var objects, looks atomic.Int32
	data := bytes.Repeat([]byte("x"), 100_000)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == peerPath && works.Load():
			looks.Add(1)
			w.WriteHeader(http.StatusUnauthorized)
		case r.URL.Path == peerPath:
			looks.Add(1)
			w.WriteHeader(http.StatusBadGateway)
		case works.Load():
			_, _ = w.Write(data)
		default:
			objects.Add(1)
			w.WriteHeader(http.StatusBadGateway)
		}
	}))
	defer server.Close()
	s := &Store{local: newTier(local), nodes: alone, fetches: newFetches(), reach: newReach(0), options: Options{Event: func(nodes.Event) {}}}
	s.ctx, s.close = context.WithCancelCause(context.Background())
	defer s.fetches.wait()
	defer s.close(store.ErrClosed)
	h := &holder{node: "b", head: objectHead{Size: int64(len(data)), Sum: xxhash.Sum64(data), URL: server.URL + peerPath + "a?until=1&ticket=2"}}
	for looks.Load() < 3 {
		if err := s.transfer(context.Background(), h, "a", -1); err == nil {
			t.Fatal("it came, from nowhere")
		}
	}
	if n := objects.Load(); n != 1 {
		t.Errorf("%d objects were asked for", n)
	}
	works.Store(true)
	for s.transfer(context.Background(), h, "a", -1) != nil {
		time.Sleep(time.Millisecond)
	}
}
