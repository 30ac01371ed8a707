package output

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/hls"
)

// stretchOf fetches the multivariant playlist of a stretch, and everything that it lists.
func (l *timeline) stretchOf(t *testing.T, query string) *hls.MultivariantPlaylist {
	t.Helper()
	text, err := l.view().Startover(context.Background(), "index.m3u8", query)
	if err != nil || text == nil {
		t.Fatalf("%s: %v", query, err)
	}
	p, err := hls.Parse(plain(t, text), hls.DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	m := p.Multivariant
	for _, v := range m.Variants {
		l.media(t, v.URI)
	}
	for _, v := range m.IFrames {
		l.media(t, v.URI)
	}
	for _, r := range m.Renditions {
		if r.URI != "" {
			l.media(t, r.URI)
		}
	}
	return m
}

// playlistNames are the URIs of what is listed, without the query.
func playlistNames(m *hls.MultivariantPlaylist) string {
	var names []string
	add := func(uri string) {
		name, _, _ := strings.Cut(uri, "?")
		for _, path := range []string{"v.m3u8", "w.m3u8", "x.m3u8", "audio/en.m3u8", "audio/de.m3u8"} {
			name = strings.ReplaceAll(name, RenditionID(path)+".m3u8", strings.TrimSuffix(path, ".m3u8"))
			name = strings.ReplaceAll(name, RenditionID(path)+iframesSuffix+".m3u8", "I-frames of "+strings.TrimSuffix(path, ".m3u8"))
		}
		names = append(names, name)
	}
	for _, v := range m.Variants {
		add(v.URI)
	}
	for _, r := range m.Renditions {
		add(r.URI)
	}
	for _, v := range m.IFrames {
		add(v.URI)
	}
	return strings.Join(names, ", ")
}

// A stretch lists the ladder of its time, whatever the encoder sends today.
func TestStartoverHasTheLadderOfItsTime(t *testing.T) {
	announced := func(audio string, variants ...string) []Announcement {
		m := &hls.MultivariantPlaylist{Renditions: []hls.Rendition{
			{Type: "AUDIO", GroupID: "sound", Name: "Sound of " + audio, Language: "en", URI: audio, Default: true, Autoselect: true},
		}}
		for _, v := range variants {
			m.Variants = append(m.Variants, hls.Variant{URI: v, Bandwidth: 123_456, Audio: "sound", VideoRange: "PQ"})
		}
		return []Announcement{{BasePath: "/in/a", Path: "master.m3u8", Playlist: m}}
	}
	l := newTimeline(t, time.Hour, "v.m3u8", "audio/en.m3u8")
	old := announced("audio/en.m3u8", "v.m3u8")
	for range 20 { // 0 to 40 s
		l.publish(testMaterial{})
		render(l.w, old)
	}
	l.renditions = []string{"v.m3u8", "w.m3u8", "audio/en.m3u8"}
	more := announced("audio/en.m3u8", "v.m3u8", "w.m3u8")
	for range 20 { // to 80 s
		l.publish(testMaterial{})
		render(l.w, more)
	}
	l.renditions = []string{"w.m3u8", "x.m3u8", "audio/de.m3u8"}
	l.w.config.IFramePlaylist = true
	other := announced("audio/de.m3u8", "w.m3u8", "x.m3u8")
	for range 20 { // to 120 s
		l.publish(testMaterial{iframes: 1})
		render(l.w, other)
	}
	for _, c := range []struct {
		from, to float64
		want     string
	}{
		{10, 30, "v, audio/en"},
		{10, 0, "w, x, v, audio/de, audio/en, I-frames of w, I-frames of x"},
		{10, 60, "v, w, audio/en"},
		{50, 60, "v, w, audio/en"},
		{90, 100, "w, x, audio/de, I-frames of w, I-frames of x"},
	} {
		query := "start=" + seconds(c.from)
		if c.to > 0 {
			query += "&end=" + seconds(c.to)
		}
		m := l.stretchOf(t, query)
		if got := playlistNames(m); got != c.want {
			t.Errorf("%v to %v: %s, want %s", c.from, c.to, got, c.want)
		}
		for _, v := range m.Variants {
			if v.Bandwidth < 123_456 || v.VideoRange != "PQ" || v.Audio != "sound" {
				t.Errorf("%v to %v: what the encoder said of a variant is lost: %+v", c.from, c.to, v)
			}
		}
		for _, r := range m.Renditions {
			if r.Language != "en" || !strings.HasPrefix(r.Name, "Sound of audio/") {
				t.Errorf("%v to %v: what the encoder said of a rendition is lost: %+v", c.from, c.to, r)
			}
		}
	}
	// After a restart nobody knows any more what encoders had said.
	again := newTimeline(t, time.Hour)
	for _, s := range l.w.slots {
		again.w.Add(s)
	}
	again.w.config.IFramePlaylist = true
	render(again.w, other)
	if got := playlistNames(again.stretchOf(t, "start="+seconds(10)+"&end="+seconds(60))); !strings.Contains(got, "v") || !strings.Contains(got, "w") || strings.Contains(got, "x") {
		t.Errorf("after a restart: %s", got)
	}
}

// What no slot has any more is forgotten.
func TestRenditionsThatComeAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newTimeline(t, time.Minute, "v.m3u8")
		l.w.config.IFramePlaylist = true
		next := map[string]uint64{}
		for i := range 2000 {
			time.Sleep(slotSeconds * time.Second)
			l.renditions = []string{fmt.Sprintf("v%d.m3u8", i%1000)}
			l.publish(testMaterial{iframes: 3})
			r := l.w.slots[len(l.w.slots)-1].Renditions[0]
			if r.IFrame < next[r.ID] {
				t.Fatalf("slot %d: the I-frame playlist goes on with %d, and was at %d", i, r.IFrame, next[r.ID])
			}
			next[r.ID] = r.IFrame + 3
		}
		if n := len(l.w.tracks); n > len(l.w.slots)+1 { // one has just expired
			t.Errorf("%d tracks, %d slots", n, len(l.w.slots))
		}
		if n := len(l.w.ladders); n > len(l.w.slots) {
			t.Errorf("%d ladders, %d slots", n, len(l.w.slots))
		}
	})
}
