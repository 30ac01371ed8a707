package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/demo/front"
	"github.com/liveorigin/caddy-live-origin/internal/nodes/natstest"
)

// site is three servers, and three nodes that are one origin.
type site struct {
	t       *testing.T
	servers *natstest.Cluster
	nodes   []*origin
	front   *front.Front
	block   string
	// apart are the slots of which nodes may have different ones.
	apart map[uint64]bool

	mu sync.Mutex
	// refused are what viewers behind the cdn did not get.
	refused []string
}

const siteBlock = `
		health /health
		channel sports {
			input a /in/sports/a
			input b /in/sports/b
			endpoint fast /fast/sports {
				segment_duration 2s
			}
		}`

func startSite(t *testing.T, block string) *site {
	t.Helper()
	s := newSite(t, block)
	for range 3 {
		s.startNode(&origin{})
	}
	s.placeFront()
	return s
}

// oneSite lets one site run at a time: three nodes and three servers are much for two cores.
var oneSite sync.Mutex

// newSite starts the servers.
func newSite(t *testing.T, block string) *site {
	t.Helper()
	takeTurn(t)
	return &site{t: t, servers: natstest.Start(t, 3), block: block, apart: map[uint64]bool{}}
}

func takeTurn(t *testing.T) {
	oneSite.Lock()
	t.Cleanup(oneSite.Unlock)
}

// startNode adds a node.
func (s *site) startNode(o *origin) {
	s.t.Helper()
	o.prepare(s.t, "DEBUG")
	o.start(s.config(len(s.nodes)))
	s.nodes = append(s.nodes, o)
}

// watchAll follows what each node serves, from the fourth slot on.
func (s *site) watchAll(path string) (viewers []*viewer) {
	s.t.Helper()
	for _, o := range s.nodes {
		v := watch(s.t, o, path)
		v.patient.Store(true)
		viewers = append(viewers, v)
	}
	viewers[0].wait(4)
	return viewers
}

// placeFront puts a front before the nodes, which have their addresses by now.
func (s *site) placeFront() {
	s.t.Helper()
	var places []front.Node
	for i, o := range s.nodes {
		places = append(places, front.Node{Name: fmt.Sprint("n", i+1), Base: o.url("")})
	}
	var err error
	if s.front, err = front.New(places); err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) config(i int) string {
	return fmt.Sprintf("store nats %s {\nnode n%d\n}\n%s", strings.Join(s.servers.URLs(), " "), i+1, s.block)
}

// balance is a load balancer in front of the nodes: an upload that a node does not take goes
// to the next one.
func (s *site) balance(prefer int) string {
	uplink := s.front.Uplink(prefer)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the encoder broke off
		}
		again, err := http.NewRequest(r.Method, "http://any"+r.URL.Path, bytes.NewReader(body))
		if err != nil {
			s.t.Error(err)
			return
		}
		response, err := uplink.RoundTrip(again)
		if err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		response.Body.Close()
		w.WriteHeader(response.StatusCode)
	}))
	s.t.Cleanup(server.Close)
	return server.URL
}

// cdn is a server in front of the nodes that asks another one for every request.
func (s *site) cdn() string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := &statusNoted{w, 0}
		s.front.ServeHTTP(answer, r)
		if answer.status >= http.StatusBadRequest {
			text := fmt.Sprintf("%s %s: %d from %s", time.Now().Format("15:04:05.000"), r.URL, answer.status, w.Header().Get(front.ServedBy))
			s.mu.Lock()
			s.refused = append(s.refused, text)
			s.mu.Unlock()
		}
	}))
	s.t.Cleanup(server.Close)
	return server.URL
}

// statusNoted remembers the status of an answer.
type statusNoted struct {
	http.ResponseWriter
	status int
}

func (w *statusNoted) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// stopDead ends a node as a power switch would.
func (o *origin) stopDead() {
	_ = o.cmd.Process.Kill()
	_ = o.cmd.Wait()
}

// hang makes a node stand still, or go on.
func (o *origin) hang(still bool) {
	signal := syscall.SIGCONT
	if still {
		signal = syscall.SIGSTOP
	}
	_ = o.cmd.Process.Signal(signal)
}

// compare fails unless viewers of several nodes saw the same, from where all of them began.
func (s *site) compare(t *testing.T, viewers ...*viewer) {
	t.Helper()
	first := viewers[0]
	for i, v := range viewers[1:] {
		for uri, f := range v.renditions {
			one := first.renditions[uri]
			if one == nil {
				t.Errorf("%s is on node %d only", uri, i+2)
				continue
			}
			common := 0
			for msn := max(one.first, f.first); msn < min(one.next, f.next); msn++ {
				a, b := one.segments[msn-one.first], f.segments[msn-f.first]
				a.told, b.told = told{}, told{}
				if a != b && !s.apart[msn] {
					t.Errorf("%s: segment %d is %+v on one node and %+v on node %d", uri, msn, a, b, i+2)
				}
				common++
			}
			if common == 0 {
				t.Errorf("%s: nothing to compare", uri)
			}
			if one.first == f.first && one.next == f.next && len(s.apart) == 0 && !bytes.Equal(one.bytes.Bytes(), f.bytes.Bytes()) {
				t.Errorf("%s has other bytes on node %d", uri, i+2)
			}
		}
	}
}

// sighting is when a node had a slot.
type sighting struct {
	at  time.Time
	end time.Time // of its media
}

// sightings are when the node that runs now had its slots, by number.
func (o *origin) sightings(t *testing.T, endpoint string) map[uint64]sighting {
	t.Helper()
	list := map[uint64]sighting{}
	for _, e := range o.log.find("slot published") {
		if e["endpoint"] == endpoint {
			at := time.UnixMicro(int64(e["ts"].(float64) * 1e6)).Add(-o.clock.ahead(e["received"].(time.Time)))
			list[uint64(e["msn"].(float64))] = sighting{at: at, end: logTime(t, e, "end")}
		}
	}
	return list
}
