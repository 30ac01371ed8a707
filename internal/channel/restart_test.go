package channel

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/hls"
	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
)

// life runs a channel on a directory until the store is closed under it, as by the
// end of the process.
func life(t *testing.T, dir string, run func(c *Channel)) {
	t.Helper()
	lifeOf(t, dir, shortEndpoint(), run)
}

func lifeOf(t *testing.T, dir string, endpoint EndpointConfig, run func(c *Channel)) {
	t.Helper()
	startOf(t, dir, endpoint, nil, func(c *Channel) {
		c.Begin()
		run(c)
	})
}

func TestARestartIsSeamlessIfNoMediaIsLost(t *testing.T) {
	names, segments := testmedia.Segments(t, "24")
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		master := []byte("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=400000,CODECS=\"avc1.42c00d,mp4a.40.2\"\nlive.m3u8\n")
		var before *hls.MediaPlaylist
		var multivariant []byte
		bodies := map[string][]byte{}
		var e *encoder
		life(t, dir, func(c *Channel) {
			e = &encoder{t: t, c: c, input: "a", names: names, media: segments}
			upload(t, c, "a", "master.m3u8", master)
			for n := range 5 {
				time.Sleep(segmentTime)
				e.deliver(n)
			}
			before = playlist(t, c.View("hls"))
			multivariant = bytes.Clone(c.View("hls").Playlist("index.m3u8").Body)
			for _, s := range before.Segments {
				bodies[s.URI] = fetch(t, c.View("hls"), s.URI)
			}
		})
		life(t, dir, func(c *Channel) {
			// What was published is there before the encoder has sent anything.
			again := playlist(t, c.View("hls"))
			if len(again.Segments) != len(before.Segments) || again.MediaSequence != before.MediaSequence {
				t.Fatalf("%d segments from %d, not %d from %d", len(again.Segments), again.MediaSequence, len(before.Segments), before.MediaSequence)
			}
			for _, s := range again.Segments {
				if !bytes.Equal(fetch(t, c.View("hls"), s.URI), bodies[s.URI]) {
					t.Errorf("%s has other bytes", s.URI)
				}
			}
			if text := c.View("hls").Playlist("index.m3u8").Body; !bytes.Equal(text, multivariant) {
				t.Errorf("the multivariant playlist was\n%s\nand is\n%s", multivariant, text)
			}
			// The encoder goes on and has nothing to say about renditions.
			e.c = c
			for n := 5; n < 8; n++ {
				time.Sleep(segmentTime)
				e.deliver(n)
			}
			p := playlist(t, c.View("hls"))
			for i, s := range p.Segments {
				msn := p.MediaSequence + uint64(i)
				n := int(msn - before.MediaSequence)
				if s.Discontinuity {
					t.Errorf("segment %d has a discontinuity", n)
				}
				if !bytes.Equal(fetch(t, c.View("hls"), s.URI), segments[n]) {
					t.Errorf("segment %d is not what the encoder sent", n)
				}
			}
			if last := p.MediaSequence + uint64(len(p.Segments)) - before.MediaSequence; last != 8 {
				t.Errorf("the playlist ends behind segment %d, not 8", last)
			}
		})
		// Two segments are lost: one discontinuity.
		life(t, dir, func(c *Channel) {
			e.c = c
			time.Sleep(2 * segmentTime)
			for n := 10; n < 12; n++ {
				time.Sleep(segmentTime)
				e.deliver(n)
			}
			breaks := 0
			for _, s := range playlist(t, c.View("hls")).Segments {
				if s.Discontinuity {
					breaks++
				}
			}
			if breaks != 1 {
				t.Errorf("%d discontinuities", breaks)
			}
		})
	})
}

// ffmpeg sends its initialization section when it starts, and never again.
func TestFragmentsGoOnAfterARestart(t *testing.T) {
	files := fragments(t, "14")
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		n := 0
		for range 3 {
			life(t, dir, func(c *Channel) {
				if n == 0 {
					upload(t, c, "a", "init.mp4", files["init.mp4"])
				}
				for range 2 {
					time.Sleep(segmentTime)
					upload(t, c, "a", fmt.Sprintf("seg%d.m4s", n), files[fmt.Sprintf("seg%d.m4s", n)])
					n++
					upload(t, c, "a", "live.m3u8", fragmentList(n, "init.mp4"))
					synctest.Wait()
				}
				p := playlist(t, c.View("hls"))
				if len(p.Segments) != n {
					t.Fatalf("%d segments are listed, not %d", len(p.Segments), n)
				}
				for i, s := range p.Segments {
					if s.Discontinuity || s.Map == nil || s.Map.URI != p.Segments[0].Map.URI {
						t.Errorf("segment %d: %+v", i, s)
					}
				}
			})
		}
	})
}

