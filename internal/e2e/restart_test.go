package e2e

import (
	"bytes"
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/hls"
)

// TestTheOriginIsKilledAndComesBack: with a store of files, viewers go on where
// they were, three times: no number falls, nothing that was published changes, and
// the media that could not be uploaded costs one discontinuity. So does hls.js,
// where the page tells it that a network error is not the end. What can be played
// from the beginning is the same before and after, with its URIs and bytes.
func TestTheOriginIsKilledAndComesBack(t *testing.T) {
	t.Parallel()
	const kills = 3
	source := startContribution(t)
	o := startOrigin(t, fmt.Sprintf("\t\tstore file %s\n", t.TempDir())+startoverEndpoint)
	start := func() []*encoder {
		return []*encoder{source.startEncoder(o.url("/in/sports/a")), source.startEncoder(o.url("/in/sports/b"))}
	}
	encoders := start()
	fast := watch(t, o, "/fast/sports")
	fast.patient.Store(true)
	fast.wait(4)
	player := startPlayer(t, viewing{player: hlsJS, stream: o.url("/fast/sports/index.m3u8"), position: -1, persist: true})
	manifest := fmt.Sprintf("index.m3u8?start=%s&end=%d",
		url.QueryEscape(fast.firstDate().Format(time.RFC3339Nano)), fast.lastDate().Unix()-1)
	before := startover(t, fast.base, manifest, hls.VOD)
	for i := range kills {
		// The second time long enough for every player to notice.
		o.killAndRestart(time.Duration(i%2) * 5 * time.Second)
		// ffmpeg ends when nobody listens; whoever runs it starts it again.
		for _, e := range encoders {
			e.kill()
		}
		encoders = start()
		fast.wait(4)
		back := player.ask("{}").Pictures
		for range 200 {
			if player.ask("{}").Pictures > back+50 {
				break
			}
			time.Sleep(100 * time.Millisecond)
		}
		if r := player.ask("{}"); r.Pictures <= back+50 {
			t.Errorf("after %d restarts the picture does not move: %q %q", i+1, r.Errors, r.Fatal)
		}
	}
	after := startover(t, fast.base, manifest, hls.VOD)
	for uri, was := range before.renditions {
		now := after.renditions[uri]
		if now == nil || len(now.segments) != len(was.segments) || !bytes.Equal(now.bytes.Bytes(), was.bytes.Bytes()) {
			t.Fatalf("%s: the startover playlist is not the one from before the restarts", uri)
		}
		for i := range was.segments {
			if was.segments[i] != now.segments[i] {
				t.Errorf("%s: %+v became %+v", uri, was.segments[i], now.segments[i])
			}
		}
	}
	fast.finish()
	for uri, f := range fast.renditions {
		if f.discontinuity != kills {
			t.Errorf("%s: %d discontinuities after %d restarts", uri, f.discontinuity, kills)
		}
	}
	player.report()
}
