package channel

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/output"
)

func refused(err error, kind RefusalKind) bool {
	var r *Refusal
	return errors.As(err, &r) && r.Kind == kind
}

// A rendition that was deleted still counts; one that has been silent gives its place.
func TestRenditionsAreCountedAtTheDoor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newInput(nil, "a")
		list := file{text: []byte("#EXTM3U"), rendition: true}
		taken := 0
		for i := range 100 {
			name := fmt.Sprint(i, ".m3u8")
			if _, err := in.keepText(name, list, 20); err == nil {
				taken++
			} else if !refused(err, TooMany) {
				t.Fatal(err)
			}
			in.forget(name, "")
		}
		if taken != 20 {
			t.Fatalf("%d renditions are let in", taken)
		}
		time.Sleep(silence / 2)
		if _, err := in.keepText("0.m3u8", list, 20); err != nil {
			t.Fatal(err)
		}
		time.Sleep(silence/2 + 1)
		// An encoder that came back under other names: the silent ones go.
		for i := range 19 {
			if _, err := in.keepText(fmt.Sprint("later", i, ".m3u8"), list, 20); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := in.keepText("one-more.m3u8", list, 20); !refused(err, TooMany) {
			t.Errorf("the 21st: %v", err)
		}
		time.Sleep(41 * silence)
		in.forgetSilent(time.Now())
		if len(in.doors) != 0 || len(in.files) != 0 {
			t.Errorf("%d playlists are remembered, %d kept", len(in.doors), len(in.files))
		}
	})
}

// With long segments a playlist comes less often, and is not silent for that.
func TestRenditionsWithLongSegmentsAreCounted(t *testing.T) {
	for _, length := range []time.Duration{6 * time.Second, 20 * time.Second, time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			c := openChannel(t, testConfig(shortEndpoint())) // three renditions
			taken := map[string]bool{}
			for n := range 10 {
				for r := range 12 {
					name := fmt.Sprintf("r%d.m3u8", r)
					text := fmt.Sprintf("#EXTM3U\n#EXT-X-TARGETDURATION:%d\n#EXT-X-MEDIA-SEQUENCE:%d\n#EXTINF:%d,\nr%d_%d.ts\n", int(length.Seconds()), n, int(length.Seconds()), r, n)
					if _, err := c.Put(t.Context(), "a", name, strings.NewReader(text), -1); err == nil {
						taken[name] = true
					} else if !refused(err, TooMany) {
						t.Fatal(err)
					}
					time.Sleep(length / 12)
				}
			}
			if len(taken) != 3 {
				t.Errorf("segments of %v: %d renditions are taken where 3 are allowed", length, len(taken))
			}
			// What a playlist claims about its segments does not shut out others for ever.
			time.Sleep(mostSilence)
			text := "#EXTM3U\n#EXT-X-TARGETDURATION:86400\n#EXTINF:86400,\nx.ts\n"
			for range 2 {
				for r := range 3 {
					if _, err := c.Put(t.Context(), "a", fmt.Sprintf("%d-%d.m3u8", r, time.Now().Unix()), strings.NewReader(text), -1); err != nil {
						t.Errorf("under another name: %v", err)
					}
				}
				time.Sleep(mostSilence)
			}
		})
	}
}

// An input that may have no renditions has none.
func TestNoRenditionsAreLetIn(t *testing.T) {
	in := newInput(nil, "a")
	if _, err := in.keepText("a.m3u8", file{text: []byte("#EXTM3U"), rendition: true}, 0); !refused(err, TooMany) {
		t.Error(err)
	}
}

func TestTextsAreBounded(t *testing.T) {
	in := newInput(nil, "a")
	in.limitTexts(1 << 20)
	for i := range 20 {
		if _, err := in.keepText(fmt.Sprint(i, ".m3u8"), file{text: make([]byte, 1<<20), rendition: true}, 20); err != nil {
			t.Fatal(err)
		}
	}
	if len(in.files) != 4 {
		t.Errorf("%d texts of 1 MiB are kept", len(in.files))
	}
	if _, ok := in.file("19.m3u8"); !ok {
		t.Error("the newest one is not")
	}
}

func TestIdentifiersBelongToOnePath(t *testing.T) {
	ids := identifiers{}
	if err := ids.claim("a.m3u8", "b.m3u8"); err != nil {
		t.Fatal(err)
	}
	ids[output.RenditionID("c.m3u8")] = "another path"
	if err := ids.claim("a.m3u8", "c.m3u8"); !refused(err, BadPath) {
		t.Errorf("error is %v", err)
	}
	if len(output.RenditionID("a.m3u8")) != 16 {
		t.Errorf("an identifier of %d digits", len(output.RenditionID("a.m3u8")))
	}
}

// A thousand playlists at a time don't take a thousand times the room of one.
func TestPlaylistBuffersAreBounded(t *testing.T) {
	var all texts
	const limit = 1 << 20
	taken, refusals := []func(){}, 0
	for range 100 {
		text, release, err := all.receive(strings.NewReader(strings.Repeat("x", limit)), -1, limit, "playlist")
		taken = append(taken, release)
		switch {
		case refused(err, TooMany):
			refusals++
		case err != nil || len(text) != limit:
			t.Fatal(len(text), err)
		}
	}
	if refusals < 100-buffersAtATime {
		t.Errorf("%d were refused", refusals)
	}
	for _, release := range taken {
		release()
	}
	if n := all.buffered.Load(); n != 0 {
		t.Errorf("%d bytes are taken for buffered", n)
	}
	if _, release, err := all.receive(strings.NewReader(strings.Repeat("x", limit+1)), -1, limit, "playlist"); !refused(err, TooLarge) {
		t.Error(err)
	} else {
		release()
	}
}

// A playlist takes what it is long, not what a longer one would need.
func BenchmarkReceivePlaylist(b *testing.B) {
	text := strings.Repeat("#EXTINF:1.920000,\nseg1234.ts\n", 10)
	for _, c := range []struct {
		name string
		size int64
	}{{"announced", int64(len(text))}, {"chunked", -1}} {
		b.Run(c.name, func(b *testing.B) {
			var all texts
			body := strings.NewReader(text)
			b.ReportAllocs()
			for b.Loop() {
				body.Reset(text)
				got, release, err := all.receive(body, c.size, 1<<20, "playlist")
				release()
				if err != nil || len(got) != len(text) {
					b.Fatal(len(got), err)
				}
			}
		})
	}
}
