package output

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/hls"
)

// The encoders of a match are switched off a moment before the time that the programme guide
// gives as its end, and nothing tells the origin that nothing more will come.
func TestStartoverEndsInAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const delay = 10 * time.Minute
		l := newTimeline(t, time.Hour, "v.m3u8")
		begin := time.Now()
		l.at = failover.TicksAt(begin)
		time.Sleep(delay)
		for range 10 {
			time.Sleep(slotSeconds * time.Second)
			l.publish(testMaterial{})
		}
		query := fmt.Sprintf("start=%d&end=%d", begin.Unix()+4, begin.Unix()+23)
		uri, text, m := l.parsed(t, query)
		if m.PlaylistType != hls.Event || m.EndList || len(m.Segments) != 8 {
			t.Fatalf("while media of that time may come: got\n%s", text)
		}
		time.Sleep(burstTime)
		if _, text, m := l.parsed(t, query); m.PlaylistType != hls.Event {
			t.Fatalf("while encoders may send what they kept: got\n%s", text)
		}
		time.Sleep(10 * time.Second)
		if _, text, m := l.parsed(t, query); m.PlaylistType != hls.VOD || !m.EndList || len(m.Segments) != 8 {
			t.Errorf("got\n%s", text)
		}
		if m, text := l.media(t, uri); m.PlaylistType != hls.VOD || !m.EndList || len(m.Segments) != 8 {
			t.Errorf("a viewer who is in the middle of it got\n%s", text)
		}
		ahead := fmt.Sprintf("start=%d&end=%d", begin.Unix()+4, time.Now().Unix())
		if _, text, m := l.parsed(t, ahead); m.PlaylistType != hls.Event {
			t.Errorf("a time whose media is only due after the delay: got\n%s", text)
		}
	})
}
