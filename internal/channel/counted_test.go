package channel

import (
	"bytes"
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

// A machine that starts before it knows the time has a clock that is behind: numbers go on all the
// same, and end up at the Unix time when it is set.
func TestNumbersDoNotGoBackWithTheClock(t *testing.T) {
	names, segments := testmedia.Segments(t, "18")
	var said [][]byte // what outlives a process
	// Each process has a clock that starts anew, as time does in a bubble.
	process := func(began time.Duration) (first, last uint64) {
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(began)
			facts := memory.Open(1 << 20)
			config := testConfig(shortEndpoint())
			journal, err := facts.Journal(t.Context(), config.Name+StandingFacts)
			if err != nil {
				t.Fatal(err)
			}
			for i, record := range said {
				if _, err := journal.Append(t.Context(), uint64(i), record); err != nil {
					t.Fatal(err)
				}
			}
			c, err := Open(t.Context(), config, forgetful{memory.Open(64 << 20), facts})
			if err != nil {
				t.Fatal(err)
			}
			e := &encoder{t: t, c: c, input: "a", names: names, media: segments}
			for n := range 5 {
				time.Sleep(segmentTime)
				e.deliver(n)
			}
			p := playlist(t, c.View("hls"))
			first, last = p.MediaSequence, p.MediaSequence+uint64(len(p.Segments))-1
			c.Close()
			said = nil
			err = journal.Read(t.Context(), 0, func(_ uint64, record []byte) error {
				said = append(said, bytes.Clone(record))
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		})
		return first, last
	}
	_, last := process(time.Hour)
	for _, behind := range []time.Duration{30 * time.Minute, time.Hour, 10 * time.Minute} {
		first, now := process(time.Hour - behind)
		if first <= last {
			t.Errorf("%v behind: numbers begin at %d after %d", behind, first, last)
		}
		last = now
	}
	// The clock is right again, a day later.
	day := uint64(time.Date(2000, 1, 2, 0, 0, 0, 0, time.UTC).Unix())
	if first, _ := process(24 * time.Hour); first < day || first > day+60 {
		t.Errorf("numbers begin at %d, %d after midnight", first, first-day)
	}
}
