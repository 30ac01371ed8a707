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

// Tags that are kept verbatim, but that something has to be known about.
const (
	tagIFramesOnly = "#EXT-X-I-FRAMES-ONLY"
	tagDefine      = "#EXT-X-DEFINE"
	tagSkip        = "#EXT-X-SKIP"
	tagDateRange   = "#EXT-X-DATERANGE"
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

// tag is what is known about one tag. The reader, the writer and what is passed on to
// viewers ([Carried]) all take it from [tags].
type tag struct {
	name  string
	level tagLevel
	// modelled: the model has a field for it. The others are kept as lines.
	modelled bool
	// carried: a line of a segment that is passed on to viewers.
	carried bool
	// cue: a break in the programme begins or ends with it.
	cue bool
}

// tags are all tags that are known, each once: a new one is one more row.
//
// EXT-X-ENDLIST may stand anywhere, so it says nothing about where the head of a
// playlist ends: it counts as one of a segment's. The tags for breaks are listed in all the
// dialects that encoders write.
var tags = []tag{
	{name: tagM3U, level: levelShared, modelled: true},
	{name: tagVersion, level: levelShared, modelled: true},
	{name: tagIndependentSegments, level: levelShared, modelled: true},
	{name: "#EXT-X-START", level: levelShared},
	{name: tagDefine, level: levelShared},
	{name: "#EXT-X-ALLOW-CACHE", level: levelShared},

	{name: tagTargetDuration, level: levelMedia, modelled: true},
	{name: tagMediaSequence, level: levelMedia, modelled: true},
	{name: tagDiscontinuitySequence, level: levelMedia, modelled: true},
	{name: tagPlaylistType, level: levelMedia, modelled: true},
	{name: "#EXT-X-SERVER-CONTROL", level: levelMedia},
	{name: "#EXT-X-PART-INF", level: levelMedia},
	{name: tagIFramesOnly, level: levelMedia},
	{name: tagSkip, level: levelMedia},

	{name: tagInf, level: levelSegment, modelled: true},
	{name: tagByteRange, level: levelSegment, modelled: true},
	{name: tagDiscontinuity, level: levelSegment, modelled: true},
	{name: tagKey, level: levelSegment, modelled: true},
	{name: tagMap, level: levelSegment, modelled: true},
	{name: tagProgramDateTime, level: levelSegment, modelled: true},
	{name: tagGap, level: levelSegment, modelled: true},
	{name: tagEndList, level: levelSegment, modelled: true},
	{name: "#EXT-X-BITRATE", level: levelSegment},
	{name: "#EXT-X-PART", level: levelSegment},
	{name: "#EXT-X-PRELOAD-HINT", level: levelSegment},
	{name: "#EXT-X-RENDITION-REPORT", level: levelSegment},

	{name: tagDateRange, level: levelSegment, carried: true}, // for cue see Carried
	{name: "#EXT-X-CUE-OUT", level: levelSegment, carried: true, cue: true},
	{name: "#EXT-X-CUE-OUT-CONT", level: levelSegment, carried: true},
	{name: "#EXT-X-CUE-IN", level: levelSegment, carried: true, cue: true},
	{name: "#EXT-X-CUE", level: levelSegment, carried: true, cue: true},
	{name: "#EXT-X-CUE-SPAN", level: levelSegment, carried: true},
	{name: "#EXT-OATCLS-SCTE35", level: levelSegment, carried: true, cue: true},
	{name: "#EXT-X-OATCLS-SCTE35", level: levelSegment, carried: true, cue: true},
	{name: "#EXT-SCTE35", level: levelSegment, carried: true, cue: true},
	{name: "#EXT-X-SCTE35", level: levelSegment, carried: true, cue: true},
	{name: "#EXT-X-SPLICEPOINT-SCTE35", level: levelSegment, carried: true, cue: true},
	{name: "#EXT-X-ASSET", level: levelSegment, carried: true},

	{name: tagStreamInf, level: levelMultivariant, modelled: true},
	{name: tagIFrameStreamInf, level: levelMultivariant, modelled: true},
	{name: tagMedia, level: levelMultivariant, modelled: true},
	{name: "#EXT-X-SESSION-DATA", level: levelMultivariant},
	{name: "#EXT-X-SESSION-KEY", level: levelMultivariant},
	{name: "#EXT-X-CONTENT-STEERING", level: levelMultivariant},
}

var tagByName = func() map[string]*tag {
	byName := make(map[string]*tag, len(tags))
	for i := range tags {
		byName[tags[i].name] = &tags[i]
	}
	return byName
}()

// classify returns the level of a tag, and whether the model has a field for
// it (a tag that has none is kept as a verbatim line).
func classify(name string) (level tagLevel, modelled bool) {
	if t := tagByName[name]; t != nil {
		return t.level, t.modelled
	}
	return levelUnknown, false
}

// Carried reports whether a line of [Segment.Tags] is passed on to viewers: breaks in the
// programme with their SCTE-35 messages, and EXT-X-DATERANGE (RFC 8216 section 4.3.2.7).
// cue says that a break begins or ends with the segment.
func Carried(line string) (carried, cue bool) {
	name, value := splitTag(line)
	t := tagByName[name]
	if t == nil || !t.carried {
		return false, false
	}
	if name == tagDateRange {
		return true, strings.Contains(value, "SCTE35-OUT=") || strings.Contains(value, "SCTE35-IN=")
	}
	return true, t.cue
}

// splitTag cuts a tag line into its name and what follows the colon. Some senders
// put a blank or nothing in place of the colon of EXTINF.
func splitTag(line string) (name, value string) {
	if rest, ok := strings.CutPrefix(line, tagInf); ok {
		if rest == "" || strings.IndexByte(":= \t,", rest[0]) >= 0 {
			return tagInf, trimBlanks(strings.TrimLeft(rest, ":= \t"))
		}
	}
	name, value, _ = strings.Cut(line, ":")
	return trimBlanks(name), trimBlanks(value)
}

// trimBlanks removes blanks, tabs and carriage returns at both ends. strings.Trim builds a
// set of its characters each time, which showed in profiles.
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
