package channel

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/hls"
	"github.com/liveorigin/caddy-live-origin/internal/media"
	"github.com/liveorigin/caddy-live-origin/internal/output"
	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
	"github.com/liveorigin/caddy-live-origin/store/memory"
)

// segmentTime is the length of the test material's segments.
const segmentTime = 1920 * time.Millisecond

func testConfig(endpoints ...EndpointConfig) Config {
	config := Config{Name: "sports", Endpoints: endpoints}
	for _, name := range []string{"a", "b"} {
		config.Inputs = append(config.Inputs, InputConfig{
			Name: name, BasePath: "/in/" + name, MaxSegmentSize: 1 << 20, MaxPlaylistSize: 1 << 16, MaxRenditions: 3,
		})
	}
	return config
}

func shortEndpoint() EndpointConfig {
	return EndpointConfig{
		Name: "hls", SegmentDuration: 2 * time.Second, FailoverGrace: time.Second,
		Config: output.Config{PlaylistWindow: 12 * time.Second, ManifestName: "index"},
	}
}

// encoder uploads the segments of the test material as an encoder would.
type encoder struct {
	t     testing.TB
	c     *Channel
	input string
	names []string
	media [][]byte
	list  []string
	first int
	// playlist is "live.m3u8" if it is empty.
	playlist string
}

func (e *encoder) put(path string, body []byte) error {
	_, err := e.c.Put(context.Background(), e.input, path, bytes.NewReader(body), int64(len(body)))
	return err
}

// deliver uploads segment n and the playlist that lists it.
func (e *encoder) deliver(n int) {
	e.t.Helper()
	if err := e.put(e.names[n], e.media[n]); err != nil {
		e.t.Fatal(err)
	}
	e.announce(n)
}

func (e *encoder) announce(n int) {
	e.t.Helper()
	if len(e.list) == 0 {
		e.first = n
	}
	e.list = append(e.list, fmt.Sprintf("#EXTINF:%s,\n%s\n", testmedia.SegmentSeconds, e.names[n]))
	text := fmt.Sprintf("#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:%d\n%s",
		e.first, strings.Join(e.list, ""))
	if err := e.put(cmp.Or(e.playlist, "live.m3u8"), []byte(text)); err != nil {
		e.t.Fatal(err)
	}
}

