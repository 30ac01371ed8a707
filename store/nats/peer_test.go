package nats

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

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
