package hls

import (
	"fmt"
	"slices"
)

// attributes reads the attribute list of a tag, and notes what is wrong with it.
func (n *notes) attributes(line int, tag, list string) []Attribute {
	attributes := scanAttributes(list, func(name, problem string) {
		subject := name
		if subject == "" {
			subject = tag
		}
		n.add(line, NoteValue, subject, "%s: %s: the rest is used", tag, problem)
	})
	if len(attributes) == 0 {
		n.add(line, NoteValue, tag, "%s: no attributes", tag)
	}
	return attributes
}

// attribute notes that an attribute's value makes no sense.
func (n *notes) attribute(line int, tag string, a Attribute, err error) {
	if err != nil {
		n.add(line, NoteValue, a.Name, "%s: %s: %s: %s", tag, a.Name, err, measuredInstead)
	}
}

// readMap reads EXT-X-MAP, nil if it names nothing: then what was in force stays.
func (r *mediaReader) readMap(list string) *Map {
	m := new(Map)
	for _, a := range r.notes.attributes(r.line, tagMap[1:], list) {
		switch a.Name {
		case "URI":
			m.URI = a.Value
		case "BYTERANGE":
			// Without an offset the section begins at the first byte.
			part, _, err := parseByteRange(a.Value)
			r.notes.attribute(r.line, tagMap[1:], a, err)
			if err == nil {
				m.ByteRange = &part
			}
		default:
			m.Attributes = append(m.Attributes, a)
		}
	}
	if m.URI == "" {
		r.note(NoteLine, tagMap, "%s: no URI: ignored", tagMap[1:])
		return nil
	}
	return m
}

// readKey takes EXT-X-KEY. The keys before it are left as they are, since segments share
// them. One that can't be read is passed over: encryption will show in the media.
func (r *mediaReader) readKey(list string) {
	key := new(Key)
	for _, a := range r.notes.attributes(r.line, tagKey[1:], list) {
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
		r.notes.attribute(r.line, tagKey[1:], a, err)
	}
	switch key.Method {
	case "":
		r.note(NoteLine, tagKey, "%s: no METHOD: ignored", tagKey[1:])
		return
	case "NONE":
		r.keys = nil
		return
	}
	keys := slices.Clone(r.keys)
	for i, earlier := range keys {
		if earlier.KeyFormat == key.KeyFormat {
			keys[i] = key
			r.keys = keys
			return
		}
	}
	if len(keys) == maxKeys {
		r.note(NoteLine, tagKey, "%s", fmt.Sprintf("more than %d keys at once: ignored", maxKeys))
		return
	}
	r.keys = append(keys, key)
}

// maxKeys bounds the keys in force at once: each EXT-X-KEY costs time and
// memory by their number. In practice there is one per DRM system.
const maxKeys = 16

// dateRange reports whether players can make something of EXT-X-DATERANGE (RFC 8216 section 4.3.2.7).
// One that continues another one may have no START-DATE.
func (r *mediaReader) dateRange(list string) bool {
	id := ""
	for _, a := range ReadAttributes(list) {
		switch a.Name {
		case "ID":
			id = a.Value
		case "START-DATE":
			if _, err := ParseDateTime(a.Value); err != nil {
				r.note(NoteLine, tagDateRange, "EXT-X-DATERANGE: START-DATE: %s: %s: ignored", Quote(a.Value), err)
				return false
			}
		}
	}
	if id == "" {
		r.note(NoteLine, tagDateRange, "EXT-X-DATERANGE: no ID: ignored")
	}
	return id != ""
}
