package channel

import (
	"strings"
	"testing"
	"testing/synctest"
)

// Players leave out variants whose sound needs a codec that they lack: the operator is told of those with
// several, once, and of no others.
func TestSoundInSeveralCodecsIsNoticed(t *testing.T) {
	group := func(name, uri string) string {
		return `#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="` + name + `",NAME="` + uri + `",URI="` + uri + `.m3u8"` + "\n"
	}
	variant := func(group string) string {
		return `#EXT-X-STREAM-INF:BANDWIDTH=900000,AUDIO="` + group + "\"\npicture.m3u8\n"
	}
	for name, c := range map[string]struct {
		multivariant string
		renditions   []string
		noticed      string // empty for nothing
		later        string // another multivariant playlist, after some segments
	}{
		"one group":         {"#EXTM3U\n" + group("g", "audio") + group("g", "audio-surround") + variant("g"), []string{"picture", "audio", "audio-surround"}, `audio group "g" `, ""},
		"one group later":   {"#EXTM3U\n" + group("g", "audio") + group("h", "audio-surround") + variant("g") + variant("h"), []string{"picture", "audio", "audio-surround"}, `audio group "g" `, "#EXTM3U\n" + group("g", "audio") + group("g", "audio-surround") + variant("g")},
		"two groups":        {"#EXTM3U\n" + group("g", "audio") + group("h", "audio-surround") + variant("g") + variant("h"), []string{"picture", "audio", "audio-surround"}, "", ""},
		"languages":         {"#EXTM3U\n" + group("g", "audio") + group("g", "audio2") + variant("g"), []string{"picture", "audio", "audio2"}, "", ""},
		"one is not named":  {"#EXTM3U\n" + group("g", "audio") + variant("g"), []string{"picture", "audio", "audio-surround"}, `audio group "g" `, ""},
		"nothing is named":  {"", []string{"picture", "audio", "audio-surround"}, `audio group "audio" `, ""},
		"there is no video": {"", []string{"audio", "audio-surround"}, "", ""},
		"in one segment":    {"", []string{"video-surround"}, "video-surround.m3u8 has sound in several codecs: mp4a.40.2, ac-3;", ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newProgramme(t, []string{"a"}, liveEndpoint(func(*EndpointConfig) {}))
				r := &recorder{}
				p.c.Observe(r)
				p.start("a", c.multivariant, &pusher{renditions: c.renditions})
				p.run(6)
				if c.later != "" {
					p.put("a", "master.m3u8", c.later)
					p.run(1)
				}
				var texts []string
				for _, n := range r.notices {
					if n.Kind == NoticeAudioCodecs {
						texts = append(texts, n.Text)
					}
				}
				text := strings.Join(texts, "\n")
				if c.noticed == "" && text == "" {
					return
				}
				both := strings.Contains(text, "mp4a.40.2") && strings.Contains(text, "ac-3")
				if len(texts) != 1 || !strings.HasPrefix(text, c.noticed) || !both || c.noticed == "" {
					t.Errorf("noticed is\n%s", text)
				}
			})
		})
	}
}
