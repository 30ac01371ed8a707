package channel

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/activity"
	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
)

func watchedConfig() Config {
	config := testConfig(shortEndpoint())
	config.Activity = true
	return config
}

// segmentsSeen are the segments of an input so far, as "path state".
func segmentsSeen(a *activity.Notes, input string) string {
	entries, _, _, _ := a.Since(0)
	var list []string
	for _, e := range entries {
		if e.Segment != nil && e.Segment.Input == input {
			list = append(list, strings.TrimSpace(e.Segment.Path+" "+string(e.Segment.State)))
		}
	}
	return strings.Join(list, ", ")
}

// Who looks on sees every segment with what became of it, and every slot with the
// switch that it came with.
func TestActivityTellsWhatArrivesAndWhatGoesOut(t *testing.T) {
	names, segments := testmedia.Segments(t, "18")
	synctest.Test(t, func(t *testing.T) {
		c := openChannel(t, watchedConfig())
		a := &encoder{t: t, c: c, input: "a", names: names, media: segments}
		b := &encoder{t: t, c: c, input: "b", names: names, media: segments}
		for n := range 4 {
			time.Sleep(segmentTime)
			a.deliver(n)
			b.deliver(n)
		}
		// a sends half a segment, and b takes over.
		time.Sleep(segmentTime)
		if err := a.put(names[4], segments[4][:len(segments[4])/2]); err == nil {
			t.Fatal("half a segment was taken")
		}
		a.announce(4)
		b.deliver(4)
		time.Sleep(segmentTime)
		a.deliver(5)
		b.deliver(5)
		// b is late, but not so late that anybody minds.
		time.Sleep(segmentTime)
		a.deliver(6)
		time.Sleep(980 * time.Millisecond)
		b.deliver(6)
		// b stops, and a takes over.
		time.Sleep(segmentTime - 980*time.Millisecond)
		a.deliver(7)
		time.Sleep(2 * time.Second)
		synctest.Wait()

		seen := c.Activity()
		want := []string{}
		for n := range 8 {
			state := activity.Arrived
			if n == 4 {
				state = activity.Unsound
			}
			want = append(want, fmt.Sprintf("%s %s", names[n], state))
		}
		if got := segmentsSeen(seen, "a"); got != strings.Join(want, ", ") {
			t.Errorf("a: %s", got)
		}
		want[4] = names[4] + " arrived"
		want[6] = names[6] + " late"
		want[7] = "missing"
		if got := segmentsSeen(seen, "b"); got != strings.Join(want, ", ") {
			t.Errorf("b: %s", got)
		}
		var slots []string
		entries, lost, next, _ := seen.Since(0)
		for _, e := range entries {
			if s := e.Slot; s != nil {
				text := s.Input
				if s.Switch != nil {
					text = fmt.Sprintf("%s>%s %s", s.Switch.From, s.Switch.To, s.Switch.Reason)
				}
				slots = append(slots, text)
				if d := (s.End - s.Start).Duration(); d != segmentTime {
					t.Errorf("a slot of %s", d)
				}
			}
			if s := e.Segment; s != nil && s.State != activity.Missed && s.State != activity.Unsound && (s.End-s.Start).Duration() != segmentTime {
				t.Errorf("%s lies from %d to %d", s.Path, s.Start, s.End)
			}
		}
		if got := strings.Join(slots, ", "); got != ">a start, a, a, a, a>b truncated, b, b, b>a missing_segment" {
			t.Errorf("slots: %s", got)
		}
		if lost != 0 || next != uint64(len(entries)) {
			t.Errorf("%d lost, next is %d of %d", lost, next, len(entries))
		}
		n := seen.Counters()
		if in := n.Inputs["a"]; in.Segments != 7 || in.Unsound["truncated"] != 1 || in.Bytes == 0 || in.First == 0 {
			t.Errorf("a: %+v", in)
		}
		if in := n.Inputs["b"]; in.Segments != 7 || in.Late != 1 || in.Missing != 1 {
			t.Errorf("b: %+v", in)
		}
		if e := n.Endpoints["hls"]; e.Slots != 8 || e.Switches != 2 || e.GivenUp != 0 {
			t.Errorf("hls: %+v", e)
		}
	})
}

// An object that no playlist lists is told of in the end; one that is broken, soon.
func TestActivityTellsOfWhatIsInNoPlaylist(t *testing.T) {
	names, segments := testmedia.Segments(t, "18")
	synctest.Test(t, func(t *testing.T) {
		c := openChannel(t, watchedConfig())
		a := &encoder{t: t, c: c, input: "a", names: names, media: segments}
		if err := a.put("lost.ts", segments[0]); err != nil {
			t.Fatal(err)
		}
		if err := a.put("broken.ts", []byte("no media at all")); err == nil {
			t.Fatal("garbage was taken")
		}
		time.Sleep(6 * time.Second)
		a.deliver(1)
		if got := segmentsSeen(c.Activity(), "a"); got != "broken.ts unsound, "+names[1]+" arrived" {
			t.Errorf("after a while: %s", got)
		}
		time.Sleep(2 * time.Minute)
		a.deliver(2)
		if got := segmentsSeen(c.Activity(), "a"); !strings.Contains(got, "lost.ts unlisted") {
			t.Errorf("in the end: %s", got)
		}
	})
}

// Uploads that are refused are shown once a second, and all are counted.
func TestActivityOfRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := openChannel(t, watchedConfig())
		for range 500 {
			c.NoteRefusal("a", strings.Repeat("ä", 10_000), errors.New(strings.Repeat("no", 10_000)))
		}
		time.Sleep(time.Second)
		c.NoteRefusal("a", "x.ts", errors.New("no"))
		entries, _, _, _ := c.Activity().Since(0)
		if len(entries) != 2 {
			t.Errorf("%d entries", len(entries))
		}
		for _, e := range entries {
			if len(e.Segment.Path) > 256+len("…") || len(e.Segment.Reason) > 256+len("…") {
				t.Errorf("texts of %d and %d bytes", len(e.Segment.Path), len(e.Segment.Reason))
			}
		}
		if n := c.Activity().Counters().Inputs["a"].Refused; n != 501 {
			t.Errorf("%d refusals", n)
		}
	})
}

// A channel that nobody means to look at takes no notes.
func TestNoActivityUnlessAskedFor(t *testing.T) {
	c := openChannel(t, testConfig(shortEndpoint()))
	c.NoteRefusal("a", "x.ts", errors.New("no"))
	if c.Activity() != nil {
		t.Error("there are notes")
	}
	if err := c.Configure(watchedConfig()); err != nil {
		t.Fatal(err)
	}
	notes := c.Activity()
	if err := c.Configure(watchedConfig()); err != nil {
		t.Fatal(err)
	}
	if notes == nil || c.Activity() != notes {
		t.Error("the notes did not outlive a change of config")
	}
}