// A fragment that waited over a restart is known by its bytes, so that the same ones under
// another name, or other ones under its own, are still told. Records of earlier versions
// have no sum.
func TestWaitingFragmentsKeepTheirSum(t *testing.T) {
	files := fragments(t, "4")
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		var sum string
		life(t, dir, func(c *Channel) {
			upload(t, c, "a", "seg0.m4s", files["seg0.m4s"])
			sum = c.inputs["a"].binder.waiting["seg0.m4s"].hash
		})
		life(t, dir, func(c *Channel) {
			f := c.inputs["a"].binder.waiting["seg0.m4s"]
			if sum == "" || f == nil || f.hash != sum {
				t.Fatalf("the sum was %q, and the fragment is %+v", sum, f)
			}
		})
	})
	var old arrival
	if err := json.Unmarshal([]byte(`{"time":"2026-11-01T00:00:00Z","fragment":{"input":"a","path":"seg0.m4s","key":"sports/a/1"}}`), &old); err != nil || old.Fragment.Hash != "" {
		t.Errorf("an earlier record is %+v: %v", old.Fragment, err)
	}
}

func TestOrdersAndDecisionsOutliveARestart(t *testing.T) {
	names, segments := testmedia.Segments(t, "24")
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		a := &encoder{t: t, input: "a", names: names, media: segments}
		b := &encoder{t: t, input: "b", names: names, media: segments}
		n := 0
		deliver := func(c *Channel, count int) {
			a.c, b.c = c, c
			for range count {
				time.Sleep(segmentTime)
				a.deliver(n)
				b.deliver(n)
				n++
				synctest.Wait()
			}
		}
		var before int
		life(t, dir, func(c *Channel) {
			deliver(c, 3)
			if err := c.Order("hls", "b", true); err != nil {
				t.Fatal(err)
			}
			deliver(c, 2)
			before = len(c.Decisions())
		})
		life(t, dir, func(c *Channel) {
			deliver(c, 2)
			s := c.Status().Endpoints[0]
			if s.Active != "b" || s.Ordered != "b" || !s.Pinned {
				t.Errorf("after a restart: %+v", s)
			}
			if s.LastSwitch == nil || s.LastSwitch.Reason != failover.ReasonManual {
				t.Errorf("the last switch after a restart: %+v", s.LastSwitch)
			}
			if got := c.Decisions(); len(got) != before || before != 2 || got[1].Reason != failover.ReasonManual {
				t.Errorf("%d decisions before, and after: %+v", before, got)
			}
			if err := c.Order("hls", "", false); err != nil {
				t.Fatal(err)
			}
		})
		life(t, dir, func(c *Channel) {
			deliver(c, 1)
			if s := c.Status().Endpoints[0]; s.Ordered != "" || s.Pinned {
				t.Errorf("an order that was taken back is there again: %+v", s)
			}
		})
	})
}

// What was ordered for an input or an endpoint that is then taken out of the config does not come
// back with it, neither at once nor at a restart.
func TestADroppedOrderStaysDropped(t *testing.T) {
	both := []EndpointConfig{shortEndpoint()}
	other := shortEndpoint()
	other.Name = "other"
	for name, without := range map[string]Config{
		"input":    testConfig(both...),
		"endpoint": testConfig(other),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if name == "input" {
					without.Inputs = without.Inputs[:1]
				}
				dir := t.TempDir()
				life(t, dir, func(c *Channel) {
					if err := c.Order("hls", "b", true); err != nil {
						t.Fatal(err)
					}
					for _, config := range []Config{without, testConfig(both...)} {
						if err := c.Configure(config); err != nil {
							t.Fatal(err)
						}
					}
					if s := c.Status().Endpoints[0]; s.Pinned {
						t.Errorf("after a reload: %+v", s)
					}
				})
				restarted := func(c *Channel) {
					if s := c.Status().Endpoints[0]; s.Ordered != "" || s.Pinned {
						t.Errorf("after a restart: %+v", s)
					}
				}
				life(t, dir, func(c *Channel) {
					restarted(c)
					if err := c.Order("hls", "b", true); err != nil {
						t.Fatal(err)
					}
				})
				// Taken out while the origin was stopped.
				startWith(t, dir, without, nil, func(c *Channel) { c.Begin() })
				life(t, dir, restarted)
			})
		})
	}
}

