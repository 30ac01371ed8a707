package hls

import (
	"fmt"
	"strings"
)

// MultivariantPlaylist is a multivariant playlist ("master playlist" in
// RFC 8216 section 4.3.4).
type MultivariantPlaylist struct {
	IndependentSegments bool
	Renditions          []Rendition // EXT-X-MEDIA
	Variants            []Variant   // EXT-X-STREAM-INF
	IFrames             []Variant   // EXT-X-I-FRAME-STREAM-INF

	// Tags are all other lines, verbatim and in order.
	Tags []string
}

// Variant is an EXT-X-STREAM-INF or EXT-X-I-FRAME-STREAM-INF tag with its
// URI (RFC 8216 sections 4.3.4.2 and 4.3.4.3). A field is empty or zero
// where the attribute is absent.
type Variant struct {
	URI              string
	Line             int    // where the tag stands in the playlist that was read, from 1
	Bandwidth        uint64 // peak bits per second
	AverageBandwidth uint64 // bits per second
	Codecs           string
	Width, Height    int // RESOLUTION
	FrameRate        float64
	HDCPLevel        string
	VideoRange       string
	Name             string // NAME, not in the RFC but widespread

	// Audio, Video and Subtitles are the GROUP-IDs of renditions.
	Audio, Video, Subtitles string

	// ClosedCaptions is a GROUP-ID, or "NONE".
	ClosedCaptions string

	// Attributes are those without a field, in order. PROGRAM-ID alone is
	// dropped: protocol version 6 removed it.
	Attributes []Attribute
}

// Rendition is an EXT-X-MEDIA tag (RFC 8216 section 4.3.4.1). A field is
// empty or false where the attribute is absent.
type Rendition struct {
	Line            int    // where the tag stands in the playlist that was read, from 1
	Type            string // AUDIO, VIDEO, SUBTITLES, CLOSED-CAPTIONS; always there
	GroupID         string // always there
	Name            string
	Language        string
	AssocLanguage   string
	Default         bool
	Autoselect      bool
	Forced          bool
	InstreamID      string
	Characteristics string
	Channels        string
	URI             string      // empty for media that is within the variants
	Attributes      []Attribute // those without a field, in order
}

// multivariantReader reads a multivariant playlist.
type multivariantReader struct {
	list    *MultivariantPlaylist
	notes   *notes
	line    int
	room    int      // how many more entries are read
	variant *Variant // waits for its URI
	at      int      // its line

	refused   string // why the first entry is unusable
	refusedAt int
}

func readMultivariant(lines scanner, plan plan) (*MultivariantPlaylist, error) {
	r := multivariantReader{
		list:  &MultivariantPlaylist{Variants: make([]Variant, 0, min(plan.variants, lines.limits.Renditions))},
		notes: lines.notes, room: lines.limits.Renditions,
	}
	for {
		line, ok := lines.next()
		if !ok {
			break
		}
		r.line = lines.line
		if line[0] == '#' {
			r.tag(line)
			continue
		}
		r.uri(line)
	}
	if r.variant != nil {
		r.line = r.at
		r.leaveOut(tagStreamInf, "EXT-X-STREAM-INF without a URI")
	}
	m := r.list
	if r.refused != "" && len(m.Variants)+len(m.Renditions)+len(m.IFrames) == 0 {
		return nil, &SyntaxError{Line: r.refusedAt, Reason: r.refused}
	}
	return m, nil
}

// leaveOut notes that an entry can't be used.
func (r *multivariantReader) leaveOut(tag, why string) {
	if r.refused == "" {
		r.refused, r.refusedAt = why, r.line
	}
	r.notes.add(r.line, NoteEntry, tag[1:], "%s: the entry is left out", why)
}

func (r *multivariantReader) uri(uri string) {
	v := r.variant
	r.variant = nil
	err := checkCharacters(uri)
	switch {
	case uri[0] == '<':
		r.leaveOut(tagStreamInf, fmt.Sprintf("markup %s in place of a URI", Quote(uri)))
	case err != nil:
		r.leaveOut(tagStreamInf, fmt.Sprintf("URI %s: %s", Quote(uri), err))
	case v == nil:
		r.leaveOut(tagStreamInf, fmt.Sprintf("URI %s without an EXT-X-STREAM-INF", Quote(uri)))
	case r.takes():
		v.URI = uri
		r.list.Variants = append(r.list.Variants, *v)
	}
}

// takes reports whether there is room for one more entry.
func (r *multivariantReader) takes() bool {
	if r.room == 0 {
		r.notes.add(r.line, NoteEntry, "", "too many variants and renditions: the rest is left out")
		return false
	}
	r.room--
	return true
}

