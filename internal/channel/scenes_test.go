package channel

import (
	"testing"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/media"
	"github.com/liveorigin/caddy-live-origin/internal/output"
)

// scenes are what the files in testdata/playlists show.
var scenes = map[string]func(t *testing.T) *programme{
	"time_delay":      delayScene,
	"startover":       startoverScene,
	"failover_policy": preferScene,
	"on_input_loss":   lossScene,
	"cues":            cueScene,
	"dates":           dateScene,
	"multivariant":    multivariantScene,
	"selection":       selectionScene,
	"iframes":         iframeScene,
	"renditions":      renditionScene,
	"lines":           lineScene,
	"claims":          claimScene,
	"iframes_fmp4":    fragmentScene,
}

func liveEndpoint(change func(e *EndpointConfig)) EndpointConfig {
	e := shortEndpoint()
	e.PlaylistWindow = 6 * time.Second
	change(&e)
	return e
}

// The active encoder dies, and with the delay nothing is late.
func delayScene(t *testing.T) *programme {
	p := newProgramme(t, []string{"a", "b"}, liveEndpoint(func(e *EndpointConfig) { e.TimeDelay = 10 * time.Second }))
	p.start("a", "", &pusher{})
	p.start("b", "", &pusher{})
	p.run(4)
	p.show("8 s have passed", "hls", "index.m3u8")
	p.run(4)
	p.encoders["a"] = nil
	p.run(6)
	p.show("the newest segment ended 10 s ago, and there is no seam", "hls", "index.m3u8", "*")
	return p
}

// A stretch of the past with an unlocked switch in it.
func startoverScene(t *testing.T) *programme {
	p := newProgramme(t, []string{"a", "b"}, liveEndpoint(func(e *EndpointConfig) { e.StartoverWindow = time.Minute }))
	p.start("a", "", &pusher{lines: map[int][]string{
		1: {`#EXT-X-DATERANGE:ID="show",START-DATE="2000-01-01T00:00:02Z",DURATION=30`},
		6: {`#EXT-X-DATERANGE:ID="news",START-DATE="2000-01-01T00:00:12Z",DURATION=4`},
	}})
	p.start("b", "", &pusher{timestamps: 1000 * time.Second, dates: true})
	p.run(4)
	p.encoders["a"] = nil
	p.run(6)
	p.show("a stretch that is over", "hls", "index.m3u8?start=2000-01-01T00:00:04Z&end=2000-01-01T00:00:14Z", "*")
	p.show("a stretch that grows", "hls", "index.m3u8?start=946684812", "*")
	p.show("nonsense", "hls", "index.m3u8?start=yesterday")
	p.run(25)
	p.show("outside the window", "hls", "index.m3u8?start=946684802")
	return p
}

// There and back again.
func preferScene(t *testing.T) *programme {
	p := newProgramme(t, []string{"a", "b"}, liveEndpoint(func(e *EndpointConfig) {
		e.PlaylistWindow, e.Prefer, e.PreferAfter = 20*time.Second, "a", 6*time.Second
	}))
	p.start("a", "", &pusher{lost: map[string][]int{"": {2, 3}}})
	p.start("b", "", &pusher{})
	p.run(10)
	p.show("a lost two segments and was gone back to", "hls", "index.m3u8", "*")
	v := p.c.View("hls")
	for _, s := range v.Slots() {
		p.out.WriteString(s.Input + " ")
	}
	p.out.WriteString("\n")
	return p
}

