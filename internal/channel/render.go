package channel

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/hls"
)

// render makes the endpoint's next view.
func (e *endpoint) render(now time.Time) {
	v := &View{
		store: e.channel.store, life: e.life, slots: e.slots[:len(e.slots):len(e.slots)],
		playlists: map[string]*Text{}, sections: sectionsOf(e.slots), availability: e.config.PlaylistWindow + e.availability(),
	}
	defer func() { e.view.Store(v) }()
	if len(e.slots) == 0 {
		return
	}
	last := e.slots[len(e.slots)-1]
	if e.config.OnInputLoss == Fail && !e.ended {
		v.staleAt = last.Published.Add(3 * time.Duration(e.target) * time.Second)
	}
	for i := range last.Renditions {
		id := last.Renditions[i].ID
		e.text(v, id+".m3u8", func() ([]byte, error) { return hls.EncodeMedia(e.mediaPlaylist(id)) })
	}
	e.text(v, e.config.ManifestName+".m3u8", func() ([]byte, error) {
		return hls.EncodeMultivariant(e.multivariant(last))
	})
}

// text renders one playlist into the view. One that can't be rendered stays as
// it was.
func (e *endpoint) text(v *View, name string, encode func() ([]byte, error)) {
	old := (*Text)(nil)
	if before := e.view.Load(); before != nil {
		old = before.playlists[name]
	}
	body, err := encode()
	if err != nil {
		e.channel.outbox.trouble(e.channel.name, fmt.Errorf("endpoint %s: render %s: %w", e.config.Name, name, err))
		if old != nil {
			v.playlists[name] = old
		}
		return
	}
	if old != nil && bytes.Equal(old.Body, body) {
		v.playlists[name] = old
		return
	}
	v.playlists[name] = newText(body, time.Duration(e.target)*time.Second/2)
}

func newText(body []byte, maxAge time.Duration) *Text {
	var packed bytes.Buffer
	// The error of a writer to memory is always nil.
	w, _ := gzip.NewWriterLevel(&packed, gzip.BestSpeed)
	_, _ = w.Write(body)
	_ = w.Close()
	sum := sha256.Sum256(body)
	tag := hex.EncodeToString(sum[:8])
	return &Text{
		Body: body, Gzip: packed.Bytes(),
		ETag: `"` + tag + `"`, GzipETag: `"` + tag + `-gzip"`, MaxAge: maxAge,
	}
}

// mediaPlaylist is the live playlist of one rendition.
func (e *endpoint) mediaPlaylist(id string) *hls.MediaPlaylist {
	list := e.slots[len(e.slots)-e.listed():]
	list = list[withdrawn(list, id):]
	head := list[0]
	m := &hls.MediaPlaylist{
		TargetDuration:        e.target,
		MediaSequence:         head.MSN,
		DiscontinuitySequence: head.DiscontinuityNumber,
		EndList:               e.ended,
		Segments:              make([]hls.Segment, 0, len(list)),
	}
	if head.Discontinuity {
		// Its tag is still listed, and counts when it leaves.
		m.DiscontinuitySequence--
	}
	for _, s := range list {
		m.Segments = append(m.Segments, e.segment(s, id))
	}
	return m
}

// segment is one slot of a rendition's playlist.
func (e *endpoint) segment(s *slot, id string) hls.Segment {
	out := hls.Segment{
		Discontinuity:   s.Discontinuity,
		ProgramDateTime: s.Start.Time(),
	}
	r := s.rendition(id)
	if r == nil || len(r.Parts) == 0 {
		// The rendition had no media here, or did not exist yet.
		gap := rendition{ID: id, Format: e.formats[id]}
		out.Gap, out.URI = true, gap.segmentName(e.life, s.MSN)
		out.Duration = limitDuration(s.End-s.Start, s.TargetDuration)
		return out
	}
	out.URI = r.segmentName(e.life, s.MSN)
	if r.Map != nil {
		out.Map = &hls.Map{URI: r.Map.Name}
	}
	out.Duration = limitDuration(r.Duration, s.TargetDuration)
	return out
}

// limitDuration keeps EXTINF within the target duration, to which it may round
// (RFC 8216 4.3.3.1). Only a single input segment that is longer than all that
// was announced is cut here, and only in the playlist.
func limitDuration(d failover.Ticks, target int) time.Duration {
	longest := failover.Ticks(target)*failover.ClockRate + failover.ClockRate/2 - 1
	return min(d, longest).Duration()
}

// withdrawn is where the last slot begins that has media without an
// initialization section behind media that has one: an encoder was replaced by
// one with another container. EXT-X-MAP can't be taken back, so the playlist
// begins there.
func withdrawn(list []*slot, id string) int {
	first, mapped := 0, false
	for i, s := range list {
		r := s.rendition(id)
		if r == nil || len(r.Parts) == 0 {
			continue
		}
		if mapped && r.Map == nil {
			first = i
		}
		mapped = r.Map != nil
	}
	return first
}
