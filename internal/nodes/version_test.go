//go:build unix

package nodes

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/liveorigin/caddy-live-origin/internal/nodes/natstest"
)

// greeting is what a server says of itself first.
const greeting = `INFO {"server_id":"X","version":%q,"proto":1,"headers":true,"max_payload":%d}` + "\r\n"

// oldServer greets as nats-server 2.9.10 does, takes what comes, and tells nobody.
func oldServer(t *testing.T, address string) string {
	t.Helper()
	return listen(t, address, fmt.Sprintf(greeting, "2.9.10", 1<<20))
}

// listen greets in some other way.
func listen(t *testing.T, address, greeting string) string {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go greet(c, greeting)
		}
	}()
	return l.Addr().String()
}

func greet(c net.Conn, greeting string) {
	defer c.Close()
	fmt.Fprint(c, greeting)
	for s := bufio.NewScanner(c); s.Scan(); {
		if strings.HasPrefix(s.Text(), "PING") {
			fmt.Fprint(c, "PONG\r\n")
		}
	}
}

func TestOldServerIsRefused(t *testing.T) {
	_, err := Open(t.Context(), Options{Servers: []string{"nats://" + oldServer(t, "127.0.0.1:0")}, Prefix: "p", Node: "a"})
	if err == nil || !strings.Contains(err.Error(), "2.9.10") || !strings.Contains(err.Error(), MinServer) {
		t.Errorf("%v", err)
	}
}

// TestServerOfSmallMessagesIsRefused: parts of segments would not fit, so that viewers of other nodes would
// get playlists without their segments.
func TestServerOfSmallMessagesIsRefused(t *testing.T) {
	server := listen(t, "127.0.0.1:0", fmt.Sprintf(greeting, "2.15.2", 64<<10))
	_, err := Open(t.Context(), Options{Servers: []string{"nats://" + server}, Prefix: "p", Node: "a"})
	if err == nil || !strings.Contains(err.Error(), "65536") || !strings.Contains(err.Error(), "max_payload") {
		t.Errorf("%v", err)
	}
}

// TestServerThatIsTooOldLater is told, and not used.
func TestServerThatIsTooOldLater(t *testing.T) {
	servers := natstest.Start(t, 1)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	var told atomic.Int32
	a := openNode(t, "a", append(servers.URLs(), "nats://"+address), func(o *Options) {
		o.Event = func(e Event) {
			if e.Kind == ServerTooOld && strings.HasSuffix(e.Server, address) {
				told.Add(1)
			}
		}
	})
	servers.Kill(0)
	oldServer(t, address)
	eventually(t, "it is told", func() bool { return told.Load() > 0 })
	for range 50 {
		for _, c := range a.links {
			if c.up.Load() {
				t.Fatal("it is used")
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
	servers.Restart(0)
	eventually(t, "a is on the other", func() bool { return a.links[factsA].up.Load() || a.links[factsB].up.Load() })
}

func TestRecent(t *testing.T) {
	for version, want := range map[string]bool{
		"2.9.10": false, "2.10.29": false, "2.11.0": true, "2.15.2": true, "v2.12.0-beta.1": true,
		"2.11-RC1": true, "3.0.0": true, "1.4.1": false, "": false, "dev": false,
	} {
		if recent(version) != want {
			t.Errorf("%q: %v", version, !want)
		}
	}
}

// TestLoginThatIsRefusedLater is told as that, and not as a message that could not be sent.
func TestLoginThatIsRefusedLater(t *testing.T) {
	for _, err := range []error{nats.ErrAuthorization, nats.ErrAuthExpired, nats.ErrAuthRevoked, nats.ErrAccountAuthExpired} {
		n := newNodes(Options{})
		(&connection{n: n}).failed(nil, nil, err)
		if told := <-n.teller.events; told.Kind != CannotConnect || told.Err != err {
			t.Errorf("%v: %v", err, told)
		}
	}
}
