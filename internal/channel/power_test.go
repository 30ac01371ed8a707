package channel

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
)

// What a power failure may do to a directory: the newest files are short or empty, and the last
// records of journals are gone.

// emptyObject makes the first file that holds these bytes empty.
func emptyObject(t *testing.T, dir string, body []byte) {
	t.Helper()
	found := false
	if err := filepath.WalkDir(filepath.Join(dir, "objects"), func(name string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || found {
			return err
		}
		if b, err := os.ReadFile(name); err != nil || !bytes.Equal(b, body) {
			return err
		}
		found = true
		return os.Truncate(name, 0)
	}); err != nil {
		t.Fatal(err)
	}
	if !found {
		t.Fatal("no object has these bytes")
	}
}

// loseRecords takes the last records off the journals, but for that of standing facts.
func loseRecords(t *testing.T, dir string, count int) {
	t.Helper()
	const head, recordHead = 24, 16
	lost := 0
	if err := filepath.WalkDir(filepath.Join(dir, "journals"), func(name string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.Contains(name, "standing") {
			return err
		}
		b, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		var at []int
		for o := head; o+recordHead <= len(b); o += recordHead + int(binary.LittleEndian.Uint32(b[o+4:])) {
			at = append(at, o)
		}
		if len(at) <= count {
			return nil
		}
		lost++
		return os.Truncate(name, int64(at[len(at)-count]))
	}); err != nil {
		t.Fatal(err)
	}
	if lost < 2 {
		t.Fatalf("%d journals have lost something", lost)
	}
}

// The newest published segment is empty after the power failed: it is a gap, and what came before it
// is there.
func TestAShortObjectIsAGap(t *testing.T) {
	names, segments := testmedia.Segments(t, "24")
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		endpoint := shortEndpoint()
		endpoint.PlaylistWindow = time.Minute
		lifeOf(t, dir, endpoint, func(c *Channel) {
			e := &encoder{t: t, c: c, input: "a", names: names, media: segments}
			for n := range 6 {
				time.Sleep(segmentTime)
				e.deliver(n)
			}
		})
		emptyObject(t, dir, segments[5])
		lifeOf(t, dir, endpoint, func(c *Channel) {
			list := playlist(t, c.View("hls")).Segments
			if len(list) != 6 {
				t.Fatalf("%d segments", len(list))
			}
			for n, s := range list {
				if s.Gap != (n == 5) {
					t.Errorf("segment %d: gap %t", n, s.Gap)
				}
				if !s.Gap && !bytes.Equal(fetch(t, c.View("hls"), s.URI), segments[n]) {
					t.Errorf("segment %d has other bytes", n)
				}
			}
		})
	})
}

// What had arrived from one input and was not published yet is empty: the other one has it.
func TestAShortArrivalIsMissing(t *testing.T) {
	names, segments := testmedia.Segments(t, "24")
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		endpoint := shortEndpoint()
		endpoint.PlaylistWindow, endpoint.TimeDelay = time.Minute, 8*time.Second
		lifeOf(t, dir, endpoint, func(c *Channel) {
			a := &encoder{t: t, c: c, input: "a", names: names, media: segments}
			b := &encoder{t: t, c: c, input: "b", names: names, media: segments}
			for n := range 8 {
				time.Sleep(segmentTime)
				a.deliver(n)
				b.deliver(n)
			}
		})
		emptyObject(t, dir, segments[7])
		lifeOf(t, dir, endpoint, func(c *Channel) {
			time.Sleep(12 * time.Second)
			synctest.Wait()
			list := playlist(t, c.View("hls")).Segments
			if len(list) != 8 {
				t.Fatalf("%d segments", len(list))
			}
			for n, s := range list {
				if !bytes.Equal(fetch(t, c.View("hls"), s.URI), segments[n]) {
					t.Errorf("segment %d is not what was sent", n)
				}
			}
		})
	})
}

// The last records are lost, and their numbers are used again: for other media, under other names.
func TestNamesAreNotUsedAgainAfterAPowerFailure(t *testing.T) {
	names, segments := testmedia.Segments(t, "34")
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		endpoint := shortEndpoint()
		endpoint.PlaylistWindow = time.Minute
		seen := map[string][]byte{}
		again := 0
		send := func(c *Channel, from, to int) {
			e := &encoder{t: t, c: c, input: "a", names: names, media: segments}
			for n := from; n < to; n++ {
				time.Sleep(segmentTime)
				e.deliver(n)
				synctest.Wait()
				if c.View("hls").Playlist("index.m3u8") == nil {
					continue
				}
				for _, s := range playlist(t, c.View("hls")).Segments {
					body := fetch(t, c.View("hls"), s.URI)
					if was, ok := seen[s.URI]; ok && !bytes.Equal(was, body) {
						t.Errorf("%s has other bytes", s.URI)
					} else if ok {
						again++
					}
					seen[s.URI] = body
				}
			}
		}
		lifeOf(t, dir, endpoint, func(c *Channel) { send(c, 0, 8) })
		loseRecords(t, dir, 3)
		time.Sleep(2 * segmentTime)
		// The encoder's playlist is short: what was lost is not listed any more.
		lifeOf(t, dir, endpoint, func(c *Channel) { send(c, 10, 15) })
		if again == 0 {
			t.Error("nothing of the first process is left")
		}
	})
}
