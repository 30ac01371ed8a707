package channel

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/media"
	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
)

// tablesOnce are segments of which only the first one has PAT and PMT.
func tablesOnce(segments [][]byte) [][]byte {
	const pat, pmt = 0, 0x1000
	once := slices.Clone(segments)
	for n := range once[1:] {
		once[n+1] = bare(bare(once[n+1], pat), pmt)
	}
	return once
}

// An encoder that sends its tables once is served as any other, also after the origin has
// restarted: each segment begins with tables, and all of them are one stream.
func TestTablesAreInheritedAndServed(t *testing.T) {
	names, segments := testmedia.Segments(t, "24")
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		bodies := map[string][]byte{}
		var order []string
		look := func(c *Channel) {
			for _, s := range playlist(t, c.View("hls")).Segments {
				if bodies[s.URI] == nil {
					bodies[s.URI], order = fetch(t, c.View("hls"), s.URI), append(order, s.URI)
				}
				if s.Discontinuity {
					t.Errorf("discontinuity before %s", s.URI)
				}
			}
		}
		e := &encoder{t: t, input: "a", names: names, media: tablesOnce(segments)}
		for _, to := range []int{5, 10} {
			life(t, dir, func(c *Channel) {
				e.c = c
				for n := to - 5; n < to; n++ {
					time.Sleep(segmentTime)
					e.deliver(n)
				}
				synctest.Wait()
				look(c)
			})
		}
		if len(order) < 9 {
			t.Fatalf("%d segments", len(order))
		}
		var all []byte
		for _, uri := range order {
			b := bodies[uri]
			if first, second := pidOf(b), pidOf(b[188:]); first != 0 && first != 0x11 || second != 0 && second != 0x1000 {
				t.Errorf("%s begins with PID 0x%x and 0x%x", uri, first, second)
			}
			probe(t, b)
			all = append(all, b...)
		}
		if n := probe(t, all).CounterErrors; n > 0 {
			t.Errorf("%d jumps of continuity counters", n)
		}
	})
}

func pidOf(b []byte) int { return int(b[1]&0x1f)<<8 | int(b[2]) }

// Where no segment had any tables, the first one is refused as before.
func TestWithoutAnyTablesASegmentIsRefused(t *testing.T) {
	_, segments := testmedia.Segments(t, "24")
	c := openChannel(t, testConfig(shortEndpoint()))
	once := tablesOnce(segments)
	put := func(path string, body []byte) error {
		_, err := c.Put(t.Context(), "a", path, bytes.NewReader(body), -1)
		return err
	}
	if err := put("x-1.ts", once[1]); err == nil {
		t.Error("taken without tables")
	}
	upload(t, c, "a", "x-0.ts", once[0])
	if err := put("y-1.ts", once[1]); err == nil {
		t.Error("taken with the tables of another rendition")
	}
	upload(t, c, "a", "x-1.ts", once[1])
}

// However many names an encoder invents, tables are remembered of a bounded number.
func TestTablesAreBounded(t *testing.T) {
	c := openChannel(t, testConfig(shortEndpoint()))
	in := c.inputs["a"]
	for n := range 500 {
		in.keepTables(sortOf(fmt.Sprintf("run%d/s-1.ts", n)), media.Tables{1})
		in.sayTables(fmt.Sprintf("run%d/s-1.ts", n), &media.Info{Tables: media.Tables{1}})
	}
	if len(in.tables) > maxTables || len(c.standing.last) > maxTables {
		t.Errorf("%d tables, %d noted", len(in.tables), len(c.standing.last))
	}
}
