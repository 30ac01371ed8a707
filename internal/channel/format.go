package channel

import (
	"strings"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/media"
)

// formatOf describes media to viewers.
func formatOf(info *media.Info) *format {
	f := &format{KeyFrameFirst: info.KeyFrameFirst}
	f.ContentType, f.Extension = fileType(info)
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

// contentType is the media type of what an object holds (RFC 8216 4, 10).
func contentType(info *media.Info) string {
	t, _ := fileType(info)
	return t
}

// fileType is the media type and the file name extension of what an object holds.
func fileType(info *media.Info) (contentType, extension string) {
	if info == nil {
		return "application/octet-stream", ".bin"
	}
	switch info.Format {
	case media.FormatTS:
		return "video/mp2t", ".ts"
	case media.FormatWebVTT:
		return "text/vtt", ".vtt"
	case media.FormatMP4:
		for _, t := range info.Tracks {
			if t.Kind == media.Video {
				return "video/mp4", ".m4s"
			}
		}
		return "audio/mp4", ".m4s"
	}
	if len(info.Tracks) == 0 {
		return "application/octet-stream", ".bin"
	}
	switch info.Tracks[0].Codec {
	case "ac-3":
		return "audio/ac3", ".ac3"
	case "ec-3":
		return "audio/eac3", ".ec3"
	case "mp4a.40.34", "mp4a.6b", "mp4a.69":
		return "audio/mpeg", ".mp3"
	}
	return "audio/aac", ".aac"
}
