//go:build unix

package natstest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Cluster is some servers that form one JetStream cluster. Its methods are for the goroutine
// of the test; servers are numbered from 0.
type Cluster struct {
	t       testing.TB
	program string
	servers []*server
}

// Place is where a server runs.
type Place struct {
	// Host is the address at which it can be reached.
	Host string
	// Command is what comes before the program, such as `ip netns exec name`; nil for nothing.
	Command []string
}

type server struct {
	Place
	config, log string
	client      int // ports
	route       int
	monitor     int
	process     *exec.Cmd // nil while it is dead
}

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
	c := &Cluster{t: t, program: Need(t)}
	ports := freePorts(t, 3*len(places))
	dir := t.TempDir()
	for i, place := range places {
		c.servers = append(c.servers, &server{
			Place:   place,
			config:  filepath.Join(dir, fmt.Sprintf("server-%d.conf", i)),
			log:     filepath.Join(dir, fmt.Sprintf("server-%d.log", i)),
			client:  ports[3*i],
			route:   ports[3*i+1],
			monitor: ports[3*i+2],
		})
	}
	for i, s := range c.servers {
		if err := os.WriteFile(s.config, []byte(c.config(i, dir)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(c.end)
	for i := range c.servers {
		c.run(i)
	}
	c.WaitHealthy()
	return c
}

// URLs of all servers, in their order, also of those that are dead.
func (c *Cluster) URLs() []string {
	var urls []string
	for _, s := range c.servers {
		urls = append(urls, fmt.Sprintf("nats://%s:%d", s.Host, s.client))
	}
	return urls
}

// Kill ends a server as kill -9 does, also one that is stopped.
func (c *Cluster) Kill(i int) {
	c.t.Helper()
	s := c.servers[i]
	if s.process == nil {
		return
	}
	c.signal(i, syscall.SIGKILL)
	_ = s.process.Wait() // it says that it was killed
	s.process = nil
}

// Stop makes a server hang (SIGSTOP): it goes on accepting connections and says nothing.
func (c *Cluster) Stop(i int) {
	c.t.Helper()
	c.signal(i, syscall.SIGSTOP)
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

func (c *Cluster) signal(i int, signal syscall.Signal) {
	c.t.Helper()
	if c.servers[i].process == nil {
		c.t.Fatalf("server %d is dead", i)
	}
	if err := c.servers[i].process.Process.Signal(signal); err != nil {
		c.t.Fatalf("server %d: %v", i, err)
	}
}

func (c *Cluster) run(i int) {
	c.t.Helper()
	s := c.servers[i]
	command := append(slices.Clone(s.Command), c.program, "-c", s.config)
	s.process = exec.Command(command[0], command[1:]...)
	if err := s.process.Start(); err != nil {
		s.process = nil
		c.t.Fatalf("server %d: %v", i, err)
	}
}

// end is the cluster's cleanup. What the servers logged is shown if the test failed.
func (c *Cluster) end() {
	for i := range c.servers {
		c.Kill(i)
	}
	if !c.t.Failed() {
		return
	}
	for i, s := range c.servers {
		log, err := os.ReadFile(s.log)
		if err != nil {
			continue
		}
		lines := strings.Split(strings.TrimSpace(string(log)), "\n")
		c.t.Logf("server %d:\n%s", i, strings.Join(lines[max(0, len(lines)-20):], "\n"))
	}
}

func (c *Cluster) config(i int, dir string) string {
	s := c.servers[i]
	var b strings.Builder
	fmt.Fprintf(&b, "server_name: server-%d\n", i)
	fmt.Fprintf(&b, "listen: \"%s:%d\"\n", s.Host, s.client)
	fmt.Fprintf(&b, "http: \"%s:%d\"\n", s.Host, s.monitor)
	fmt.Fprintf(&b, "log_file: %q\n", s.log)
	fmt.Fprintf(&b, "jetstream { store_dir: %q }\n", filepath.Join(dir, fmt.Sprintf("store-%d", i)))
	if len(c.servers) == 1 {
		return b.String()
	}
	fmt.Fprintf(&b, "cluster {\n\tname: test\n\tlisten: \"%s:%d\"\n\troutes: [\n", s.Host, s.route)
	for _, other := range c.servers {
		fmt.Fprintf(&b, "\t\t\"nats://%s:%d\"\n", other.Host, other.route)
	}
	b.WriteString("\t]\n}\n")
	return b.String()
}

// freePorts finds ports that nobody uses now. They are taken all at once, so that they
// differ.
func freePorts(t testing.TB, count int) []int {
	t.Helper()
	var ports []int
	for range count {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = l.Close() }()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports
}

// patience is how long a cluster may take to become healthy, on a busy machine.
const patience = 30 * time.Second
