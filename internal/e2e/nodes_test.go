package e2e

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
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

// row is one thing that happens to the site.
type row struct {
	what string
	// short is for how long it goes on, long the same with -nodes-long; without short, only
	// then.
	short, long time.Duration
	// dead is the node that nobody can ask meanwhile, -1 for none.
	dead int
	// restarts: nodes are not there all the time.
	restarts bool
	// alone: nodes don't hear of each other meanwhile, and what they have differs.
	alone       bool
	begin, over func(s *site, i int)
}

var (
	nodesLong = flag.Bool("nodes-long", false, "try what happens to several nodes for as long as docs/nodes.md says")
	nodesRows = flag.String("nodes-rows", "", "try only what matches this regular expression")
)

func killNode(s *site, i int) { s.nodes[i].stopDead() }
func runNode(s *site, i int)  { s.nodes[i].run(s.nodes[i].config) }

func killNodeAndServer(s *site, i int) {
	s.servers.Kill(i)
	killNode(s, i)
}

func runNodeAndServer(s *site, i int) {
	s.servers.Restart(i)
	runNode(s, i)
}

// hung is a node that stands still and goes on.
func hung(i int, short time.Duration) row {
	return row{what: fmt.Sprintf("node %d hangs", i+1), short: short, long: 30 * time.Second, dead: i,
		begin: func(s *site, i int) { s.nodes[i].hang(true) }, over: func(s *site, i int) { s.nodes[i].hang(false) }}
}

// server is a row about one of the servers.
func server(what string, short, long time.Duration, begin, over func(s *site)) row {
	return row{what: what, short: short, long: long, dead: -1,
		begin: func(s *site, _ int) { begin(s) }, over: func(s *site, _ int) { over(s) }}
}

func serverDies(i int, short time.Duration) row {
	return server(fmt.Sprintf("kill -9 of server %d", i+1), short, 20*time.Second,
		func(s *site) { s.servers.Kill(i) }, func(s *site) { s.servers.Restart(i) })
}

func serverHangs(i int, short time.Duration) row {
	return server(fmt.Sprintf("server %d hangs", i+1), short, 30*time.Second,
		func(s *site) { s.servers.Stop(i) }, func(s *site) { s.servers.Continue(i) })
}

func nodeDies(i int, short time.Duration) row {
	return row{what: fmt.Sprintf("kill -9 of node %d", i+1), short: short, long: 20 * time.Second, dead: i, begin: killNode, over: runNode}
}

func bothDie(i int, short time.Duration) row {
	return row{what: fmt.Sprintf("kill -9 of node %d and server %d", i+1, i+1), short: short, long: 20 * time.Second, dead: i,
		begin: killNodeAndServer, over: runNodeAndServer}
}

var rows = []row{
	{what: "nothing happens", short: 5 * time.Second, long: time.Minute, dead: -1},
	nodeDies(0, 4*time.Second), serverDies(0, 5*time.Second),
	nodeDies(1, 4*time.Second), serverDies(1, 0),
	nodeDies(2, 0), serverDies(2, 0),
	serverHangs(1, 5*time.Second), serverHangs(0, 0), serverHangs(2, 0),
	bothDie(2, 5*time.Second), bothDie(0, 0), bothDie(1, 0),
	hung(1, 4*time.Second), hung(0, 0), hung(2, 0),
	{what: "every node is restarted, one after the other", short: time.Nanosecond, dead: -1, restarts: true,
		over: func(s *site, _ int) {
			for i := range s.nodes {
				s.restart(i)
			}
		}},
	{what: "every server and node is restarted, one after the other", dead: -1, restarts: true,
		over: func(s *site, _ int) {
			for i := range s.nodes {
				s.servers.Kill(i)
				time.Sleep(time.Second)
				s.servers.Restart(i)
				time.Sleep(5 * time.Second)
				s.restart(i)
			}
		}},
	{what: "all servers are away", short: 5 * time.Second, long: 20 * time.Second, dead: -1, alone: true,
		begin: func(s *site, _ int) { s.everyServer(s.servers.Kill) }, over: func(s *site, _ int) { s.everyServer(s.servers.Restart) }},
}

// restart ends a node as its operator would, and starts it again.
func (s *site) restart(i int) {
	_ = s.nodes[i].cmd.Process.Signal(syscall.SIGTERM)
	_ = s.nodes[i].cmd.Wait()
	runNode(s, i)
	time.Sleep(2 * time.Second)
}

func (s *site) everyServer(do func(int)) {
	for i := range 3 {
		do(i)
	}
}

