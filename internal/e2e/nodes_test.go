package e2e

import (
	"flag"
	"fmt"
	"regexp"
	"slices"
	"syscall"
	"testing"
	"time"
)

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
	for _, v := range viewers {
		v.apart = s.apart
	}
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

// partsNodes is how long the machine, or the network between nodes that is part of this process, has to
// stand still for the nodes to be right if each of them goes on by itself: SPEC N5.
const partsNodes = 500 * time.Millisecond

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
	still := machine.between(began, until)
	if still > partsNodes && !r.alone {
		t.Logf("%s: the machine stood still for so long that nodes may have given each other up", r.what)
		for msn, seen := range all[0] {
			if seen.at.After(began) && seen.at.Before(until) {
				s.apart[msn] = true
			}
		}
	}
	t.Logf("| %s | %d slots | latest %d ms after the rhythm | nodes apart %d ms | (the machine was up to %d ms late)",
		r.what, slots, late.Milliseconds(), apart.Milliseconds(), still.Milliseconds())
	// The grace of a second, and 300 ms.
	if allowed := 1300*time.Millisecond + still; late > allowed {
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
	s.allowTwice(t)
	s.compare(t, viewers...)
	if switches := s.nodes[1].log.find("active input switched"); len(switches) != 1 || switches[0]["seamless"] != false {
		t.Errorf("the switches were %v", switches)
	}
}

// allowTwice lets nodes differ in a slot that two of them decided, because the machine had no time for
// one when it should have heard of the other's decision: it waits 150 ms for that.
func (s *site) allowTwice(t *testing.T) {
	t.Helper()
	for _, n := range s.nodes {
		for _, e := range n.log.find("active input switched") {
			if late := machine.around(logTime(t, e, "time")); late > 50*time.Millisecond {
				msn := uint64(e["msn"].(float64))
				t.Logf("slot %d: the machine was %s late", msn, late)
				s.apart[msn] = true
			}
		}
	}
}