// The journals of what stands and of what arrived do not grow with time.
func TestJournalsOfFactsStayShort(t *testing.T) {
	names, segments := testmedia.Segments(t, "24")
	synctest.Test(t, func(t *testing.T) {
		life(t, t.TempDir(), func(c *Channel) {
			e := &encoder{t: t, c: c, input: "a", names: names, media: segments}
			for n := range 8 {
				time.Sleep(segmentTime)
				e.deliver(n)
			}
			for i := range 400 {
				time.Sleep(segmentTime)
				upload(t, c, "a", "master.m3u8", []byte(fmt.Sprintf("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=%d\nlive.m3u8\n", 400000+i)))
				if err := c.Order("hls", "a", i%2 == 0); err != nil {
					t.Fatal(err)
				}
				// An encoder that sends one segment again and again.
				if err := e.put(names[7], segments[7]); err != nil {
					t.Fatal(err)
				}
			}
			oldest := c.standing.journal.revision
			for _, at := range c.standing.at {
				oldest = min(oldest, at)
			}
			if n := c.standing.journal.revision - oldest; n > 2*staleRecords {
				t.Errorf("%d records of what stands are kept", n)
			}
			if n := len(c.arrivals.refs); n > 300 {
				t.Errorf("%d records of arrivals are kept", n)
			}
		})
	})
}

// An encoder says once which renditions it has, also if its input is taken out of the
// config for a while.
func TestAnInputThatComesBackIsKnown(t *testing.T) {
	config := testConfig(shortEndpoint())
	c := openChannel(t, config)
	upload(t, c, "b", "master.m3u8", []byte("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=400000\none.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=800000\ntwo.m3u8\n"))
	without := config
	without.Inputs = config.Inputs[:1]
	for _, next := range []Config{without, config} {
		if err := c.Configure(next); err != nil {
			t.Fatal(err)
		}
	}
	for _, in := range c.Status().Inputs {
		if in.Name == "b" && len(in.Renditions) != 2 {
			t.Errorf("input b has the renditions %+v", in.Renditions)
		}
	}
}

// Entries that are left out keep their numbers. What is listed around them is noted all the
// same, so that a restart loses none of it.
func TestARestartKnowsAListWithEntriesLeftOut(t *testing.T) {
	names, segments := testmedia.Segments(t, "24")
	entry := func(name string) string { return "#EXTINF:1.92,\n" + name + "\n" }
	for what, between := range map[string]string{
		"outside":     entry("https://ads.example.com/1.ts") + entry("https://ads.example.com/2.ts") + entry("https://ads.example.com/3.ts"),
		"byte ranges": "#EXT-X-BYTERANGE:100@0\n" + entry("part.ts"),
		"encrypted":   "#EXT-X-KEY:METHOD=AES-128,URI=\"key\"\n" + entry("locked.ts") + "#EXT-X-KEY:METHOD=NONE\n",
		"repeated":    entry(names[0]) + entry(names[0]),
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir := t.TempDir()
				endpoint := shortEndpoint()
				endpoint.TimeDelay, endpoint.PlaylistWindow = 20*time.Second, time.Minute
				text := "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:0\n" + entry(names[0]) + between
				lifeOf(t, dir, endpoint, func(c *Channel) {
					for n := range 5 {
						time.Sleep(segmentTime)
						upload(t, c, "a", names[n], segments[n])
						if n > 0 {
							text += entry(names[n])
						}
						upload(t, c, "a", "live.m3u8", []byte(text))
					}
				})
				lifeOf(t, dir, endpoint, func(c *Channel) {
					time.Sleep(30 * time.Second)
					synctest.Wait()
					published := playlist(t, c.View("hls")).Segments
					if len(published) != 5 {
						t.Fatalf("%d segments are published", len(published))
					}
					for n, s := range published {
						if s.Gap || !bytes.Equal(fetch(t, c.View("hls"), s.URI), segments[n]) {
							t.Errorf("segment %d is another one", n)
						}
					}
				})
			})
		})
	}
}

// A list that ends with the same number as the one before may be another one.
func TestWhatIsNewInAPlaylistIsNoted(t *testing.T) {
	list := func(entries ...any) (list []failover.ListedSegment) {
		for i := 0; i < len(entries); i += 2 {
			list = append(list, failover.ListedSegment{Number: uint64(entries[i].(int)), Path: entries[i+1].(string)})
		}
		return list
	}
	noted := &notedEntry{number: 4, path: "e"}
	for _, c := range []struct {
		what string
		list []failover.ListedSegment
		from int
	}{
		{"goes on", list(0, "a", 4, "e", 5, "f"), 1},
		{"goes on behind entries that were left out", list(3, "d", 4, "e", 9, "f"), 1},
		{"the last one is left out now", list(2, "c", 3, "d", 7, "f"), 2},
		{"all of it is newer", list(7, "f", 8, "g"), 0},
		{"is older", list(0, "a", 1, "b"), 0},
		{"has other names", list(3, "x", 4, "y", 5, "z"), 0},
		{"numbers that are not in order", list(9, "f", 2, "c"), 0},
	} {
		if got := noted.goOn(c.list); len(got) != len(c.list)-c.from {
			t.Errorf("%s: %+v", c.what, got)
		}
	}
}
