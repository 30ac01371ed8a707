//go:build unix

package natstest

import (
	"net"
	"strings"
	"testing"
	"time"
)

// TestClusterSurvivesItsServers: killed, hanging and restarted servers come back on the
// addresses they had.
func TestClusterSurvivesItsServers(t *testing.T) {
	c := Start(t, 3)
	if urls := c.URLs(); len(urls) != 3 {
		t.Fatalf("URLs: %q", urls)
	}
	c.Kill(0)
	if speaks(c, 0) {
		t.Error("a dead server speaks")
	}
	c.Restart(0)
	c.Stop(1)
	if speaks(c, 1) {
		t.Error("a stopped server speaks")
	}
	c.Continue(1)
	c.WaitHealthy()
	for i := range 3 {
		if !speaks(c, i) {
			t.Errorf("server %d does not speak", i)
		}
	}
}

func TestOneServer(t *testing.T) {
	if c := Start(t, 1); !speaks(c, 0) {
		t.Error("the server does not speak")
	}
}

// speaks reports whether a server greets a client.
func speaks(c *Cluster, i int) bool {
	connection, err := net.Dial("tcp", strings.TrimPrefix(c.URLs()[i], "nats://"))
	if err != nil {
		return false
	}
	defer connection.Close()
	_ = connection.SetDeadline(time.Now().Add(500 * time.Millisecond))
	n, _ := connection.Read(make([]byte, 16))
	return n > 0
}
