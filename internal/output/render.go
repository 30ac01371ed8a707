package output

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/hls"
)

// Render makes the next view, given the multivariant playlists of the inputs in the
// order of the config.
func (w *Window) Render(announced []Announcement) {
	w.number++
	w.edition++
	listed := w.listed()
	w.provide(w.config.StartoverWindow > 0, listed > mostRendered)
	v := &View{
		store: w.store, epoch: w.epoch, slots: w.slots[:len(w.slots):len(w.slots)], dated: w.dated[:len(w.dated):len(w.dated)], listed: listed,
		eras:      w.eras[:len(w.eras):len(w.eras)],
		playlists: map[string]*Text{}, live: w.long, shelf: w.shelf, manifestName: w.config.ManifestName, sections: w.held.sections,
		availability: max(w.playlistLength(), w.config.StartoverWindow) + w.availability(), lasting: w.availability(),
		target: w.target, ended: w.ended,
		number: w.number, edition: w.edition, window: w.config.StartoverWindow, evicted: w.evicted, startover: w.startover,
		ladders: w.ladders[:len(w.ladders):len(w.ladders)], newest: w.newest,
	}
	defer func() { w.latest = v }()
	if len(w.slots) == 0 {
		return
	}
	w.head = w.slots[len(w.slots)-v.listed].MSN
	w.followExtent()
	w.ranges.prune(w.slots[len(w.slots)-v.listed])
	last := w.slots[len(w.slots)-1]
	if w.config.OnInputLoss == Fail && !w.ended {
		v.staleAt = last.Published.Add(3 * time.Duration(w.target) * time.Second)
	}
	w.dropTracks()
	v.lineup = lineup{
		announced: announced, measures: w.measures(),
		limits: w.config.Limits, order: w.config.VariantOrder, iframes: w.config.IFramePlaylist,
	}
	for i := range last.Renditions {
		p := playlist{id: last.Renditions[i].ID}
		w.renderLive(v, p)
		if p.iframes = true; w.config.IFramePlaylist {
			w.renderLive(v, p)
		}
	}
	maps.DeleteFunc(w.entries, func(p playlist, _ []entry) bool { return v.playlists[p.name()] == nil })
	v.multivariant = v.lineup.multivariant(last.list(), nil, func(id string) bool { return v.lineup.measures[id].iframes })
	v.multivariant.IndependentSegments = w.held.dependent == 0
	body, err := hls.EncodeMultivariant(v.multivariant)
	w.text(v, w.config.ManifestName+".m3u8", body, err)
	if w.shelf != nil {
		w.shelf.follow(v)
	}
}

// text puts a playlist into the view, and reports whether it is another one than before. One that
// can't be rendered stays as it was.
func (w *Window) text(v *View, name string, body []byte, err error) (changed bool) {
	old := (*Text)(nil)
	if before := w.latest; before != nil {
		old = before.playlists[name]
	}
	if err != nil {
		w.report(fmt.Errorf("render %s: %w", name, err))
		if old != nil {
			v.playlists[name] = old
		}
		return false
	}
	if old != nil && bytes.Equal(old.Body, body) {
		v.playlists[name] = old
		return false
	}
	v.playlists[name] = newText(body, halfTarget(w.target))
	return true
}

// packers are gzip writers. One takes more memory than any live playlist that it packs.
var packers = sync.Pool{New: func() any {
	// It only fails for a level that does not exist.
	w, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed)
	return w
}}

// Gzip compresses a playlist. What is kept takes no more memory than it needs, as buffers grow
// beyond that.
func Gzip(body []byte) []byte {
	var packed bytes.Buffer
	w := packers.Get().(*gzip.Writer)
	w.Reset(&packed)
	// Writing to memory does not fail.
	_, _ = w.Write(body)
	_ = w.Close()
	packers.Put(w)
	return bytes.Clone(packed.Bytes())
}

// halfTarget is how long caches may keep a playlist that will change.
func halfTarget(seconds int) time.Duration { return time.Duration(seconds) * time.Second / 2 }

func newText(body []byte, maxAge time.Duration) *Text {
	sum := sha256.Sum256(body)
	tag := hex.EncodeToString(sum[:8])
	return &Text{Body: body, ETag: `"` + tag + `"`, GzipETag: `"` + tag + `.gz"`, MaxAge: maxAge} // Caddy's encode takes "-gzip" off If-None-Match, as its own
}

// discontinuitySequence is the EXT-X-DISCONTINUITY-SEQUENCE of a playlist that
// begins with the slot.
func (s *Slot) discontinuitySequence() uint64 {
	if s.Discontinuity {
		// Its tags are still listed, and count when it leaves.
		return s.DiscontinuityNumber - 1 - s.passed
	}
	return s.DiscontinuityNumber
}

// describe fills in the rendition's segment of a slot. section is what Map says. EXTINF is
// the true length, and a gap is as long as its slot. The core keeps slots within the target
// duration (RFC 8216 4.3.3.1) but for a single input segment that is longer: a wrong length
// would mislead every player's timeline, one above the target only validators.
func (r *Rendition) describe(out *hls.Segment, s *Slot, epoch string, section *hls.Map) {
	out.URI = r.segmentName(epoch, s)
	out.Discontinuity, out.Further = s.Discontinuity, int(s.passed)
	out.ProgramDateTime, out.Tags = s.Start.Time(), s.Tags
	if len(r.Parts) == 0 {
		// The rendition had no media here, or did not exist yet.
		out.Gap = true
		out.Duration = (s.End - s.Start).Duration()
		return
	}
	if r.Map != nil {
		out.Map = section
	}
	out.Duration = r.Duration.Duration()
}
