package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/hls"
)

// viewer follows an endpoint like a player that never misses a segment: it polls
// all playlists, downloads every segment once, and checks what must hold of any
// two versions of a playlist.
type viewer struct {
	t    *testing.T
	base string // URL of the endpoint, with a slash at its end

	stop chan struct{}
	done sync.WaitGroup
	// patient: an origin that does not answer is no problem.
	patient atomic.Bool

	mu         sync.Mutex
	renditions map[string]*followed
	problems   []string
	// changed are the renditions of which a published segment was another one later, by number. It
	// may be where nodes have parted, as one that starts takes over what any other one has.
	changed map[uint64]string
	apart   map[uint64]bool
}

// followed is what a viewer knows of one rendition.
type followed struct {
	first, next   uint64
	segments      []followedSegment
	target        int
	bytes         bytes.Buffer
	section       string // the initialization section in force
	sections      int    // how often it changed
	discontinuity int
}

type followedSegment struct {
	uri           string
	duration      time.Duration
	discontinuity bool
	number        uint64 // discontinuity sequence number
	date          time.Time
	gap           bool
	told          // by the headers of the segment
}

// told is what a segment's headers say of it.
type told struct{ input, defects, static string }

func watch(t *testing.T, o *origin, endpoint string) *viewer {
	t.Helper()
	v := &viewer{t: t, base: o.url(endpoint) + "/", stop: make(chan struct{}), renditions: map[string]*followed{}, changed: map[uint64]string{}}
	var manifest []byte
	for range 200 {
		if manifest = get(t, v.base+"index.m3u8"); manifest != nil {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if manifest == nil {
		t.Fatalf("%s: no multivariant playlist within 20 s", endpoint)
	}
	p, err := hls.Parse(manifest, hls.DefaultLimits)
	if err != nil || p.Multivariant == nil {
		t.Fatalf("%s: %v\n%s", endpoint, err, manifest)
	}
	for _, variant := range p.Multivariant.Variants {
		v.follow(variant.URI)
	}
	for _, r := range p.Multivariant.Renditions {
		if r.URI != "" {
			v.follow(r.URI)
		}
	}
	return v
}

func (v *viewer) follow(uri string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.renditions[uri] != nil {
		return
	}
	f := &followed{}
	v.renditions[uri] = f
	v.done.Add(1)
	go func() {
		defer v.done.Done()
		for {
			v.poll(uri, f)
			select {
			case <-v.stop:
				v.poll(uri, f)
				return
			case <-time.After(200 * time.Millisecond):
			}
		}
	}()
}

func (v *viewer) problem(text string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.problems) < 20 {
		v.problems = append(v.problems, text)
	}
}

func (v *viewer) poll(uri string, f *followed) {
	body, _, ok := v.fetch(v.base + uri)
	if !ok {
		if !v.patient.Load() {
			v.problem(uri + " cannot be fetched")
		}
		return
	}
	p, err := hls.Parse(body, hls.DefaultLimits)
	if err != nil || p.Media == nil {
		v.problem(uri + " cannot be read: " + string(body))
		return
	}
	m := p.Media
	if f.segments == nil {
		f.first, f.next, f.target = m.MediaSequence, m.MediaSequence, m.TargetDuration
	}
	if m.TargetDuration != f.target {
		v.problem(uri + ": the target duration changed")
	}
	if m.MediaSequence+uint64(len(m.Segments)) < f.next {
		v.problem(uri + ": the live edge stepped back")
	}
	if m.MediaSequence > f.next {
		v.problem(fmt.Sprintf("%s: segments %d to %d left the playlist unseen", uri, f.next, m.MediaSequence-1))
		v.mu.Lock()
		f.segments = append(f.segments, make([]followedSegment, m.MediaSequence-f.next)...)
		f.next = m.MediaSequence
		v.mu.Unlock()
	}
	number := m.DiscontinuitySequence
	for i, s := range m.Segments {
		if s.Discontinuity {
			number += 1 + uint64(s.Further)
		}
		msn := m.MediaSequence + uint64(i)
		now := followedSegment{
			uri: s.URI, duration: s.Duration, discontinuity: s.Discontinuity,
			number: number, date: s.ProgramDateTime, gap: s.Gap,
		}
		if s.Duration.Round(time.Second) > time.Duration(m.TargetDuration)*time.Second {
			v.problem(uri + ": a segment is longer than the target duration")
		}
		if msn < f.next {
			if msn >= f.first {
				before := f.segments[msn-f.first]
				before.told = told{}
				if before != now && before.uri != "" {
					v.mu.Lock()
					v.changed[msn] = uri
					v.mu.Unlock()
				}
			}
			continue
		}
		if s.Map != nil && s.Map.URI != f.section {
			section, _, ok := v.fetch(v.base + path.Join(path.Dir(uri), s.Map.URI))
			if !ok {
				v.problem(uri + ": " + s.Map.URI + " cannot be fetched")
			}
			f.section = s.Map.URI
			f.sections++
			f.bytes.Write(section)
		}
		if !s.Gap {
			media, said, ok := v.fetch(v.base + path.Join(path.Dir(uri), s.URI))
			if !ok && v.patient.Load() {
				return // with the next version of the playlist
			}
			if !ok {
				v.problem(uri + ": " + s.URI + " cannot be fetched")
			}
			f.bytes.Write(media)
			now.told = said
		}
		v.mu.Lock()
		f.segments = append(f.segments, now)
		f.next = msn + 1
		v.mu.Unlock()
		if s.Discontinuity {
			f.discontinuity++
		}
	}
}

func (v *viewer) fetch(url string) (body []byte, said told, ok bool) {
	resp, err := http.Get(url)
	if err != nil {
		return nil, told{}, false
	}
	defer resp.Body.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(resp.Body); err != nil || resp.StatusCode != http.StatusOK {
		return nil, told{}, false
	}
	h := resp.Header
	return b.Bytes(), told{h.Get("X-Live-Origin-Input"), h.Get("X-Live-Origin-Defects"), h.Get("CMSD-Static")}, true
}

// count is how many segments the viewer has of its slowest rendition.
func (v *viewer) count() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	least := -1
	for _, f := range v.renditions {
		if least < 0 || len(f.segments) < least {
			least = len(f.segments)
		}
	}
	return least
}

