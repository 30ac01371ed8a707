package channel

import (
	"strings"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/media"
)

// formatOf describes media to viewers.
func formatOf(info *media.Info) *format {
	f := &format{KeyFrameFirst: info.KeyFrameFirst}
	f.ContentType, f.Extension = info.FileType()
	var codecs []string
	for _, t := range info.Tracks {
		if t.Kind == media.Data {
			continue
		}
		if t.Codec == "" {
			// A list that does not name every codec is worse than none (RFC 8216
			// 4.3.4.2).
			return f
		}
		codecs = append(codecs, t.Codec)
		if t.Kind == media.Video && f.Width == 0 {
			f.Width, f.Height, f.FrameRate, f.VideoCodec = t.Width, t.Height, t.FrameRate, t.Codec
		}
	}
	f.Codecs = strings.Join(codecs, ",")
	return f
}

// formatOf describes media of a rendition to viewers. Slots of the same format
// share it.
func (e *endpoint) formatOf(id string, info *media.Info) *format {
	f := formatOf(info)
	if known := e.formats[id]; known != nil && *known == *f {
		return known
	}
	return f
}

// measure takes note of a rendition's peak bit rate and its format.
func (e *endpoint) measure(r *rendition) {
	if r.Format == nil || r.Duration <= 0 {
		return
	}
	rate := uint64(r.Size) * 8 * failover.ClockRate / uint64(r.Duration)
	e.peak[r.ID] = max(e.peak[r.ID], rounded(rate))
	e.formats[r.ID] = r.Format
}

// rounded is the rate in steps of an eighth above the power of two below, so that
// the multivariant playlist is not another one with every slot.
func rounded(rate uint64) uint64 {
	step := uint64(1)
	for step<<4 <= rate {
		step <<= 1
	}
	return (rate + step - 1) / step * step
}
