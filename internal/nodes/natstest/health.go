//go:build unix

package natstest

import (
	"fmt"
	"net/http"
	"time"
)

// WaitHealthy waits until all servers that are not dead are healthy: JetStream has a leader,
// and their streams have caught up. It fails the test after 30 s.
func (c *Cluster) WaitHealthy() {
	c.t.Helper()
	end := time.Now().Add(patience)
	for i, s := range c.servers {
		for s.process != nil && !s.healthy() {
			if time.Now().After(end) {
				c.t.Fatalf("server %d is not healthy after %v", i, patience)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
}

func (s *server) healthy() bool {
	client := http.Client{Timeout: time.Second}
	response, err := client.Get(fmt.Sprintf("http://%s:%d/healthz", s.Host, s.monitor))
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	return response.StatusCode == http.StatusOK
}
