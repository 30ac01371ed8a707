package channel

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/hls"
	"github.com/liveorigin/caddy-live-origin/internal/output"
	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
)

// cueList is a playlist of the first n segments with lines before some of them.
func cueList(names []string, n int, lines map[int]string) []byte {
	var b strings.Builder
	b.WriteString("#EXTM3U\n#EXT-X-TARGETDURATION:2\n")
	for i := range n {
		b.WriteString(lines[i])
		fmt.Fprintf(&b, "#EXTINF:%s,\n%s\n", testmedia.SegmentSeconds, names[i])
	}
	return []byte(b.String())
}

func TestABreakStaysWholeOverJoinsAndASwitch(t *testing.T) {
	names, segments := testmedia.Segments(t, "24")
	lines := map[int]string{
		4: "#EXT-OATCLS-SCTE35:/DAlAAAAAAAAAP/wFAUAAAABf+/+AAAAAH4AUmXAAAEAAAAAo/x5Gw==\n#EXT-X-CUE-OUT:7.68\n",
		5: "#EXT-X-CUE-OUT-CONT:1.92/7.68\n", 6: "#EXT-X-CUE-OUT-CONT:3.84/7.68\n", 7: "#EXT-X-CUE-OUT-CONT:5.76/7.68\n",
		8: "#EXT-X-CUE-IN\n",
	}
	synctest.Test(t, func(t *testing.T) {
		long := shortEndpoint()
		long.SegmentDuration, long.PlaylistWindow, long.FailoverGrace = 6*time.Second, time.Minute, 3*time.Second
		c := openChannel(t, testConfig(long))
		for n := range 12 {
			time.Sleep(segmentTime)
			for _, input := range []string{"a", "b"} {
				if input == "a" && n >= 5 {
					continue // dies within the break
				}
				upload(t, c, input, names[n], segments[n])
				upload(t, c, input, "live.m3u8", cueList(names, n+1, lines))
			}
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		var out, in []int
		p := playlist(t, c.View("hls"))
		for i, s := range p.Segments {
			for _, tag := range s.Tags {
				switch {
				case strings.HasPrefix(tag, "#EXT-X-CUE-OUT:"):
					out = append(out, i)
				case strings.HasPrefix(tag, "#EXT-X-CUE-IN"):
					in = append(in, i)
				}
			}
		}
		if len(out) != 1 || len(in) != 1 {
			t.Fatalf("breaks begin at %v and end at %v\n%s", out, in, c.View("hls").Playlist(firstVariant(t, c.View("hls"))).Body)
		}
		var length time.Duration
		for _, s := range p.Segments[out[0]:in[0]] {
			length += s.Duration
		}
		if length != 4*segmentTime {
			t.Errorf("the break is %s long, not %s", length, 4*segmentTime)
		}
	})
}

func firstVariant(t *testing.T, v *output.View) string {
	t.Helper()
	m, err := hls.Parse(v.Playlist("index.m3u8").Body, hls.DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	return m.Multivariant.Variants[0].URI
}

func TestADateRangeStaysAsLongAsItCoversASegment(t *testing.T) {
	names, segments := testmedia.Segments(t, "36")
	synctest.Test(t, func(t *testing.T) {
		endpoint := shortEndpoint()
		endpoint.PlaylistWindow = 6 * time.Second
		c := openChannel(t, testConfig(endpoint))
		start := time.Now().Add(2 * segmentTime)
		lines := map[int]string{2: fmt.Sprintf("#EXT-X-DATERANGE:ID=\"show\",START-DATE=%q,DURATION=15\n",
			start.UTC().Format("2006-01-02T15:04:05.000Z"))}
		listed, gone := 0, 0
		for n := range segments {
			time.Sleep(segmentTime)
			upload(t, c, "a", names[n], segments[n])
			upload(t, c, "a", "live.m3u8", cueList(names, n+1, lines))
			if n < 4 {
				continue
			}
			synctest.Wait()
			p := playlist(t, c.View("hls"))
			tags := 0
			for _, s := range p.Segments {
				tags += len(slices.DeleteFunc(slices.Clone(s.Tags), func(l string) bool { return !strings.HasPrefix(l, "#EXT-X-DATERANGE:") }))
			}
			covers := p.Segments[0].ProgramDateTime.Before(start.Add(15 * time.Second))
			switch {
			case covers && tags == 1:
				listed++
			case !covers && tags == 0:
				gone++
			default:
				t.Errorf("at segment %d: the range covers the playlist: %t, but it is listed %d times", n, covers, tags)
			}
		}
		if listed < 5 || gone < 3 {
			t.Errorf("listed %d times, gone %d times", listed, gone)
		}
	})
}
