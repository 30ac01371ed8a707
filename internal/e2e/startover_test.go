package e2e

import (
	"bytes"
	"fmt"
	"net/url"
	"path"
	"testing"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/hls"
)

// TestAViewerStartsOverWhileTheActiveEncoderDies: from the beginning of the
// programme to the live edge nothing is missing, in a playlist that grows, and in
// one that ended. A player begins there and plays across the switch.
func TestAViewerStartsOverWhileTheActiveEncoderDies(t *testing.T) {
	source := startContribution(t)
	o := startOrigin(t, `
		channel sports {
			input a /in/sports/a
			input b /in/sports/b
			endpoint fast /fast/sports {
				segment_duration 2s
				playlist_window 8s
				startover_window 1h
			}
		}`)
	encoders := map[string]*encoder{
		"a": source.startEncoder(o.url("/in/sports/a")),
		"b": source.startEncoder(o.url("/in/sports/b")),
	}
	fast := watch(t, o, "/fast/sports")
	fast.wait(5)
	begin := fast.firstDate()
	start := url.QueryEscape(begin.Format("2006-01-02T15:04:05.000Z07:00"))
	player := playFrom(t, o.url("/fast/sports/index.m3u8?start="+start), 0)
	encoders[fast.lastInput()].kill()
	fast.wait(6)
	programme := source.recorded()

	growing := startover(t, fast.base, "index.m3u8?start="+start, hls.Event)
	checkEveryPacket(t, growing, programme)
	if n := growing.count(); n < 10 {
		t.Errorf("only %d segments since the beginning", n)
	}
	end := begin.Add(10 * time.Second).Unix()
	ended := startover(t, fast.base, fmt.Sprintf("index.m3u8?start=%d&end=%d", begin.Unix()+1, end), hls.VOD)
	checkEveryPacket(t, ended, programme)
	if n := ended.count(); n < 4 || n > 6 {
		t.Errorf("%d segments in 9 s", n)
	}
	fast.finish()
	r := player.report()
	if d := r.stalled(); d > 0 {
		t.Errorf("the picture stood still for %s", d)
	}
	if r.Played < 10 {
		t.Errorf("only %.1f s were played", r.Played)
	}
}

// firstDate is the date of the first segment.
func (v *viewer) firstDate() time.Time {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, f := range v.renditions {
		return f.segments[0].date
	}
	return time.Time{}
}

// startover downloads all that a startover playlist lists.
func startover(t *testing.T, base, manifest string, kind hls.PlaylistType) *viewer {
	t.Helper()
	v := &viewer{t: t, base: base, renditions: map[string]*followed{}}
	p, err := hls.Parse(get(t, base+manifest), hls.DefaultLimits)
	if err != nil || p.Multivariant == nil {
		t.Fatalf("%s: %v", manifest, err)
	}
	var uris []string
	for _, variant := range p.Multivariant.Variants {
		uris = append(uris, variant.URI)
	}
	for _, r := range p.Multivariant.Renditions {
		uris = append(uris, r.URI)
	}
	for _, uri := range uris {
		p, err := hls.Parse(get(t, base+uri), hls.DefaultLimits)
		if err != nil || p.Media == nil {
			t.Fatalf("%s: %v", uri, err)
		}
		if p.Media.PlaylistType != kind || p.Media.EndList != (kind == hls.VOD) {
			t.Errorf("%s: type %q, ended %t", uri, p.Media.PlaylistType, p.Media.EndList)
		}
		f := &followed{}
		for _, s := range p.Media.Segments {
			f.segments = append(f.segments, followedSegment{uri: s.URI})
			f.bytes.Write(bytes.Clone(get(t, base+path.Join(path.Dir(uri), s.URI))))
			if s.Discontinuity {
				f.discontinuity++
			}
		}
		v.renditions[uri] = f
	}
	return v
}
