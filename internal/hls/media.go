package hls

import (
	"slices"
	"time"
)

// MediaPlaylist is a media playlist (RFC 8216 section 4.3.3).
type MediaPlaylist struct {
	// TargetDuration is EXT-X-TARGETDURATION in seconds. A fraction that was
	// read is rounded up. 0 means absent, or 0, which encoders do send.
	TargetDuration int

	MediaSequence uint64 // of the first segment; at most 2^63-1

	// Unnumbered says that the playlist has no EXT-X-MEDIA-SEQUENCE, or none that can be
	// read. Then MediaSequence is 0, or the number of segments that were left out before
	// the first one.
	Unnumbered bool

	// DiscontinuitySequence is that of the first segment, not counting the
	// segment's own Discontinuity; at most 2^63-1. Whoever removes a segment with a
	// Discontinuity from the head adds 1 (RFC 8216 section 6.2.2).
	DiscontinuitySequence uint64

	PlaylistType        PlaylistType
	EndList             bool
	IndependentSegments bool // bis section 4.4.2.1

	// Tags are the other lines at playlist level, verbatim and in order: EXT-X-START,
	// EXT-X-SERVER-CONTROL, comments and unknown tags in the head of the playlist.
	Tags []string

	Segments []Segment

	// Trailing are the lines after the last URI that belong to no segment
	// yet, verbatim and in order: EXT-X-PART and EXT-X-PRELOAD-HINT of the
	// next one, EXT-X-RENDITION-REPORT, EXT-X-DATERANGE.
	Trailing []string
}

// IFramesOnly reports whether it is an I-frame playlist, for trick play (RFC 8216 section
// 4.3.3.6).
func (m *MediaPlaylist) IFramesOnly() bool { return slices.Contains(m.Tags, tagIFramesOnly) }

// PlaylistType is the value of EXT-X-PLAYLIST-TYPE (RFC 8216 section
// 4.3.3.5); empty for a playlist that slides.
type PlaylistType string

const (
	Event PlaylistType = "EVENT" // segments are only ever added
	VOD   PlaylistType = "VOD"   // nothing changes
)

// Segment is a Media Segment with its tags (RFC 8216 section 4.3.2).
type Segment struct {
	// Fault says why the entry can't be served; empty if it can. It only keeps
	// its place in the numbering, and is not written.
	Fault string

	URI           string        // as in the playlist: see [ResolveURI]
	Line          int           // line of the URI in the playlist that was read, from 1
	Duration      time.Duration // EXTINF, exact to the nanosecond; at most 24 h, 0 if it makes no sense
	Title         string        // what follows the comma of EXTINF
	Discontinuity bool          // between the segment before and this one
	Gap           bool          // EXT-X-GAP: the media is absent

	// Further is how many more times EXT-X-DISCONTINUITY stands before the segment. Each counts
	// (RFC 8216 section 4.3.3.3). ffmpeg sometimes writes the tag twice.
	Further int

	// ProgramDateTime is the EXT-X-PROGRAM-DATE-TIME of this very segment,
	// in UTC; zero if it has none. It is written in milliseconds.
	ProgramDateTime time.Time

	// Map is the EXT-X-MAP in force, nil if there is none. Segments that
	// share a map share the pointer.
	Map *Map

	// Keys are the EXT-X-KEY tags in force, one per KEYFORMAT; empty for
	// media in the clear. Segments that share keys share the slice.
	Keys []*Key

	// ByteRange is the part of the resource that is the segment, nil for
	// all of it.
	ByteRange *ByteRange

	// Tags are the other lines that belong to the segment, verbatim and in
	// order: EXT-X-CUE-OUT and its relatives, EXT-X-DATERANGE, EXT-X-PART,
	// EXT-X-BITRATE, comments, unknown tags.
	Tags []string
}

// Map is an EXT-X-MAP tag: the Media Initialization Section of the segments
// that follow (RFC 8216 section 4.3.2.5).
type Map struct {
	URI        string
	ByteRange  *ByteRange  // nil for the whole resource
	Attributes []Attribute // those without a field
}

func (m *Map) equal(other *Map) bool {
	if m == other || m == nil || other == nil {
		return m == other
	}
	if m.URI != other.URI || (m.ByteRange == nil) != (other.ByteRange == nil) {
		return false
	}
	if m.ByteRange != nil && *m.ByteRange != *other.ByteRange {
		return false
	}
	return slices.Equal(m.Attributes, other.Attributes)
}

// Key is an EXT-X-KEY tag whose METHOD is not NONE (RFC 8216 section
// 4.3.2.4).
type Key struct {
	Method            string
	URI               string
	IV                string // hexadecimal sequence, unchanged
	KeyFormat         string // empty for "identity"
	KeyFormatVersions string
	Attributes        []Attribute // those without a field
}

func (k *Key) equal(other *Key) bool {
	return k == other || k.Method == other.Method && k.URI == other.URI && k.IV == other.IV &&
		k.KeyFormat == other.KeyFormat && k.KeyFormatVersions == other.KeyFormatVersions &&
		slices.Equal(k.Attributes, other.Attributes)
}
