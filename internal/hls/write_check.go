package hls

import (
	"errors"
	"fmt"
	"math"
	"strings"
)

// newMediaWriter checks that m can be written: the library prints what it is
// given, and a line break in a URI would be one more line of the playlist. inForce is the
// EXT-X-MAP that what stands before the first segment has put in force, nil for none.
func newMediaWriter(m *MediaPlaylist, inForce *Map) (*mediaWriter, error) {
	if m.TargetDuration < 0 || m.TargetDuration > int(maxDuration.Seconds()) {
		return nil, fmt.Errorf("encode playlist: target duration %d out of range", m.TargetDuration)
	}
	if m.MediaSequence > math.MaxInt64 || m.DiscontinuitySequence > math.MaxInt64 {
		return nil, errors.New("encode playlist: sequence number above 2^63-1")
	}
	switch m.PlaylistType {
	case "", Event, VOD:
	default:
		return nil, fmt.Errorf("encode playlist: type %s", Quote(string(m.PlaylistType)))
	}
	for _, line := range m.Tags {
		if err := checkTag(line, levelShared, levelMedia, levelUnknown); err != nil {
			return nil, fmt.Errorf("encode playlist: %w", err)
		}
	}
	for _, line := range m.Trailing {
		if err := checkTrailing(line); err != nil {
			return nil, fmt.Errorf("encode playlist: %w", err)
		}
	}
	mapped := inForce != nil
	for i := range m.Segments {
		segment := &m.Segments[i]
		if err := segment.check(); err != nil {
			return nil, fmt.Errorf("encode segment %d: %w", i, err)
		}
		if segment.Map != nil {
			mapped = true
		} else if mapped && !segment.Gap {
			return nil, fmt.Errorf("encode segment %d: no EXT-X-MAP, but one is in force, and a playlist can't take it back", i)
		}
	}
	return &mediaWriter{list: m, current: inForce}, nil
}

func (s *Segment) check() error {
	if s.Fault != "" {
		return fmt.Errorf("it can't be served: %s", s.Fault)
	}
	if err := checkURI(s.URI); err != nil {
		return err
	}
	if s.Duration < 0 || s.Duration > maxDuration {
		return fmt.Errorf("duration %v out of range", s.Duration)
	}
	if err := checkCharacters(s.Title); err != nil {
		return fmt.Errorf("title: %w", err)
	}
	if strings.HasSuffix(s.Title, " ") {
		return errors.New("title ends in a blank")
	}
	if y := s.ProgramDateTime.UTC().Year(); !s.ProgramDateTime.IsZero() && (y < 1900 || y > 9999) {
		return fmt.Errorf("year %d out of range", y)
	}
	if s.ByteRange != nil && !s.ByteRange.valid() {
		return errors.New("byte range out of range")
	}
	if s.Map != nil && s.Map.URI == "" {
		return errors.New("EXT-X-MAP without a URI")
	}
	if s.Map != nil && s.Map.ByteRange != nil && !s.Map.ByteRange.valid() {
		return errors.New("byte range of EXT-X-MAP out of range")
	}
	if len(s.Keys) > maxKeys {
		return fmt.Errorf("more than %d keys", maxKeys)
	}
	for _, key := range s.Keys {
		if key.Method == "NONE" {
			return errors.New("EXT-X-KEY with METHOD=NONE")
		}
	}
	if s.Further < 0 || s.Further > 0 && !s.Discontinuity {
		return errors.New("further discontinuities without a first one")
	}
	for _, line := range s.Tags {
		if err := checkTag(line, levelSegment, levelUnknown); err != nil {
			return err
		}
	}
	return nil
}

// checkURI checks a line that will be read as a URI.
func checkURI(uri string) error {
	if uri == "" || uri[0] == '#' || uri[0] == '<' || strings.Trim(uri, " ") != uri {
		return fmt.Errorf("%s is not a URI", Quote(uri))
	}
	if err := checkCharacters(uri); err != nil {
		return fmt.Errorf("URI: %w", err)
	}
	return nil
}

// checkTag checks a line that will be written verbatim: it must be of one of the levels,
// and not one that the model has a field for.
func checkTag(line string, levels ...tagLevel) error {
	if line == "" || line[0] != '#' || strings.HasSuffix(line, " ") {
		return fmt.Errorf("%s is not a tag", Quote(line))
	}
	if err := checkCharacters(line); err != nil {
		return fmt.Errorf("tag: %w", err)
	}
	name, _ := splitTag(line)
	level, modelled := classify(name)
	if modelled {
		return fmt.Errorf("tag %s has a field of its own", Quote(name))
	}
	for _, allowed := range levels {
		if level == allowed {
			return nil
		}
	}
	return fmt.Errorf("tag %s does not belong here", Quote(name))
}

// checkTrailing checks a line after the last URI. It may be any tag of a
// segment to come.
func checkTrailing(line string) error {
	name, _ := splitTag(line)
	if level, modelled := classify(name); level == levelSegment && modelled && name != tagEndList {
		if strings.HasSuffix(line, " ") {
			return fmt.Errorf("%s is not a tag", Quote(line))
		}
		return checkCharacters(line)
	}
	return checkTag(line, levelSegment, levelUnknown)
}

// version returns the lowest protocol version that the playlist needs
// (RFC 8216 section 7, bis section 8), from 3 on, which decimal durations
// need.
func (m *MediaPlaylist) version() uint8 { return m.versionWith(featuresOf(m.Segments)) }

// versionWith is the same for segments that have these features.
func (m *MediaPlaylist) versionWith(f Features) uint8 {
	version := uint8(3)
	iframesOnly := false
	for _, line := range m.Tags {
		name, value := splitTag(line)
		switch name {
		case tagIFramesOnly:
			iframesOnly = true
			version = max(version, 4)
		case tagDefine:
			version = max(version, defineVersion(value))
		}
	}
	if f.ByteRanges {
		version = max(version, 4)
	}
	if f.KeyFormats {
		version = max(version, 5)
	}
	switch {
	case f.Maps && iframesOnly:
		version = max(version, 5)
	case f.Maps:
		version = max(version, 6)
	}
	return version
}

// defineVersion returns the version that an EXT-X-DEFINE needs.
func defineVersion(list string) uint8 {
	attributes, _ := ParseAttributes(list)
	for _, a := range attributes {
		if a.Name == "QUERYPARAM" {
			return 11
		}
	}
	return 8
}
