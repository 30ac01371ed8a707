package channel

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
)

// Nodes are upgraded one after the other: a newer one reads what an older one has written, and an
// older one says that it can't read a newer one's.
func TestRecordsOfOtherVersions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		defer s.end()
		c := s.start("n1")
		r := &recorder{}
		c.Observe(r)
		var last record
		for _, file := range recordFiles {
			last = readRecordFile(t, file)
			if err := last.readable(); err != nil {
				t.Error(err)
			}
			storeParts(t, c, last)
			c.nodes.locked(func() { c.nodes.follow("n0", "hls", last) })
			if p := c.Status().Endpoints[0]; p.NextMSN != last.Slot.MSN+1 || p.Active != last.Slot.Input {
				t.Errorf("%s: the endpoint stands at %d with %s", file, p.NextMSN, p.Active)
			}
		}
		later := last
		later.Format = recordFormat + 1
		later.Link = c.nodes.nextLink(*last.Link)
		c.nodes.locked(func() { c.nodes.follow("n0", "hls", later) })
		time.Sleep(time.Second)
		synctest.Wait()
		if len(r.trouble) == 0 || !strings.Contains(r.trouble[0].Error(), "upgrade") {
			t.Errorf("it was said: %v", r.trouble)
		}
	})
}

func readRecordFile(t *testing.T, file string) (r record) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// storeParts stores something under the keys that a record names.
func storeParts(t *testing.T, c *Channel, r record) {
	t.Helper()
	for i := range r.Slot.Renditions {
		for _, part := range r.Slot.Renditions[i].Parts {
			w, err := c.store.Create(t.Context(), part.Key, part.Size)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write(make([]byte, part.Size)); err != nil {
				t.Fatal(err)
			}
			if err := w.Commit(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// recordFiles are records of each version, as the first version that had them wrote them.
var recordFiles = []string{"testdata/record-1.json", "testdata/record-2.json", "testdata/record-3.json"}

// What this version writes is what it wrote before, or has a version of its own.
func TestRecordFormat(t *testing.T) {
	names, segments := testmedia.Segments(t, "18")
	ahead := countingAhead(t, segments)
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		defer s.end()
		c := s.start("n1")
		a := &encoder{t: t, c: c, input: "a", names: names, media: [][]byte{segments[0], ahead[1], segments[2]}}
		for n := range 3 {
			time.Sleep(segmentTime)
			if n == 2 {
				// Text that is late goes into one slot, each with a map of its own.
				for i := range 3 {
					upload(t, c, "a", fmt.Sprintf("text%d.vtt", i), textSegment(i))
				}
				upload(t, c, "a", "text.m3u8", listOf(3, "text%d.vtt"))
			}
			a.deliver(n)
		}
		time.Sleep(2 * time.Second)
		for i, file := range recordFiles {
			var written record
			c.nodes.locked(func() { written = c.endpoints["hls"].chain.recent[i] })
			if written.Format != i+1 {
				t.Errorf("slot %d has format %d", i, written.Format)
			}
			now, err := json.MarshalIndent(written, "", "\t")
			if err != nil {
				t.Fatal(err)
			}
			if *update {
				if err := os.WriteFile(file, append(now, '\n'), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			before, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if a, b := fieldsOf(t, before), fieldsOf(t, now); a != b {
				t.Errorf("%s: the fields of records have changed, from\n%s\nto\n%s", file, a, b)
			}
		}
	})
}

// As long as there is a node that can't read the second version of records, nobody writes it.
func TestRecordsAreWrittenForTheOldestNode(t *testing.T) {
	names, segments := testmedia.Segments(t, "18")
	ahead := countingAhead(t, segments)
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		defer s.end()
		c, old := s.start("n1"), s.start("n2")
		s.mu.Lock()
		s.nodes["n2"].first = true
		s.mu.Unlock()
		a := &encoder{t: t, c: c, input: "a", names: names, media: [][]byte{segments[0], ahead[1], ahead[2], ahead[3]}}
		formats := func() (list []int) {
			c.nodes.locked(func() {
				for _, r := range c.endpoints["hls"].chain.recent {
					list = append(list, r.Format)
				}
			})
			return list
		}
		for n := range 4 {
			time.Sleep(segmentTime)
			a.deliver(n)
			if n == 1 {
				time.Sleep(segmentTime / 2)
				old.Close() // for its upgrade
			}
		}
		time.Sleep(2 * time.Second)
		if got := formats(); !slices.Equal(got, []int{1, 1, 2, 2}) {
			t.Errorf("records have the formats %v", got)
		}
	})
}

// fieldsOf lists the fields of a record, in order.
func fieldsOf(t *testing.T, text []byte) string {
	t.Helper()
	var all []string
	var walk func(prefix string, v any)
	walk = func(prefix string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for name, inner := range v {
				all = append(all, prefix+name)
				walk(prefix+name+".", inner)
			}
		case []any:
			for _, inner := range v {
				walk(prefix, inner)
			}
		}
	}
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	walk("", v)
	return joinedFields(all)
}

func joinedFields(all []string) string {
	slices.Sort(all)
	return strings.Join(slices.Compact(all), "\n")
}