func (r *multivariantReader) tag(line string) {
	if isHeader(line) {
		if line != tagM3U {
			r.notes.add(r.line, NoteLine, tagM3U[1:], "%s after #EXTM3U: ignored", Quote(strings.TrimPrefix(line, tagM3U)))
		}
		return
	}
	name, value := splitTag(line)
	level, _ := classify(name)
	switch {
	case level == levelMedia, level == levelSegment:
		r.notes.add(r.line, NoteLine, name[1:], "a tag of media playlists in a multivariant playlist: ignored")
	case name == tagVersion: // the writer says which version its own list needs
	case name == tagIndependentSegments:
		r.list.IndependentSegments = true
	case name == tagStreamInf:
		if r.variant != nil {
			r.leaveOut(tagStreamInf, fmt.Sprintf("no URI since the EXT-X-STREAM-INF of line %d", r.at))
		}
		r.variant, r.at = r.readVariant(name, value), r.line
	case name == tagIFrameStreamInf:
		v := r.readVariant(name, value)
		if v.URI == "" {
			r.leaveOut(name, name[1:]+": no URI")
		} else if r.takes() {
			r.list.IFrames = append(r.list.IFrames, *v)
		}
	case name == tagMedia:
		r.readRendition(value)
	default:
		r.list.Tags = append(r.list.Tags, line)
	}
}

// readVariant reads the attributes of EXT-X-STREAM-INF or of
// EXT-X-I-FRAME-STREAM-INF, which has its URI among them.
func (r *multivariantReader) readVariant(tag, list string) *Variant {
	v := &Variant{Line: r.line}
	for _, a := range r.notes.attributes(r.line, tag[1:], list) {
		var err error
		switch a.Name {
		case "URI":
			if tag == tagIFrameStreamInf {
				v.URI = a.Value
			} else {
				v.Attributes = append(v.Attributes, a)
			}
		case "BANDWIDTH":
			v.Bandwidth, err = a.bitrate()
		case "AVERAGE-BANDWIDTH":
			v.AverageBandwidth, err = a.bitrate()
		case "CODECS":
			v.Codecs = a.Value
		case "RESOLUTION":
			v.Width, v.Height, err = a.resolution()
		case "FRAME-RATE":
			v.FrameRate, err = a.frameRate()
		case "HDCP-LEVEL":
			v.HDCPLevel, err = a.oneOf("NONE", "TYPE-0", "TYPE-1")
		case "VIDEO-RANGE":
			v.VideoRange, err = a.oneOf("SDR", "HLG", "PQ")
		case "NAME":
			v.Name = a.Value
		case "AUDIO":
			v.Audio = a.Value
		case "VIDEO":
			v.Video = a.Value
		case "SUBTITLES":
			v.Subtitles = a.Value
		case "CLOSED-CAPTIONS":
			v.ClosedCaptions = a.Value
			if !a.Quoted && strings.EqualFold(a.Value, "NONE") {
				v.ClosedCaptions = "NONE"
			}
		case "PROGRAM-ID":
		default:
			v.Attributes = append(v.Attributes, a)
		}
		r.notes.attribute(r.line, tag[1:], a, err)
	}
	return v
}

// readRendition reads EXT-X-MEDIA.
func (r *multivariantReader) readRendition(list string) {
	m := Rendition{Line: r.line}
	for _, a := range r.notes.attributes(r.line, tagMedia[1:], list) {
		var err error
		switch a.Name {
		case "TYPE":
			m.Type, err = a.oneOf("AUDIO", "VIDEO", "SUBTITLES", "CLOSED-CAPTIONS")
		case "GROUP-ID":
			m.GroupID = a.Value
		case "NAME":
			m.Name = a.Value
		case "LANGUAGE":
			m.Language = a.Value
		case "ASSOC-LANGUAGE":
			m.AssocLanguage = a.Value
		case "DEFAULT":
			m.Default, err = a.yes()
		case "AUTOSELECT":
			m.Autoselect, err = a.yes()
		case "FORCED":
			m.Forced, err = a.yes()
		case "INSTREAM-ID":
			m.InstreamID = a.Value
		case "CHARACTERISTICS":
			m.Characteristics = a.Value
		case "CHANNELS":
			m.Channels = a.Value
		case "URI":
			m.URI = a.Value
		default:
			m.Attributes = append(m.Attributes, a)
		}
		r.notes.attribute(r.line, tagMedia[1:], a, err)
	}
	switch {
	case m.Type == "":
		r.leaveOut(tagMedia, "EXT-X-MEDIA: no TYPE")
	case m.GroupID == "":
		r.leaveOut(tagMedia, "EXT-X-MEDIA: no GROUP-ID")
	case r.takes():
		r.list.Renditions = append(r.list.Renditions, m)
	}
}
