package hls

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// mediaReader gathers the tags of one segment after the other.
type mediaReader struct {
	list *MediaPlaylist
	plan plan
	line int // number of the line in hand

	segment Segment // the next one, as far as it is known
	infLine int     // line of its EXTINF, 0 before that

	byteRange    ByteRange // of the next segment, if hasByteRange
	hasByteRange bool
	explicit     bool // it has an offset

	// What holds until changed.
	current  *Map
	keys     []*Key
	previous ByteRange // of the last segment that had one, for offsets that are left out
	of       string    // the resource it is a part of

	numbered, discontinuityNumbered bool // the sequence tags have been seen
}

func readMedia(lines scanner, plan plan) (*MediaPlaylist, error) {
	lines.checked = true
	r := mediaReader{
		list: &MediaPlaylist{Segments: make([]Segment, 0, plan.segments)},
		plan: plan,
	}
	afterURI := lines // where the lines begin that belong to no segment yet
	for {
		line, ok, err := lines.next()
		if err != nil {
			return nil, err
		}
		if !ok {
			break
		}
		r.line = lines.line
		if line[0] == '#' {
			err = r.tag(line)
		} else {
			err = r.uri(line)
			afterURI = lines
		}
		if err != nil {
			return nil, lines.fail("%s", err)
		}
	}
	if err := r.readTrailing(afterURI); err != nil {
		return nil, err
	}
	return r.list, nil
}

// readTrailing goes once more over the lines after the last URI.
func (r *mediaReader) readTrailing(lines scanner) error {
	for {
		line, ok, err := lines.next()
		if !ok || err != nil {
			return err
		}
		name, _ := splitTag(line)
		if !r.ofPlaylist(name, lines.line) {
			r.list.Trailing = append(r.list.Trailing, line)
		}
	}
}

// ofPlaylist reports whether the tag on a line belongs to the playlist, not
// to the segment that follows.
func (r *mediaReader) ofPlaylist(name string, line int) bool {
	switch level, _ := classify(name); level {
	case levelShared, levelMedia:
		return true
	case levelUnknown:
		return line < r.plan.lastHeader
	}
	return name == tagEndList
}

func (r *mediaReader) tag(line string) error {
	name, value := splitTag(line)
	_, modelled := classify(name)
	if r.ofPlaylist(name, r.line) {
		if modelled {
			return inTag(name, r.playlistTag(name, value))
		}
		if name == tagSkip {
			return fmt.Errorf("%s: a delta update can't be read without the playlist it updates", name[1:])
		}
		r.list.Tags = append(r.list.Tags, line)
		return nil
	}
	if !modelled {
		r.segment.Tags = append(r.segment.Tags, line)
		return nil
	}
	return inTag(name, r.segmentTag(name, value))
}

// inTag names the tag in an error about its value.
func inTag(name string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", name[1:], err)
	}
	return nil
}

func (r *mediaReader) playlistTag(name, value string) error {
	switch name {
	case tagM3U: // the first line; survey allows no other
	case tagEndList:
		r.list.EndList = true
	case tagVersion:
		return readVersion(&r.list.Version, value)
	case tagIndependentSegments:
		r.list.IndependentSegments = true
	case tagTargetDuration:
		seconds, err := parseSeconds(value)
		if err != nil {
			return err
		}
		r.list.TargetDuration = int((seconds + time.Second - 1) / time.Second)
	case tagMediaSequence:
		return readOnce(&r.list.MediaSequence, &r.numbered, value)
	case tagDiscontinuitySequence:
		return readOnce(&r.list.DiscontinuitySequence, &r.discontinuityNumbered, value)
	case tagPlaylistType:
		switch kind := PlaylistType(value); kind {
		case Event, VOD:
			r.list.PlaylistType = kind
		default:
			return fmt.Errorf("%s is neither EVENT nor VOD", quote(value))
		}
	}
	return nil
}

func readVersion(version *int, value string) error {
	number, err := parseInteger(value)
	if err != nil {
		return err
	}
	*version = int(number)
	return nil
}

// readOnce refuses two values for a number that the identity of every
// segment hangs on.
func readOnce(number *uint64, seen *bool, value string) error {
	n, err := parseInteger(value)
	if err != nil {
		return err
	}
	if *seen && n != *number {
		return fmt.Errorf("%d after %d", n, *number)
	}
	*number, *seen = n, true
	return nil
}

