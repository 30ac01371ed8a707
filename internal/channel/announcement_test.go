package channel

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/hls"
	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
)

const (
	avcMaster = "#EXTM3U\n" + `#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="aac",NAME="English",LANGUAGE="en",DEFAULT=YES,URI="audio.m3u8"` + "\n" +
		"#EXT-X-STREAM-INF:BANDWIDTH=900000,AUDIO=\"aac\"\npicture.m3u8\n"
	hevcMaster = "#EXTM3U\n" + `#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="surround",NAME="Deutsch",LANGUAGE="de",DEFAULT=YES,URI="audio2.m3u8"` + "\n" +
		"#EXT-X-STREAM-INF:BANDWIDTH=900000,AUDIO=\"surround\"\npicture+.m3u8\n"
)

// An encoder that sends two multivariant playlists, each with part of its renditions, is
// served with all of them, whichever came last, and its operator is told.
func TestTwoMultivariantPlaylistsOfOneInput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProgramme(t, []string{"a"}, liveEndpoint(func(*EndpointConfig) {}))
		r := &recorder{}
		p.c.Observe(r)
		p.start("a", avcMaster, &pusher{renditions: []string{"picture", "picture+", "audio", "audio2"}})
		p.put("a", "master_hevc.m3u8", hevcMaster)
		p.run(4)
		want := string(p.c.View("hls").Playlist("index.m3u8").Body)
		if m, err := hls.Parse([]byte(want), hls.DefaultLimits); err != nil || len(m.Multivariant.Variants) != 2 || len(m.Multivariant.Renditions) != 2 ||
			!strings.Contains(want, `GROUP-ID="aac"`) || !strings.Contains(want, `GROUP-ID="surround"`) {
			t.Errorf("%v\n%s", err, want)
		}
		for i := range 6 {
			p.put("a", "master.m3u8", avcMaster)
			if i%2 == 0 {
				p.put("a", "master_hevc.m3u8", hevcMaster)
			}
			p.run(4)
			if got := string(p.c.View("hls").Playlist("index.m3u8").Body); got != want {
				t.Fatalf("it was\n%s\nand is\n%s", want, got)
			}
		}
		said := 0
		for _, n := range r.notices {
			if n.Kind == NoticeMultivariants && !n.Repeated && n.Path == "master_hevc.m3u8" && strings.Contains(n.Text, "master.m3u8") {
				said++
			}
		}
		if said != 1 {
			t.Errorf("said %d times: %+v", said, r.notices)
		}
		if list := p.c.Waits(); len(list) != 0 {
			t.Errorf("waits for %+v", list)
		}
	})
}

// An encoder that comes back under other names leaves nothing behind that is waited for.
func TestAMultivariantPlaylistUnderAnotherName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProgramme(t, []string{"a"}, liveEndpoint(func(*EndpointConfig) {}))
		e := p.start("a", avcMaster, &pusher{renditions: []string{"picture", "audio"}})
		p.run(6)
		e.renditions = []string{"picture+", "audio2"}
		p.put("a", "master_2.m3u8", hevcMaster)
		p.run(replacedSegments + 2)
		in := p.c.inputs["a"]
		if !slices.Equal(in.announced, []string{"picture+.m3u8", "audio2.m3u8"}) {
			t.Errorf("announced are %v", in.announced)
		}
		p.run(10)
		if list := p.c.Waits(); len(list) != 0 {
			t.Errorf("waits for %+v", list)
		}
		// The same renditions under a third name: nothing is left of the second.
		p.put("a", "master_3.m3u8", hevcMaster)
		if len(in.multivariants) != 1 || in.multivariants[0].path != "master_3.m3u8" {
			t.Errorf("%d are in force", len(in.multivariants))
		}
		// Part of what is announced stops for good: that is waited for, not forgotten.
		p.put("a", "master_4.m3u8", "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=900000\npicture.m3u8\n")
		e.renditions = []string{"picture", "picture+", "audio2"}
		p.run(4)
		e.renditions = []string{"picture", "audio2"}
		p.run(20)
		if list := p.c.Waits(); len(list) != 1 || list[0].Path != "picture+.m3u8" {
			t.Errorf("waits for %+v", list)
		}
	})
}

