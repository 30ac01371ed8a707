package output

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/hls"
)

// An encoder says where live viewers begin. Those who start over begin where they asked to,
// with the default settings of their players.
func TestStartoverSaysWhereToBegin(t *testing.T) {
	l := newTimeline(t, time.Minute, "v.m3u8")
	for range 10 {
		l.publish(testMaterial{})
	}
	session := `#EXT-X-SESSION-DATA:DATA-ID="a",VALUE="b"`
	m := &hls.MultivariantPlaylist{
		Tags:     []string{"#EXT-X-START:TIME-OFFSET=-4.0", session},
		Variants: []hls.Variant{{URI: "v.m3u8", Bandwidth: 1000}},
	}
	render(l.w, []Announcement{{BasePath: "/in/a", Path: "master.m3u8", Playlist: m}})
	for query, grows := range map[string]bool{
		"start=" + seconds(2): true, "start=" + seconds(2) + "&end=" + seconds(100): true, "start=" + seconds(2) + "&end=" + seconds(12): false,
	} {
		text, err := l.view().Startover(context.Background(), "index.m3u8", query)
		if err != nil {
			t.Fatal(err)
		}
		_, media, _ := l.parsed(t, query)
		for name, body := range map[string]string{"multivariant": string(plain(t, text)), "media": media} {
			if strings.Contains(body, "#EXT-X-START:TIME-OFFSET=0.001\n") != grows || strings.Contains(body, "=-4.0") {
				t.Errorf("%s, %s:\n%s", query, name, body)
			}
			if name == "multivariant" && !strings.Contains(body, session) {
				t.Errorf("%s: the session data is lost:\n%s", query, body)
			}
		}
	}
	if live := string(l.view().Playlist("index.m3u8").Body); !strings.Contains(live, "#EXT-X-START:TIME-OFFSET=-4.0\n") {
		t.Errorf("live:\n%s", live)
	}
}
