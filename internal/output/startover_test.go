package output

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/hls"
	"github.com/liveorigin/caddy-live-origin/internal/media"
)

// timeline is a window that slots are added to, of objects that are known by name only.
type timeline struct {
	w          *Window
	renditions []string
	at         failover.Ticks            // where the next slot starts
	dated      failover.Ticks            // how far its dates are ahead of that
	datedOf    map[string]failover.Ticks // the same of each input
	msn        uint64
	breaks     uint64 // discontinuities so far
	objects    int
	gone       int // slots that left the window
}

const (
	slotSeconds    = 2
	playlistWindow = 12 * time.Second
)

func newTimeline(t testing.TB, startover time.Duration, renditions ...string) *timeline {
	t.Helper()
	config := Config{PlaylistWindow: playlistWindow, StartoverWindow: startover, ManifestName: "index"}
	w := New(config, nil, func(err error) { t.Error(err) })
	w.SetEpoch("epoch")
	render(w, nil)
	return &timeline{w: w, renditions: renditions, at: 1_000_000 * failover.ClockRate, msn: 100}
}

// testMaterial is what the segments of a slot are made of.
type testMaterial struct {
	discontinuity bool
	passed        uint64 // discontinuity numbers
	init          string // empty for transport streams
	gap           bool
	iframes       int      // key frames in the slot, with an I-frame playlist
	tags          []string // lines of the slot
	without       string   // a rendition that the slot does not have
	gapOf         string   // one that has a gap
	seconds       float64  // length of the slot, slotSeconds if 0
	size          int64    // bytes of a segment, 1000 if 0
	input         string   // "a" if empty
}

func (l *timeline) publish(m testMaterial) {
	l.add(m)
	render(l.w, nil)
	l.gone += len(l.w.Expire(time.Now(), math.MaxInt))
}

// add adds a slot that viewers do not see yet.
func (l *timeline) add(m testMaterial) {
	if m.discontinuity {
		l.breaks += 1 + m.passed
	}
	s := &Slot{
		MSN: l.msn, Input: cmp.Or(m.input, "a"), Start: l.at + l.dated, End: l.at + l.dated + m.length(), Dated: l.dated,
		Discontinuity: m.discontinuity, DiscontinuityNumber: l.breaks, TargetDuration: slotSeconds, Published: time.Now(),
		Tags: m.tags,
	}
	for _, path := range l.renditions {
		if path == m.without {
			continue
		}
		s.Renditions = append(s.Renditions, l.rendition(path, m))
	}
	l.w.NumberIFrames(s)
	s.Head = l.w.HeadWith(s)
	l.w.Add(s)
	l.msn++
	l.at += m.length()
}

func (m testMaterial) length() failover.Ticks {
	return failover.Ticks(cmp.Or(m.seconds, slotSeconds) * failover.ClockRate)
}

func (l *timeline) rendition(path string, m testMaterial) Rendition {
	r := Rendition{ID: RenditionID(path), Path: path, Duration: m.length()}
	if m.gap || m.gapOf == path {
		r.Format = l.w.FormatOf(r.ID, nil)
		return r
	}
	info := &media.Info{
		Format: media.FormatTS, Size: 1000, KeyFrameFirst: true,
		Tracks: []media.Track{{Kind: media.Video, Codec: "avc1.64001f"}},
	}
	if m.init != "" {
		info.Format = media.FormatMP4
		r.Map = &Section{Name: sectionName(r.ID, m.init), ID: m.init, Part: Part{Key: "init-" + m.init, Size: 10}}
	}
	l.objects++
	r.Size = cmp.Or(m.size, 1000)
	r.Parts = []Part{{Key: fmt.Sprintf("sports/a/%d", l.objects), Size: r.Size}}
	for i := range m.iframes {
		r.IFrames = append(r.IFrames, IFrame{Offset: int64(100 * i), Size: 50, At: failover.Ticks(i) * failover.ClockRate})
	}
	r.Format = l.w.FormatOf(r.ID, info)
	return r
}

func sectionName(rendition, init string) string {
	return fmt.Sprintf("%s/epoch-init-%s.mp4", rendition, init)
}

func (l *timeline) view() *View { return l.w.View() }

// seconds is a query parameter: so many seconds behind the first slot.
func seconds(n float64) string { return fmt.Sprintf("%.1f", 1_000_000+n) }

