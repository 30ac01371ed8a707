package channel

import (
	"bytes"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/hls"
	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
)

func get(t *testing.T, c *Channel, input, path string) []byte {
	t.Helper()
	f, err := c.Get(t.Context(), input, path)
	if err != nil {
		t.Errorf("GET %s: %v", path, err)
		return nil
	}
	defer f.Content.Close()
	var b bytes.Buffer
	if _, err := f.Content.WriteTo(&b); err != nil {
		t.Errorf("GET %s: %v", path, err)
	}
	return b.Bytes()
}

// An encoder that is started again asks for what it had sent, and goes on with its numbers.
// It gets it after a restart of the origin as well.
func TestAnEncoderFindsItsFilesAfterARestart(t *testing.T) {
	names, segments := testmedia.Segments(t, "16")
	files := fragments(t, "8")
	master := "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=400000\nts/live.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=500000\nmp4/live.m3u8\n"
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		before := map[string][]byte{}
		life(t, dir, func(c *Channel) {
			upload(t, c, "a", "master.m3u8", []byte(master))
			upload(t, c, "a", "mp4/init.mp4", files["init.mp4"])
			for n := range 8 {
				time.Sleep(segmentTime)
				first := max(0, n-3)
				ts := fmt.Sprintf("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:%d\n", 100+first)
				for k := first; k <= n; k++ {
					if k == 6 {
						ts += "#EXT-X-DISCONTINUITY\n"
					}
					ts += fmt.Sprintf("#EXT-X-PROGRAM-DATE-TIME:%s\n#EXTINF:1.92000,\n%s\n", time.Unix(int64(946684800+2*k), 0).UTC().Format("2006-01-02T15:04:05.000Z"), names[k])
				}
				upload(t, c, "a", "ts/"+names[n], segments[n])
				upload(t, c, "a", "ts/live.m3u8", []byte(ts))
				if n < 4 {
					segment := fmt.Sprintf("seg%d.m4s", n)
					upload(t, c, "a", "mp4/"+segment, files[segment])
					upload(t, c, "a", "mp4/live.m3u8", fragmentList(n+1, "init.mp4"))
				}
			}
			for _, path := range []string{"master.m3u8", "ts/live.m3u8", "mp4/live.m3u8", "mp4/init.mp4", "ts/" + names[7]} {
				before[path] = get(t, c, "a", path)
			}
		})
		life(t, dir, func(c *Channel) {
			for path, text := range before {
				now := get(t, c, "a", path)
				was, err := hls.Parse(text, hls.DefaultLimits)
				if err != nil || was.Media == nil {
					if !bytes.Equal(now, text) {
						t.Errorf("%s is another one:\n%.300s", path, now)
					}
					continue
				}
				is, err := hls.Parse(now, hls.DefaultLimits)
				if err != nil || is.Media == nil {
					t.Errorf("%s: %v\n%s", path, err, now)
					continue
				}
				if a, b := listText(was.Media), listText(is.Media); a != b {
					t.Errorf("%s was\n%s\nand is\n%s", path, a, b)
				}
			}
			// What it sends from now on counts again.
			upload(t, c, "a", "ts/live.m3u8", []byte("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:108\n#EXTINF:1.92,\nnext.ts\n"))
			if now := get(t, c, "a", "ts/live.m3u8"); !bytes.Contains(now, []byte("next.ts")) {
				t.Errorf("%s", now)
			}
			if _, err := c.Get(t.Context(), "b", "ts/live.m3u8"); err == nil {
				t.Error("the other input has it as well")
			}
		})
	})
}

func listText(m *hls.MediaPlaylist) string {
	text := fmt.Sprintf("target %d\n", m.TargetDuration)
	for i, s := range m.Segments {
		init := ""
		if s.Map != nil {
			init = s.Map.URI
		}
		text += fmt.Sprintf("%d %s %v %q %t %v\n", m.MediaSequence+uint64(i), s.URI, s.Duration, init, s.Discontinuity, s.ProgramDateTime)
	}
	return text
}

// Where entries were left out, what comes behind them keeps its numbers.
func TestARecalledListKeepsItsNumbers(t *testing.T) {
	entry := "#EXTINF:2,\nseg%d.ts\n"
	for _, list := range []struct {
		versions []string
		want     string
	}{
		{[]string{fmt.Sprintf(entry, 0) + fmt.Sprintf(entry, 1) + "#EXTINF:2,\nhttps://ads.example.com/ad.ts\n" + fmt.Sprintf(entry, 3)}, "3 seg3.ts"},
		{[]string{fmt.Sprintf(entry, 0), fmt.Sprintf(entry, 0) + fmt.Sprintf(entry, 1)}, "0 seg0.ts, 1 seg1.ts"},
		{[]string{fmt.Sprintf(entry, 0) + fmt.Sprintf(entry, 1), "#EXTINF:2,\nother.ts\n"}, "0 other.ts"},
	} {
		synctest.Test(t, func(t *testing.T) {
			dir := t.TempDir()
			life(t, dir, func(c *Channel) {
				for _, v := range list.versions {
					time.Sleep(time.Second)
					upload(t, c, "a", "live.m3u8", []byte("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:0\n"+v))
				}
			})
			life(t, dir, func(c *Channel) {
				p, err := hls.Parse(get(t, c, "a", "live.m3u8"), hls.DefaultLimits)
				if err != nil || p.Media == nil {
					t.Fatal(err)
				}
				got := ""
				for i, s := range p.Media.Segments {
					if i > 0 {
						got += ", "
					}
					got += fmt.Sprint(p.Media.MediaSequence+uint64(i), " ", s.URI)
				}
				if got != list.want {
					t.Errorf("%q, want %q", got, list.want)
				}
			})
		})
	}
}

func TestRelativeTo(t *testing.T) {
	for _, c := range [][3]string{
		{"live.m3u8", "seg.ts", "seg.ts"},
		{"v/live.m3u8", "v/seg.ts", "seg.ts"},
		{"v/live.m3u8", "media/v/seg.ts", "../media/v/seg.ts"},
		{"a/v/live.m3u8", "a/x/seg.ts", "../x/seg.ts"},
		{"a/live.m3u8", "a", "../a"},
		{"live.m3u8", "a b/12:30:00.ts", "a b/12:30:00.ts"},
	} {
		got := relativeTo(c[0], c[1])
		if back, err := hls.ResolveURI("/in/a", c[0], got); got != c[2] || err != nil || back != c[1] {
			t.Errorf("%s in %s: %s, which is %s, %v", c[1], c[0], got, back, err)
		}
	}
}
