package output

import (
	"strings"

	"github.com/liveorigin/caddy-live-origin/internal/media"
)

// formatOf describes media to viewers.
func formatOf(info *media.Info) *Format {
	f := &Format{KeyFrameFirst: info.KeyFrameFirst}
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

// FormatOf describes media of a rendition to viewers. Slots of the same format
// share it. Without media, it is the last one known: the name of the segment, which never
// changes, depends on it.
func (w *Window) FormatOf(id string, info *media.Info) *Format {
	var known *Format
	if t := w.tracks[id]; t != nil {
		known = t.format
	}
	if info == nil {
		return known
	}
	f := formatOf(info)
	if known != nil && *known == *f {
		return known
	}
	return f
}