// openChannel opens a channel with a store of its own, which are closed at the test's end.
func openChannel(t *testing.T, config Config) *Channel {
	t.Helper()
	st := memory.Open(64 << 20)
	t.Cleanup(func() { st.Close() })
	c, err := Open(t.Context(), config, st)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// fetch reads a segment through a view.
func fetch(t *testing.T, v *output.View, name string) []byte {
	t.Helper()
	s := v.Segment(name)
	if s == nil {
		t.Fatalf("no segment %s", name)
	}
	content, err := s.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer content.Close()
	var b bytes.Buffer
	if _, err := content.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	if int64(b.Len()) != s.Size {
		t.Fatalf("segment %s has %d bytes, says %d", name, b.Len(), s.Size)
	}
	return b.Bytes()
}

// playlist parses the only rendition's playlist.
func playlist(t *testing.T, v *output.View) *hls.MediaPlaylist {
	t.Helper()
	manifest := v.Playlist("index.m3u8")
	if manifest == nil {
		t.Fatal("no multivariant playlist")
	}
	m, err := hls.Parse(manifest.Body, hls.DefaultLimits)
	if err != nil || m.Multivariant == nil || len(m.Multivariant.Variants) != 1 {
		t.Fatalf("multivariant playlist: %v\n%s", err, manifest.Body)
	}
	text := v.Playlist(m.Multivariant.Variants[0].URI)
	if text == nil {
		t.Fatalf("no playlist %s", m.Multivariant.Variants[0].URI)
	}
	p, err := hls.Parse(text.Body, hls.DefaultLimits)
	if err != nil || p.Media == nil {
		t.Fatalf("media playlist: %v\n%s", err, text.Body)
	}
	return p.Media
}

func TestFailoverIsSeamlessInTheBytes(t *testing.T) {
	names, segments := testmedia.Segments(t, "18")
	synctest.Test(t, func(t *testing.T) {
		c := openChannel(t, testConfig(shortEndpoint()))
		a := &encoder{t: t, c: c, input: "a", names: names, media: segments}
		b := &encoder{t: t, c: c, input: "b", names: names, media: segments}
		if c.View("hls").Playlist("index.m3u8") != nil {
			t.Fatal("a playlist before the first slot")
		}
		for n := range 6 {
			time.Sleep(segmentTime)
			if n < 3 {
				a.deliver(n)
			}
			b.deliver(n)
			synctest.Wait()
		}
		p := playlist(t, c.View("hls"))
		if len(p.Segments) != 6 {
			t.Fatalf("%d segments are listed, not 6", len(p.Segments))
		}
		// Encoder b began its counters at zero, as a did: from the switch on
		// they are the same file, so the output is the whole of it.
		for i, s := range p.Segments {
			if s.Discontinuity {
				t.Errorf("segment %d has a discontinuity", i)
			}
			if got := fetch(t, c.View("hls"), s.URI); !bytes.Equal(got, segments[i]) {
				t.Errorf("segment %d is not what the encoder sent", i)
			}
		}
		if in := c.View("hls").Segment(p.Segments[5].URI).Input; in != "b" {
			t.Errorf("the last segment is from %s", in)
		}
	})
}

// countingAhead are the segments of an encoder that has been running for longer: its continuity
// counters are ahead.
func countingAhead(t *testing.T, segments [][]byte) [][]byte {
	t.Helper()
	ahead := make([][]byte, len(segments))
	for i, s := range segments {
		delta := map[uint16]uint8{}
		info := probe(t, s)
		for _, counter := range info.Counters {
			delta[counter.PID] = 5
		}
		ahead[i] = make([]byte, len(s))
		if _, err := media.NewRewriter(bytes.NewReader(s), media.NewCounterDelta(delta)).ReadAt(ahead[i], 0); err != nil && err != io.EOF {
			t.Fatal(err)
		}
	}
	return ahead
}

// Nothing is copied for it: a switch costs neither time nor room in the store.
func TestCountersContinueOverASwitch(t *testing.T) {
	names, segments := testmedia.Segments(t, "18")
	ahead := countingAhead(t, segments)
	synctest.Test(t, func(t *testing.T) {
		c := openChannel(t, testConfig(shortEndpoint()))
		a := &encoder{t: t, c: c, input: "a", names: names, media: segments}
		b := &encoder{t: t, c: c, input: "b", names: names, media: ahead}
		for n := range 6 {
			time.Sleep(segmentTime)
			if n != 2 && n != 3 {
				a.deliver(n)
			}
			if n < 5 {
				b.deliver(n)
			}
			synctest.Wait()
		}
		time.Sleep(4 * time.Second)
		synctest.Wait()
		for i, s := range playlist(t, c.View("hls")).Segments {
			if got := fetch(t, c.View("hls"), s.URI); !bytes.Equal(got, segments[i]) {
				t.Errorf("segment %d: counters are not those of one encoder", i)
			}
			if keys := c.View("hls").Segment(s.URI).Keys(); len(keys) != 1 || strings.Contains(keys[0], "joined") {
				t.Errorf("segment %d is made of %q", i, keys)
			}
		}
	})
}

func probe(t *testing.T, b []byte) *media.Info {
	t.Helper()
	p := media.NewProber()
	_, _ = p.Write(b)
	probed, err := p.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return probed.Info
}

func TestSlotsThatLeftTheWindowAreFreed(t *testing.T) {
	names, segments := testmedia.Segments(t, "18")
	synctest.Test(t, func(t *testing.T) {
		endpoint := shortEndpoint()
		endpoint.PlaylistWindow = 6 * time.Second
		c := openChannel(t, testConfig(endpoint))
		// The same material over and over: every round is a new run of the
		// encoder, with a discontinuity.
		var most int64
		for round := range 12 {
			e := &encoder{t: t, c: c, input: "a", names: names, media: segments}
			for n := range segments {
				time.Sleep(segmentTime)
				e.deliver(n)
				synctest.Wait()
			}
			if round == 3 {
				most = c.store.Usage().Objects
			}
		}
		if now := c.store.Usage().Objects; now > most+2 {
			t.Errorf("%d objects are held, %d were enough before", now, most)
		}
		c.Close()
		if n := c.store.Usage().Objects; n != 0 {
			t.Errorf("a closed channel holds %d objects", n)
		}
	})
}

// recorder is an observer that keeps everything.
type recorder struct {
	events  []failover.Effect
	trouble []error
	notices []Notice
}

func (r *recorder) Event(_ string, e failover.Effect) { r.events = append(r.events, e) }
func (r *recorder) Trouble(_ string, err error)       { r.trouble = append(r.trouble, err) }
func (r *recorder) Node(string, NodeEvent)            {}

func (r *recorder) Notice(_ string, n Notice) { r.notices = append(r.notices, n) }

func TestTheObserverIsToldInOrder(t *testing.T) {
	names, segments := testmedia.Segments(t, "18")
	synctest.Test(t, func(t *testing.T) {
		c := openChannel(t, testConfig(shortEndpoint()))
		r := &recorder{}
		c.Observe(r)
		a := &encoder{t: t, c: c, input: "a", names: names, media: segments}
		b := &encoder{t: t, c: c, input: "b", names: names, media: segments}
		for n := range 6 {
			time.Sleep(segmentTime)
			if n < 3 {
				a.deliver(n)
			}
			b.deliver(n)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		msn := uint64(0)
		switches := 0
		for _, e := range r.events {
			p, ok := e.(failover.Published)
			if !ok {
				continue
			}
			if msn != 0 && p.Slot.MSN != msn+1 {
				t.Errorf("slot %d after %d", p.Slot.MSN, msn)
			}
			msn = p.Slot.MSN
			if sw := p.Slot.Switch; sw != nil && sw.From != "" {
				switches++
				if sw.From != "a" || sw.To != "b" || !sw.Seamless || sw.Reason != failover.ReasonMissing {
					t.Errorf("switch %+v", sw)
				}
				if late := p.Slot.Published.Sub(sw.Deadline); late < 0 || late > 0 {
					t.Errorf("published %s after the deadline", late)
				}
			}
		}
		if switches != 1 || len(r.trouble) > 0 {
			t.Errorf("%d switches, trouble %v", switches, r.trouble)
		}
	})
}

func TestPlaylistsFailWhenNothingIsPublished(t *testing.T) {
	names, segments := testmedia.Segments(t, "18")
	synctest.Test(t, func(t *testing.T) {
		endpoint := shortEndpoint()
		endpoint.OnInputLoss = output.Fail
		c := openChannel(t, testConfig(endpoint))
		a := &encoder{t: t, c: c, input: "a", names: names, media: segments}
		for n := range 3 {
			time.Sleep(segmentTime)
			a.deliver(n)
		}
		time.Sleep(5 * time.Second)
		if c.View("hls").Playlist("index.m3u8") == nil {
			t.Error("unavailable too early")
		}
		time.Sleep(2 * time.Second)
		if c.View("hls").Playlist("index.m3u8") != nil {
			t.Error("still available after three target durations")
		}
		a.deliver(3)
		if c.View("hls").Playlist("index.m3u8") == nil {
			t.Error("not available after recovery")
		}
	})
}

func TestTimeDelayHidesAFailover(t *testing.T) {
	names, segments := testmedia.Segments(t, "18")
	synctest.Test(t, func(t *testing.T) {
		endpoint := shortEndpoint()
		endpoint.TimeDelay = 10 * time.Second
		c := openChannel(t, testConfig(endpoint))
		r := &recorder{}
		c.Observe(r)
		a := &encoder{t: t, c: c, input: "a", names: names, media: segments}
		b := &encoder{t: t, c: c, input: "b", names: names, media: segments}
		for n := range 8 {
			time.Sleep(segmentTime)
			if n < 3 {
				a.deliver(n)
			}
			b.deliver(n)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		var before *failover.Slot
		for _, e := range r.events {
			p, ok := e.(failover.Published)
			if !ok {
				continue
			}
			if late := p.Slot.Published.Sub(p.Slot.End.Time()); late < endpoint.TimeDelay || late > endpoint.TimeDelay+time.Millisecond {
				t.Errorf("slot %d is visible %s after its end", p.Slot.MSN, late)
			}
			if before != nil && p.Slot.Discontinuity {
				t.Errorf("slot %d has a discontinuity", p.Slot.MSN)
			}
			before = &p.Slot
		}
		if before == nil || before.Input != "b" {
			t.Errorf("last slot %+v", before)
		}
	})
}
