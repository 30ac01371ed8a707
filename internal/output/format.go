package output

import (
	"strings"

	"github.com/liveorigin/caddy-live-origin/internal/media"
)

// formatOf describes media to viewers.
func formatOf(info *media.Info) *Format {
	f := &Format{KeyFrameFirst: info.KeyFrameFirst}
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

// FormatOf describes media of a rendition to viewers. Slots of the same format
// share it. Without media, it is the last one known: it makes the name of the
// segment, which never changes.
func (w *Window) FormatOf(id string, info *media.Info) *Format {
	known := w.track(id).format
	if info == nil {
		return known
	}
	f := formatOf(info)
	if known != nil && *known == *f {
		return known
	}
	return f
}

// ContentType is the media type of what an object holds (RFC 8216 4, 10).
func ContentType(info *media.Info) string {
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
