package channel

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/media"
	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
)

// defectTracer collects what the core was told of each object.
type defectTracer struct{ defects map[string][]failover.Defect }

func (d defectTracer) Trace(r failover.Record) Following {
	if o := r.Object; o != nil && o.Media != nil {
		d.defects[o.Path] = o.Media.Defects
	}
	return Records
}

// A segment without its sound is told to the core as such, and only that one, in whatever
// order segments and playlists arrive.
func TestSegmentsAreGradedInAnyOrder(t *testing.T) {
	_, segments := testmedia.Segments(t, "24")
	const sound, bad = 0x101, 7
	list := func(n int) string {
		text := "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:0\n"
		for i := range n + 1 {
			text += fmt.Sprintf("#EXTINF:1.92,\nv/seg_2_%d.ts\n", i)
		}
		return text
	}
	for name, c := range map[string]struct {
		order         []int
		playlistFirst bool
	}{
		"segment first":         {[]int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, false},
		"playlist first":        {[]int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, true},
		"two segments at once":  {[]int{0, 2, 1, 4, 3, 6, 5, 8, 7, 9}, false},
		"two, playlist first":   {[]int{0, 2, 1, 4, 3, 6, 5, 8, 7, 9}, true},
		"the bad one overtakes": {[]int{0, 1, 2, 3, 4, 5, 7, 6, 8, 9}, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ch := openChannel(t, testConfig(shortEndpoint()))
				told := defectTracer{map[string][]failover.Defect{}}
				ch.Trace(told)
				put := func(path, body string) {
					if _, err := ch.Put(t.Context(), "a", path, strings.NewReader(body), -1); err != nil {
						t.Fatal(err)
					}
				}
				highest := 0
				for _, n := range c.order {
					time.Sleep(segmentTime)
					highest = max(highest, n)
					body := segments[n]
					if n == bad {
						body = bare(body, sound)
					}
					if c.playlistFirst {
						put("live.m3u8", list(highest))
					}
					put(fmt.Sprintf("v/seg_2_%d.ts", n), string(body))
					if !c.playlistFirst {
						put("live.m3u8", list(highest))
					}
				}
				time.Sleep(5 * time.Second)
				synctest.Wait()
				for _, n := range c.order {
					got := told.defects[fmt.Sprintf("v/seg_2_%d.ts", n)]
					if n == bad && !slices.Equal(got, []failover.Defect{failover.DefectTrackGone}) || n != bad && got != nil {
						t.Errorf("segment %d: %v", n, got)
					}
				}
			})
		})
	}
}

// An encoder that is started again without sound, and names its segments in another way, has lost none: it
// is another run.
func TestAnotherRunHasHabitsOfItsOwn(t *testing.T) {
	_, segments := testmedia.Segments(t, "44")
	_, silent := testmedia.Segments(t, "18", "-an")
	synctest.Test(t, func(t *testing.T) {
		ch := openChannel(t, testConfig(shortEndpoint()))
		told := defectTracer{map[string][]failover.Defect{}}
		ch.Trace(told)
		put := func(path, body string) {
			if _, err := ch.Put(t.Context(), "a", path, strings.NewReader(body), -1); err != nil {
				t.Fatal(err)
			}
		}
		run := func(prefix string, segments [][]byte) {
			text := "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:0\n"
			for i, segment := range segments {
				time.Sleep(segmentTime)
				put(fmt.Sprintf("%s-%d.ts", prefix, i), string(segment))
				text += fmt.Sprintf("#EXTINF:1.92,\n%s-%d.ts\n", prefix, i)
				put("live.m3u8", text)
			}
		}
		run("live", segments[:20])
		run("again", silent[:8])
		time.Sleep(5 * time.Second)
		synctest.Wait()
		for name, defects := range told.defects {
			if len(defects) > 0 {
				t.Errorf("%s: %v", name, defects)
			}
		}
		if len(told.defects) != 28 {
			t.Errorf("%d segments were told of", len(told.defects))
		}
	})
}

// The words of what is found are those of the core.
func TestDefectsHaveTheWordsOfTheCore(t *testing.T) {
	for _, d := range []media.Defect{
		media.DefectHole, media.DefectTrackGone, media.DefectDamaged, media.DefectRepeated, media.DefectNoKeyFrame,
		media.DefectStarved, media.DefectFrozen, media.DefectSilent,
	} {
		if !slices.Contains(failover.Defects(), failover.Defect(d)) {
			t.Errorf("%s", d)
		}
	}
}

func TestSegmentsAreCountedByTheirNames(t *testing.T) {
	for _, c := range []struct {
		from, to string
		next     bool
	}{
		{"a/seg_2_9.ts", "a/seg_2_10.ts", true},
		{"a/seg_2_09.ts", "a/seg_2_10.ts", true},
		{"a/seg_2_9.ts", "a/seg_2_11.ts", false},
		{"a/seg_1_9.ts", "a/seg_2_10.ts", false},
		{"a/seg_2_9.ts", "b/seg_2_10.ts", false},
		{"a/seg_2_9.ts", "a/seg_2_9.ts", false},
		{"last.ts", "next.ts", false},
		{"99999999999999999999.ts", "100000000000000000000.ts", false},
		{"", "1", false},
	} {
		if counts(c.from, c.to) != c.next {
			t.Errorf("%q, %q", c.from, c.to)
		}
	}
}
