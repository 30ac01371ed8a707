package channel

import (
	"encoding/json"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
)

// A disk that was full for a while did not take what encoders said once, or say again and again. As soon as it
// takes records again, it gets that.
func TestFactsThatTheDiskDidNotTakeAreWrittenAgain(t *testing.T) {
	files := fragments(t, "6")
	synctest.Test(t, func(t *testing.T) {
		st, full := onFullDisk()
		defer st.Close()
		c := openOn(t, st)
		master := []byte("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nv.m3u8\n")
		full.Store(true)
		upload(t, c, "a", "init.mp4", files["init.mp4"])
		upload(t, c, "a", "main.m3u8", master)
		full.Store(false)
		for range 2 {
			upload(t, c, "a", "main.m3u8", master)
		}
		upload(t, c, "b", "main.m3u8", master)
		c.Close()
		c = openOn(t, st)
		defer c.Close()
		if a := c.inputs["a"]; len(a.multivariants) != 1 || a.binder.inits["init.mp4"] == nil {
			t.Errorf("of what a had sent before the restart, there are %d multivariant playlists and %d initialization sections",
				len(a.multivariants), len(a.binder.inits))
		}
	})
}

// What is noted of a playlist goes on from what was noted before, if that is on the disk.
func TestAListIsNotedBehindWhatTheDiskHas(t *testing.T) {
	names, segments := testmedia.Segments(t, "24")
	synctest.Test(t, func(t *testing.T) {
		st, full := onFullDisk()
		defer st.Close()
		c := openOn(t, st)
		defer c.Close()
		e := &encoder{t: t, c: c, input: "a", names: names, media: segments}
		for n := range 5 {
			time.Sleep(2 * time.Second)
			full.Store(n == 2 || n == 3)
			e.deliver(n)
		}
		synctest.Wait()
		noted := map[string]bool{}
		err := c.arrivals.journal.records.Read(t.Context(), 0, func(_ uint64, text []byte) error {
			var entry arrival
			if err := json.Unmarshal(text, &entry); err != nil || entry.Playlist == nil {
				return err
			}
			for _, s := range entry.Playlist.Segments {
				noted[s.Path] = true
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if i := slices.IndexFunc(names[:5], func(name string) bool { return !noted[name] }); i >= 0 {
			t.Errorf("that segment %d is listed would not be known after a restart", i)
		}
	})
}
