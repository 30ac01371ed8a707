package nodes

import (
	"net/url"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

func pool(t *testing.T, names ...string) []nats.Server {
	t.Helper()
	var all []nats.Server
	for _, name := range names {
		u, err := url.Parse("nats://" + name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, nats.Server{URL: u})
	}
	return all
}

func TestServersAreChosenApart(t *testing.T) {
	s, p, now := newServers(), pool(t, "x", "y", "z"), time.Now()
	for connection, want := range []int{0, 1, 2} {
		if got, pause := s.pick(connection, p, now); got != want || pause != 0 {
			t.Errorf("%s begins with %d after %v", connectionNames[connection], got, pause)
		}
		s.connected(connection)
	}
	// A loses its server: not the one of B, and the one that it lost comes last.
	s.lost(factsA, "nats://x")
	for i, want := range []int{2, 0, 2, 0} {
		now = now.Add(time.Second)
		got, pause := s.pick(factsA, p, now)
		if got != want {
			t.Errorf("attempt %d: %d, want %d", i, got, want)
		}
		if paused := pause > 0; paused != (i == 2) {
			t.Errorf("attempt %d: after %v", i, pause)
		}
	}
	// B loses its server, too: now A tries x.
	s.lost(factsB, "nats://y")
	if got, _ := s.pick(factsB, p, now); got != 2 {
		t.Errorf("B goes to %d", got)
	}
}

func TestPausesGrow(t *testing.T) {
	s, p, last := newServers(), pool(t, "x"), time.Duration(0)
	for range 12 {
		_, last = s.pick(bulk, p, time.Now())
	}
	if last < longestPause || last > longestPause+20*time.Millisecond {
		t.Errorf("%v", last)
	}
}

func TestOldServersAreAvoided(t *testing.T) {
	s, p, now := newServers(), pool(t, "x", "y", "z"), time.Now()
	s.refuse("nats://x")
	for range 4 {
		if got, _ := s.pick(factsA, p, now); got == 0 {
			t.Error("A goes to the one that is too old")
		}
	}
	s.refuse("nats://y")
	s.refuse("nats://z")
	if _, pause := s.pick(factsA, p, now); pause != refusedPause {
		t.Errorf("it tries all the time: %v", pause)
	}
	if _, pause := s.pick(factsA, p, now.Add(refusedFor+time.Second)); pause == refusedPause {
		t.Error("it may have been replaced")
	}
}
