package e2e

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/needs"
	"github.com/liveorigin/caddy-live-origin/internal/nodes/natstest"
)

// network is a machine of its own as far as the network goes: a namespace with two cables, one
// to the other nodes and servers, which can be cut, and one to encoders and viewers.
type network struct {
	t    *testing.T
	name string
}

const (
	clusterHere, clusterThere = "10.213.71.1", "10.213.71.2"
	accessHere, accessThere   = "10.213.72.1", "10.213.72.2"
)

// newNetwork makes one, or skips the test where that is not allowed.
func newNetwork(t *testing.T) *network {
	t.Helper()
	n := &network{t: t, name: "live-origin-e2e"}
	_ = exec.Command("ip", "netns", "del", n.name).Run() // of a run that was killed
	if out, err := exec.Command("ip", "netns", "add", n.name).CombinedOutput(); err != nil {
		needs.Missing(t, fmt.Sprintf("no network namespace can be made here: %v %s", err, out))
	}
	t.Cleanup(func() { _ = exec.Command("ip", "netns", "del", n.name).Run() })
	for cable, addresses := range map[string][2]string{"locl": {clusterHere, clusterThere}, "loac": {accessHere, accessThere}} {
		n.ip("link", "add", cable+"0", "type", "veth", "peer", "name", cable+"1", "netns", n.name)
		n.ip("addr", "add", addresses[0]+"/24", "dev", cable+"0")
		n.ip("link", "set", cable+"0", "up")
		n.ip("-n", n.name, "addr", "add", addresses[1]+"/24", "dev", cable+"1")
		n.ip("-n", n.name, "link", "set", cable+"1", "up")
	}
	n.ip("-n", n.name, "link", "set", "lo", "up")
	return n
}

func (n *network) ip(args ...string) {
	n.t.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		n.t.Fatalf("ip %s: %v %s", strings.Join(args, " "), err, out)
	}
}

// within is the command that runs another one there.
func (n *network) within() []string { return []string{"ip", "netns", "exec", n.name} }

// cut takes the cable to the others out, or puts it back.
func (n *network) cut(out bool) {
	state := "up"
	if out {
		state = "down"
	}
	n.ip("link", "set", "locl0", state)
}

// startDividedSite is a site whose first node and first server are behind a cable.
func startDividedSite(t *testing.T, n *network, block string) *site {
	t.Helper()
	natstest.Need(t)
	takeTurn(t)
	far, near := natstest.Place{Host: clusterThere, Command: n.within()}, natstest.Place{Host: clusterHere}
	s := &site{t: t, servers: natstest.StartAt(t, far, near, near), block: block, apart: map[uint64]bool{}}
	for i := range 3 {
		o := &origin{}
		o.prepare(t, "DEBUG")
		if i == 0 {
			_, port, _ := strings.Cut(o.addr, ":")
			o.addr, o.within = accessThere+":"+port, n.within()
		}
		s.nodes = append(s.nodes, o)
		o.start(s.config(i))
	}
	return s
}

// TestANodeIsCutOff: a node and the server beside it are cut off, with an encoder on each side.
// Both sides go on. When they meet again, one history holds: what the side with the quorum wrote,
// if it did.
func TestANodeIsCutOff(t *testing.T) {
	t.Parallel()
	cutOffNode(t, 0)
}

// TestANodeWithoutAnEncoderIsCutOff: it has nothing to go on with, and catches up afterwards.
func TestANodeWithoutAnEncoderIsCutOff(t *testing.T) {
	if !*nodesLong {
		t.Skip("only with -nodes-long")
	}
	cutOffNode(t, 2)
}

// cutOffNode cuts node 1 off. Input a is pushed to the given node, input b to node 2.
func cutOffNode(t *testing.T, target int) {
	n := newNetwork(t)
	s := startDividedSite(t, n, siteBlock)
	source := startContribution(t)
	at := source.nextBegin()
	for input, node := range map[string]int{"a": target, "b": 1} {
		target := s.nodes[node].url("/in/sports/" + input)
		source.startEncoderAt(at, target, lockedOutput(target)...)
	}
	var viewers []*viewer
	for _, o := range s.nodes {
		viewers = append(viewers, watch(t, o, "/fast/sports"))
	}
	viewers[0].wait(3)
	for _, r := range []row{
		{what: fmt.Sprintf("node 1 and server 1 are cut off, input a is at node %d", target+1), short: 8 * time.Second, long: 20 * time.Second, dead: -1, alone: true,
			begin: func(*site, int) { n.cut(true) }, over: func(*site, int) {
				n.cut(false)
				time.Sleep(4 * time.Second) // until they agree, both go on
			}},
		{what: "nothing happens after that", short: 4 * time.Second, long: 20 * time.Second, dead: -1},
	} {
		s.try(t, r, viewers)
	}
	for _, v := range viewers {
		v.finish()
		if f := v.one(); f.discontinuity > 0 {
			t.Errorf("viewers of %s saw %d discontinuities", v.base, f.discontinuity)
		}
	}
	s.compare(t, viewers...)
	for _, v := range viewers {
		checkEveryPacket(t, v, source.recorded())
	}
	// As a rule the node that was cut off. But servers that have lost their leader take seconds for
	// another one, and may have written nothing by then.
	went := 0
	for _, o := range s.nodes {
		went += len(o.log.find("went over to what another node has published: while nodes did not hear of each other, both went on"))
	}
	if went == 0 && target == 0 {
		t.Error("nobody went over to the history of the others")
	}
}

// TestASlowNetwork: one node is far away. The others are not slower for it.
func TestASlowNetwork(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteBlock)
	way := natstest.Far(t, 50*time.Millisecond, 0.01)
	for i := range 3 {
		config := s.config(i)
		if i == 0 {
			for _, server := range s.servers.URLs() {
				config = strings.ReplaceAll(config, server, way.To(server))
			}
		}
		s.nodes = append(s.nodes, startOrigin(t, config))
	}
	s.placeFront()
	source := startContribution(t)
	at := source.nextBegin()
	for i, input := range []string{"a", "b"} {
		target := s.balance(i) + "/in/sports/" + input
		source.startEncoderAt(at, target, lockedOutput(target)...)
	}
	var viewers []*viewer
	for i, o := range s.nodes {
		v := watch(t, o, "/fast/sports")
		v.patient.Store(i == 1)
		viewers = append(viewers, v)
	}
	viewers[0].wait(3)
	s.try(t, row{what: "50 ms and 1 % loss to node 1", short: 10 * time.Second, long: time.Minute, dead: -1}, viewers)
	s.try(t, row{what: "the same, and node 2 is killed", short: 8 * time.Second, long: 20 * time.Second, dead: 1, begin: killNode, over: runNode}, viewers)
	for _, v := range viewers {
		v.finish()
	}
	s.compare(t, viewers...)
	checkEveryPacket(t, viewers[2], source.recorded())
}
