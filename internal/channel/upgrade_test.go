package channel

import (
	"encoding/json"
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
	text, err := os.ReadFile("testdata/record-1.json")
	if err != nil {
		t.Fatal(err)
	}
	var first record
	if err := json.Unmarshal(text, &first); err != nil {
		t.Fatal(err)
	}
	if err := first.readable(); err != nil {
		t.Error(err)
	}
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		defer s.end()
		c := s.start("n1")
		r := &recorder{}
		c.Observe(r)
		for i := range first.Slot.Renditions {
			for _, part := range first.Slot.Renditions[i].Parts {
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
		c.nodes.locked(func() { c.nodes.follow("n0", "hls", first) })
		if p := c.Status().Endpoints[0]; p.NextMSN != first.Slot.MSN+1 || p.Active != first.Slot.Input {
			t.Errorf("the endpoint stands at %d with %s", p.NextMSN, p.Active)
		}
		later := first
		later.Format = recordFormat + 1
		later.Link = c.nodes.nextLink(*first.Link)
		c.nodes.locked(func() { c.nodes.follow("n0", "hls", later) })
		time.Sleep(time.Second)
		synctest.Wait()
		if len(r.trouble) == 0 || !strings.Contains(r.trouble[0].Error(), "upgrade") {
			t.Errorf("it was said: %v", r.trouble)
		}
	})
}

// What this version writes is what it wrote before, or has a version of its own.
func TestRecordFormat(t *testing.T) {
	names, segments := testmedia.Segments(t, "18")
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		defer s.end()
		c := s.start("n1")
		a := &encoder{t: t, c: c, input: "a", names: names, media: segments}
		for n := range 2 {
			time.Sleep(segmentTime)
			a.deliver(n)
		}
		time.Sleep(2 * time.Second)
		var written record
		c.nodes.locked(func() { written = c.endpoints["hls"].chain.recent[0] })
		now, err := json.MarshalIndent(written, "", "\t")
		if err != nil {
			t.Fatal(err)
		}
		if *update {
			if err := os.WriteFile("testdata/record-1.json", append(now, '\n'), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		before, err := os.ReadFile("testdata/record-1.json")
		if err != nil {
			t.Fatal(err)
		}
		if a, b := fieldsOf(t, before), fieldsOf(t, now); a != b {
			t.Errorf("the fields of records have changed, from\n%s\nto\n%s", a, b)
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
