package output

import (
	"strings"
	"testing"

	"github.com/liveorigin/caddy-live-origin/internal/hls"
)

// Two inputs name their audio playlists differently, and give them the same NAME: in a group,
// all are different (RFC 8216 4.3.4.1.1).
func TestNamesInAGroup(t *testing.T) {
	l := newTimeline(t, 0, "v.m3u8", "audio/en.m3u8", "en.m3u8", "sound.m3u8")
	for range 6 {
		l.publish(testMaterial{})
	}
	announced := func(input, audio, name string) Announcement {
		return Announcement{BasePath: "/in/" + input, Path: "master.m3u8", Playlist: &hls.MultivariantPlaylist{
			Variants:   []hls.Variant{{URI: "v.m3u8", Bandwidth: 5000, Audio: "aud"}},
			Renditions: []hls.Rendition{{Type: "AUDIO", GroupID: "aud", Name: name, URI: audio, Default: true, Autoselect: true}},
		}}
	}
	render(l.w, []Announcement{
		announced("a", "audio/en.m3u8", "English"), announced("b", "en.m3u8", "English 2"), announced("c", "sound.m3u8", "English"),
	})
	text := string(l.view().Playlist("index.m3u8").Body)
	for _, want := range []string{`NAME="English"`, `NAME="English 2"`, `NAME="English 3"`, "DEFAULT=YES"} {
		if strings.Count(text, want) != 1 {
			t.Errorf("%s is not there once:\n%s", want, text)
		}
	}
}

// Players begin with a variant: where none of those that are announced comes, or none is announced, the
// sound is one.
func TestSoundAloneIsAVariant(t *testing.T) {
	l := newTimeline(t, 0, "en.m3u8", "fr.m3u8")
	for range 6 {
		l.publish(testMaterial{})
	}
	for name, variants := range map[string][]hls.Variant{
		"the picture does not come": {{URI: "v.m3u8", Bandwidth: 5000, Audio: "aud"}},
		"no picture is announced":   nil,
	} {
		render(l.w, []Announcement{{BasePath: "/in/a", Path: "master.m3u8", Playlist: &hls.MultivariantPlaylist{
			Variants: variants,
			Renditions: []hls.Rendition{
				{Type: "AUDIO", GroupID: "aud", Name: "English", URI: "en.m3u8"},
				{Type: "AUDIO", GroupID: "aud", Name: "French", URI: "fr.m3u8", Default: true},
			},
		}}})
		m := l.view().multivariant
		if len(m.Variants) != 1 || m.Variants[0].Audio != "aud" || m.Variants[0].URI != m.Renditions[1].URI || len(m.Renditions) != 2 {
			t.Errorf("%s:\n%s", name, l.view().Playlist("index.m3u8").Body)
		}
	}
}

// A claim about the whole programme stays, as long as what is measured does not refute it.
func TestAverageBandwidth(t *testing.T) {
	l := newTimeline(t, 0, "v.m3u8")
	for range 6 {
		l.publish(testMaterial{}) // 4000 bit/s
	}
	for claimed, want := range map[uint64]uint64{0: 4096, 900_000: 4096, 100: 4096, 3000: 3000, 5000: 5000, 7000: 6000} {
		m := &hls.MultivariantPlaylist{Variants: []hls.Variant{{URI: "v.m3u8", Bandwidth: 6000, AverageBandwidth: claimed}}}
		render(l.w, []Announcement{{BasePath: "/in/a", Path: "master.m3u8", Playlist: m}})
		if v := l.view().multivariant.Variants[0]; v.AverageBandwidth != want || v.Bandwidth != 6000 {
			t.Errorf("claimed %d: AVERAGE-BANDWIDTH=%d, BANDWIDTH=%d, want %d", claimed, v.AverageBandwidth, v.Bandwidth, want)
		}
	}
}
