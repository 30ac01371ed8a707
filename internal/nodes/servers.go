package nodes

import (
	"math/rand/v2"
	"net/url"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// Indices of the connections. Both facts connections carry every message and every beat;
// the bulk connection has large answers and JetStream.
const (
	factsA = iota
	factsB
	bulk
	connections
)

var connectionNames = [connections]string{"facts a", "facts b", "bulk"}

const (
	// Between the rounds in which a connection tries all servers.
	firstPause, longestPause = 50 * time.Millisecond, 500 * time.Millisecond
	// A server that is too old may be replaced under its address, or set up in another way.
	refusedFor = time.Minute
	// Between attempts at such servers, when there are no others.
	refusedPause = 5 * time.Second
)

// servers chooses the server of each connection: the one that was tried longest ago, the
// one just lost last, and never the one that the sister is on or tries. So the two
// connections for facts are never on one server, unless there is only one. The library's
// own choice may come back to a server that hangs.
type servers struct {
	mu       sync.Mutex
	taken    [connections]string
	tried    [connections]map[string]time.Time
	attempts [connections]int // since the connection was lost
	refused  map[string]time.Time
}

func newServers() *servers {
	s := &servers{refused: map[string]time.Time{}}
	for i := range s.tried {
		s.tried[i] = map[string]time.Time{}
	}
	return s
}

// pick is called by the library, under the lock of the connection: nothing of it may be
// called here. It returns an index into pool, and how long to wait before.
func (s *servers) pick(connection int, pool []nats.Server, now time.Time) (int, time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken[connection] = ""
	best, candidates := -1, 0
	for i := range pool {
		if !s.eligible(connection, pool, i, now) {
			continue
		}
		candidates++
		if best < 0 || s.before(connection, i, best, pool) {
			best = i
		}
	}
	pause := s.pause(connection, candidates)
	if best < 0 {
		best, pause = s.onlyRefused(connection, pool), refusedPause
	}
	s.attempts[connection]++
	name := pool[best].URL.String()
	s.taken[connection] = name
	s.tried[connection][name] = now
	return best, pause
}

func (s *servers) eligible(connection int, pool []nats.Server, i int, now time.Time) bool {
	name := pool[i].URL.String()
	if until, refused := s.refused[name]; refused && now.Before(until) {
		return false
	}
	return len(pool) == 1 || !s.sisterHas(connection, name)
}

func (s *servers) sisterHas(connection int, name string) bool {
	switch connection {
	case factsA:
		return s.taken[factsB] == name
	case factsB:
		return s.taken[factsA] == name
	}
	return false
}

// before reports whether server i is to be tried before j. In the beginning, each connection
// has an order of its own.
func (s *servers) before(connection, i, j int, pool []nats.Server) bool {
	ti, tj := s.tried[connection][pool[i].URL.String()], s.tried[connection][pool[j].URL.String()]
	if !ti.Equal(tj) {
		return ti.Before(tj)
	}
	rank := func(i int) int { return (i - connection + connections*len(pool)) % len(pool) }
	return rank(i) < rank(j)
}

// onlyRefused is the choice if all servers but the sister's are too old.
func (s *servers) onlyRefused(connection int, pool []nats.Server) int {
	for i := range pool {
		if !s.sisterHas(connection, pool[i].URL.String()) {
			return i
		}
	}
	return 0
}

// pause is none while servers are left that were not tried since the connection was lost.
// When all are away, a connection must not dial fifty times a second.
func (s *servers) pause(connection, candidates int) time.Duration {
	if candidates == 0 || s.attempts[connection] == 0 || s.attempts[connection]%candidates != 0 {
		return 0
	}
	rounds := s.attempts[connection] / candidates
	pause := longestPause
	if rounds < 5 {
		pause = min(firstPause<<(rounds-1), longestPause)
	}
	return pause + rand.N(20*time.Millisecond)
}

// connected notes that a connection is on the server that it tried.
func (s *servers) connected(connection int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.attempts[connection] = 0
}

// lost notes that a connection has lost its server: it is the last to be tried again.
func (s *servers) lost(connection int, server string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if server != "" {
		s.tried[connection][server] = time.Now()
	}
}

// refuse notes that a server can't be used as it is.
func (s *servers) refuse(server string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refused[server] = time.Now().Add(refusedFor)
}

// redacted is a URL without its password.
func redacted(server string) string {
	u, err := url.Parse(server)
	if err != nil {
		return ""
	}
	return u.Redacted()
}
