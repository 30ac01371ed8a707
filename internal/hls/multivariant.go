package hls

import "errors"

// MultivariantPlaylist is a multivariant playlist ("master playlist" in
// RFC 8216 section 4.3.4).
type MultivariantPlaylist struct {
	// Version is EXT-X-VERSION as read, 0 if absent. It is not written:
	// [EncodeMultivariant] writes the lowest version that the content needs.
	Version int

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

func readMultivariant(lines scanner, plan plan) (*MultivariantPlaylist, error) {
	lines.checked = true
	m := &MultivariantPlaylist{Variants: make([]Variant, 0, plan.variants)}
	var variant *Variant // waits for its URI
	variantLine := 0
	for {
		line, ok, err := lines.next()
		if err != nil {
			return nil, err
		}
		if !ok {
			break
		}
		if line[0] != '#' {
			if variant == nil {
				return nil, lines.fail("URI %s without an EXT-X-STREAM-INF", quote(line))
			}
			variant.URI = line
			m.Variants = append(m.Variants, *variant)
			variant = nil
			continue
		}
		name, value := splitTag(line)
		switch name {
		case tagM3U:
		case tagVersion:
			err = readVersion(&m.Version, value)
		case tagIndependentSegments:
			m.IndependentSegments = true
		case tagStreamInf:
			if variant != nil {
				return nil, lines.fail("no URI since the EXT-X-STREAM-INF of line %d", variantLine)
			}
			variant, err = readVariant(value, false)
			variantLine = lines.line
		case tagIFrameStreamInf:
			var iframes *Variant
			if iframes, err = readVariant(value, true); err == nil {
				m.IFrames = append(m.IFrames, *iframes)
			}
		case tagMedia:
			var rendition *Rendition
			if rendition, err = readRendition(value); err == nil {
				m.Renditions = append(m.Renditions, *rendition)
			}
		default:
			m.Tags = append(m.Tags, line)
		}
		if err != nil {
			return nil, lines.fail("%s", inTag(name, err))
		}
	}
	if variant != nil {
		return nil, &SyntaxError{Line: variantLine, Reason: "EXT-X-STREAM-INF without a URI"}
	}
	return m, nil
}

// readVariant reads the attributes of EXT-X-STREAM-INF, or, with iframes, of
// EXT-X-I-FRAME-STREAM-INF, which has its URI among them.
func readVariant(list string, iframes bool) (*Variant, error) {
	attributes, err := ParseAttributes(list)
	if err != nil {
		return nil, err
	}
	v := new(Variant)
	for _, a := range attributes {
		var err error
		switch a.Name {
		case "URI":
			if iframes {
				v.URI = a.Value
			} else {
				v.Attributes = append(v.Attributes, a)
			}
		case "BANDWIDTH":
			v.Bandwidth, err = a.integer()
		case "AVERAGE-BANDWIDTH":
			v.AverageBandwidth, err = a.integer()
		case "CODECS":
			v.Codecs = a.Value
		case "RESOLUTION":
			v.Width, v.Height, err = a.resolution()
		case "FRAME-RATE":
			v.FrameRate, err = a.frameRate()
		case "HDCP-LEVEL":
			v.HDCPLevel, err = a.enumerated()
		case "VIDEO-RANGE":
			v.VideoRange, err = a.enumerated()
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
		case "PROGRAM-ID":
		default:
			v.Attributes = append(v.Attributes, a)
		}
		if err != nil {
			return nil, inAttribute(a, err)
		}
	}
	if iframes && v.URI == "" {
		return nil, errors.New("no URI")
	}
	return v, nil
}

func readRendition(list string) (*Rendition, error) {
	attributes, err := ParseAttributes(list)
	if err != nil {
		return nil, err
	}
	r := new(Rendition)
	for _, a := range attributes {
		var err error
		switch a.Name {
		case "TYPE":
			r.Type, err = a.enumerated()
		case "GROUP-ID":
			r.GroupID = a.Value
		case "NAME":
			r.Name = a.Value
		case "LANGUAGE":
			r.Language = a.Value
		case "ASSOC-LANGUAGE":
			r.AssocLanguage = a.Value
		case "DEFAULT":
			r.Default, err = a.yes()
		case "AUTOSELECT":
			r.Autoselect, err = a.yes()
		case "FORCED":
			r.Forced, err = a.yes()
		case "INSTREAM-ID":
			r.InstreamID = a.Value
		case "CHARACTERISTICS":
			r.Characteristics = a.Value
		case "CHANNELS":
			r.Channels = a.Value
		case "URI":
			r.URI = a.Value
		default:
			r.Attributes = append(r.Attributes, a)
		}
		if err != nil {
			return nil, inAttribute(a, err)
		}
	}
	switch {
	case r.Type == "":
		return nil, errors.New("no TYPE")
	case r.GroupID == "":
		return nil, errors.New("no GROUP-ID")
	}
	return r, nil
}
