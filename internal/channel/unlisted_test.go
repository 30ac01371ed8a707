package channel

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/output"
	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
)

// What no playlist lists has limits of its own, and an end although nothing else is
// ever uploaded.
func TestObjectsThatNoPlaylistLists(t *testing.T) {
	_, segments := testmedia.Segments(t, "6")
	files := fragments(t, "6")
	synctest.Test(t, func(t *testing.T) {
		config := testConfig(shortEndpoint())
		for i := range config.Inputs {
			config.Inputs[i].MaxUnlistedSize = 10 * int64(len(segments[0]))
		}
		c := openChannel(t, config)
		for i := range 50 {
			upload(t, c, "a", fmt.Sprintf("lone%d.ts", i), segments[0])
			upload(t, c, "b", fmt.Sprintf("lone%d.m4s", i), files["seg0.m4s"])
		}
		limit := config.Inputs[0].MaxUnlistedSize
		if u := c.store.Usage(); u.Bytes > 3*limit {
			t.Errorf("%d bytes in %d objects, of 2 inputs that may have %d each", u.Bytes, u.Objects, limit)
		}
		c.mu.Lock()
		for name, in := range c.inputs {
			if in.unlisted.bytes > limit || len(in.unlisted.queue) == 0 {
				t.Errorf("input %s: %d bytes, %d objects", name, in.unlisted.bytes, len(in.unlisted.queue))
			}
		}
		c.mu.Unlock()
		time.Sleep(4 * time.Minute)
		synctest.Wait()
		if u := c.store.Usage(); u.Objects != 0 {
			t.Errorf("%d objects are left", u.Objects)
		}
		// What a playlist lists is no matter of these limits.
		for i := range 2 {
			upload(t, c, "a", fmt.Sprintf("seg%d.ts", i), segments[i])
		}
		upload(t, c, "a", "live.m3u8", []byte(tsList(2)))
		time.Sleep(5 * time.Second)
		c.mu.Lock()
		for _, in := range c.inputs {
			in.sweep()
		}
		left := len(c.inputs["a"].unlisted.queue)
		c.mu.Unlock()
		if left != 0 {
			t.Errorf("%d objects are taken for unlisted", left)
		}
		if p := playlist(t, c.View("hls")); len(p.Segments) != 2 {
			t.Errorf("%d segments are published", len(p.Segments))
		}
	})
}

// A segment that is held until the configuration of its run is known counts as well.
func TestHeldSegmentsCount(t *testing.T) {
	c := openChannel(t, testConfig(shortEndpoint()))
	c.mu.Lock()
	defer c.mu.Unlock()
	in := c.inputs["a"]
	limit := in.config.Load().maxUnlistedSize()
	in.held = map[string]heldSegment{}
	for i := range 10 {
		path, key := fmt.Sprint(i, ".ts"), c.objects.key("a")
		c.objects.add(key, limit/4)
		in.held[path] = heldSegment{key: key, size: limit / 4, arrived: time.Now()}
		in.keepUnlisted(path, key, limit/4)
	}
	if n := len(in.held); n != 4 || in.unlisted.bytes > limit {
		t.Errorf("%d segments are held, %d bytes of %d", n, in.unlisted.bytes, limit)
	}
	if _, newest := in.held["9.ts"]; !newest {
		t.Error("the newest one is not")
	}
}

func tsList(n int) string {
	text := "#EXTM3U\n#EXT-X-TARGETDURATION:2\n"
	for i := range n {
		text += fmt.Sprintf("#EXTINF:%s,\nseg%d.ts\n", testmedia.SegmentSeconds, i)
	}
	return text
}

// What was noticed is kept for who looks later: once for each thing, and so many things.
func TestRemarksAreBounded(t *testing.T) {
	all := remarks{}
	for i := range 3 * maxRemarks {
		for range 2 {
			all.add(Notice{Time: time.Now().Add(time.Duration(i)), Input: "a", Rendition: fmt.Sprint(i), Kind: "two_writers"})
		}
	}
	all.add(Notice{Time: time.Now().Add(-time.Hour), Input: "b", Kind: LimitTags, Path: "live.m3u8", Text: "too many"})
	all.add(Notice{Time: time.Now().Add(-2 * remarkAge), Input: "b", Kind: LimitRoom})
	list := all.lately()
	if len(list) != maxRemarks+1 || list[0].Rendition != fmt.Sprint(3*maxRemarks-1) || list[0].Count != 2 {
		t.Errorf("%d remarks, the newest %+v", len(list), list[0])
	}
	if last := list[len(list)-1]; last.Input != "b" || last.Kind != LimitTags || last.Count != 1 {
		t.Errorf("the oldest is %+v", last)
	}
}

// Two encoders whose tags are over the limit, while somebody looks on.
func TestTagLimitIsTold(t *testing.T) {
	c := openChannel(t, testConfig(shortEndpoint()))
	list := "#EXTM3U\n#EXT-X-TARGETDURATION:2\n" + strings.Repeat("#EXT-OATCLS-SCTE35:/DAlAAAAAAAAAP/wFAUAAAABf+/+\n", 2*output.MaxTagLines) + "#EXTINF:2,\nseg0.ts\n"
	var uploads sync.WaitGroup
	for _, input := range []string{"a", "b"} {
		uploads.Go(func() {
			if _, err := c.Put(t.Context(), input, "live.m3u8", strings.NewReader(list), int64(len(list))); err != nil {
				t.Error(err)
			}
		})
	}
	c.Remarks()
	uploads.Wait()
	if list := c.Remarks(); len(list) != 2 || list[0].Kind != LimitTags {
		t.Errorf("remarks are %+v", list)
	}
}

// What nothing else follows is forgotten all the same: an encoder may send fragments and no playlist.
func TestFragmentsWithoutAPlaylistAreForgotten(t *testing.T) {
	fragment := fragments(t, "6")["seg0.m4s"]
	synctest.Test(t, func(t *testing.T) {
		c := openChannel(t, testConfig(shortEndpoint()))
		for i := range 5 * passedAtOnce {
			upload(t, c, "a", fmt.Sprintf("%d.m4s", i), fragment)
		}
		if n := c.store.Usage().Objects; n == 0 {
			t.Fatal("nothing is kept")
		}
		time.Sleep(fragmentAge + sweepInterval + time.Second)
		synctest.Wait()
		if n := c.store.Usage().Objects; n != 0 {
			t.Errorf("%d fragments are kept for ever", n)
		}
	})
}
