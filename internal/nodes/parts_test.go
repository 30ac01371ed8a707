package nodes

import (
	"strings"
	"testing"
	"time"
)

func TestRing(t *testing.T) {
	r, now, key := newRing(5*(overhead+1), time.Minute), time.Now(), ringKey{"g", "a", 1}
	for number := range uint64(8) {
		r.put(key, number+1, kept{body: []byte("x")}, now.Add(time.Duration(number)*time.Second))
	}
	for _, c := range []struct{ first, last, want uint64 }{
		{1, 100, 4}, {5, 5, 5}, {1, 3, 0}, {9, 1<<64 - 1, 0}, {6, 1<<64 - 1, 6}, {1, 1<<64 - 1, 4},
	} {
		if got := r.next(key, c.first, c.last); got != c.want {
			t.Errorf("from %d to %d: %d, want %d", c.first, c.last, got, c.want)
		}
	}
	r.rename("a", 1, 2)
	if _, ok := r.get(ringKey{"g", "a", 2}, 8); !ok {
		t.Error("the last is gone")
	}
	r.forget(now.Add(66 * time.Second))
	if got := r.next(ringKey{"g", "a", 2}, 1, 100); got != 7 {
		t.Errorf("the oldest is %d", got)
	}
	r.forget(now.Add(time.Hour))
	if r.bytes != 0 || len(r.parts) != 0 {
		t.Errorf("%d bytes are left", r.bytes)
	}
}

// TestRingIsShared: who says little keeps what it said, however much others say.
func TestRingIsShared(t *testing.T) {
	r, now := newRing(100*(overhead+100), time.Minute), time.Now()
	quiet, loud := ringKey{"quiet", "a", 1}, ringKey{"loud", "a", 1}
	r.put(quiet, 1, kept{body: make([]byte, 100)}, now)
	for number := range uint64(1000) {
		r.put(loud, number+1, kept{body: make([]byte, 100)}, now)
	}
	if _, ok := r.get(quiet, 1); !ok {
		t.Error("it is gone")
	}
	if got := r.next(loud, 1, 1000); got != 902 {
		t.Errorf("the oldest of the other is %d", got)
	}
}

func TestQueueDropsTheOldest(t *testing.T) {
	q, dropped := newQueue(), 0
	piece := make([]byte, maxPiece)
	for i := range queueBytes/maxPiece + 10 {
		dropped += q.push(parcel{data: piece, number: uint64(i)})
	}
	if p, _ := q.pop(); dropped != 10 || p.number != 10 {
		t.Errorf("%d were dropped, the first is %d", dropped, p.number)
	}
}

func TestClock(t *testing.T) {
	var c clock
	now := time.Unix(1000, 0)
	const ahead = 300 * time.Millisecond
	for i := range 100 {
		// The way back takes longer; the shortest trip knows best.
		there, back := time.Millisecond, time.Duration(1+i%10)*time.Millisecond
		now = now.Add(75 * time.Millisecond)
		c.heard(there+back, now.Add(-back).Add(ahead), now)
	}
	if best, _ := c.best(); best.trip != 2*time.Millisecond || best.ahead != ahead {
		t.Errorf("%+v", best)
	}
	// The other clock steps.
	now = now.Add(75 * time.Millisecond)
	c.heard(20*time.Millisecond, now.Add(-10*time.Millisecond).Add(-time.Second), now)
	if best, _ := c.best(); best.ahead != -time.Second {
		t.Errorf("after a step: %+v", best)
	}
	c.heard(-time.Second, now, now)
	if best, _ := c.best(); best.ahead != -time.Second {
		t.Errorf("after nonsense: %+v", best)
	}
}

func TestSeen(t *testing.T) {
	var s seen
	for number := range uint64(3 * seenCount) {
		if !s.add(number) || s.add(number) || number > 10 && s.add(number-10) {
			t.Fatalf("%d", number)
		}
	}
	if len(s.young)+len(s.old) > 2*seenCount {
		t.Error("it grows")
	}
}

func TestEventsAreThrottled(t *testing.T) {
	done := make(chan struct{})
	defer close(done)
	told := make(chan Event, 100)
	teller := newTeller(func(e Event) { told <- e }, done)
	for range 10 {
		teller.tell(Event{Kind: QueueFull, Connection: "bulk"})
		teller.tell(Event{Kind: ConnectionLost, Connection: "bulk"})
	}
	for range 11 {
		<-told
	}
	select {
	case e := <-told:
		t.Errorf("told: %v", e)
	case <-time.After(50 * time.Millisecond):
	}
	if n := teller.counts[QueueFull]; n != 10 {
		t.Errorf("%d are counted", n)
	}
	if s := (Event{Kind: ConnectionLost, Connection: "bulk", Server: "nats://x", Err: errNoEcho}).String(); !strings.HasPrefix(s, "connection lost bulk nats://x: ") {
		t.Error(s)
	}
}

// TestForeignNodesAreBounded: those that are gone make room.
func TestForeignNodesAreBounded(t *testing.T) {
	n := offline(t)
	name := func(i int) string { return "n" + strings.Repeat("x", i%60) + string(rune('a'+i/60)) }
	for i := range 2 * maxPeers {
		n.hear(n.links[factsA], frame{kind: kindBeat, node: name(i), epoch: 1, number: 1, head: head(beat{})})
	}
	if len(n.peers) != maxPeers {
		t.Errorf("%d", len(n.peers))
	}
	for _, p := range n.peers {
		p.alive = false
	}
	n.hear(n.links[factsA], frame{kind: kindBeat, node: "another", epoch: 1, number: 1, head: head(beat{})})
	if n.peers["another"] == nil || len(n.peers) != maxPeers {
		t.Error("there is no room")
	}
}

// TestStreamIsBounded: what does not fit is brought back later.
func TestStreamIsBounded(t *testing.T) {
	n := offline(t)
	for number := uint64(3); number < 3*waitingCount; number++ {
		n.hearMessage(frame{kind: kindSay, node: "a", epoch: 1, number: number, head: say{group: "g", pieces: 1}.encode()})
	}
	s := n.groups["g"].streams["a"]
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.lives[0]; len(l.waiting) > waitingCount || l.high != 3*waitingCount-1 {
		t.Errorf("%d wait, up to %d", len(l.waiting), l.high)
	}
}

// TestForgottenPublisher: its stream ends, and begins again when it is heard again.
func TestForgottenPublisher(t *testing.T) {
	n := offline(t)
	g := n.groups["g"]
	hear := func() *stream {
		n.hearMessage(frame{kind: kindSay, node: "a", epoch: 1, number: 1, head: say{group: "g", pieces: 1}.encode()})
		n.mu.Lock()
		defer n.mu.Unlock()
		return g.streams["a"]
	}
	first := hear()
	n.mu.Lock()
	delete(n.peers, "a")
	g.forget(time.Now())
	n.mu.Unlock()
	<-first.quit
	if again := hear(); again == nil || again == first {
		t.Error("it does not begin again")
	}
	g.cancel()
	g.running.Wait() // no goroutine of either is left
}
