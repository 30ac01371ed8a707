package hls

import (
	"fmt"
	"path"
	"strings"
	"time"
)

// mediaReader gathers the tags of one segment after another.
type mediaReader struct {
	list  *MediaPlaylist
	plan  plan
	notes *notes
	line  int // number of the current line
	most  int // how many segments are kept

	segment Segment // the next one, as far as it is known
	infLine int     // line of its EXTINF, 0 before that

	byteRange    ByteRange // of the next segment, if hasByteRange
	hasByteRange bool
	explicit     bool // it has an offset

	// What holds until changed.
	current  *Map
	keys     []*Key
	previous ByteRange // of the last segment that had one, for omitted offsets
	of       string    // the resource it is a part of

	numbers numbering

	// skip is how many segments are still to be left out at the head, left how
	// many were. date is where the first one that is kept begins, going by the dates of
	// those left out, and extension is what names end in.
	skip, left int
	date       position
	extension  string
	refused    string // why the first entry is unusable
	refusedAt  int
}

// numbering is what the sequence tags say.
type numbering struct {
	seen, wrong          bool // EXT-X-MEDIA-SEQUENCE
	skipped              uint64
	discontinuityNumbers bool
}

func readMedia(lines scanner, plan plan) (*MediaPlaylist, error) {
	most := lines.limits.Segments
	r := mediaReader{
		list:  &MediaPlaylist{Segments: make([]Segment, 0, min(plan.segments, most))},
		plan:  plan,
		notes: lines.notes,
		most:  most,
		skip:  max(0, plan.segments-most),
	}
	afterURI := lines // start of the lines that belong to no segment yet
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
		if r.uri(line) {
			r.skipOrdinary(&lines)
			afterURI = lines
		}
	}
	r.readTrailing(afterURI)
	r.number()
	if r.refused != "" && !r.serves() {
		return nil, &SyntaxError{Line: r.refusedAt, Reason: r.refused}
	}
	return r.list, nil
}

// serves reports whether there is an entry that can be served.
func (r *mediaReader) serves() bool {
	for i := range r.list.Segments {
		if r.list.Segments[i].Fault == "" {
			return true
		}
	}
	return false
}

// number gives the first segment its number, and its date if those before it had one.
func (r *mediaReader) number() {
	m := r.list
	if len(m.Segments) > 0 && m.Segments[0].ProgramDateTime.IsZero() && !m.Segments[0].Discontinuity {
		m.Segments[0].ProgramDateTime = r.date.date()
	}
	if !r.numbers.seen || r.numbers.wrong {
		m.Unnumbered, m.MediaSequence = true, 0
	}
	m.MediaSequence += r.numbers.skipped + uint64(r.left)
}

