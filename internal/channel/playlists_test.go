package channel

import (
	"bytes"
	"context"
	"crypto/sha256"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/hls"
	"github.com/liveorigin/caddy-live-origin/internal/media"
	"github.com/liveorigin/caddy-live-origin/internal/output"
)

var update = flag.Bool("update", false, "write what the tests expect")

// programme is encoders that push segments of 2 s, of which only the description
// is real: what the playlists look like depends on nothing else. Names, dates and
// numbers are the same in every run.
type programme struct {
	t        *testing.T
	c        *Channel
	began    time.Time
	encoders map[string]*pusher
	out      strings.Builder
}

// pusher is one of the encoders.
type pusher struct {
	timestamps time.Duration       // of the programme's beginning
	container  media.Format        // default: FormatTS
	lines      map[int][]string    // before a segment, in all its playlists
	lost       map[string][]int    // segments by rendition, "" for all
	dates      bool                // EXT-X-PROGRAM-DATE-TIME
	renditions []string            // media playlists
	listed     map[string][]string // segments so far, with their tags
	first      int
}

// newProgramme opens a channel of synctest's clock, which begins in 2000.
func newProgramme(t *testing.T, inputs []string, endpoints ...EndpointConfig) *programme {
	config := testConfig(endpoints...)
	config.Inputs = nil
	for _, name := range inputs {
		config.Inputs = append(config.Inputs, InputConfig{
			Name: name, BasePath: "/in/" + name, MaxSegmentSize: 1 << 20, MaxPlaylistSize: 1 << 16, MaxRenditions: 9,
		})
	}
	c := openChannel(t, config)
	for _, e := range c.endpoints {
		e.epoch = "abcdef"
		e.window.SetEpoch(e.epoch)
	}
	t.Cleanup(c.Close)
	return &programme{t: t, c: c, began: time.Now(), encoders: map[string]*pusher{}}
}

// start adds an encoder. A multivariant playlist may be empty.
func (p *programme) start(input, multivariant string, e *pusher) *pusher {
	if e.renditions == nil {
		e.renditions = []string{"video"}
	}
	e.listed, e.first = map[string][]string{}, -1
	p.encoders[input] = e
	if multivariant != "" {
		p.put(input, "master.m3u8", multivariant)
	}
	return e
}

func (p *programme) put(input, path, text string) {
	p.t.Helper()
	if _, err := p.c.Put(p.t.Context(), input, path, strings.NewReader(text), -1); err != nil {
		p.t.Fatal(err)
	}
}

// run lets n segments pass: all encoders that have started deliver them.
func (p *programme) run(n int) {
	p.t.Helper()
	for range n {
		index := int(time.Since(p.began) / (2 * time.Second))
		time.Sleep(2 * time.Second)
		for _, ic := range p.c.config.Inputs {
			if e := p.encoders[ic.Name]; e != nil {
				for _, r := range e.renditions {
					p.deliver(ic.Name, e, r, index)
				}
			}
		}
		synctest.Wait()
	}
}

func (p *programme) deliver(input string, e *pusher, rendition string, n int) {
	p.t.Helper()
	for _, who := range []string{"", rendition} {
		for _, lost := range e.lost[who] {
			if lost == n {
				return
			}
		}
	}
	name := fmt.Sprintf("%s-%d", rendition, n)
	info := e.describe(rendition, n)
	key := p.c.objects.key(input)
	p.c.objects.add(key, info.Size)
	var section *initSection
	if info.Format == media.FormatMP4 {
		section = initOf(p.c, rendition)
	}
	if section == nil {
		p.c.mu.Lock()
		p.c.inputs[input].receivedWhole(name, heldSegment{key: key, size: info.Size, info: info, arrived: time.Now()})
		p.c.mu.Unlock()
	} else {
		p.c.objects.describe(key, info, section)
		p.c.mu.Lock()
		p.c.step(failover.Object{Input: input, Path: name, ID: key, Size: info.Size, Media: coreMedia(info)})
		p.c.mu.Unlock()
	}
	if e.first < 0 {
		e.first = n
	}
	var entry strings.Builder
	for _, line := range e.lines[n] {
		entry.WriteString(line + "\n")
	}
	if e.dates {
		entry.WriteString("#EXT-X-PROGRAM-DATE-TIME:" + p.began.Add(time.Duration(n)*2*time.Second).Format(time.RFC3339Nano) + "\n")
	}
	fmt.Fprintf(&entry, "#EXTINF:2,\n%s\n", name)
	e.listed[rendition] = append(e.listed[rendition], entry.String())
	p.put(input, rendition+".m3u8", fmt.Sprintf("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:%d\n%s",
		e.first, strings.Join(e.listed[rendition], "")))
}

