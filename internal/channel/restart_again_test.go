package channel

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
	"github.com/liveorigin/caddy-live-origin/store/memory"
)

// However often the process ends, the next one has the window, and the journal of slots does not grow. This store
// forgets records one by one, where the one on disk keeps whole files, which hides what is forgotten too early.
func TestTheWindowOutlivesEachRestart(t *testing.T) {
	const slots = 30
	names, segments := testmedia.Segments(t, "60")
	synctest.Test(t, func(t *testing.T) {
		st := memory.Open(64 << 20)
		defer st.Close()
		endpoint := shortEndpoint()
		endpoint.PlaylistWindow = 6 * time.Second
		e := &encoder{t: t, input: "a", names: names, media: segments}
		kept := 0
		for life := range 3 {
			c, err := Open(t.Context(), testConfig(endpoint), durable{Store: st})
			if err != nil {
				t.Fatal(err)
			}
			if n := len(c.endpoints["hls"].window.Slots()); n != kept {
				t.Fatalf("process %d has %d slots, and the one before had %d", life, n, kept)
			}
			e.c = c
			for n := life * slots / 3; n < (life+1)*slots/3; n++ {
				time.Sleep(segmentTime)
				e.deliver(n)
			}
			synctest.Wait()
			kept = len(c.endpoints["hls"].window.Slots())
			c.Close()
			records := 0
			j, err := st.Journal(t.Context(), "sports/hls")
			if err != nil {
				t.Fatal(err)
			}
			if err := j.Read(t.Context(), 0, func(uint64, []byte) error { records++; return nil }); err != nil {
				t.Fatal(err)
			}
			if records > 2*kept {
				t.Errorf("process %d leaves %d records in the journal, and %d slots in the window", life, records, kept)
			}
		}
		if kept >= slots/2 {
			t.Errorf("no slot has left the window, of which there are %d", kept)
		}
	})
}
