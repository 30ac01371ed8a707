package caddymodule

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
)

// node is Caddy in this process, on a real port. Caddy has one config per
// process, so these tests don't run in parallel.
type node struct {
	t      *testing.T
	addr   string
	client *http.Client
	loads  int // of configs
}

func newNode(t *testing.T) *node {
	t.Helper()
	// A reload may close an idle connection at the moment of its reuse, which has
	// nothing to do with the handler.
	transport := &http.Transport{DisableKeepAlives: true}
	n := &node{t: t, addr: freePort(t), client: &http.Client{Transport: transport}}
	t.Cleanup(func() {
		if err := caddy.Stop(); err != nil {
			t.Error(err)
		}
		eventually(t, "nothing is left", func() bool { s, c := liveCount(); return s+c == 0 })
	})
	return n
}

func freePort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// config is a whole config around the directives of a site.
func (n *node) config(site string) string {
	n.t.Helper()
	return adaptLoose(n.t, "{\nadmin off\npersist_config off\nauto_https off\nlog {\noutput discard\n}\n}\nhttp://"+n.addr+" {\nbind 127.0.0.1\n"+
		fmt.Sprintf("respond /which-config number-%d\n", n.loads)+site+"\n}\n")
}

// load makes a config take effect. A server that is being shut down may answer for
// a moment longer, so it waits until that is over.
func (n *node) load(site string) {
	n.t.Helper()
	n.loads++
	if err := caddy.Load([]byte(n.config(site)), true); err != nil {
		n.t.Fatal(err)
	}
	want, inARow := fmt.Sprintf("number-%d", n.loads), 0
	eventually(n.t, "the new config answers", func() bool {
		for inARow < 5 {
			n.client.CloseIdleConnections()
			if _, text := n.once("GET", "/which-config", nil); text != want {
				inARow = 0
				return false
			}
			inARow++
		}
		return true
	})
}

// do sends a request. A reload gives the port to a new socket, and what waits in
// the queue of the old one is reset before any handler sees it; so without an
// answer it tries again.
func (n *node) do(method, path string, body io.ReadSeeker) (status int, text string) {
	for range 5 {
		if body == nil {
			status, text = n.once(method, path, nil)
		} else {
			if _, err := body.Seek(0, io.SeekStart); err != nil {
				return 0, err.Error()
			}
			status, text = n.once(method, path, io.NopCloser(body))
		}
		if status != 0 {
			break
		}
	}
	return status, text
}

func (n *node) once(method, path string, body io.Reader) (int, string) {
	r, err := http.NewRequest(method, "http://"+n.addr+path, body)
	if err != nil {
		return 0, err.Error()
	}
	resp, err := n.client.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(text)
}

func (n *node) want(method, path string, body io.ReadSeeker, status int) string {
	n.t.Helper()
	got, text := n.do(method, path, body)
	if got != status {
		n.t.Fatalf("%s %s: %d %s, want %d", method, path, got, text, status)
	}
	return text
}

// goOnAir publishes some slots and returns the path of the first segment.
func (n *node) goOnAir(input, endpoint string) (segment string) {
	n.t.Helper()
	names, media := segments(n.t)
	for i := range 6 {
		n.want("PUT", input+"/"+names[i], bytes.NewReader(media[i]), 201)
	}
	n.want("PUT", input+"/live.m3u8", strings.NewReader(playlistOf(0, names[:6])), 201)
	eventually(n.t, "the first slot", func() bool { s, _ := n.do("GET", endpoint+"/index.m3u8", nil); return s == 200 })
	variant := endpoint + "/" + uris(n.want("GET", endpoint+"/index.m3u8", nil, 200))[0]
	return filepath.Dir(variant) + "/" + uris(n.want("GET", variant, nil, 200))[0]
}

// eventually waits for what is certain to come. The limit is only there to end a
// failing test.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for range 1500 {
		if ok() {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("waited in vain: %s", what)
}

func liveCount() (stores, channels int) {
	live.mu.Lock()
	defer live.mu.Unlock()
	return len(live.stores), len(live.channels)
}

// site is a handler with two inputs and an endpoint; more is put into the
// endpoint's block.
func site(more string) string {
	return "live_origin {\nchannel sports {\ninput a /in/a\ninput b /in/b\nendpoint hls /live {\nsegment_duration 2s\n" + more + "\n}\n}\n}\n"
}

const otherSite = "live_origin {\nchannel news {\ninput a /in/news\nendpoint hls /news\n}\n}\n"

// slowUpload is an upload that has begun.
type slowUpload struct {
	n      *node
	body   *io.PipeWriter
	rest   []byte
	result chan string
}

func (n *node) startUpload(path string, content []byte) *slowUpload {
	n.t.Helper()
	r, w := io.Pipe()
	u := &slowUpload{n: n, body: w, rest: content[len(content)/2:], result: make(chan string, 1)}
	go func() {
		status, text := n.once("PUT", path, r)
		u.result <- fmt.Sprint(status, text)
	}()
	if _, err := w.Write(content[:len(content)/2]); err != nil {
		n.t.Fatal(err)
	}
	return u
}

func (u *slowUpload) finish(want string) {
	u.n.t.Helper()
	// The error is that of the upload, which the result tells better.
	_, _ = u.body.Write(u.rest)
	u.body.Close()
	if got := <-u.result; got != want {
		u.n.t.Errorf("upload ended with %s, want %s", got, want)
	}
}

// inUse waits until the upload has reached the handler: a config and a request
// use the channel.
func inUse(t *testing.T, users int64) {
	t.Helper()
	eventually(t, "the upload in the handler", func() bool {
		live.mu.Lock()
		defer live.mu.Unlock()
		for _, c := range live.channels {
			if c.key.name == "sports" && c.users.Load() == users {
				return true
			}
		}
		return false
	})
}