// Nobody delivers for 6 s. The three choices, side by side.
func lossScene(t *testing.T) *programme {
	var endpoints []EndpointConfig
	for _, loss := range []output.InputLoss{output.Hold, output.Gap, output.Fail} {
		endpoints = append(endpoints, liveEndpoint(func(e *EndpointConfig) { e.Name, e.OnInputLoss = string(loss), loss }))
	}
	p := newProgramme(t, []string{"a", "b"}, endpoints...)
	master := "#EXTM3U\n" + `#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="English",URI="audio.m3u8"` + "\n" +
		`#EXT-X-STREAM-INF:BANDWIDTH=500000,AUDIO="a"` + "\nvideo.m3u8\n"
	for _, input := range []string{"a", "b"} {
		p.start(input, master, &pusher{renditions: []string{"video", "audio"}, lost: map[string][]int{"": {4, 5, 6}}})
	}
	p.run(7)
	time.Sleep(1200 * time.Millisecond)
	for _, e := range endpoints {
		p.show(e.Name+": the inputs are silent", e.Name, "index.m3u8", "*")
	}
	time.Sleep(800 * time.Millisecond)
	p.encoders["a"].lost, p.encoders["b"].lost = nil, nil
	p.run(2)
	for _, e := range endpoints {
		p.show(e.Name+": they are back", e.Name, "index.m3u8", "*")
	}
	return p
}

// A break begins and ends within joined segments, and the active encoder dies
// inside it.
func cueScene(t *testing.T) *programme {
	p := newProgramme(t, []string{"a", "b"}, liveEndpoint(func(e *EndpointConfig) {
		e.SegmentDuration, e.PlaylistWindow, e.FailoverGrace = 4*time.Second, 30*time.Second, 2*time.Second
	}))
	lines := map[int][]string{
		3: {"#EXT-OATCLS-SCTE35:/DAlAAAAAAAAAP/wFAUAAAABf+/+c2nALv4AUsz1AAAAAAAKAAhDVUVJAAABNWLbowo=", "#EXT-X-CUE-OUT:10"},
		4: {"#EXT-X-CUE-OUT-CONT:ElapsedTime=2,Duration=10"}, 6: {"#EXT-X-CUE-OUT-CONT:ElapsedTime=6,Duration=10"},
		8: {"#EXT-X-CUE-IN"},
	}
	master := "#EXTM3U\n" + `#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="English",URI="audio.m3u8"` + "\n" +
		`#EXT-X-STREAM-INF:BANDWIDTH=500000,AUDIO="a"` + "\nvideo.m3u8\n"
	for _, input := range []string{"a", "b"} {
		p.start(input, master, &pusher{lines: lines, renditions: []string{"video", "audio"}})
	}
	p.run(5)
	p.encoders["a"] = nil
	p.run(7)
	p.show("a break over a join and a switch", "hls", "index.m3u8", "*")
	return p
}

// The input has dates; another one, that is not locked, has none.
func dateScene(t *testing.T) *programme {
	p := newProgramme(t, []string{"a", "b"}, liveEndpoint(func(e *EndpointConfig) { e.PlaylistWindow = 30 * time.Second }))
	p.start("a", "", &pusher{dates: true})
	p.start("b", "", &pusher{timestamps: 777 * time.Second})
	p.run(4)
	p.encoders["a"] = nil
	p.run(4)
	p.show("dates go on over the switch", "hls", "index.m3u8", "*")
	return p
}

const fullMaster = "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-START:TIME-OFFSET=-12\n" +
	`#EXT-X-SESSION-DATA:DATA-ID="com.example.title",VALUE="The Cup",LANGUAGE="en"` + "\n" +
	`#EXT-X-SESSION-DATA:DATA-ID="com.example.more",URI="more.json"` + "\n" +
	`#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="stereo",NAME="English",LANGUAGE="en",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",URI="audio.m3u8"` + "\n" +
	`#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="subs",NAME="English",LANGUAGE="en",AUTOSELECT=YES,CHARACTERISTICS="public.accessibility.transcribes-spoken-dialog",URI="text.m3u8"` + "\n" +
	`#EXT-X-MEDIA:TYPE=CLOSED-CAPTIONS,GROUP-ID="cc",NAME="English",INSTREAM-ID="CC1"` + "\n" +
	`#EXT-X-STREAM-INF:BANDWIDTH=1400000,AVERAGE-BANDWIDTH=1100000,CODECS="avc1.64001f,mp4a.40.2",RESOLUTION=1280x720,FRAME-RATE=25,HDCP-LEVEL=NONE,VIDEO-RANGE=SDR,AUDIO="stereo",SUBTITLES="subs",CLOSED-CAPTIONS="cc",SCORE=2.0,STABLE-VARIANT-ID="hd"` + "\nvideo++.m3u8\n" +
	`#EXT-X-STREAM-INF:BANDWIDTH=300000,CODECS="avc1.64001f,mp4a.40.2",RESOLUTION=640x360,AUDIO="stereo",SUBTITLES="subs"` + "\nvideo.m3u8\n" +
	`#EXT-X-STREAM-INF:BANDWIDTH=2400000,CODECS="avc1.64001f,mp4a.40.2",RESOLUTION=1920x1080,AUDIO="surround"` + "\nvideo+++.m3u8\n" +
	`#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="surround",NAME="English",CHANNELS="6",URI="audio6.m3u8"` + "\n" +
	`#EXT-X-STREAM-INF:BANDWIDTH=170000,CODECS="mp4a.40.2",AUDIO="stereo"` + "\naudio.m3u8\n"

