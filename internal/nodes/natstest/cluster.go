//go:build unix

// Package natstest runs real NATS servers for tests: a cluster with JetStream on free
// loopback ports, whose servers can be killed, stopped and started again. It is only
// imported by tests.
package natstest

import (
	"errors"
	"os/exec"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/nodes/natsserver"
)

// Cluster is some servers that form one JetStream cluster. Its methods are for the goroutine
// of the test; servers are numbered from 0.
type Cluster struct {
	t         testing.TB
	servers   *natsserver.Cluster
	processes []*exec.Cmd // nil while they are dead
}

// Place is where a server runs.
type Place = natsserver.Place

// patience is how long a cluster may take to become healthy, on a busy machine.
const patience = 30 * time.Second

// Start runs a cluster and waits until it is healthy, which takes half a second. Its stores
// are in t.TempDir, and it ends with the test. The test is skipped if there is no
// nats-server, see Need.
func Start(t testing.TB, servers int) *Cluster {
	t.Helper()
	return StartAt(t, slices.Repeat([]Place{{Host: "127.0.0.1"}}, servers)...)
}

// StartAt is Start with servers in different places.
func StartAt(t testing.TB, places ...Place) *Cluster {
	t.Helper()
	servers, err := natsserver.New(Need(t), t.TempDir(), places...)
	if err != nil {
		t.Fatal(err)
	}
	c := &Cluster{t: t, servers: servers, processes: make([]*exec.Cmd, len(places))}
	t.Cleanup(c.end)
	for i := range places {
		c.run(i)
	}
	c.WaitHealthy()
	return c
}

// URLs of all servers, in their order, also of those that are dead.
func (c *Cluster) URLs() []string { return c.servers.URLs() }

// Kill ends a server as kill -9 does, also one that is stopped.
func (c *Cluster) Kill(i int) {
	c.t.Helper()
	if c.processes[i] == nil {
		return
	}
	c.signal(i, syscall.SIGKILL)
	_ = c.processes[i].Wait() // it says that it was killed
	c.processes[i] = nil
}

// Stop makes a server hang (SIGSTOP): it goes on accepting connections and says nothing.
func (c *Cluster) Stop(i int) {
	c.t.Helper()
	c.signal(i, syscall.SIGSTOP)
	c.waitStopped(i)
}

// waitStopped waits until the signal has done its work: on a busy machine, a server may run on for a
// moment.
func (c *Cluster) waitStopped(i int) {
	c.t.Helper()
	var status syscall.WaitStatus
	for {
		_, err := syscall.Wait4(c.processes[i].Process.Pid, &status, syscall.WUNTRACED, nil)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil || !status.Stopped() {
			c.t.Fatalf("server %d has not stopped: %v, %v", i, status, err)
		}
		return
	}
}

// Continue wakes a server that was stopped.
func (c *Cluster) Continue(i int) {
	c.t.Helper()
	c.signal(i, syscall.SIGCONT)
}

// Restart starts a server on its old store and port, after killing it if it runs. It does
// not wait until the server is healthy.
func (c *Cluster) Restart(i int) {
	c.t.Helper()
	c.Kill(i)
	c.run(i)
}

// WaitHealthy waits until all servers that are not dead are healthy: JetStream has a leader,
// and their streams have caught up. It fails the test after 30 s.
func (c *Cluster) WaitHealthy() {
	c.t.Helper()
	end := time.Now().Add(patience)
	for i, process := range c.processes {
		for process != nil && !c.servers.Healthy(i) {
			if time.Now().After(end) {
				c.t.Fatalf("server %d is not healthy after %v", i, patience)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
}

func (c *Cluster) signal(i int, signal syscall.Signal) {
	c.t.Helper()
	if c.processes[i] == nil {
		c.t.Fatalf("server %d is dead", i)
	}
	if err := c.processes[i].Process.Signal(signal); err != nil {
		c.t.Fatalf("server %d: %v", i, err)
	}
}

func (c *Cluster) run(i int) {
	c.t.Helper()
	process := c.servers.Command(i)
	if err := process.Start(); err != nil {
		c.t.Fatalf("server %d: %v", i, err)
	}
	c.processes[i] = process
}

// end is the cluster's cleanup. What the servers logged is shown if the test failed.
func (c *Cluster) end() {
	for i := range c.processes {
		c.Kill(i)
		if c.t.Failed() {
			c.t.Logf("server %d:\n%s", i, c.servers.Log(i))
		}
	}
}
