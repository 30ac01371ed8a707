package media

import "testing"

// Every format that can be read has a media type, and one that is not known is none of
// the others.
func TestFileTypes(t *testing.T) {
	for _, c := range []struct {
		info                *Info
		contentType, suffix string
	}{
		{&Info{Format: FormatTS}, "video/mp2t", ".ts"},
		{&Info{Format: FormatWebVTT}, "text/vtt", ".vtt"},
		{&Info{Format: FormatMP4, Tracks: []Track{{Kind: Audio}, {Kind: Video}}}, "video/mp4", ".m4s"},
		{&Info{Format: FormatMP4, Tracks: []Track{{Kind: Audio}}}, "audio/mp4", ".m4s"},
		{&Info{Format: FormatPackedAudio, Tracks: []Track{{Kind: Audio, Codec: "mp4a.40.2"}}}, "audio/aac", ".aac"},
		{&Info{Format: FormatPackedAudio, Tracks: []Track{{Kind: Audio, Codec: "mp4a.40.34"}}}, "audio/mpeg", ".mp3"},
		{&Info{Format: FormatPackedAudio, Tracks: []Track{{Kind: Audio, Codec: "ac-3"}}}, "audio/ac3", ".ac3"},
		{&Info{Format: FormatPackedAudio, Tracks: []Track{{Kind: Audio, Codec: "new"}}}, unknownType, unknownExtension},
		{&Info{Format: FormatPackedAudio}, unknownType, unknownExtension},
		{&Info{Format: "new", Tracks: []Track{{Kind: Audio, Codec: "mp4a.40.2"}}}, unknownType, unknownExtension},
		{nil, unknownType, unknownExtension},
	} {
		if contentType, suffix := c.info.FileType(); contentType != c.contentType || suffix != c.suffix {
			t.Errorf("%+v: %s, %s", c.info, contentType, suffix)
		}
	}
	seen := map[Format]bool{}
	for _, f := range formats {
		if seen[f.format] || f.scanner == nil || f.file == nil {
			t.Errorf("%s is there twice, or not whole", f.format)
		}
		seen[f.format] = true
	}
}
