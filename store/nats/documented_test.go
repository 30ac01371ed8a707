//go:build unix

package nats_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/nodes"
	"github.com/liveorigin/caddy-live-origin/internal/nodes/natstest"
	"github.com/liveorigin/caddy-live-origin/store/memory"
	"github.com/liveorigin/caddy-live-origin/store/nats"
)

// TestDocumentedServer: the config that operators copy is one that the server takes, and its
// user may do all that a node does, and nothing for another prefix.
func TestDocumentedServer(t *testing.T) {
	program := natstest.Need(t)
	text, err := os.ReadFile("../../docs/nats-server.conf")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("NATS_NAME", "nats-1")
	t.Setenv("NATS_ROUTE_PASSWORD", "route-secret")
	t.Setenv("NATS_ORIGIN_PASSWORD", "origin-secret")
	if out, err := exec.Command(program, "-t", "-c", "../../docs/nats-server.conf").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}

	// The same for a single server, on ports of this machine.
	address := strings.TrimPrefix(peerAddress(t), "http://")
	config := regexp.MustCompile(`(?ms)^cluster \{.*?^\}`).ReplaceAllString(string(text), "")
	for from, to := range map[string]string{"0.0.0.0:4222": address, "127.0.0.1:8222": strings.TrimPrefix(peerAddress(t), "http://"), "/var/lib/nats": t.TempDir()} {
		if !strings.Contains(config, from) {
			t.Fatalf("%s is not in it", from)
		}
		config = strings.ReplaceAll(config, from, to)
	}
	path := filepath.Join(t.TempDir(), "server.conf")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	server := exec.Command(program, "-c", path)
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	}()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if c, err := net.Dial("tcp", address); err == nil {
			c.Close()
			break
		}
		if time.Now().After(end) {
			t.Fatal("the server does not listen")
		}
	}

	options := func(node string, told *events) nats.Options {
		return nats.Options{
			Servers: []string{"nats://" + address}, Node: node, Prefix: "live_origin", Replicas: 1, BackupSize: 64 << 20,
			User: "origin", Password: "origin-secret", Event: told.add, Local: memory.Open(0),
		}
	}
	ctx := context.Background()
	var told events
	var stores []*nats.Store
	for _, node := range []string{"a", "b"} {
		st, err := nats.Open(ctx, options(node, &told))
		if err != nil {
			t.Fatal(err)
		}
		defer st.Close()
		stores = append(stores, st)
	}
	put(t, stores[0], "sports/1.ts", content(2<<20))
	o, err := stores[1].Open(ctx, "sports/1.ts")
	if err != nil {
		t.Fatal(err)
	}
	o.Close()
	j, err := stores[0].Journal(ctx, "sports/hls")
	if err != nil {
		t.Fatal(err)
	}
	for i := range uint64(5) {
		if _, err := j.Append(ctx, i, []byte(fmt.Sprint("record ", i))); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Forget(ctx, 3); err != nil {
		t.Fatal(err)
	}
	// The other node reads what there is.
	other, err := stores[1].Journal(ctx, "sports/hls")
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Read(ctx, 3, func(uint64, []byte) error { return nil }); err != nil {
		t.Error(err)
	}
	time.Sleep(5500 * time.Millisecond) // until what is forgotten was purged
	told.mu.Lock()
	for _, e := range told.all {
		if e.Kind != nodes.Connected {
			t.Errorf("told: %v", e)
		}
	}
	told.mu.Unlock()

	// Another prefix is none of this user's business.
	var refused events
	strange := options("c", &refused)
	strange.Prefix = "other"
	st, err := nats.Open(ctx, strange)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	refused.wait(t, nodes.SendFailed)
}
