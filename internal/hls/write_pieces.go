package hls

import "bytes"

// A media playlist that is too long to be rendered at once can be rendered in pieces:
// [EncodeHead], any number of [EncodeSegments], and [EndList]. Together they are the bytes
// that [EncodeMedia] gives.

// EndList is the last line of a playlist that has ended.
const EndList = tagEndList + "\n"

// Features are what segments use of the protocol; EXT-X-VERSION depends on it.
type Features struct{ ByteRanges, Maps, KeyFormats bool }

// With is what both use together.
func (f Features) With(other Features) Features {
	return Features{
		ByteRanges: f.ByteRanges || other.ByteRanges,
		Maps:       f.Maps || other.Maps,
		KeyFormats: f.KeyFormats || other.KeyFormats,
	}
}

func featuresOf(segments []Segment) Features {
	var f Features
	for i := range segments {
		s := &segments[i]
		f.ByteRanges = f.ByteRanges || s.ByteRange != nil
		f.Maps = f.Maps || s.Map != nil
		for _, key := range s.Keys {
			f.KeyFormats = f.KeyFormats || key.KeyFormat != "" || key.KeyFormatVersions != "" || key.Method == "SAMPLE-AES"
		}
	}
	return f
}

// EncodeHead renders the lines before the first segment of a playlist whose segments use f.
// The segments of m itself, its end and what trails are left out.
func EncodeHead(m *MediaPlaylist, f Features) ([]byte, error) {
	head := *m
	head.Segments, head.Trailing, head.EndList = nil, nil, false
	writer, err := newMediaWriter(&head, nil)
	if err != nil {
		return nil, err
	}
	return writer.render(head.versionWith(f))
}

// EncodeSegments renders segments of a playlist. inForce is the EXT-X-MAP of the last one
// before them that has any, nil if they are the first. Keys are not carried over: segments
// with EXT-X-KEY can't be cut.
func EncodeSegments(segments []Segment, inForce *Map) ([]byte, Features, error) {
	writer, err := newMediaWriter(&MediaPlaylist{Segments: segments}, inForce)
	if err != nil {
		return nil, Features{}, err
	}
	text, err := writer.render(0)
	if err != nil {
		return nil, Features{}, err
	}
	// The library has put its own head before them. None of its lines is from outside.
	at := bytes.Index(text, []byte(tagTargetDuration+":"))
	at += bytes.IndexByte(text[at:], '\n') + 1
	return text[at:], featuresOf(segments), nil
}
