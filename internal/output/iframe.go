package output

import (
	"slices"
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/hls"
	"github.com/liveorigin/caddy-live-origin/internal/media"
)

// IFrame is a key frame of a slot as an I-frame playlist lists it (RFC 8216
// 4.3.3.6): a byte range of the slot's segment.
type IFrame struct {
	Offset int64 `json:"offset"`
	Size   int64 `json:"size"`
	// At is its time, counted from the slot's start.
	At failover.Ticks `json:"at"`
}

// iframeSpacing is the least distance between key frames that are listed, but that each slot
// has one. Trick play needs no more than one per second, and numbers that rise no faster than
// time, or than those of slots, never repeat after a restart.
const iframeSpacing = failover.ClockRate

// AddIFrames lists the key frames of an object that comes next in the slot. ranges are the
// bytes of it that are kept.
func (r *Rendition) AddIFrames(info *media.Info, ranges []media.Range, at failover.Ticks) {
	for _, k := range info.KeyFrames {
		within := max(0, at+failover.Ticks(k.PTS-info.Start))
		if n := len(r.IFrames); n > 0 && within-r.IFrames[n-1].At < iframeSpacing {
			continue
		}
		offset := r.Size // the object has not been added yet
		for _, kept := range ranges {
			if kept.Start <= k.Start && k.End <= kept.End {
				r.IFrames = append(r.IFrames, IFrame{Offset: offset + k.Start - kept.Start, Size: k.End - k.Start, At: within})
				break
			}
			offset += kept.End - kept.Start
		}
	}
}

// NumberIFrames gives the key frames of the next slot their numbers, and leaves out those that
// are too close to the slot after. A slot without any counts as one: it is listed as a gap.
// Numbers never fall, also for a rendition that comes back when it is no longer known.
func (w *Window) NumberIFrames(s *Slot) {
	for i := range s.Renditions {
		r := &s.Renditions[i]
		t := w.tracks[r.ID]
		for n := len(r.IFrames); n > 1 && r.Duration-r.IFrames[n-1].At < iframeSpacing; n = len(r.IFrames) {
			r.IFrames = r.IFrames[:n-1] // the next slot begins with one
		}
		switch {
		case t != nil && t.nextIFrame > 0:
			r.IFrame = t.nextIFrame
		case len(r.IFrames) > 0:
			r.IFrame = max(s.MSN, w.nextIFrame)
		}
	}
}

// followIFrames records the next number.
func (w *Window) followIFrames(s *Slot) {
	for i := range s.Renditions {
		r := &s.Renditions[i]
		if r.IFrame == 0 {
			continue
		}
		w.track(r.ID).nextIFrame = r.IFrame + uint64(max(1, len(r.IFrames)))
	}
}

// iframeDuration is how long a key frame is shown: until the next one. The first one also
// stands for what comes before it.
func (r *Rendition) iframeDuration(i int) failover.Ticks {
	from, to := failover.Ticks(0), r.Duration
	if i > 0 {
		from = r.IFrames[i].At
	}
	if i+1 < len(r.IFrames) {
		to = r.IFrames[i+1].At
	}
	return max(0, to-from)
}

// iframesSuffix is what the names of I-frame playlists have after the rendition's.
const iframesSuffix = "-iframes"

// iframesOnly says that it is one. Nothing may write into it.
var iframesOnly = []string{"#EXT-X-I-FRAMES-ONLY"}

// listIFrames lists the key frames of a slot, given its segment.
func (r *Rendition) listIFrames(segment hls.Segment) []hls.Segment {
	segment.Tags = nil
	if len(r.IFrames) == 0 {
		segment.Gap = true
		return []hls.Segment{segment}
	}
	list := slices.Repeat([]hls.Segment{segment}, len(r.IFrames))
	for i, f := range r.IFrames {
		list[i].ByteRange = &hls.ByteRange{Length: f.Size, Offset: f.Offset}
		list[i].Duration = r.iframeDuration(i).Duration()
		if i > 0 {
			list[i].Discontinuity, list[i].Further = false, 0
			list[i].ProgramDateTime = segment.ProgramDateTime.Add(f.At.Duration()).Round(time.Millisecond)
		}
	}
	return list
}
