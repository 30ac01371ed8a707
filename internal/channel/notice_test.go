package channel

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
)

// A list that does not count its segments goes on where the one before ended, by the
// names that both have.
func TestNumbering(t *testing.T) {
	segments := func(first uint64, names ...string) []failover.ListedSegment {
		var list []failover.ListedSegment
		for i, name := range names {
			list = append(list, failover.ListedSegment{Number: first + uint64(i), Path: name})
		}
		return list
	}
	var n numbering
	for i, step := range []struct {
		list  []failover.ListedSegment
		first uint64
		slid  bool
	}{
		{segments(0, "a", "b", "c"), 0, false},
		{segments(0, "a", "b", "c", "d"), 0, false},
		{segments(0, "c", "d", "e"), 2, true},
		{segments(0, "e", "f"), 4, true},
		{segments(0, "x", "y"), 6, true}, // nothing in common: behind it
		{segments(0, "new", "y", "z"), 6, true},
		{nil, 0, false},
		{segments(5, "z"), 8, true}, // of a long list the newest part
		{segments(0, "z", "slate", "one", "slate", "two"), 8, true},
		{segments(0, "z", "slate", "one", "slate", "two"), 8, true}, // the same again
		{segments(0, "slate", "one", "slate", "two", "three"), 9, true},
		{segments(0, "slate", "two", "three"), 11, true},
		{segments(0, "slate", "three", "slate", "three"), 11, true},
		{segments(0, "slate", "three", "slate", "three"), 11, true}, // none that it has once
	} {
		slid := n.renumber(step.list)
		if slid != step.slid || len(step.list) > 0 && step.list[0].Number != step.first {
			t.Errorf("step %d: slid %v, %+v", i, slid, step.list)
		}
	}
}

// What goes on is said once, what changes is said, and what comes back after ten
// minutes is said again. Every upload is counted.
func TestTolerancesAreSaidOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := openChannel(t, testConfig(shortEndpoint()))
		r := &recorder{}
		c.Observe(r)
		put := func(text string) {
			t.Helper()
			if _, err := c.Put(t.Context(), "a", "live.m3u8", strings.NewReader("#EXTM3U\n#EXT-X-TARGETDURATION:2\n"+text), -1); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * time.Second)
			synctest.Wait()
		}
		said := func() (list []string) {
			for _, n := range r.notices {
				if !n.Repeated {
					list = append(list, fmt.Sprintf("%s %s %d %s", n.Input, n.Path, n.Line, n.Kind))
				}
			}
			return list
		}
		for range 20 {
			put("#EXTINF:-2,\na.ts\n#EXTINF:-2,\nb.ts\n")
		}
		r.notices = slices.DeleteFunc(r.notices, Notice.Waits) // what it lists does not come
		if got, want := said(), []string{"a live.m3u8 3 value"}; !slices.Equal(got, want) || len(r.notices) != 20 {
			t.Fatalf("said %q in %d notices", got, len(r.notices))
		}
		put("#EXTINF:2,\na.ts\n#EXTINF:2,\n/elsewhere.ts\n#EXT-X-PROGRAM-DATE-TIME:x\n#EXTINF:-2,\nb.ts\n")
		if got, want := said()[1:], []string{"a live.m3u8 7 value", "a live.m3u8 6 entry"}; !slices.Equal(got, want) {
			t.Fatalf("said %q", got)
		}
		put("#EXTINF:2,\na.ts\n")
		time.Sleep(11 * time.Minute)
		put("#EXTINF:x,\na.ts\n")
		if got := said(); len(got) != 4 {
			t.Errorf("said %q", got)
		}
	})
}

// Each reason for which an entry is left out is said, with advice that helps against it alone, and with
// no more of a URI than a log can take.
func TestEntriesAreLeftOutForAReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := openChannel(t, testConfig(shortEndpoint()))
		r := &recorder{}
		c.Observe(r)
		long := strings.Repeat("x", 3000)
		text := "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:7\n#EXTINF:2,\na.ts\n#EXTINF:2,\nhttp://other/" + long + ".ts\n" +
			"#EXTINF:2,\n#EXT-X-BYTERANGE:9@0\n" + long + ".ts\n" +
			"#EXT-X-KEY:METHOD=AES-128,URI=\"k\"\n#EXTINF:2,\n" + long + ".ts\n"
		if _, err := c.Put(t.Context(), "a", "live.m3u8", strings.NewReader(text), -1); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		var said []string
		for _, n := range r.notices {
			if len(n.Text) > 300 {
				t.Errorf("%d bytes about line %d", len(n.Text), n.Line)
			}
			said = append(said, fmt.Sprintf("%d %v", n.Line, n.Advice != ""))
		}
		if want := []string{"7 true", "10 false", "13 false"}; !slices.Equal(said, want) {
			t.Errorf("said %q, want %q: %+v", said, want, r.notices)
		}
	})
}

// TestAnyOddUploadIsBounded: what an input remembers of what it was told does not grow
// with what an encoder thinks up.
func TestAnyOddUploadIsBounded(t *testing.T) {
	c := openChannel(t, testConfig(shortEndpoint()))
	for i := range 3_000 {
		text := fmt.Sprintf("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1,X%d=\nv%d.m3u8\n", i, i)
		_, _ = c.Put(t.Context(), "a", "m.m3u8", strings.NewReader(text), -1)
		text = fmt.Sprintf("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nseg%d.ts\n", i)
		_, _ = c.Put(t.Context(), "a", fmt.Sprintf("v%d.m3u8", i), strings.NewReader(text), -1)
	}
	in := c.inputs["a"]
	if len(in.said) > maxSaid || len(in.lists) > 2*in.config.Load().MaxRenditions+1 || len(in.waits.began) > maxWaits || len(in.probed) > probedObjects {
		t.Errorf("said %d, lists %d, waits %d, probed %d", len(in.said), len(in.lists), len(in.waits.began), len(in.probed))
	}
}

func TestWhatTheCoreNoticesIsANotice(t *testing.T) {
	at := time.Unix(1795678000, 0)
	n := noticeOf(failover.Noticed{
		Time: at, Input: "a", Rendition: "v.m3u8", Segment: "v/7.ts", What: failover.NoticeDatesOff, Detail: "3m0s off",
	})
	want := Notice{Time: at, Input: "a", Rendition: "v.m3u8", Path: "v/7.ts", Kind: "dates_off", Text: "3m0s off"}
	if n != want || !n.Noticed() || n.Waits() {
		t.Errorf("notice %+v, want %+v", n, want)
	}
	for _, kind := range NoticedKinds {
		if slices.Contains(ToleratedKinds, kind) || slices.Contains(WaitKinds, kind) {
			t.Errorf("%s means two things", kind)
		}
	}
}
