package hls

import "strings"

// Tags that have a field in the model.
const (
	tagM3U                   = "#EXTM3U"
	tagVersion               = "#EXT-X-VERSION"
	tagIndependentSegments   = "#EXT-X-INDEPENDENT-SEGMENTS"
	tagTargetDuration        = "#EXT-X-TARGETDURATION"
	tagMediaSequence         = "#EXT-X-MEDIA-SEQUENCE"
	tagDiscontinuitySequence = "#EXT-X-DISCONTINUITY-SEQUENCE"
	tagPlaylistType          = "#EXT-X-PLAYLIST-TYPE"
	tagEndList               = "#EXT-X-ENDLIST"
	tagInf                   = "#EXTINF"
	tagByteRange             = "#EXT-X-BYTERANGE"
	tagDiscontinuity         = "#EXT-X-DISCONTINUITY"
	tagKey                   = "#EXT-X-KEY"
	tagMap                   = "#EXT-X-MAP"
	tagProgramDateTime       = "#EXT-X-PROGRAM-DATE-TIME"
	tagGap                   = "#EXT-X-GAP"
	tagStreamInf             = "#EXT-X-STREAM-INF"
	tagIFrameStreamInf       = "#EXT-X-I-FRAME-STREAM-INF"
	tagMedia                 = "#EXT-X-MEDIA"
)

// Tags that are kept verbatim, but of which something must be known.
const (
	tagIFramesOnly = "#EXT-X-I-FRAMES-ONLY"
	tagDefine      = "#EXT-X-DEFINE"
	tagSkip        = "#EXT-X-SKIP"
)

// tagLevel says where a tag may stand (RFC 8216 section 4.3, bis section 4.4).
type tagLevel int

const (
	levelUnknown      tagLevel = iota // comments, and tags we have not heard of
	levelShared                       // playlist level, in both kinds of playlist
	levelMedia                        // playlist level of media playlists
	levelSegment                      // belongs to the segment that follows
	levelMultivariant                 // multivariant playlists only
)

// classify returns the level of a tag, and whether the model has a field for
// it (a tag that has none is kept as a verbatim line).
func classify(name string) (level tagLevel, modelled bool) {
	if !strings.HasPrefix(name, "#EXT") {
		return levelUnknown, false
	}
	switch name {
	case tagM3U, tagVersion, tagIndependentSegments:
		return levelShared, true
	case "#EXT-X-START", tagDefine, "#EXT-X-ALLOW-CACHE":
		return levelShared, false

	case tagTargetDuration, tagMediaSequence, tagDiscontinuitySequence, tagPlaylistType:
		return levelMedia, true
	case "#EXT-X-SERVER-CONTROL", "#EXT-X-PART-INF", tagIFramesOnly, tagSkip:
		return levelMedia, false

	// EXT-X-ENDLIST may stand anywhere, so it says nothing about where the
	// head of a playlist ends: counted with the segments.
	case tagInf, tagByteRange, tagDiscontinuity, tagKey, tagMap, tagProgramDateTime, tagGap, tagEndList:
		return levelSegment, true
	case "#EXT-X-DATERANGE", "#EXT-X-BITRATE", "#EXT-X-PART", "#EXT-X-PRELOAD-HINT", "#EXT-X-RENDITION-REPORT",
		"#EXT-X-CUE-OUT", "#EXT-X-CUE-OUT-CONT", "#EXT-X-CUE-IN", "#EXT-X-CUE", "#EXT-X-CUE-SPAN",
		"#EXT-OATCLS-SCTE35", "#EXT-X-OATCLS-SCTE35", "#EXT-SCTE35", "#EXT-X-SCTE35",
		"#EXT-X-SPLICEPOINT-SCTE35", "#EXT-X-ASSET":
		return levelSegment, false

	case tagStreamInf, tagIFrameStreamInf, tagMedia:
		return levelMultivariant, true
	case "#EXT-X-SESSION-DATA", "#EXT-X-SESSION-KEY", "#EXT-X-CONTENT-STEERING":
		return levelMultivariant, false
	}
	return levelUnknown, false
}

// splitTag cuts a tag line into its name and what follows the colon.
func splitTag(line string) (name, value string) {
	name, value, _ = strings.Cut(line, ":")
	return trimBlanks(name), trimBlanks(value)
}

// trimBlanks takes away blanks, tabs and carriage returns at both ends.
// strings.Trim builds a set of its characters each time, which showed in
// profiles.
func trimBlanks(text string) string {
	for text != "" && isBlank(text[0]) {
		text = text[1:]
	}
	for text != "" && isBlank(text[len(text)-1]) {
		text = text[:len(text)-1]
	}
	return text
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' }
