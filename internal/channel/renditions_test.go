package channel

import "testing"

// What no multivariant playlist names is listed as what it holds.
func renditionScene(t *testing.T) *programme {
	p := newProgramme(t, []string{"a"}, liveEndpoint(func(e *EndpointConfig) {}))
	p.start("a", "", &pusher{renditions: []string{"picture", "picture+", "audio", "audio2", "words"}})
	p.run(4)
	p.show("no multivariant playlist: pictures, two languages and text", "hls", "index.m3u8")

	for _, scene := range []struct {
		title, master string
		renditions    []string
	}{
		{"one that names the sound only", "#EXTM3U\n" + `#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="aac",NAME="English",DEFAULT=YES,URI="audio.m3u8"` + "\n",
			[]string{"audio", "picture"}},
		{"one that names a part of the ladder", "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=900000,AUDIO=\"aac\"\npicture.m3u8\n" +
			`#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="aac",NAME="English",URI="audio.m3u8"` + "\n",
			[]string{"picture", "picture+", "audio", "audio2"}},
		{"one that names the other encoder's variants first", "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=900000\nhttps://other.example.com/b/video.m3u8\n" +
			"#EXT-X-STREAM-INF:BANDWIDTH=900000\nvideo.m3u8\n",
			[]string{"video"}},
		{"sound alone", "", []string{"audio", "audio2"}},
		{"sound beside pictures that have sound", "", []string{"audio", "video"}},
	} {
		q := newProgramme(t, []string{"a"}, liveEndpoint(func(e *EndpointConfig) {}))
		q.start("a", scene.master, &pusher{renditions: scene.renditions})
		q.run(5)
		q.show(scene.title, "hls", "index.m3u8")
		p.out.WriteString(q.out.String())
	}
	return p
}

// Lines of one playlist with different groups, and limits that only some are in.
func lineScene(t *testing.T) *programme {
	p := newProgramme(t, []string{"a"},
		liveEndpoint(func(e *EndpointConfig) {}),
		liveEndpoint(func(e *EndpointConfig) { e.Name, e.MaxBitrate = "small", 1_000_000 }),
		liveEndpoint(func(e *EndpointConfig) { e.Name, e.MinBitrate = "large", 1_000_000 }))
	p.start("a", "#EXTM3U\n"+
		`#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="stereo",NAME="English",DEFAULT=YES,URI="audio.m3u8"`+"\n"+
		`#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="surround",NAME="English",DEFAULT=YES,URI="audio6.m3u8"`+"\n"+
		`#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="surround",NAME="Deutsch",DEFAULT=YES,URI="never.m3u8"`+"\n"+
		"#EXT-X-STREAM-INF:BANDWIDTH=900000,AUDIO=\"stereo\"\npicture.m3u8\n"+
		"#EXT-X-STREAM-INF:BANDWIDTH=1300000,AUDIO=\"surround\"\npicture.m3u8\n"+
		"#EXT-X-STREAM-INF:BANDWIDTH=1300000,AUDIO=\"surround\"\npicture.m3u8\n"+
		"#EXT-X-STREAM-INF:BANDWIDTH=1300000,AUDIO=\"nowhere\"\npicture+.m3u8\n", &pusher{renditions: []string{"picture", "picture+", "audio", "audio6"}})
	p.run(4)
	p.show("all lines; the group that is not there is not referred to", "hls", "index.m3u8")
	p.show("up to 1M", "small", "index.m3u8")
	p.show("from 1M", "large", "index.m3u8")
	return p
}

// A passive input says wrong things about itself.
func claimScene(t *testing.T) *programme {
	p := newProgramme(t, []string{"a", "b"}, liveEndpoint(func(e *EndpointConfig) {}))
	p.start("b", "#EXTM3U\n#EXT-X-START:TIME-OFFSET=0\n"+
		`#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="x",NAME="Gaps",DEFAULT=YES,URI="never.m3u8"`+"\n"+
		`#EXT-X-MEDIA:TYPE=CLOSED-CAPTIONS,GROUP-ID="cc",NAME="CC",INSTREAM-ID="CC1"`+"\n"+
		"#EXT-X-STREAM-INF:BANDWIDTH=99000000,CODECS=\"hvc1.1.6.L93.b0\",RESOLUTION=16x16,FRAME-RATE=1,HDCP-LEVEL=TYPE-1,AUDIO=\"x\",CLOSED-CAPTIONS=\"cc\"\nvideo.m3u8\n"+
		"#EXT-X-STREAM-INF:BANDWIDTH=1\nphantom.m3u8\n", &pusher{})
	p.start("a", "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=500000,CODECS=\"mp4a.40.2, avc1.64001F\",RESOLUTION=1280x720,FRAME-RATE=25\nvideo.m3u8\n", &pusher{})
	p.run(5)
	p.show("a is active, b only claims", "hls", "index.m3u8")
	p.encoders["a"] = nil
	p.run(5)
	p.show("b is active: what it claims of its own, but for what is measured", "hls", "index.m3u8")
	return p
}