var fullRenditions = []string{"video++", "video", "video+++", "audio", "audio6", "text"}

// What the encoder says is kept, and what it leaves out or has wrong is measured.
func multivariantScene(t *testing.T) *programme {
	p := newProgramme(t, []string{"a"}, liveEndpoint(func(e *EndpointConfig) {}))
	p.start("a", fullMaster, &pusher{renditions: fullRenditions})
	p.run(4)
	p.show("all attributes", "hls", "index.m3u8")
	p.start("a", "", &pusher{})
	q := newProgramme(t, []string{"a"}, liveEndpoint(func(e *EndpointConfig) {}))
	q.start("a", "", &pusher{})
	q.run(4)
	q.show("an encoder without a multivariant playlist", "hls", "index.m3u8")
	p.out.WriteString(q.out.String())
	return p
}

func selectionScene(t *testing.T) *programme {
	p := newProgramme(t, []string{"a"},
		liveEndpoint(func(e *EndpointConfig) { e.Name, e.MinBitrate, e.MaxBitrate = "middle", 200_000, 2_000_000 }),
		liveEndpoint(func(e *EndpointConfig) { e.Name, e.VariantOrder = "ascending", output.Ascending }),
		liveEndpoint(func(e *EndpointConfig) { e.Name, e.VariantOrder = "descending", output.Descending }),
		liveEndpoint(func(e *EndpointConfig) { e.Name, e.MinBitrate = "none", 9_000_000 }))
	p.start("a", fullMaster, &pusher{renditions: fullRenditions})
	p.run(4)
	p.show("200k to 2M, with the audio that belongs to them", "middle", "index.m3u8")
	p.show("smallest first", "ascending", "index.m3u8")
	p.show("largest first", "descending", "index.m3u8")
	p.show("limits that leave nothing but audio", "none", "index.m3u8")
	return p
}

// Joined segments with key frames in the middle, a gap, and a stretch of the past.
func iframeScene(t *testing.T) *programme {
	p := newProgramme(t, []string{"a"}, liveEndpoint(func(e *EndpointConfig) {
		e.SegmentDuration, e.PlaylistWindow, e.FailoverGrace = 4*time.Second, 12*time.Second, 2*time.Second
		e.IFramePlaylist, e.OnInputLoss, e.StartoverWindow = true, output.Gap, time.Minute
	}))
	p.start("a", "", &pusher{lost: map[string][]int{"": {6, 7}}})
	p.run(12)
	p.show("key frames", "hls", "index.m3u8", "*")
	p.show("key frames of the past", "hls", "index.m3u8?start=946684804&end=946684812", "-iframes")
	return p
}

func fragmentScene(t *testing.T) *programme {
	p := newProgramme(t, []string{"a"}, liveEndpoint(func(e *EndpointConfig) { e.IFramePlaylist = true }))
	p.start("a", "", &pusher{container: media.FormatMP4})
	p.run(4)
	p.show("key frames of fragmented MP4", "hls", "index.m3u8", "-iframes")
	return p
}