// parsed fetches a playlist and what it leads to.
func (l *timeline) parsed(t *testing.T, query string) (uri, raw string, m *hls.MediaPlaylist) {
	t.Helper()
	text, err := l.view().Startover(context.Background(), "index.m3u8", query)
	if err != nil || text == nil {
		t.Fatalf("%s: %v", query, err)
	}
	p, err := hls.Parse(plain(t, text), hls.DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	uri = p.Multivariant.Variants[0].URI
	m, raw = l.media(t, uri)
	return uri, raw, m
}

func (l *timeline) media(t *testing.T, uri string) (*hls.MediaPlaylist, string) {
	t.Helper()
	name, query, _ := strings.Cut(uri, "?")
	text, err := l.view().Startover(context.Background(), name, query)
	if err != nil || text == nil {
		t.Fatalf("%s: %v", uri, err)
	}
	body := plain(t, text)
	p, err := hls.Parse(body, hls.DefaultLimits)
	if err != nil {
		t.Fatalf("%v\n%s", err, body)
	}
	return p.Media, string(body)
}

func plain(t *testing.T, p *Packed) []byte {
	t.Helper()
	var body bytes.Buffer
	if _, err := p.WriteTo(&body); err != nil || body.Len() != p.Size {
		t.Fatalf("%d bytes of %d: %v", body.Len(), p.Size, err)
	}
	return body.Bytes()
}

func TestStartoverRanges(t *testing.T) {
	l := newTimeline(t, 20*time.Second, "v.m3u8")
	for range 15 {
		l.publish(testMaterial{})
	}
	// 15 slots of 2 s: the newest ends at 30, so the window begins at 10.
	for _, c := range []struct {
		start, end float64 // end 0: none
		first, n   int     // n 0: outside
		kind       hls.PlaylistType
	}{
		{10, 0, 5, 10, hls.Event}, {11.9, 0, 5, 10, hls.Event}, {12, 0, 6, 9, hls.Event}, {29.9, 0, 14, 1, hls.Event},
		{9.9, 0, 0, 0, ""}, {30, 0, 0, 0, ""}, {300, 0, 0, 0, ""}, {30, 40, 0, 0, ""}, {0, 20, 0, 0, ""},
		{10, 30, 5, 10, hls.VOD}, {10, 30.1, 5, 10, hls.Event}, {10, 1000, 5, 10, hls.Event},
		{10, 28, 5, 9, hls.VOD}, {10, 28.1, 5, 10, hls.VOD}, {10.5, 10.6, 5, 1, hls.VOD}, {11.9, 12.1, 5, 2, hls.VOD},
		{12, 14, 6, 1, hls.VOD},
	} {
		query := "start=" + seconds(c.start)
		if c.end != 0 {
			query += "&end=" + seconds(c.end)
		}
		if c.n == 0 {
			if _, err := l.view().Startover(context.Background(), "index.m3u8", query); !errors.Is(err, ErrOutside) {
				t.Errorf("%s: %v", query, err)
			}
			continue
		}
		_, text, m := l.parsed(t, query)
		if m.MediaSequence != uint64(100+c.first) || len(m.Segments) != c.n || m.PlaylistType != c.kind || m.EndList != (c.kind == hls.VOD) {
			t.Errorf("%s:\n%s", query, text)
		}
	}
}

func TestStartoverURIsAreEqualForEqualSlots(t *testing.T) {
	l := newTimeline(t, time.Minute, "v.m3u8")
	for range 10 {
		l.publish(testMaterial{})
	}
	a, _, _ := l.parsed(t, "start="+seconds(2.1)+"&end="+seconds(7))
	b, _, _ := l.parsed(t, "token=x&end="+seconds(6.1)+"&start="+seconds(3.9))
	if a != b || !strings.HasSuffix(a, ".m3u8?first=101&last=103") {
		t.Errorf("%s and %s", a, b)
	}
}

func TestStartoverAcrossBreaks(t *testing.T) {
	l := newTimeline(t, time.Minute, "v.m3u8")
	for i, init := range []string{"one", "one", "two", "two", "two", "two"} {
		l.publish(testMaterial{init: init, discontinuity: i == 2 || i == 4, gap: i == 3})
	}
	_, text, _ := l.parsed(t, "start="+seconds(1)+"&end="+seconds(12))
	id := RenditionID("v.m3u8")
	name := func(init string) string { return sectionName(id, init) }
	want := `#EXTM3U
#EXT-X-VERSION:6
#EXT-X-PLAYLIST-TYPE:VOD
#EXT-X-DISCONTINUITY-SEQUENCE:0
#EXT-X-MEDIA-SEQUENCE:100
#EXT-X-TARGETDURATION:2
#EXT-X-MAP:URI="` + name("one") + `"
#EXT-X-PROGRAM-DATE-TIME:1970-01-12T13:46:40.000Z
#EXTINF:2.00000,
` + id + `/epoch-100.m4s
#EXT-X-PROGRAM-DATE-TIME:1970-01-12T13:46:42.000Z
#EXTINF:2.00000,
` + id + `/epoch-101.m4s
#EXT-X-DISCONTINUITY
#EXT-X-MAP:URI="` + name("two") + `"
#EXT-X-PROGRAM-DATE-TIME:1970-01-12T13:46:44.000Z
#EXTINF:2.00000,
` + id + `/epoch-102.m4s
#EXT-X-PROGRAM-DATE-TIME:1970-01-12T13:46:46.000Z
#EXT-X-GAP
#EXTINF:2.00000,
` + id + `/epoch-103.m4s
#EXT-X-DISCONTINUITY
#EXT-X-MAP:URI="` + name("two") + `"
#EXT-X-PROGRAM-DATE-TIME:1970-01-12T13:46:48.000Z
#EXTINF:2.00000,
` + id + `/epoch-104.m4s
#EXT-X-PROGRAM-DATE-TIME:1970-01-12T13:46:50.000Z
#EXTINF:2.00000,
` + id + `/epoch-105.m4s
#EXT-X-ENDLIST
`
	if text != want {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
	// At any start, the numbers are those of the whole, and a MAP comes first.
	for start, discontinuity := range map[float64]uint64{0: 0, 2: 0, 4: 0, 6: 1, 8: 1, 10: 2} {
		_, text, m := l.parsed(t, "start="+seconds(start))
		if m.DiscontinuitySequence != discontinuity || start != 6 && m.Segments[0].Map == nil {
			t.Errorf("start %v:\n%s", start, text)
		}
		for _, s := range m.Segments {
			if s.Map != nil && l.view().Segment(s.Map.URI) == nil || !s.Gap && l.view().Segment(s.URI) == nil {
				t.Errorf("start %v: %s can't be fetched", start, s.URI)
			}
		}
	}
}

func TestStartoverEndsWhereTheContainerChanges(t *testing.T) {
	l := newTimeline(t, time.Minute, "v.m3u8")
	for i, init := range []string{"one", "one", "", ""} {
		l.publish(testMaterial{init: init, discontinuity: i == 2})
	}
	if _, text, m := l.parsed(t, "start="+seconds(0)); len(m.Segments) != 2 || !m.EndList || m.PlaylistType != hls.Event {
		t.Errorf("got\n%s", text)
	}
	if _, text, m := l.parsed(t, "start="+seconds(4)); len(m.Segments) != 2 || m.EndList || m.DiscontinuitySequence != 0 {
		t.Errorf("got\n%s", text)
	}
}

func TestStartoverGrowsUntilItsEnd(t *testing.T) {
	l := newTimeline(t, 10*time.Second, "v.m3u8")
	for range 5 {
		l.publish(testMaterial{})
	}
	uri, before, m := l.parsed(t, "start="+seconds(2)+"&end="+seconds(13))
	if m.PlaylistType != hls.Event || m.EndList || len(m.Segments) != 4 {
		t.Fatalf("got\n%s", before)
	}
	l.publish(testMaterial{})
	m, during := l.media(t, uri)
	if m.PlaylistType != hls.Event || m.EndList || !strings.HasPrefix(during, before) {
		t.Errorf("got\n%s\nafter\n%s", during, before)
	}
	l.publish(testMaterial{})
	m, after := l.media(t, uri)
	if m.PlaylistType != hls.VOD || !m.EndList || len(m.Segments) != 6 {
		t.Errorf("got\n%s", after)
	}
	l.publish(testMaterial{})
	if _, again := l.media(t, uri); again != after {
		t.Errorf("got\n%s", again)
	}
	if closed, _, _ := l.parsed(t, "start="+seconds(7)+"&end="+seconds(13)); strings.Contains(closed, "until") {
		t.Error(closed)
	}
}

func TestStartoverForgets(t *testing.T) {
	l := newTimeline(t, 10*time.Second, "v.m3u8")
	l.w.config.PlaylistWindow = 6 * time.Second
	for range 5 {
		l.publish(testMaterial{init: "one"})
	}
	uri, _, _ := l.parsed(t, "start="+seconds(0))
	name, query, _ := strings.Cut(uri, "?")
	// Slots that are old enough by their media still wait until no live viewer
	// can need them; here that has long been so.
	for range 40 {
		for i := range l.w.left {
			l.w.left[i] = l.w.left[i].Add(-time.Hour)
		}
		l.publish(testMaterial{init: "two"})
	}
	if _, err := l.view().Startover(context.Background(), name, query); !errors.Is(err, ErrOutside) {
		t.Errorf("a playlist without its head: %v", err)
	}
	// The window, 10 s, and what was in it stays for 6 s + 2 target durations.
	if n := len(l.w.slots); n != 10 && n != 11 {
		t.Errorf("%d slots are kept", n)
	}
	if n := len(l.view().sections); n != 1 {
		t.Errorf("%d initialization sections are kept", n)
	}
	if l.gone+len(l.w.slots) != 45 {
		t.Errorf("%d slots were given back and %d are kept, of 45", l.gone, len(l.w.slots))
	}
}

func TestStartoverRefusals(t *testing.T) {
	l := newTimeline(t, time.Minute, "v.m3u8")
	if _, err := l.view().Startover(context.Background(), "index.m3u8", "start=1000000"); !errors.Is(err, ErrOutside) {
		t.Errorf("before the first slot: %v", err)
	}
	for range 5 {
		l.publish(testMaterial{})
	}
	list := RenditionID("v.m3u8") + ".m3u8"
	for _, c := range []struct {
		name, query string
		err         error
	}{
		{"index.m3u8", "start=", ErrQuery}, {"index.m3u8", "start=now", ErrQuery}, {"index.m3u8", "start=-5", ErrQuery},
		{"index.m3u8", "start=1e6", ErrQuery}, {"index.m3u8", "start=1000000000000", ErrQuery},
		{"index.m3u8", "start=1970-01-12T13:46:42", ErrQuery}, {"index.m3u8", "start=1970-13-12T13:46:42Z", ErrQuery},
		{"index.m3u8", "start=1960-01-12T13:46:42Z", ErrQuery}, {"index.m3u8", "end=1000004", ErrQuery},
		{"index.m3u8", "start=1000002&end=1000002", ErrQuery}, {"index.m3u8", "start=1000002&end=1000001", ErrQuery},
		{"index.m3u8", "start=1000002&start=1000002", ErrQuery}, {"index.m3u8", "start=1000002&end=", ErrQuery},
		{"index.m3u8", "start=%zz", ErrQuery},
		{"index.m3u8", "weekend=1", nil}, {"index.m3u8", "first=1", nil}, {"index.m3u8", "token=%zz", nil},
		{list, "start=1000002", nil}, {list, "_HLS_msn=3", nil}, {list, "token=1", nil},
		{list, "first=", ErrQuery}, {list, "first=x", ErrQuery}, {list, "first=0", ErrQuery}, {list, "first=-1", ErrQuery},
		{list, "first=101&first=101", ErrQuery}, {list, "first=102&last=101", ErrQuery}, {list, "first=101&last=x", ErrQuery},
		{list, "first=101&last=102&until=9", ErrQuery}, {list, "first=99999999999999999999", ErrQuery},
		{list, "first=99", ErrOutside}, {list, "first=105", ErrOutside}, {list, "first=101&last=105", ErrOutside},
		{list, "first=104&until=90000000000", ErrOutside}, {list, "first=101&until=1", ErrOutside},
		{"nothing.m3u8", "first=101", ErrOutside}, {list + "x", "first=101", nil},
	} {
		text, err := l.view().Startover(context.Background(), c.name, c.query)
		if text != nil || !errors.Is(err, c.err) {
			t.Errorf("%s?%s: %v", c.name, c.query, err)
		}
	}
	off := newTimeline(t, 0, "v.m3u8")
	off.publish(testMaterial{})
	for name, query := range map[string]string{"index.m3u8": "start=1000000", list: "first=100"} {
		if _, err := off.view().Startover(context.Background(), name, query); !errors.Is(err, ErrOutside) {
			t.Errorf("startover is off, but %s: %v", name, err)
		}
	}
}
