package caddymodule

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
)

// What is taken out of the config gives its place on the disk back, and when it
// comes again its numbers go on. What is only stopped keeps all.
func TestWhatIsRemovedFromAFileStoreIsFreed(t *testing.T) {
	n := newNode(t)
	dir := t.TempDir()
	store := "live_origin {\nstore file " + dir + "\n"
	news := "channel news {\ninput a /in/news\nendpoint hls /news\n}\n"
	sports := "channel sports {\ninput a /in/a\nendpoint hls /live {\nsegment_duration 2s\n}\n}\n"
	objects := func() (count int) {
		err := filepath.WalkDir(filepath.Join(dir, "objects", "sports+"), func(_ string, d os.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				count++
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return count
	}
	number := func(segment string) uint64 {
		_, digits, _ := strings.Cut(strings.TrimSuffix(segment, ".ts"), "-")
		digits, _, _ = strings.Cut(digits, "-") // behind which a process may have its own letters
		msn, err := strconv.ParseUint(digits, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return msn
	}
	n.load(store + news + sports + "}\n")
	first := n.goOnAir("/in/a", "/live")
	held := objects()
	if held < 6 {
		t.Fatalf("%d objects", held)
	}
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all is closed", func() bool { s, c := liveCount(); return s+c == 0 })
	if got := objects(); got != held {
		t.Errorf("%d objects after a stop, not %d", got, held)
	}
	n.load(store + news + sports + "}\n")
	n.want("GET", first, nil, 200)
	listed := uris(n.want("GET", "/live/"+uris(n.want("GET", "/live/index.m3u8", nil, 200))[0], nil, 200))
	last := listed[len(listed)-1]

	n.load(store + news + "}\n")
	eventually(t, "the objects are gone", func() bool { return objects() == 0 })
	n.load(store + news + sports + "}\n")
	n.want("GET", "/live/index.m3u8", nil, 404)
	// The encoder has gone on meanwhile.
	names, media := segments(t)
	for i := 6; i < len(names); i++ {
		n.want("PUT", "/in/a/"+names[i], bytes.NewReader(media[i]), 201)
	}
	n.want("PUT", "/in/a/live.m3u8", strings.NewReader(playlistOf(6, names[6:])), 201)
	eventually(t, "a slot", func() bool { s, _ := n.do("GET", "/live/index.m3u8", nil); return s == 200 })
	again := uris(n.want("GET", "/live/"+uris(n.want("GET", "/live/index.m3u8", nil, 200))[0], nil, 200))[0]
	if number(again) <= number(last) {
		t.Errorf("the first segment is %s, and the last one before was %s", again, last)
	}
	n.want("GET", first, nil, 404)
}
