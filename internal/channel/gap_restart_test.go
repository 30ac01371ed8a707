package channel

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/output"
	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
	"github.com/liveorigin/caddy-live-origin/store/memory"
)

// No encoder delivers any more, and gaps are listed. Viewers find their playlists also after the origin was
// restarted meanwhile, with nothing left of what encoders had sent, as on nodes that have the history from
// the journal of all nodes alone: gaps are listed in the renditions that viewers have.
func TestGapsAfterARestartAreInTheRenditionsThatViewersHave(t *testing.T) {
	names, segments := testmedia.Segments(t, "18")
	synctest.Test(t, func(t *testing.T) {
		st := durable{Store: memory.Open(64 << 20)}
		defer st.Close()
		config := liveEndpoint(func(e *EndpointConfig) { e.OnInputLoss = output.Gap })
		begin := func() *Channel {
			c, err := Open(t.Context(), testConfig(config), st)
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		c := begin()
		a := &encoder{t: t, c: c, input: "a", names: names, media: segments}
		for n := range 6 {
			time.Sleep(segmentTime)
			a.deliver(n)
		}
		time.Sleep(2 * time.Second)
		before := playlist(t, c.View("hls"))
		c.Close()
		for _, name := range []string{StandingFacts, arrivedMedia} {
			journal, err := st.Journal(t.Context(), "sports"+name)
			if err != nil {
				t.Fatal(err)
			}
			last, err := journal.Last(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if err := journal.Forget(t.Context(), last+1); err != nil {
				t.Fatal(err)
			}
		}
		c = begin()
		defer c.Close()
		for range 10 {
			time.Sleep(time.Second)
			playlist(t, c.View("hls"))
		}
		after := playlist(t, c.View("hls"))
		if last := after.Segments[len(after.Segments)-1]; !last.Gap || after.MediaSequence == before.MediaSequence {
			t.Errorf("from %d, after %d, it ends with %+v", after.MediaSequence, before.MediaSequence, last)
		}
	})
}
