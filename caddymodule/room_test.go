package caddymodule

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// fullStore has two channels on a small store: one keeps an hour for startover, the
// other one nothing but its live playlist.
const fullStore = `live_origin {
	store memory {
		capacity %dKiB
	}
	channel archive {
		input a /in/archive
		endpoint hls /archive {
			segment_duration 2s
			playlist_window 6s
			startover_window 1h
		}
	}
	channel live {
		input a /in/live
		endpoint hls /live {
			segment_duration 2s
			playlist_window 6s
		}
	}
}`

// A store that is full gives up startover, oldest first, and no upload and no live
// segment is lost by it.
func TestAFullStoreCutsStartoverWindowsShort(t *testing.T) {
	segments(t) // by ffmpeg, which runs in real time
	synctest.Test(t, cutShort)
}

func cutShort(t *testing.T) {
	o, refused := fill(t, 4096, "/in/archive", "/in/live")
	if refused > 0 {
		t.Errorf("%d uploads were refused", refused)
	}
	for _, endpoint := range []string{"/live", "/archive"} {
		w := o.do("GET", endpoint+"/index.m3u8", nil)
		want(t, w, 200, "")
		list := o.do("GET", endpoint+"/"+uris(w.Body.String())[0], nil).Body.String()
		if n := len(uris(list)); n < 3 {
			t.Errorf("%s lists %d segments", endpoint, n)
		}
		id := strings.Split(uris(w.Body.String())[0], ".")[0]
		for _, uri := range uris(list) {
			if !strings.HasPrefix(uri, id+"/") {
				t.Fatalf("%s is not below %s", uri, id)
			}
			want(t, o.do("GET", endpoint+"/"+uri, nil), 200, "")
		}
	}
	var spare time.Time
	live.eachChannel(func(c *sharedChannel) {
		if at, ok := c.channel.Spare(); ok {
			spare = at
		}
	})
	if spare.IsZero() {
		t.Error("more was given up than was needed")
	}
	want(t, o.do("GET", "/archive/index.m3u8?start="+fmt.Sprint(time.Now().Add(-30*time.Minute).Unix()), nil), 404, "outside the startover window")
}

// If even that does not make room, uploads are refused; what is listed stays.
func TestAStoreThatIsTooSmallRefusesUploads(t *testing.T) {
	segments(t)
	synctest.Test(t, tooSmall)
}

func tooSmall(t *testing.T) {
	o, refused := fill(t, 700, "/in/live")
	if refused == 0 {
		t.Error("no upload was refused")
	}
	w := o.do("GET", "/live/index.m3u8", nil)
	want(t, w, 200, "")
	for _, uri := range uris(o.do("GET", "/live/"+uris(w.Body.String())[0], nil).Body.String()) {
		want(t, o.do("GET", "/live/"+uri, nil), 200, "")
	}
}

// fill lets encoders push for some minutes, and counts the answers 507. It returns
// in a bubble of synctest's.
func fill(t *testing.T, kib int, inputs ...string) (o *origin, refused int) {
	t.Helper()
	o = newOrigin(t, fmt.Sprintf(fullStore, kib))
	return o, o.pushFor(90, func() {}, inputs...)
}

// pushFor does so for a number of segments, and calls then behind each of them.
func (o *origin) pushFor(count int, then func(), inputs ...string) (refused int) {
	t := o.t
	names, media := segments(t)
	for i := range count {
		time.Sleep(1920 * time.Millisecond)
		for _, input := range inputs {
			n := i % 8
			if w := o.do("PUT", fmt.Sprintf("%s/%d-%s", input, i, names[n]), bytes.NewReader(media[n])); w.Code == 507 {
				refused++
			}
			from := max(0, i-3)
			var list strings.Builder
			fmt.Fprintf(&list, "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:%d\n", from)
			for k := from; k <= i; k++ {
				if k > 0 && k%8 == 0 {
					list.WriteString("#EXT-X-DISCONTINUITY\n")
				}
				fmt.Fprintf(&list, "#EXTINF:1.92,\n%d-%s\n", k, names[k%8])
			}
			o.do("PUT", input+"/live.m3u8", strings.NewReader(list.String()))
		}
		synctest.Wait()
		then()
	}
	return refused
}

// brokenBody panics, as a server that aborts a request may.
type brokenBody struct{}

func (brokenBody) Read([]byte) (int, error) { panic(http.ErrAbortHandler) }

// However an upload ends, the room that was made for it is given back.
func TestAnUploadThatPanicsGivesItsRoomBack(t *testing.T) {
	o := newOrigin(t, fmt.Sprintf(fullStore, 4096))
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the upload did not panic")
			}
		}()
		o.do("PUT", "/in/live/1.ts", brokenBody{})
	}()
	live.eachChannel(func(c *sharedChannel) {
		if n := c.store.room.underWay.Load(); n != 0 {
			t.Errorf("%s: %d bytes are under way", c.key, n)
		}
		if list := c.uploads.underWay(); len(list) != 0 {
			t.Errorf("%s: under way: %v", c.key, list)
		}
	})
}

// What another node has taken makes room for itself, as an upload does.
func TestWhatOtherNodesTakeMakesRoom(t *testing.T) {
	segments(t)
	synctest.Test(t, func(t *testing.T) {
		fill(t, 4096, "/in/archive", "/in/live")
		live.eachChannel(func(c *sharedChannel) {
			const size = 400 << 10
			if c.key.name != "live" {
				return
			}
			for n := range 3 {
				release := c.roomFor("a", size)
				usage, underWay := c.store.store.Usage(), c.store.room.underWay.Load()
				if underWay < size || usage.Free < underWay {
					t.Errorf("the %dth time, there is room for %d bytes, and %d are under way", n+1, usage.Free, underWay)
				}
				release()
				if underWay := c.store.room.underWay.Load(); underWay != 0 {
					t.Errorf("%d bytes are not given back", underWay)
				}
			}
		})
	})
}
