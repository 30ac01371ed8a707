//go:build unix

package nodes

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/nodes/natstest"
)

// counter is a member that counts, and measures the age of messages that begin with a time.
type counter struct {
	silentMember
	count atomic.Int64
	ages  []time.Duration
}

func (c *counter) Receive(_ string, message []byte) {
	if sent := binary.BigEndian.Uint64(message); sent > 0 {
		c.ages = append(c.ages, time.Duration(time.Now().UnixNano()-int64(sent)))
	}
	c.count.Add(1)
}

func openCounters(t testing.TB, urls []string, names ...string) ([]*Nodes, []*Group, []*counter) {
	t.Helper()
	var nodes []*Nodes
	var groups []*Group
	var counters []*counter
	for _, name := range names {
		n, err := Open(t.Context(), Options{Servers: urls, Prefix: "bench", Node: name})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = n.Close() })
		c := &counter{}
		g, err := n.Join("news", c)
		if err != nil {
			t.Fatal(err)
		}
		nodes, groups, counters = append(nodes, n), append(groups, g), append(counters, c)
	}
	eventually(t, "all know all", func() bool {
		for _, g := range groups {
			if len(g.Status().Peers) != len(groups)-1 {
				return false
			}
		}
		return true
	})
	return nodes, groups, counters
}

// BenchmarkDelivery sends messages of 300 bytes from one node to two others, as fast as they
// take them.
func BenchmarkDelivery(b *testing.B) {
	_, groups, counters := openCounters(b, natstest.Start(b, 3).URLs(), "a", "b", "c")
	message := make([]byte, 300)
	b.SetBytes(int64(len(message)))
	b.ReportAllocs()
	sent := int64(0)
	for b.Loop() {
		groups[0].Send(message)
		for sent++; sent-min(counters[1].count.Load(), counters[2].count.Load()) > 1000; {
			time.Sleep(100 * time.Microsecond)
		}
	}
	for counters[1].count.Load() < sent || counters[2].count.Load() < sent {
		time.Sleep(100 * time.Microsecond)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
}

// BenchmarkAsk brings 2 MiB from another node.
func BenchmarkAsk(b *testing.B) {
	nodes, _, _ := openCounters(b, natstest.Start(b, 3).URLs(), "a", "b")
	answer := make([]byte, 2<<20)
	nodes[1].Handle("object", func(context.Context, string, []byte) ([]byte, error) { return answer, nil })
	b.SetBytes(int64(len(answer)))
	for b.Loop() {
		if _, err := nodes[0].Ask(b.Context(), "b", "object", nil); err != nil {
			b.Fatal(err)
		}
	}
}

// TestLatency says how long messages take, 50 a second, and what a node costs that has
// nothing to do. Nothing is asserted: it depends on the machine.
func TestLatency(t *testing.T) {
	if !testing.Verbose() {
		t.Skip("it asserts nothing: go test -v -run Latency")
	}
	servers := natstest.Start(t, 3)
	_, groups, counters := openCounters(t, servers.URLs(), "a", "b", "c")
	const idle = 3 * time.Second
	before := used()
	time.Sleep(idle)
	t.Logf("an idle node takes %.2f %% of a CPU, one of three in this process", 100*(used()-before).Seconds()/idle.Seconds()/3)

	measure := func(what string, halfway func()) {
		const count = 100
		for _, c := range counters {
			c.count.Store(0)
			c.ages = nil
		}
		message := make([]byte, 300)
		for i := range count {
			time.Sleep(20 * time.Millisecond)
			if i == count/2 && halfway != nil {
				halfway()
			}
			binary.BigEndian.PutUint64(message, uint64(time.Now().UnixNano()))
			groups[0].Send(message)
		}
		eventually(t, "all have come", func() bool { return counters[1].count.Load() == count && counters[2].count.Load() == count })
		ages := slices.Sorted(slices.Values(append(counters[1].ages, counters[2].ages...)))
		t.Logf("%s: p50 %v, p99 %v, worst %v", what, ages[len(ages)/2], ages[len(ages)*99/100], ages[len(ages)-1])
	}
	measure("delivery", nil)
	for i := range 3 {
		servers.Stop(i)
		measure(fmt.Sprintf("while server %d hangs", i), nil)
		servers.Continue(i)
		time.Sleep(300 * time.Millisecond)
	}
	for i := range 3 {
		servers.Kill(i)
		measure(fmt.Sprintf("while server %d is dead", i), nil)
		servers.Restart(i)
		time.Sleep(300 * time.Millisecond)
	}
	for i := range 3 {
		servers.Kill(i)
	}
	measure("all servers away for 1 s", func() {
		for i := range 3 {
			servers.Restart(i)
		}
	})
}

// used is the CPU time of this process.
func used() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // zero, if it can't be told
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
