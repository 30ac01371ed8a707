package output

import (
	"testing"

	"github.com/liveorigin/caddy-live-origin/internal/hls"
)

// What playlists are compared with that are put together from pieces: the same, made as a whole.

// whole is the playlist of some slots, nil for one of I-frames without any. top has what stands
// before and behind its segments, opening the lines before all others of them.
func whole(t *testing.T, v *View, p playlist, slots []*Slot, top hls.MediaPlaylist, opening []string) []byte {
	t.Helper()
	m := playlistOf(slots, p.id, v.epoch, v.lister(p).later)
	m.TargetDuration, m.EndList, m.PlaylistType, m.Tags = v.target, top.EndList, top.PlaylistType, top.Tags
	if len(opening) > 0 {
		m.Segments[0].Tags = append(opening[:len(opening):len(opening)], m.Segments[0].Tags...)
	}
	if p.iframes {
		if m = iframePlaylist(m, slots, p.id); m == nil {
			return nil
		}
	}
	text, err := hls.EncodeMedia(m)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// playlistOf lists one rendition of the slots. later is the rendition's format
// for slots before it existed.
func playlistOf(slots []*Slot, id, epoch string, later *Format) *hls.MediaPlaylist {
	head := slots[0]
	m := &hls.MediaPlaylist{
		MediaSequence:         head.MSN,
		DiscontinuitySequence: head.discontinuitySequence(),
		Segments:              make([]hls.Segment, len(slots)),
	}
	var section *hls.Map
	for i, s := range slots {
		r := s.Rendition(id)
		if r == nil {
			r = &Rendition{ID: id, Format: later}
		}
		if r.Map != nil && (section == nil || section.URI != r.Map.Name) {
			section = &hls.Map{URI: r.Map.Name}
		}
		r.describe(&m.Segments[i], s, epoch, section)
	}
	return m
}

// iframePlaylist lists the key frames of a rendition's segments, given the playlist
// of the segments. It begins where the rendition has its first one; without any it
// is nil.
func iframePlaylist(m *hls.MediaPlaylist, slots []*Slot, id string) *hls.MediaPlaylist {
	out := *m
	out.Tags, out.Segments = iframesOnly, nil
	for i, s := range slots {
		r := s.Rendition(id)
		if r == nil || r.IFrame == 0 {
			if out.Segments != nil {
				break // it was removed
			}
			continue
		}
		if out.Segments == nil {
			out.MediaSequence, out.DiscontinuitySequence = r.IFrame, s.discontinuitySequence()
		}
		out.Segments = append(out.Segments, r.listIFrames(m.Segments[i])...)
	}
	if out.Segments == nil {
		return nil
	}
	return &out
}