// lastInput is where the newest segment came from.
func (v *viewer) lastInput() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, f := range v.renditions {
		if n := len(f.segments); n > 0 {
			return f.segments[n-1].input
		}
	}
	return ""
}

// wait waits until the viewer has n more segments.
func (v *viewer) wait(n int) {
	v.t.Helper()
	want := v.count() + n
	for range 1200 {
		if v.count() >= want {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	v.t.Fatalf("%d more segments did not come within 120 s: %s", n, strings.Join(v.problems, "; "))
}

// finish stops the viewer and reports what was wrong.
func (v *viewer) finish() {
	v.t.Helper()
	close(v.stop)
	v.done.Wait()
	for _, p := range v.problems {
		v.t.Error(p)
	}
	for msn, uri := range v.changed {
		if !v.apart[msn] {
			v.t.Errorf("%s: the published segment %d changed", uri, msn)
		}
	}
	// All renditions tell of the same slots.
	var one *followed
	for uri, f := range v.renditions {
		if one == nil {
			one = f
			continue
		}
		for i := range f.segments {
			msn := f.first + uint64(i)
			if msn < one.first || msn >= one.next {
				continue
			}
			a, b := f.segments[i], one.segments[msn-one.first]
			if a.discontinuity != b.discontinuity || a.number != b.number || !a.date.Equal(b.date) {
				v.t.Errorf("%s: segment %d differs from another rendition's: %+v, %+v", uri, msn, a, b)
			}
		}
	}
}