func TestMultivariantPlaylistsOfOneInputAreBounded(t *testing.T) {
	c := openChannel(t, testConfig(shortEndpoint())) // three renditions
	for i := range 20 {
		_, _ = c.Put(t.Context(), "a", fmt.Sprintf("master-%d.m3u8", i%12), strings.NewReader(fmt.Sprintf("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=900000\nvideo-%d.m3u8\n", i)), -1)
		in := c.inputs["a"]
		if n := len(in.announced); n > 3 {
			t.Fatalf("%d renditions are announced", n)
		}
		noted := 0
		for key := range c.standing.last {
			if key.kind == "multivariant" {
				noted++
			}
		}
		if noted != len(in.multivariants) || noted > mostAnnouncements {
			t.Fatalf("%d are noted, %d in force", noted, len(in.multivariants))
		}
	}
}

// A restart knows all of them, and none that was replaced.
func TestARestartKnowsTheMultivariantPlaylistsInForce(t *testing.T) {
	names, segments := testmedia.Segments(t, "24")
	master := func(name string) []byte {
		return []byte("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=900000\n" + name + "\n")
	}
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		life(t, dir, func(c *Channel) {
			upload(t, c, "a", "old.m3u8", master("gone.m3u8"))
			time.Sleep(time.Second)
			upload(t, c, "a", "one.m3u8", master("live.m3u8"))
			upload(t, c, "a", "two.m3u8", master("other.m3u8"))
			e := &encoder{t: t, c: c, input: "a", names: names, media: segments}
			o := &encoder{t: t, c: c, input: "a", playlist: "other.m3u8", media: segments}
			for n := range 8 {
				o.names = append(o.names, "other-"+names[n])
				time.Sleep(segmentTime)
				e.deliver(n)
				o.deliver(n)
			}
		})
		for range 2 {
			life(t, dir, func(c *Channel) {
				if got := c.inputs["a"].announced; !slices.Equal(got, []string{"live.m3u8", "other.m3u8"}) {
					t.Errorf("announced are %v", got)
				}
				if text := get(t, c, "a", "two.m3u8"); string(text) != string(master("other.m3u8")) {
					t.Errorf("%s", text)
				}
			})
		}
	})
}

// One of two encoders comes back under other names, with a multivariant playlist of the same or of another name,
// while the other one goes on under the old ones. It continues what it had: viewers, who keep the URLs that they
// have, get it when the other one fails.
func TestOneOfTwoEncodersReturnsUnderOtherNames(t *testing.T) {
	for _, name := range []string{"master.m3u8", "master_2.m3u8"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newProgramme(t, []string{"a", "b"}, liveEndpoint(func(*EndpointConfig) {}))
				before := strings.ReplaceAll(avcMaster, "picture.m3u8", "picture.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=1800000,AUDIO=\"aac\"\npicture+.m3u8")
				after := strings.NewReplacer("picture", "picture2", "audio.m3u8", "audio2.m3u8").Replace(before)
				for _, input := range []string{"a", "b"} {
					p.start(input, before, &pusher{renditions: []string{"picture", "picture+", "audio"}})
				}
				p.run(6)
				had := playlistURIs.FindAllString(p.fetch("hls", "index.m3u8"), -1)
				delete(p.encoders, "b")
				p.run(1)
				p.start("b", "", &pusher{renditions: []string{"picture2+", "picture2", "audio2"}})
				p.put("b", name, after)
				p.run(8)
				delete(p.encoders, "a")
				p.run(5)
				if have := playlistURIs.FindAllString(p.fetch("hls", "index.m3u8"), -1); !slices.Equal(have, had) {
					t.Errorf("viewers had %v and have %v", had, have)
				}
				for _, uri := range had {
					if list := p.fetch("hls", uri); strings.Contains(list, "#EXT-X-GAP") {
						t.Errorf("%s:\n%s", uri, list)
					}
				}
			})
		})
	}
}