func (r *mediaReader) segmentTag(name, value string) (err error) {
	switch name {
	case tagInf:
		if r.infLine > 0 {
			return fmt.Errorf("no URI since the EXTINF of line %d", r.infLine)
		}
		r.infLine = r.line
		seconds, title, _ := strings.Cut(value, ",")
		r.segment.Title = title
		r.segment.Duration, err = parseSeconds(trimBlanks(seconds))
	case tagDiscontinuity:
		r.segment.Discontinuity = true
	case tagGap:
		r.segment.Gap = true
	case tagProgramDateTime:
		r.segment.ProgramDateTime, err = parseDateTime(value)
		if err != nil {
			err = fmt.Errorf("%s: %w", quote(value), err)
		}
	case tagByteRange:
		r.byteRange, r.explicit, err = parseByteRange(value)
		r.hasByteRange = true
	case tagMap:
		r.current, err = readMap(value)
	case tagKey:
		r.keys, err = readKey(r.keys, value)
	}
	return err
}

// uri ends a segment.
func (r *mediaReader) uri(uri string) error {
	if r.infLine == 0 {
		return fmt.Errorf("URI %s without an EXTINF", quote(uri))
	}
	r.segment.URI = uri
	r.segment.Map = r.current
	r.segment.Keys = r.keys
	if r.hasByteRange {
		if !r.explicit {
			// RFC 8216 section 4.3.2.2: it begins where the segment before
			// ended, which must be a part of the same resource.
			if r.of != uri {
				return errors.New("EXT-X-BYTERANGE without an offset, and the segment before is not of the same resource")
			}
			r.byteRange.Offset = r.previous.end()
			if !r.byteRange.valid() {
				return errors.New("EXT-X-BYTERANGE goes beyond 2^63-1")
			}
		}
		part := r.byteRange
		r.segment.ByteRange = &part
		r.previous, r.of = part, uri
	} else {
		r.of = ""
	}
	r.list.Segments = append(r.list.Segments, r.segment)
	r.segment, r.infLine, r.hasByteRange = Segment{}, 0, false
	return nil
}

func readMap(list string) (*Map, error) {
	attributes, err := ParseAttributes(list)
	if err != nil {
		return nil, err
	}
	m := new(Map)
	for _, a := range attributes {
		switch a.Name {
		case "URI":
			m.URI = a.Value
		case "BYTERANGE":
			// Without an offset the section begins at the first byte.
			part, _, err := parseByteRange(a.Value)
			if err != nil {
				return nil, inAttribute(a, err)
			}
			m.ByteRange = &part
		default:
			m.Attributes = append(m.Attributes, a)
		}
	}
	if m.URI == "" {
		return nil, errors.New("no URI")
	}
	return m, nil
}

// readKey returns the keys in force after an EXT-X-KEY. The keys before are
// left as they are, since segments share them.
func readKey(inForce []*Key, list string) ([]*Key, error) {
	attributes, err := ParseAttributes(list)
	if err != nil {
		return nil, err
	}
	key := new(Key)
	for _, a := range attributes {
		var err error
		switch a.Name {
		case "METHOD":
			key.Method, err = a.enumerated()
		case "URI":
			key.URI = a.Value
		case "IV":
			key.IV, err = a.hexadecimal()
		case "KEYFORMAT":
			key.KeyFormat = a.Value
		case "KEYFORMATVERSIONS":
			key.KeyFormatVersions = a.Value
		default:
			key.Attributes = append(key.Attributes, a)
		}
		if err != nil {
			return nil, inAttribute(a, err)
		}
	}
	switch {
	case key.Method == "":
		return nil, errors.New("no METHOD")
	case key.Method == "NONE":
		return nil, nil
	case key.URI == "":
		return nil, errors.New("no URI")
	}
	keys := slices.Clone(inForce)
	for i, earlier := range keys {
		if earlier.KeyFormat == key.KeyFormat {
			keys[i] = key
			return keys, nil
		}
	}
	if len(keys) == maxKeys {
		return nil, fmt.Errorf("more than %d keys at once", maxKeys)
	}
	return append(keys, key), nil
}

// maxKeys bounds the keys in force at once: each EXT-X-KEY costs time and
// memory by their number. There is one per DRM system in practice.
const maxKeys = 16

// inAttribute names the attribute in an error about its value.
func inAttribute(a Attribute, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", a.Name, err)
	}
	return nil
}
