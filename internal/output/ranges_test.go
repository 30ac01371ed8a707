package output

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
)

// tell publishes a slot of an input whose playlist has these lines.
func (l *timeline) tell(input string, lines ...string) {
	l.dated = l.datedOf[input]
	l.publish(testMaterial{input: input, tags: l.w.Tags(failover.Slot{
		Input: input, Start: l.at, Dated: l.dated, Renditions: []failover.SlotRendition{{Path: "v.m3u8", Parts: []failover.Part{{Object: "x", Tags: lines}}}},
	})})
}

// dateRanges are the lines that the live playlist lists.
func (l *timeline) dateRanges() []string {
	var lines []string
	for line := range strings.Lines(string(l.view().Playlist(RenditionID("v.m3u8") + ".m3u8").Body)) {
		if strings.HasPrefix(line, dateRangeTag) {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

func (l *timeline) date(offset time.Duration) string {
	return (l.at + l.dated).Time().Add(offset).UTC().Format("2006-01-02T15:04:05.000Z")
}

// Ranges that are over leave the playlist with their slot.
func TestDateRangesEnd(t *testing.T) {
	for _, form := range []string{
		`START-DATE="%s",DURATION=0`, `START-DATE="%s",DURATION=0.0`, `START-DATE="%s",CLASS="c",END-ON-NEXT=YES`,
		`START-DATE="%s",PLANNED-DURATION=1.5`, `START-DATE="%.19s+0000",DURATION=2`, `START-DATE="%.19s+00",DURATION=2`,
		`DURATION=2,START-DATE="%.19s"`, `START-DATE="%[1]s",END-DATE="%.19[1]s+0000"`,
	} {
		l := newTimeline(t, time.Hour, "v.m3u8")
		for i := range 100 {
			l.publish(testMaterial{tags: []string{fmt.Sprintf(dateRangeTag+`ID="%d",`, i) + fmt.Sprintf(form, l.date(0))}})
		}
		if n := len(l.dateRanges()); n > 7 {
			t.Errorf("%s: %d date ranges in a playlist of 6 slots", form, n)
		}
		_, text, _ := l.parsed(t, "start="+seconds(180))
		if n := strings.Count(text, dateRangeTag); n > 11 {
			t.Errorf("%s: %d date ranges in a stretch of 10 slots", form, n)
		}
	}
}

// One that ends with the next of its class is not ended by those of other classes.
func TestDateRangeThatEndsOnTheNext(t *testing.T) {
	l := newTimeline(t, 0, "v.m3u8")
	l.tell("a", fmt.Sprintf(`#EXT-X-DATERANGE:ID="1",CLASS="news",START-DATE="%s",END-ON-NEXT=YES`, l.date(0)))
	l.tell("a", fmt.Sprintf(`#EXT-X-DATERANGE:ID="2",CLASS="ad",START-DATE="%s",DURATION=2`, l.date(0)))
	for range 10 {
		l.tell("a")
	}
	if got := l.dateRanges(); len(got) != 1 || !strings.Contains(got[0], `ID="1"`) {
		t.Errorf("before the next: %q", got)
	}
	l.tell("a", fmt.Sprintf(`#EXT-X-DATERANGE:ID="3",CLASS="news",START-DATE="%s",END-ON-NEXT=YES`, l.date(0)))
	for range 10 {
		l.tell("a")
	}
	if got := l.dateRanges(); len(got) != 1 || !strings.Contains(got[0], `ID="3"`) {
		t.Errorf("after the next: %q", got)
	}
}

// Both encoders announce the same event with a date of their own. Viewers are told the first
// one, and what it did not say.
func TestDateRangeOfTwoInputs(t *testing.T) {
	l := newTimeline(t, 0, "v.m3u8")
	first, second := l.date(0), l.date(137*time.Millisecond)
	l.tell("a", fmt.Sprintf(`#EXT-X-DATERANGE:ID="ad",START-DATE="%s",PLANNED-DURATION=30,SCTE35-OUT=0xFC00`, first))
	l.tell("b", fmt.Sprintf(`#EXT-X-DATERANGE:ID="ad",START-DATE="%s",PLANNED-DURATION=30.04,SCTE35-OUT=0xFC01`, second))
	want := []string{fmt.Sprintf(`#EXT-X-DATERANGE:ID="ad",START-DATE="%s",PLANNED-DURATION=30,SCTE35-OUT=0xFC00`, first)}
	if got := l.dateRanges(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	l.tell("b", fmt.Sprintf(`#EXT-X-DATERANGE:ID="ad",START-DATE="%s",DURATION=20,SCTE35-IN=0xFC02`, second))
	want = append(want, fmt.Sprintf(`#EXT-X-DATERANGE:ID="ad",START-DATE="%s",DURATION=20,SCTE35-IN=0xFC02`, first))
	if got := l.dateRanges(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	// Of an event that goes on after its slots, all is said in one line.
	for range 6 {
		l.tell("b")
	}
	want = []string{fmt.Sprintf(`#EXT-X-DATERANGE:ID="ad",START-DATE="%s",PLANNED-DURATION=30,SCTE35-OUT=0xFC00,DURATION=20,SCTE35-IN=0xFC02`, first)}
	if got := l.dateRanges(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for range 10 {
		l.tell("b")
	}
	if got := l.dateRanges(); len(got) != 0 {
		t.Errorf("when it is over: %q", got)
	}
	// The next time, the ID may be another event's.
	l.tell("a", fmt.Sprintf(`#EXT-X-DATERANGE:ID="ad",START-DATE="%s",DURATION=4`, l.date(0)))
	if got := l.dateRanges(); len(got) != 1 {
		t.Errorf("the next event: %q", got)
	}
}

// A range of the whole programme is in startover playlists as it is in the live one, also if
// its slot, and many others with ranges, have left the window.
func TestDateRangeFromBeforeTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newTimeline(t, time.Minute, "v.m3u8")
		l.publish(testMaterial{tags: []string{
			fmt.Sprintf(`#EXT-X-DATERANGE:ID="programme",START-DATE="%s",DURATION=3600`, l.date(0)),
			fmt.Sprintf(`#EXT-X-DATERANGE:ID="part",START-DATE="%s",DURATION=150`, l.date(0)),
		}})
		for i := range 90 {
			time.Sleep(slotSeconds * time.Second)
			var tags []string
			if i < 30 {
				tags = []string{fmt.Sprintf(`#EXT-X-DATERANGE:ID="%d",START-DATE="%s",DURATION=1`, i, l.date(0))}
			}
			l.publish(testMaterial{tags: tags})
		}
		if l.gone < 40 {
			t.Fatalf("%d slots have left the window", l.gone)
		}
		if got := l.dateRanges(); len(got) != 1 || !strings.Contains(got[0], "programme") {
			t.Errorf("live: %q", got)
		}
		for from, part := range map[float64]bool{140: true, 160: false} {
			_, text, _ := l.parsed(t, "start="+seconds(from))
			if strings.Count(text, dateRangeTag) != strings.Count(text, "programme")+strings.Count(text, `ID="part"`) ||
				!strings.Contains(text, "programme") || strings.Contains(text, `ID="part"`) != part {
				t.Errorf("from %v s:\n%s", from, text)
			}
		}
	})
}

// When the end of a break is lost, the next break is told to viewers all the same. Only what
// comes within a moment is the same break.
func TestABreakWithoutAnEnd(t *testing.T) {
	l := newTimeline(t, 0, "v.m3u8")
	told := func(input, line string) bool {
		s := failover.Slot{Input: input, Start: l.at, Dated: l.datedOf[input], Renditions: []failover.SlotRendition{{Path: "v.m3u8", Parts: []failover.Part{{Object: "x", Tags: []string{line}}}}}}
		return len(l.w.Tags(s)) > 0
	}
	l.tell("a", "#EXT-X-CUE-OUT")
	l.tell("a")
	if told("b", "#EXT-X-CUE-OUT") {
		t.Error("the same break is told twice")
	}
	for range 3 {
		l.tell("b")
	}
	if !told("b", "#EXT-X-CUE-OUT:30") {
		t.Error("the next break is not told")
	}
	l.tell("b", "#EXT-X-CUE-OUT:30")
	for range 13 {
		l.tell("b")
	}
	if told("a", "#EXT-X-CUE-OUT:30") {
		t.Error("a break that is not over is told twice")
	}
	l.tell("b")
	if !told("a", "#EXT-X-CUE-OUT:30") {
		t.Error("the break after it is not told")
	}
}

// A range lasts as long as its encoder says, also where the clock of that one is hours off and another one
// has taken over since.
func TestDateRangesEndWhereClocksDiffer(t *testing.T) {
	for name, dated := range map[string]failover.Ticks{"a is ahead": 7200 * failover.ClockRate, "a is behind": -7200 * failover.ClockRate} {
		l := newTimeline(t, 0, "v.m3u8")
		l.datedOf = map[string]failover.Ticks{"a": dated}
		l.tell("a")
		l.tell("a", fmt.Sprintf(dateRangeTag+`ID="x",START-DATE="%s",DURATION=20`, l.date(0)))
		for n := range 30 {
			l.tell("b")
			// The playlist lists 6 slots, and the range covers 10.
			if told := len(l.dateRanges()); told != 1 && n < 13 || told != 0 && n > 15 {
				t.Errorf("%s: %d slots later, %d ranges are told", name, n, told)
			}
		}
	}
}
