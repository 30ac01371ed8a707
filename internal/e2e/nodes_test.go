package e2e

import (
	"bytes"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/nodes/natstest"
)

// site is three servers, and three nodes that are one origin.
type site struct {
	t       *testing.T
	servers *natstest.Cluster
	nodes   []*origin
	block   string
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
	s := &site{t: t, servers: natstest.Start(t, 3), block: block}
	for i := range 3 {
		s.nodes = append(s.nodes, s.startNode(i))
	}
	return s
}

func (s *site) startNode(i int) *origin {
	s.t.Helper()
	return startOrigin(s.t, s.config(i))
}

func (s *site) config(i int) string {
	return fmt.Sprintf("store nats %s {\nnode n%d\n}\n%s", strings.Join(s.servers.URLs(), " "), i+1, s.block)
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
func compare(t *testing.T, viewers ...*viewer) {
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
				if a != b {
					t.Errorf("%s: segment %d is %+v on one node and %+v on node %d", uri, msn, a, b, i+2)
				}
				common++
			}
			if common == 0 {
				t.Errorf("%s: nothing to compare", uri)
			}
			if one.first == f.first && one.next == f.next && !bytes.Equal(one.bytes.Bytes(), f.bytes.Bytes()) {
				t.Errorf("%s has other bytes on node %d", uri, i+2)
			}
		}
	}
}

// TestThreeNodesAreOneOrigin: the encoders push to different nodes, and viewers of all three
// get the same, whatever dies.
func TestThreeNodesAreOneOrigin(t *testing.T) {
	s := startSite(t, siteBlock)
	source := startContribution(t)
	at := source.nextBegin()
	for i, input := range []string{"a", "b"} {
		target := s.nodes[i].url("/in/sports/" + input)
		source.startEncoderAt(at, target, lockedOutput(target)...)
	}
	var viewers []*viewer
	for _, o := range s.nodes {
		viewers = append(viewers, watch(t, o, "/fast/sports"))
	}
	viewers[0].wait(15)
	time.Sleep(time.Second)
	for _, v := range viewers {
		v.finish()
	}
	compare(t, viewers...)
	checkEveryPacket(t, viewers[2], source.recorded())
}
