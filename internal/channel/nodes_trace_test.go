package channel

import (
	"encoding/json"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
)

// traceLines is a trace as a file has it.
type traceLines struct {
	mu    sync.Mutex
	lines [][]byte
}

func (l *traceLines) Trace(r failover.Record) Following {
	text, err := json.Marshal(r)
	if err != nil {
		panic(err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, text)
	return Records
}

// replayed returns what was published, and what a replay publishes.
func (l *traceLines) replayed(t *testing.T) (was, now []string) {
	t.Helper()
	outline := func(s failover.Slot) string {
		s.Renditions = nil
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	var replay failover.Replay
	for _, text := range l.lines {
		var r failover.Record
		if err := json.Unmarshal(text, &r); err != nil {
			t.Fatal(err)
		}
		if r.Published != nil {
			was = append(was, outline(*r.Published))
		}
		effects, err := replay.Step(r)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range effects {
			if p, ok := e.(failover.Published); ok {
				now = append(now, outline(p.Slot))
			}
		}
	}
	return was, now
}

// The trace of each node, of the one that decides and of those that follow, gives the same slots
// when it is replayed.
func TestTracesOfNodesAreReplayed(t *testing.T) {
	names, segments := testmedia.Segments(t, "18")
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		defer s.end()
		nodes := s.startThree()
		traces := make([]traceLines, 3)
		for i, c := range nodes {
			c.Trace(&traces[i])
		}
		a := &encoder{t: t, c: nodes[0], input: "a", names: names, media: segments}
		b := &encoder{t: t, c: nodes[1], input: "b", names: names, media: segments}
		for n := range 8 {
			time.Sleep(segmentTime)
			if n < 4 {
				a.deliver(n)
			}
			time.Sleep(100 * time.Millisecond)
			b.deliver(n)
			if n == 3 {
				s.cutOff("n1")
			}
			time.Sleep(segmentTime - 100*time.Millisecond)
		}
		synctest.Wait()
		for i := range traces {
			was, now := traces[i].replayed(t)
			if !slices.Equal(was, now) {
				t.Errorf("node %d: recorded\n%s\nreplayed\n%s", i+1, was, now)
			}
			if i > 0 && len(was) != 8 {
				t.Errorf("node %d has published %d slots", i+1, len(was))
			}
		}
		// Without what was committed, the traces would not be those of nodes.
		if own := slices.ContainsFunc(traces[2].lines, func(text []byte) bool {
			var r failover.Record
			return json.Unmarshal(text, &r) == nil && r.Commit != nil && !r.Commit.Own
		}); !own {
			t.Error("node 3 has followed nobody")
		}
	})
}
