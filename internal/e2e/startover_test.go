package e2e

import (
	"fmt"
	"math"
	"net/url"
	"path"
	"testing"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/hls"
)

const startoverEndpoint = `
		channel sports {
			input a /in/sports/a
			input b /in/sports/b
			endpoint fast /fast/sports {
				segment_duration 2s
				playlist_window 8s
				startover_window 1h
			}
		}`

// TestAViewerStartsOverWhileTheActiveEncoderDies: from the beginning of the
// programme to the live edge nothing is missing, in a playlist that grows, and in
// one that ended. A player begins there and plays across the switch.
func TestAViewerStartsOverWhileTheActiveEncoderDies(t *testing.T) {
	t.Parallel()
	source := startContribution(t)
	o := startOrigin(t, startoverEndpoint)
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

	growing := startover(t, fast.base, "index.m3u8?start="+start, hls.Event)
	programme := source.recorded() // not before: the playlists of the last renditions may be a segment longer
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
	if r := player.ask("{}"); r.Played < 10 {
		t.Errorf("only %.1f s were played", r.Played)
	}
	seekAcross(t, player, growing.seam(), 0)
	r := player.report()
	if d := r.stalled(); d > 0 {
		t.Errorf("the picture stood still for %s", d)
	}
}

// TestAViewerSeeksAcrossADiscontinuity: two encoders that share nothing, and a
// switch between them in the middle of a programme that has ended: back and forth
// over it, through it, and to the end.
func TestAViewerSeeksAcrossADiscontinuity(t *testing.T) {
	t.Parallel()
	o := startOrigin(t, startoverEndpoint)
	a := startIndependent(t, o.url("/in/sports/a"), 50)
	fast := watch(t, o, "/fast/sports")
	startIndependent(t, o.url("/in/sports/b"), 45)
	fast.wait(5)
	a.kill()
	fast.wait(6)
	begin, end := fast.firstDate(), fast.lastDate().Add(-time.Second)
	fast.finish()
	manifest := fmt.Sprintf("index.m3u8?start=%d&end=%d", begin.Unix()+1, end.Unix())
	ended := startover(t, fast.base, manifest, hls.VOD)
	player := playFrom(t, fast.base+manifest, 0)
	// A discontinuity may cost less than a target duration, and so may every jump
	// to it.
	seekAcross(t, player, ended.seam(), 2*time.Second)
	length := ended.length()
	if r := player.ask(`{}`); math.Abs(r.Duration-length) > 0.2 {
		t.Errorf("the player takes %.2f s of media for %.2f s", length, r.Duration)
	}
	player.ask(fmt.Sprintf(`{"seek":%f}`, length-1.5))
	for range 100 {
		if player.ask("{}").Ended {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if r := player.report(); !r.Ended || r.Played < length-0.5 {
		t.Errorf("the player has not come to the end at %.2f s, but to %.2f s", length, r.Played)
	}
}

// TestPlayersStartOverByDefault: without being told where to begin, players begin at the start
// that was asked for, while the programme goes on.
func TestPlayersStartOverByDefault(t *testing.T) {
	t.Parallel()
	source := startContribution(t)
	o := startOrigin(t, startoverEndpoint)
	source.startEncoder(o.url("/in/sports/a"))
	fast := watch(t, o, "/fast/sports")
	fast.wait(15)
	start := url.QueryEscape(fast.firstDate().Format("2006-01-02T15:04:05.000Z07:00"))
	for _, p := range []string{hlsJS, shaka} {
		player := startPlayer(t, viewing{player: p, stream: o.url("/fast/sports/index.m3u8?start=" + start), position: -1})
		if r := player.ask("{}"); r.Played > 8 {
			t.Errorf("%s begins %.1f s behind the start", p, r.Played)
		}
		player.close()
	}
	fast.finish()
}

// seekAcross jumps back and forth over a seam, and plays through it. Each time the
// picture has to move, and must not stand still for longer than it may.
func seekAcross(t *testing.T, p *player, seam float64, may time.Duration) {
	t.Helper()
	if seam < 4 {
		t.Fatalf("the seam is %.1f s behind the beginning, too near to seek around it", seam)
	}
	before := p.ask("{}").stalled()
	for _, to := range []float64{seam + 2, seam - 3, 0.5, seam + 0.1, seam - 0.5} {
		p.ask(fmt.Sprintf(`{"seek":%f}`, to))
		time.Sleep(4 * time.Second)
		r := p.ask("{}")
		if r.Played < to+2 {
			t.Errorf("4 s after a jump to %.1f s the player is at %.1f s", to, r.Played)
		}
		if d := r.stalled() - before; d > may {
			t.Errorf("after a jump to %.1f s, with the seam at %.1f s, the picture stood still for %s", to, seam, d)
		}
		before = r.stalled()
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

// lastDate is the date of the newest segment that all renditions have.
func (v *viewer) lastDate() time.Time {
	v.mu.Lock()
	defer v.mu.Unlock()
	var last time.Time
	for _, f := range v.renditions {
		if at := f.segments[len(f.segments)-1].date; last.IsZero() || at.Before(last) {
			last = at
		}
	}
	return last
}

// one is any of the renditions.
func (v *viewer) one() *followed {
	for _, f := range v.renditions {
		return f
	}
	return nil
}

// seam is where the input changes, in seconds from the beginning.
func (v *viewer) seam() float64 {
	at := time.Duration(0)
	segments := v.one().segments
	for i, s := range segments {
		if i > 0 && s.input != segments[i-1].input {
			return at.Seconds()
		}
		at += s.duration
	}
	v.t.Error("the input never changes")
	return 0
}

// length is how much media there is, in seconds.
func (v *viewer) length() float64 {
	sum := time.Duration(0)
	for _, s := range v.one().segments {
		sum += s.duration
	}
	return sum.Seconds()
}

// startover downloads all that a startover playlist lists.
func startover(t *testing.T, base, manifest string, kind hls.PlaylistType) *viewer {
	t.Helper()
	v := &viewer{t: t, base: base, renditions: map[string]*followed{}, changed: map[uint64]string{}}
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
			media, said, ok := v.fetch(base + path.Join(path.Dir(uri), s.URI))
			if !ok {
				t.Errorf("%s cannot be fetched", s.URI)
			}
			f.segments = append(f.segments, followedSegment{uri: s.URI, duration: s.Duration, told: said})
			f.bytes.Write(media)
			if s.Discontinuity {
				f.discontinuity++
			}
		}
		v.renditions[uri] = f
	}
	return v
}