// TestThreeNodesAreOneOrigin: the encoders push to different nodes, and viewers of all three
// get the same, whatever dies.
func TestThreeNodesAreOneOrigin(t *testing.T) {
	s := startSite(t, siteBlock)
	source := startContribution(t)
	at := source.nextBegin()
	for i, input := range []string{"a", "b"} {
		target := s.balance(i) + "/in/sports/" + input
		source.startEncoderAt(at, target, lockedOutput(target)...)
	}
	viewers := s.watchAll("/fast/sports")
	browser := startPlayer(t, viewing{player: hlsJS, stream: s.cdn() + "/fast/sports/index.m3u8", position: -1})
	wanted := regexp.MustCompile(*nodesRows)
	for _, r := range rows {
		if r.short == 0 && !*nodesLong || !wanted.MatchString(r.what) {
			continue
		}
		if r.alone {
			// A player that moves between nodes that know nothing of each other can't be helped.
			report := browser.report()
			if report.stalled() > 0 || len(report.Fatal) > 0 {
				t.Errorf("a player that moves between nodes stood still for %s: %v, %v", report.stalled(), report.Errors, report.Fatal)
			}
			s.mu.Lock()
			if len(s.refused) > 0 {
				t.Errorf("a player that moves between nodes was refused %q", s.refused)
			}
			s.mu.Unlock()
		}
		s.try(t, r, viewers)
	}
	fourth := startOrigin(t, s.config(3))
	late := watch(t, fourth, "/fast/sports")
	viewers[0].wait(2)
	viewers = append(viewers, late)
	for _, v := range viewers {
		v.finish()
	}
	s.compare(t, viewers...)
	if began := late.one().first; began > viewers[0].one().next-6 {
		t.Errorf("the fourth node's playlist begins with %d, where the others stand at %d", began, viewers[0].one().next)
	}
	checkEveryPacket(t, viewers[2], source.recorded())
}

// try lets one thing happen, and prints how late slots were meanwhile and how long nodes
// differed.
func (s *site) try(t *testing.T, r row, viewers []*viewer) {
	t.Helper()
	began := time.Now()
	if r.begin != nil {
		r.begin(s, r.dead)
	}
	lasting := r.short
	if *nodesLong {
		lasting = r.long
	}
	time.Sleep(lasting)
	if r.over != nil {
		r.over(s, r.dead)
	}
	viewers[(r.dead+1)%3].wait(2)
	time.Sleep(500 * time.Millisecond)
	s.judge(t, r, began, time.Now().Add(-500*time.Millisecond))
}

func (s *site) judge(t *testing.T, r row, began, until time.Time) {
	t.Helper()
	var all []map[uint64]sighting
	var usual []time.Duration
	for i, o := range s.nodes {
		if i == r.dead {
			continue
		}
		list := o.sightings(t, "fast")
		all = append(all, list)
		for _, seen := range list {
			usual = append(usual, seen.at.Sub(seen.end))
		}
	}
	slices.Sort(usual)
	rhythm := usual[len(usual)/2]
	var late, apart time.Duration
	slots := 0
	for msn, seen := range all[0] {
		if seen.at.Before(began) || seen.at.After(until) {
			continue
		}
		slots++
		if r.alone {
			s.apart[msn] = true
			continue
		}
		first, last := seen.at, seen.at
		for _, list := range all[1:] {
			other, ok := list[msn]
			if !ok && r.restarts {
				continue
			}
			if !ok {
				t.Errorf("%s: slot %d is on one node only", r.what, msn)
				continue
			}
			if other.at.Before(first) {
				first = other.at
			}
			if other.at.After(last) {
				last = other.at
			}
		}
		late, apart = max(late, last.Sub(seen.end)-rhythm), max(apart, last.Sub(first))
	}
	t.Logf("| %s | %d slots | latest %d ms after the rhythm | nodes apart %d ms |", r.what, slots, late.Milliseconds(), apart.Milliseconds())
	// The grace of a second, and 300 ms.
	if allowed := 1300*time.Millisecond + machine.between(began, until); late > allowed {
		t.Errorf("%s: a slot was %s late, %s are allowed", r.what, late, allowed)
	}
}

// TestAnUnlockedPairOnNodes: the node of the active encoder dies, and the other encoder's media
// does not continue it. There is one discontinuity, the same on all nodes.
func TestAnUnlockedPairOnNodes(t *testing.T) {
	t.Parallel()
	s := startSite(t, siteBlock)
	startIndependent(t, s.nodes[0].url("/in/sports/a"), 50)
	first := watch(t, s.nodes[0], "/fast/sports")
	first.patient.Store(true)
	startIndependent(t, s.nodes[1].url("/in/sports/b"), 45)
	viewers := []*viewer{first, watch(t, s.nodes[1], "/fast/sports"), watch(t, s.nodes[2], "/fast/sports")}
	viewers[1].wait(4)
	killNode(s, 0)
	viewers[1].wait(3)
	runNode(s, 0)
	viewers[1].wait(2)
	for _, v := range viewers {
		v.finish()
		for uri, f := range v.renditions {
			if f.discontinuity != 1 {
				t.Errorf("%s%s: %d discontinuities", v.base, uri, f.discontinuity)
			}
		}
	}
	s.compare(t, viewers...)
	if switches := s.nodes[1].log.find("active input switched"); len(switches) != 1 || switches[0]["seamless"] != false {
		t.Errorf("the switches were %v", switches)
	}
}
