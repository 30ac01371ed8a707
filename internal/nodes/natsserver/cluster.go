package natsserver

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/ports"
)

// Cluster is some servers that form one JetStream cluster, numbered from 0. Its methods are
// safe for concurrent use.
type Cluster struct {
	program, dir string
	servers      []server
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
	client  int // ports
	route   int
	monitor int
}

// New chooses ports and writes configs, and stores and logs will be there, too: in dir. It
// starts nothing.
func New(program, dir string, places ...Place) (*Cluster, error) {
	c := &Cluster{program: program, dir: dir}
	free, err := freePorts(3 * len(places))
	if err != nil {
		return nil, err
	}
	for i, place := range places {
		c.servers = append(c.servers, server{Place: place, client: free[3*i], route: free[3*i+1], monitor: free[3*i+2]})
	}
	for i := range c.servers {
		if err := os.WriteFile(c.file(i, "conf"), []byte(c.config(i)), 0o644); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// URLs of all servers, in their order, also of those that are dead.
func (c *Cluster) URLs() []string {
	var urls []string
	for _, s := range c.servers {
		urls = append(urls, fmt.Sprintf("nats://%s:%d", s.Host, s.client))
	}
	return urls
}

// Command runs a server on the store and ports that it had before.
func (c *Cluster) Command(i int) *exec.Cmd {
	command := append(slices.Clone(c.servers[i].Command), c.program, "-c", c.file(i, "conf"))
	return exec.Command(command[0], command[1:]...)
}

// Healthy reports whether JetStream has a leader, and the streams of this server have caught
// up.
func (c *Cluster) Healthy(i int) bool {
	client := http.Client{Timeout: time.Second}
	response, err := client.Get(fmt.Sprintf("http://%s:%d/healthz", c.servers[i].Host, c.servers[i].monitor))
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// Log is the end of what a server has logged.
func (c *Cluster) Log(i int) string {
	log, err := os.ReadFile(c.file(i, "log"))
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(log)), "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}

func (c *Cluster) file(i int, kind string) string {
	return filepath.Join(c.dir, fmt.Sprintf("server-%d.%s", i, kind))
}

func (c *Cluster) config(i int) string {
	s := c.servers[i]
	var b strings.Builder
	fmt.Fprintf(&b, "server_name: server-%d\n", i)
	fmt.Fprintf(&b, "listen: \"%s:%d\"\n", s.Host, s.client)
	fmt.Fprintf(&b, "http: \"%s:%d\"\n", s.Host, s.monitor)
	fmt.Fprintf(&b, "log_file: %q\n", c.file(i, "log"))
	fmt.Fprintf(&b, "jetstream { store_dir: %q }\n", c.file(i, "store"))
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

// freePorts finds ports that nobody uses now.
func freePorts(count int) (free []int, err error) {
	for range count {
		port, err := ports.Free("127.0.0.1")
		if err != nil {
			return nil, err
		}
		free = append(free, port)
	}
	return free, nil
}
