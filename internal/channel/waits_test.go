package channel

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
)

// Fragments whose playlist names no initialization section, or one outside the input, wait
// for what won't come: that is said, with the line.
func TestFragmentsWithoutAMapAreSaid(t *testing.T) {
	files := fragments(t, "12")
	for what, tag := range map[string]string{
		"none": "", "elsewhere": "#EXT-X-MAP:URI=\"https://cdn.example.com/init.mp4\"\n", "above the input": "#EXT-X-MAP:URI=\"/init.mp4\"\n",
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := openChannel(t, testConfig(shortEndpoint()))
				r := &recorder{}
				c.Observe(r)
				upload(t, c, "a", "init.mp4", files["init.mp4"])
				head, text := "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:2\n", ""
				for i := range 6 {
					time.Sleep(segmentTime)
					segment := fmt.Sprintf("seg%d.m4s", i)
					upload(t, c, "a", segment, files[segment])
					text += "#EXTINF:1.92,\n" + segment + "\n"
					upload(t, c, "a", "live.m3u8", []byte(head+tag+text))
				}
				synctest.Wait()
				waits, entries := 0, 0
				for _, n := range r.notices {
					switch {
					case n.Kind == WaitInit && n.Path == "live.m3u8" && strings.Contains(n.Text, "EXT-X-MAP") && n.Advice != "":
						waits++
					case n.Kind == "entry" && !n.Repeated && n.Line == 6 && strings.Contains(n.Text, "init.mp4"):
						entries++
					}
				}
				if waits != 1 || (entries == 1) != (tag != "") {
					t.Errorf("said %d times that the input waits, %d times which line is wrong: %+v", waits, entries, r.notices)
				}
				if list := c.Waits(); len(list) != 1 {
					t.Errorf("the status has %+v", list)
				}
				time.Sleep(segmentTime)
				upload(t, c, "a", "live.m3u8", []byte(head+"#EXT-X-MAP:URI=\"init.mp4\"\n"+text))
				synctest.Wait()
				if list := c.Waits(); len(list) != 0 {
					t.Errorf("once it is named, the status has %+v", list)
				}
				time.Sleep(4 * time.Second)
				if len(playlist(t, c.View("hls")).Segments) == 0 {
					t.Error("nothing is published")
				}
			})
		})
	}
}

// Playlists and media that don't find each other: each upload is fine by itself, and nothing
// is ever on air.
func TestMediaAndPlaylistsThatMissEachOtherAreSaid(t *testing.T) {
	files := fragments(t, "26")
	for what, want := range map[string]struct {
		folder, listed string
		kind           NoticeKind
		text           string
	}{
		"another folder": {"seg/", "live.m3u8", WaitMedia, "seg/seg"},
		"no playlist":    {"", "", WaitPlaylist, "seg"},
		"no media":       {"nowhere", "live.m3u8", WaitMedia, "seg"},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := openChannel(t, testConfig(shortEndpoint()))
				r := &recorder{}
				c.Observe(r)
				upload(t, c, "a", "init.mp4", files["init.mp4"])
				text := "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:2\n#EXT-X-MAP:URI=\"init.mp4\"\n"
				send := func(from, to int, folder string) {
					for i := from; i < to; i++ {
						time.Sleep(segmentTime)
						segment := fmt.Sprintf("seg%d.m4s", i)
						if folder != "nowhere" {
							upload(t, c, "a", folder+segment, files[segment])
						}
						text += "#EXTINF:1.92,\n" + segment + "\n"
						if want.listed != "" {
							upload(t, c, "a", want.listed, []byte(text))
						}
					}
					synctest.Wait()
				}
				send(0, 10, want.folder)
				said := 0
				for _, n := range r.notices {
					if n.Waits() && n.Kind == want.kind && n.Path == want.listed && strings.Contains(n.Text, want.text) && n.Advice != "" {
						said++
					}
				}
				if said != 1 || len(c.Waits()) != 1 {
					t.Errorf("said %d times: %+v, the status has %+v", said, r.notices, c.Waits())
				}
				want.listed = "live.m3u8"
				send(10, 12, "")
				if list := c.Waits(); len(list) != 0 {
					t.Errorf("once they meet, the status has %+v", list)
				}
			})
		})
	}
}

