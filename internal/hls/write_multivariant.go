package hls

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/grafov/m3u8"
)

// EncodeMultivariant renders a multivariant playlist: other tags, renditions,
// variants, I-frame variants. The result is the caller's own.
//
// Reading the result with [Parse] gives m again, except for Version, and a FrameRate
// rounded to three decimals. EXT-X-VERSION is as low as the content allows: 3, or 4 with
// renditions (RFC 8216 section 7), unless an attribute asks for more. A model that can't be
// written is an error.
//
// The library writes the head only. The variants and renditions are one custom tag of it,
// written by this package, because the library would put a PROGRAM-ID into every variant
// (removed in protocol version 6), cut BANDWIDTH to 32 bits, drop a rendition that shares
// its type, group, name and language with another one, put FORCED in quotes, and has no
// field for ASSOC-LANGUAGE, INSTREAM-ID, CHANNELS and whatever comes next.
func EncodeMultivariant(m *MultivariantPlaylist) ([]byte, error) {
	if len(m.Variants)+len(m.Renditions)+len(m.IFrames)+len(m.Tags) == 0 {
		return nil, errors.New("encode multivariant playlist: it is empty")
	}
	body, err := m.body()
	if err != nil {
		return nil, fmt.Errorf("encode multivariant playlist: %w", err)
	}
	list := m3u8.NewMasterPlaylist()
	list.SetVersion(m.version())
	list.SetIndependentSegments(m.IndependentSegments)
	list.SetCustomTag(customTag{text: body})
	// Encode returns its internal buffer.
	return bytes.Clone(list.Encode().Bytes()), nil
}

// body returns all lines after the head, without the last newline.
func (m *MultivariantPlaylist) body() ([]byte, error) {
	var body bytes.Buffer
	for _, line := range m.Tags {
		if err := checkTag(line, levelShared, levelMultivariant, levelUnknown); err != nil {
			return nil, err
		}
		body.WriteString(line + "\n")
	}
	write := func(tag string, list []byte) {
		body.WriteString(tag)
		body.WriteByte(':')
		body.Write(list)
		body.WriteByte('\n')
	}
	for i := range m.Renditions {
		list, err := m.Renditions[i].attributes()
		if err != nil {
			return nil, fmt.Errorf("rendition %d: %w", i, err)
		}
		write(tagMedia, list)
	}
	for i := range m.Variants {
		list, err := m.Variants[i].attributes(false)
		if err == nil {
			err = checkURI(m.Variants[i].URI)
		}
		if err != nil {
			return nil, fmt.Errorf("variant %d: %w", i, err)
		}
		write(tagStreamInf, list)
		body.WriteString(m.Variants[i].URI)
		body.WriteByte('\n')
	}
	for i := range m.IFrames {
		list, err := m.IFrames[i].attributes(true)
		if err != nil {
			return nil, fmt.Errorf("variant %d of I-frames: %w", i, err)
		}
		write(tagIFrameStreamInf, list)
	}
	body.Truncate(body.Len() - 1)
	return body.Bytes(), nil
}

func (v *Variant) attributes(iframes bool) ([]byte, error) {
	var w attributeWriter
	w.integer("BANDWIDTH", v.Bandwidth)
	if v.AverageBandwidth > 0 {
		w.integer("AVERAGE-BANDWIDTH", v.AverageBandwidth)
	}
	w.quotedUnlessEmpty("CODECS", v.Codecs)
	if v.Width != 0 || v.Height != 0 {
		if v.Width < 0 || v.Height < 0 {
			return nil, errors.New("negative RESOLUTION")
		}
		w.name("RESOLUTION")
		w.list = strconv.AppendInt(w.list, int64(v.Width), 10)
		w.list = append(w.list, 'x')
		w.list = strconv.AppendInt(w.list, int64(v.Height), 10)
	}
	if v.FrameRate != 0 {
		if !(v.FrameRate > 0 && v.FrameRate <= maxFrameRate) {
			return nil, fmt.Errorf("FRAME-RATE %v out of range", v.FrameRate)
		}
		w.name("FRAME-RATE")
		w.list = strconv.AppendFloat(w.list, v.FrameRate, 'f', 3, 64)
	}
	w.enumeratedUnlessEmpty("HDCP-LEVEL", v.HDCPLevel)
	w.enumeratedUnlessEmpty("VIDEO-RANGE", v.VideoRange)
	w.quotedUnlessEmpty("AUDIO", v.Audio)
	w.quotedUnlessEmpty("VIDEO", v.Video)
	w.quotedUnlessEmpty("SUBTITLES", v.Subtitles)
	if v.ClosedCaptions == "NONE" {
		w.enumerated("CLOSED-CAPTIONS", v.ClosedCaptions)
	} else {
		w.quotedUnlessEmpty("CLOSED-CAPTIONS", v.ClosedCaptions)
	}
	w.quotedUnlessEmpty("NAME", v.Name)
	if iframes {
		if v.URI == "" {
			return nil, errors.New("no URI")
		}
		w.quoted("URI", v.URI)
	}
	return w.finish(v.Attributes)
}

func (r *Rendition) attributes() ([]byte, error) {
	var w attributeWriter
	w.enumerated("TYPE", r.Type)
	if r.GroupID == "" {
		return nil, errors.New("no GROUP-ID")
	}
	w.quoted("GROUP-ID", r.GroupID)
	w.quoted("NAME", r.Name) // required, if only as an empty one
	w.quotedUnlessEmpty("LANGUAGE", r.Language)
	w.quotedUnlessEmpty("ASSOC-LANGUAGE", r.AssocLanguage)
	if r.Default {
		w.enumerated("DEFAULT", "YES")
	} else {
		w.enumerated("DEFAULT", "NO")
	}
	// Absent means NO, except that it must not be NO where DEFAULT is YES.
	if r.Autoselect {
		w.enumerated("AUTOSELECT", "YES")
	}
	// Allowed for subtitles only, so not written as NO.
	if r.Forced {
		w.enumerated("FORCED", "YES")
	}
	w.quotedUnlessEmpty("INSTREAM-ID", r.InstreamID)
	w.quotedUnlessEmpty("CHARACTERISTICS", r.Characteristics)
	w.quotedUnlessEmpty("CHANNELS", r.Channels)
	w.quotedUnlessEmpty("URI", r.URI)
	return w.finish(r.Attributes)
}

// version returns the protocol version to write (RFC 8216 section 7, bis
// section 8).
func (m *MultivariantPlaylist) version() uint8 {
	version := uint8(3)
	if len(m.Renditions) > 0 {
		version = 4
	}
	for _, line := range m.Tags {
		if name, value := splitTag(line); name == tagDefine {
			version = max(version, defineVersion(value))
		}
	}
	for i := range m.Renditions {
		if strings.HasPrefix(m.Renditions[i].InstreamID, "SERVICE") {
			version = max(version, 7)
		}
	}
	for _, variants := range [][]Variant{m.Variants, m.IFrames} {
		for i := range variants {
			for _, a := range variants[i].Attributes {
				if strings.HasPrefix(a.Name, "REQ-") {
					version = max(version, 12)
				}
			}
		}
	}
	return version
}

// customTag carries lines that the library has no field for.
type customTag struct{ text []byte }

func (t customTag) TagName() string       { return "" }
func (t customTag) String() string        { return string(t.text) }
func (t customTag) Encode() *bytes.Buffer { return bytes.NewBuffer(t.text) }
