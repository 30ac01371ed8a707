package channel

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
	"github.com/liveorigin/caddy-live-origin/store"
	filestore "github.com/liveorigin/caddy-live-origin/store/file"
)

// What had arrived, but was not published, is not lost with the process: within a
// longer slot, and behind a delay.
func TestARestartGoesOnWithWhatHadArrived(t *testing.T) {
	names, segments := testmedia.Segments(t, "24")
	long, late := shortEndpoint(), shortEndpoint()
	long.SegmentDuration, long.FailoverGrace, long.PlaylistWindow = 6*time.Second, 3*time.Second, time.Minute
	late.TimeDelay, late.PlaylistWindow = 8*time.Second, time.Minute
	for name, endpoint := range map[string]EndpointConfig{"a long slot": long, "a delay": late, "journals with records twice": long} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir := t.TempDir()
				e := &encoder{t: t, input: "a", names: names, media: segments}
				n := 0
				for range 4 {
					lifeOf(t, dir, endpoint, func(c *Channel) {
						e.c = c
						for range 2 {
							time.Sleep(segmentTime)
							e.deliver(n)
							n++
						}
					})
					if name == "journals with records twice" {
						repeatArrivals(t, dir)
					}
				}
				lifeOf(t, dir, endpoint, func(c *Channel) {
					time.Sleep(20 * time.Second)
					synctest.Wait()
					p := playlist(t, c.View("hls"))
					var whole []byte
					for i, s := range p.Segments {
						if s.Discontinuity || s.Gap {
							t.Errorf("segment %d: %+v", i, s)
						}
						whole = append(whole, fetch(t, c.View("hls"), s.URI)...)
					}
					want := bytes.Join(segments[:n], nil)
					if !bytes.Equal(whole, want) {
						t.Errorf("%d bytes in %d segments, not the %d that were sent", len(whole), len(p.Segments), len(want))
					}
				})
			})
		})
	}
}

// repeatArrivals leaves a journal of arrivals as earlier versions did that had copied it from another node.
func repeatArrivals(t *testing.T, dir string) {
	t.Helper()
	withArrivals(t, dir, func(j store.Journal, last uint64, records [][]byte) error {
		_, err := j.Append(t.Context(), last, records...)
		return err
	})
}

// withArrivals changes the journal of arrivals while no process runs the channel. last is the revision of the last
// record.
func withArrivals(t *testing.T, dir string, change func(j store.Journal, last uint64, records [][]byte) error) {
	t.Helper()
	st, err := filestore.Open(filestore.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	j, err := st.Journal(t.Context(), testConfig(shortEndpoint()).Name+arrivedMedia)
	if err != nil {
		t.Fatal(err)
	}
	var records [][]byte
	last := uint64(0)
	err = j.Read(t.Context(), 0, func(revision uint64, record []byte) error {
		last, records = revision, append(records, bytes.Clone(record))
		return nil
	})
	if err != nil || last == 0 {
		t.Fatal(last, err)
	}
	if err := change(j, last, records); err != nil {
		t.Fatal(err)
	}
}