// An encoder is deaf, and goes on sending a playlist that is refused: while it does, its operator is told which
// one, and why, and not that there is none.
func TestARefusedMediaPlaylistIsSaid(t *testing.T) {
	files := fragments(t, "40")
	head := "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:2\n#EXT-X-MAP:URI=\"init.mp4\"\n"
	for what, tell := range map[string]struct{ before, after, why string }{
		"encrypted":   {"#EXT-X-KEY:METHOD=AES-128,URI=\"k\"\n", "", "encrypted"},
		"byte ranges": {"", "#EXT-X-BYTERANGE:100@0\n", "byte range"},
		"no playlist": {"", "", "#EXTM3U"},
		"too long":    {strings.Repeat("#", 5<<20) + "\n", "", "max_playlist_size"},
	} {
		for _, first := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, first %v", what, first), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					c := openChannel(t, testConfig(shortEndpoint()))
					r := &recorder{}
					c.Observe(r)
					upload(t, c, "a", "init.mp4", files["init.mp4"])
					text := ""
					send := func(from, to int, refused bool) {
						for i := from; i < to; i++ {
							time.Sleep(segmentTime)
							segment := fmt.Sprintf("seg%d.m4s", i)
							upload(t, c, "a", segment, files[segment])
							text += "#EXTINF:1.92,\n"
							if refused {
								text += tell.after
							}
							text += segment + "\n"
							list := head + text
							if refused {
								list = head + tell.before + text
							}
							if what == "no playlist" && refused {
								list = "<html></html>"
							}
							_, err := c.Put(t.Context(), "a", "live.m3u8", strings.NewReader(list), int64(len(list)))
							if (err != nil) != refused {
								t.Fatal(i, err)
							}
						}
						synctest.Wait()
					}
					if !first {
						send(0, 3, false)
					}
					text = ""
					send(3, 12, true)
					said := 0
					for _, n := range r.notices {
						switch {
						case !n.Waits():
						case n.Kind == WaitPlaylist && n.Path == "live.m3u8" && strings.Contains(n.Text, tell.why) && n.Advice != "":
							said++
						default:
							t.Errorf("said as well: %+v", n)
						}
					}
					if said != 1 || len(c.Waits()) != 1 {
						t.Errorf("said %d times: %+v, the status has %+v", said, r.notices, c.Waits())
					}
					text = ""
					send(12, 14, false)
					if list := c.Waits(); len(list) != 0 {
						t.Errorf("once it is accepted, the status has %+v", list)
					}
					text = ""
					send(14, 18, true)
					time.Sleep(15 * silentSegments * time.Second)
					if list := c.Waits(); len(list) != 0 {
						t.Errorf("once it does not come any more, the status has %+v", list)
					}
				})
			})
		}
	}
}

// Of two multivariant playlists one is refused. That the other one comes again does not make it better; that
// the encoder no longer sends it does.
func TestARefusedMultivariantPlaylistIsSaidBesideAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := openChannel(t, testConfig(shortEndpoint()))
		good, bad := "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nlive.m3u8\n", "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n/elsewhere/live.m3u8\n"
		for range 10 {
			time.Sleep(2 * time.Second)
			if _, err := c.Put(t.Context(), "a", "bad.m3u8", strings.NewReader(bad), -1); err == nil {
				t.Fatal("it was accepted")
			}
			upload(t, c, "a", "good.m3u8", []byte(good))
		}
		if list := c.Waits(); len(list) != 1 || list[0].Kind != WaitMultivariant || list[0].Path != "bad.m3u8" {
			t.Errorf("the status has %+v", list)
		}
		for range 50 {
			time.Sleep(2 * time.Second)
			upload(t, c, "a", "good.m3u8", []byte(good))
		}
		if list := c.Waits(); len(list) != 0 {
			t.Errorf("once it does not come any more, the status has %+v", list)
		}
	})
}

// An encoder that sends no multivariant playlist takes the place of one that did. That the
// old one's renditions are waited for says where they are announced: nobody would look for a
// playlist from before the restart, and the encoder's own outputs are all there.
func TestAMultivariantPlaylistOfAnEarlierEncoderIsNamed(t *testing.T) {
	names, segments := testmedia.Segments(t, "24")
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		deliver := func(c *Channel, from, to int) {
			e := &encoder{t: t, c: c, input: "a", names: names, media: segments}
			for n := from; n < to; n++ {
				time.Sleep(segmentTime)
				e.deliver(n)
			}
			synctest.Wait()
		}
		life(t, dir, func(c *Channel) {
			upload(t, c, "a", "ladder/main.m3u8", []byte("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=400000\nlow.m3u8\n"))
			deliver(c, 0, 6)
			wait := c.Waits()
			if len(wait) != 1 || wait[0].Path != "ladder/low.m3u8" || !strings.Contains(wait[0].Text, "playlist ladder/main.m3u8, but") ||
				!strings.Contains(wait[0].Advice, "no longer sends ladder/main.m3u8") {
				t.Errorf("the status has %+v", wait)
			}
		})
		life(t, dir, func(c *Channel) {
			deliver(c, 6, 11)
			wait := c.Waits()
			if len(wait) != 1 || !strings.Contains(wait[0].Text, "ladder/main.m3u8 (kept from before the restart), but") {
				t.Errorf("after the restart, the status has %+v", wait)
			}
			upload(t, c, "a", "ladder/main.m3u8", []byte("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=400000\n../live.m3u8\n"))
			deliver(c, 11, 13)
			if wait := c.Waits(); len(wait) != 0 {
				t.Errorf("after what the advice says, the status has %+v", wait)
			}
		})
	})
}
