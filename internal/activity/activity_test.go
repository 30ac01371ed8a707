package activity

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
)

// However much happens, the notes stay small, and who reads too slowly is told how
// much is gone.
func TestActivityIsBounded(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	long := strings.Repeat("x", 10_000)
	for _, test := range []struct {
		name string
		path string
		gap  time.Duration
		want func(a *Notes) bool
	}{
		{"in number", "s.ts", 0, func(a *Notes) bool { return len(a.entries) == activityEntries }},
		{"in bytes", long, 0, func(a *Notes) bool { return a.bytes <= activityBytes }},
		{"in age", "s.ts", time.Second, func(a *Notes) bool { return len(a.entries) == int(activityAge/time.Second)+1 }},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := New()
			_, _, next, changed := a.Since(0)
			for i := range 3 * activityEntries {
				a.addSegment(now.Add(time.Duration(i)*test.gap), Segment{Input: "a", State: Arrived, Path: test.path})
			}
			if !test.want(a) {
				t.Errorf("%d entries, %d bytes", len(a.entries), a.bytes)
			}
			select {
			case <-changed:
			default:
				t.Error("who waited was not woken")
			}
			entries, lost, last, _ := a.Since(next)
			if lost == 0 || lost+uint64(len(entries)) != 3*activityEntries || last != 3*activityEntries {
				t.Errorf("%d entries, %d lost, next is %d", len(entries), lost, last)
			}
			if entries[0].Number != lost {
				t.Errorf("the first one is %d", entries[0].Number)
			}
		})
	}
}

// Objects that never find a place don't pile up either.
func TestActivityOfManyUnlistedObjects(t *testing.T) {
	core, err := failover.New(failover.Config{Inputs: []string{"a"}})
	if err != nil {
		t.Fatal(err)
	}
	a, now := New(), time.Now()
	for i := range 10 * activityUnlisted {
		a.Follow(core, now, failover.Object{Input: "a", Path: fmt.Sprint(i), ID: fmt.Sprint(i), Media: &failover.Media{}}, nil)
	}
	if n := len(a.unlisted["a"]); n != activityUnlisted {
		t.Errorf("%d objects wait", n)
	}
}