// describe is what probing the segment would find. The larger the number of a
// rendition, the larger its segments.
func (e *pusher) describe(rendition string, n int) *media.Info {
	start := int64((e.timestamps + time.Duration(n)*2*time.Second).Seconds() * media.ClockRate)
	info := &media.Info{
		Format: e.container, Size: 100_000, Start: start, End: start + 2*media.ClockRate, Modulus: 1 << 33,
		FrameDuration: media.ClockRate / 25, KeyFrameFirst: true,
	}
	if info.Format == "" {
		info.Format = media.FormatTS
	}
	if strings.HasPrefix(rendition, "audio") || strings.HasPrefix(rendition, "text") {
		info.Size = 40_000
		info.Tracks = []media.Track{{Kind: media.Audio, Codec: "mp4a.40.2", SampleRate: 48000, Channels: 2}}
		if strings.Contains(rendition, "surround") {
			info.Tracks[0].Codec = "ac-3"
		}
		return info
	}
	if strings.HasPrefix(rendition, "words") {
		info.Size, info.Format, info.Untimed, info.Start, info.End, info.Modulus = 400, media.FormatWebVTT, true, 0, 0, 0
		return info
	}
	info.Size *= int64(1 + strings.Count(rendition, "+"))
	// Two key frames in a segment, 1.2 s apart.
	for i, at := range []int64{0, media.ClockRate * 6 / 5} {
		offset := int64(i) * info.Size / 2
		info.KeyFrames = append(info.KeyFrames, media.KeyFrame{Range: media.Range{Start: offset, End: offset + 9000}, PTS: start + at})
	}
	info.Tracks = []media.Track{
		{Kind: media.Video, Codec: "avc1.64001f", Width: 1280, Height: 720, FrameRate: 25},
		{Kind: media.Audio, Codec: "mp4a.40.2", SampleRate: 48000, Channels: 2},
	}
	switch {
	case strings.HasPrefix(rendition, "picture"):
		info.Tracks = info.Tracks[:1]
	case strings.Contains(rendition, "surround"):
		info.Tracks = append(info.Tracks, media.Track{Kind: media.Audio, Codec: "ac-3", SampleRate: 48000, Channels: 6})
	}
	return info
}

func initOf(c *Channel, rendition string) *initSection {
	digest := media.Digest(sha256.Sum256([]byte(rendition)))
	section := &initSection{init: &media.Init{ID: digest, Hash: digest}, part: output.Part{Key: "init-" + rendition, Size: 700}}
	if c.objects.get(section.part.Key) == nil {
		c.objects.add(section.part.Key, section.part.Size)
	}
	return section
}

// show prints playlists of the endpoint at this moment: the one of this name, which
// may have a query, and with "*" all others that it leads to.
func (p *programme) show(title, endpoint, uri string, others ...string) {
	p.t.Helper()
	fmt.Fprintf(&p.out, "==== %s (at %s)\n", title, time.Now().UTC().Format("15:04:05"))
	body := p.fetch(endpoint, uri)
	p.print(uri, body)
	if len(others) == 0 || body == "" {
		return
	}
	for _, found := range playlistURIs.FindAllString(body, -1) {
		for _, suffix := range others {
			if suffix == "*" || strings.Contains(found, suffix) {
				p.print(found, p.fetch(endpoint, found))
				break
			}
		}
	}
}

var playlistURIs = regexp.MustCompile(`[0-9a-f]{16}(-iframes)?\.m3u8[^"\s]*`)

func (p *programme) fetch(endpoint, uri string) string {
	p.t.Helper()
	v := p.c.View(endpoint)
	name, query, _ := strings.Cut(uri, "?")
	var body bytes.Buffer
	past, err := v.Startover(context.Background(), name, query)
	switch live := v.Playlist(name); {
	case err != nil:
		fmt.Fprintf(&p.out, "---- %s\n%v\n", uri, err)
		return ""
	case past != nil:
		if _, err := past.WriteTo(&body); err != nil {
			p.t.Errorf("%s: %v", uri, err)
		}
	case live != nil:
		body.Write(live.Body)
	default:
		fmt.Fprintf(&p.out, "---- %s\nnot there\n", uri)
		return ""
	}
	if _, err := hls.Parse(body.Bytes(), hls.DefaultLimits); err != nil {
		p.t.Errorf("%s: %v", uri, err)
	}
	return body.String()
}

func (p *programme) print(uri, body string) {
	if body != "" {
		fmt.Fprintf(&p.out, "---- %s\n%s", uri, body)
	}
}

// Each file in testdata/playlists shows what viewers get of one option, in the case
// that makes it difficult.
func TestPlaylists(t *testing.T) {
	for name, scene := range scenes {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join("testdata", "playlists", name+".txt")
			synctest.Test(t, func(t *testing.T) {
				got := scene(t).out.String()
				if *update {
					if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if got != string(want) {
					t.Errorf("got:\n%s\nwant:\n%s", got, want)
				}
			})
		})
	}
}