// readTrailing goes over the lines after the last URI again.
func (r *mediaReader) readTrailing(lines scanner) {
	lines.notes = nil
	for {
		line, ok := lines.next()
		if !ok {
			return
		}
		if line[0] != '#' || isHeader(line) {
			continue
		}
		name, _ := splitTag(line)
		if level, _ := classify(name); level != levelMultivariant && !r.ofPlaylist(name, lines.line) {
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

func (r *mediaReader) tag(line string) {
	name, value := splitTag(line)
	if name == tagInf { // usually every second line
		r.inf(value)
		return
	}
	if isHeader(line) {
		r.header(line)
		return
	}
	level, modelled := classify(name)
	switch {
	case level == levelMultivariant:
		r.note(NoteLine, name, "a tag of multivariant playlists in a media playlist: ignored")
	case modelled && level == levelSegment && name != tagEndList:
		r.segmentTag(name, value)
	case modelled:
		r.playlistTag(name, value)
	case name == tagSkip:
		r.skipped(value)
	case r.ofPlaylist(name, r.line):
		r.list.Tags = append(r.list.Tags, line)
	case name == tagDateRange && !r.dateRange(value):
	case r.skip == 0:
		r.segment.Tags = append(r.segment.Tags, line)
	}
}

// header takes #EXTM3U. It is the first line, except for what editors put before it.
func (r *mediaReader) header(line string) {
	if line != tagM3U {
		r.note(NoteLine, tagM3U, "%s after #EXTM3U: ignored", Quote(strings.TrimPrefix(line, tagM3U)))
		return
	}
	if len(r.list.Segments)+r.left > 0 || r.infLine > 0 {
		r.note(NoteLine, tagM3U, "repeated within the playlist: ignored")
	}
}

func (r *mediaReader) note(kind NoteKind, tag, format string, args ...any) {
	r.notes.add(r.line, kind, strings.TrimPrefix(tag, "#"), format, args...)
}

// value notes that the value of a tag makes no sense.
func (r *mediaReader) value(tag string, err error) {
	if err != nil {
		r.note(NoteValue, tag, "%s: %s: %s", strings.TrimPrefix(tag, "#"), err, measuredInstead)
	}
}

func (r *mediaReader) playlistTag(name, value string) {
	switch name {
	case tagEndList:
		r.list.EndList = true
	case tagVersion: // the writer says which version its own list needs
	case tagIndependentSegments:
		r.list.IndependentSegments = true
	case tagTargetDuration:
		seconds, err := parseDuration(value)
		r.value(name, err)
		if err == nil {
			r.list.TargetDuration = int((seconds + time.Second - 1) / time.Second)
		}
	case tagMediaSequence:
		r.sequence(value)
	case tagDiscontinuitySequence:
		number, err := parseRounded(value)
		r.value(name, err)
		if err == nil && !r.numbers.discontinuityNumbers {
			r.list.DiscontinuitySequence += number // to those that were left out
			r.numbers.discontinuityNumbers = true
		}
	case tagPlaylistType:
		switch kind := PlaylistType(strings.ToUpper(value)); kind {
		case Event, VOD:
			r.list.PlaylistType = kind
		default:
			r.value(name, fmt.Errorf("%s is neither EVENT nor VOD", Quote(value)))
		}
	}
}

// sequence takes EXT-X-MEDIA-SEQUENCE. The identity of every segment depends on it, so two
// different values are as bad as none.
func (r *mediaReader) sequence(value string) {
	number, err := parseRounded(value)
	if err == nil && r.numbers.seen && !r.numbers.wrong && number != r.list.MediaSequence {
		err = fmt.Errorf("%d after %d", number, r.list.MediaSequence)
	}
	if err != nil {
		r.numbers.wrong = true
		r.note(NoteValue, tagMediaSequence, "%s: %s: segments are told by their names", tagMediaSequence[1:], err)
		return
	}
	if !r.numbers.wrong {
		r.list.MediaSequence, r.numbers.seen = number, true
	}
}

// skipped takes EXT-X-SKIP: a delta update, which lists the newest segments only
// (bis section 4.4.5.2).
func (r *mediaReader) skipped(list string) {
	for _, a := range ReadAttributes(list) {
		if n, err := a.integer(); a.Name == "SKIPPED-SEGMENTS" && err == nil && n <= 1<<32 {
			r.numbers.skipped = n
			return
		}
	}
	r.numbers.wrong = true // as the numbers of all that follows are
	r.note(NoteValue, tagSkip, "EXT-X-SKIP: %s does not say how many segments are left out: segments are told by their names", Quote(list))
}

func (r *mediaReader) segmentTag(name, value string) {
	switch name {
	case tagDiscontinuity:
		if r.segment.Discontinuity {
			r.segment.Further++
		}
		r.segment.Discontinuity = true
	case tagGap:
		r.segment.Gap = true
	case tagProgramDateTime:
		at, err := ParseDateTime(value)
		if err != nil {
			r.value(name, fmt.Errorf("%s: %w", Quote(value), err))
			return
		}
		r.segment.ProgramDateTime = at
	case tagByteRange:
		var err error
		if r.byteRange, r.explicit, err = parseByteRange(strings.Trim(value, "\" \t")); err != nil {
			r.segment.Fault = fmt.Sprintf("%s: %s", name[1:], err)
			return
		}
		r.hasByteRange = true
	case tagMap:
		if m := r.readMap(value); m != nil {
			r.current = m
		}
	case tagKey:
		r.readKey(value)
	}
}

// inf takes EXTINF.
func (r *mediaReader) inf(value string) {
	if r.infLine > 0 {
		r.note(NoteEntry, tagInf, "EXTINF of line %d has no URI: the entry is left out", r.infLine)
	}
	r.infLine = r.line
	seconds, title, _ := strings.Cut(value, ",")
	// In a locale with a decimal comma, 1.920 is written as 1,920. What is nothing but
	// digits and is followed by a comma is not a title.
	if decimals, rest, found := strings.Cut(title, ","); found && decimals != "" && len(decimals) <= 9 && allDigits(decimals) && allDigits(trimBlanks(seconds)) {
		r.note(NoteValue, tagInf, "EXTINF: %s has a comma for a decimal point", Quote(seconds+","+decimals))
		seconds, title = trimBlanks(seconds)+"."+decimals, rest
	}
	duration, err := parseDuration(seconds)
	r.value(tagInf, err)
	r.segment.Duration, r.segment.Title = duration, trimBlanks(title)
}

// uri ends a segment. It reports whether the line is one.
func (r *mediaReader) uri(uri string) bool {
	if r.infLine == 0 && !r.resembles(uri) {
		r.note(NoteLine, "URI", "%s without an EXTINF: ignored", Quote(uri))
		return false
	}
	if r.infLine == 0 {
		r.note(NoteValue, tagInf, "%s without an EXTINF: its length is measured", Quote(uri))
	}
	s := &r.segment
	s.URI, s.Line, s.Map, s.Keys = uri, r.line, r.current, r.keys
	r.span(uri)
	subject := "URI"
	if s.Fault != "" {
		subject = tagByteRange // what can be wrong before the URI
	}
	switch err := checkCharacters(uri); {
	case uri[0] == '<':
		s.Fault = fmt.Sprintf("markup %s in place of a URI", Quote(uri))
	case err != nil:
		s.Fault = fmt.Sprintf("URI %s: %s", Quote(uri), err)
	}
	if s.Fault != "" {
		if r.refused == "" {
			r.refused, r.refusedAt = s.Fault, r.line
		}
		r.note(NoteEntry, subject, "%s: the entry is left out", s.Fault)
	} else {
		r.extension = path.Ext(uri)
	}
	r.keep()
	r.segment, r.infLine, r.hasByteRange = Segment{}, 0, false
	return true
}

// resembles reports whether a line without an EXTINF is an entry all the same: it is named
// like the others, or none of them has one.
func (r *mediaReader) resembles(uri string) bool {
	if r.plan.segments == 0 {
		return true
	}
	return r.extension != "" && path.Ext(uri) == r.extension && !strings.ContainsAny(uri, " \t")
}

// span finds out which bytes of the resource the segment is.
func (r *mediaReader) span(uri string) {
	if !r.hasByteRange {
		r.of = ""
		return
	}
	if !r.explicit {
		// RFC 8216 section 4.3.2.2: it begins where the previous segment ended, which must
		// be part of the same resource.
		if r.of != uri {
			r.segment.Fault = "EXT-X-BYTERANGE without an offset, and the segment before is not of the same resource"
			return
		}
		r.byteRange.Offset = r.previous.end()
		if !r.byteRange.valid() {
			r.segment.Fault = "EXT-X-BYTERANGE goes beyond 2^63-1"
			return
		}
	}
	part := r.byteRange
	r.segment.ByteRange = &part
	r.previous, r.of = part, uri
}

// keep adds the segment, or counts it as one of those that are left out: of a long playlist
// only the newest part is kept, with what is in force at its beginning.
func (r *mediaReader) keep() {
	s := &r.segment
	if r.skip > 0 {
		r.skip--
		r.leave(s)
		return
	}
	r.list.Segments = append(r.list.Segments, *s)
	if len(r.list.Segments) < 2*r.most {
		return
	}
	// More than there are EXTINF tags.
	for i := range r.list.Segments[:r.most] {
		r.leave(&r.list.Segments[i])
	}
	r.list.Segments = append(r.list.Segments[:0], r.list.Segments[r.most:]...)
}

func (r *mediaReader) leave(s *Segment) {
	r.left++
	if s.Discontinuity {
		r.list.DiscontinuitySequence += 1 + uint64(s.Further)
	}
	r.date.pass("", s.ProgramDateTime, s.Discontinuity, s.Duration)
}
