package channel

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
	"github.com/liveorigin/caddy-live-origin/store"
	"github.com/liveorigin/caddy-live-origin/store/memory"
)

// forgetful is a store in memory of which only the standing facts outlive the process.
type forgetful struct {
	*memory.Store
	facts store.Store
}

func (f forgetful) Journal(ctx context.Context, name string) (store.Journal, error) {
	if strings.HasSuffix(name, StandingFacts) {
		return f.facts.Journal(ctx, name)
	}
	return f.Store.Journal(ctx, name)
}

// A process that starts with nothing goes on counting: players take what has a discontinuity number
// that they know for a continuation of what they had, and put it where that was.
func TestDiscontinuityNumbersGoOnAfterARestartInMemory(t *testing.T) {
	names, segments := testmedia.Segments(t, "18")
	synctest.Test(t, func(t *testing.T) {
		facts := memory.Open(1 << 20)
		last := -1
		for range 3 {
			c, err := Open(t.Context(), testConfig(shortEndpoint()), forgetful{memory.Open(64 << 20), facts})
			if err != nil {
				t.Fatal(err)
			}
			e := &encoder{t: t, c: c, input: "a", names: names, media: segments}
			for _, n := range []int{0, 1, 2, 8, 9} { // there is a hole in the middle
				time.Sleep(segmentTime)
				e.deliver(n)
			}
			time.Sleep(10 * time.Second)
			synctest.Wait()
			p := playlist(t, c.View("hls"))
			first := int(p.DiscontinuitySequence)
			if len(p.Segments) != 5 || first <= last {
				t.Errorf("%d segments, from discontinuity %d after %d", len(p.Segments), first, last)
			}
			if now := uint64(time.Now().Unix()); p.MediaSequence > now {
				t.Errorf("numbers begin at %d, and it is %d: they have not run ahead", p.MediaSequence, now)
			}
			last = first
			for _, s := range p.Segments {
				if s.Discontinuity {
					last++
				}
			}
			if last == first {
				t.Error("there is no discontinuity")
			}
			c.Close()
		}
	})
}

// Slots that are shorter than a second let the numbers run ahead of the clock at which they began.
// So many are kept as used at a time that it takes no write for each.
func TestNumbersThatRunAheadGoOnAfterARestartInMemory(t *testing.T) {
	names, segments := testmedia.Segments(t, "18")
	synctest.Test(t, func(t *testing.T) {
		facts := memory.Open(1 << 20)
		last := uint64(0)
		for range 3 {
			c, err := Open(t.Context(), testConfig(shortEndpoint()), forgetful{memory.Open(64 << 20), facts})
			if err != nil {
				t.Fatal(err)
			}
			e := &encoder{t: t, c: c, input: "a", names: names, media: segments}
			for n := range 5 {
				time.Sleep(segmentTime)
				e.deliver(n)
			}
			p := playlist(t, c.View("hls"))
			if p.MediaSequence <= last {
				t.Errorf("numbers begin at %d after %d", p.MediaSequence, last)
			}
			last = p.MediaSequence + 4
			before := c.standing.journal.revision
			for n := range uint64(2 * reserved) { // as if a thousand seconds had two thousand slots
				last = uint64(time.Now().Unix()) + n
				if err := c.endpoints["hls"].count(failover.Slot{MSN: last, DiscontinuityNumber: p.DiscontinuitySequence, Published: time.Now()}); err != nil {
					t.Fatal(err)
				}
			}
			if writes := c.standing.journal.revision - before; writes > 5 {
				t.Errorf("%d writes", writes)
			}
			c.Close()
		}
	})
}
