package hls

import (
	"bytes"
	"fmt"
	"strconv"
)

// EncodeMedia renders a media playlist. It is meant to be called once per
// change of a playlist, never per request: the cost is that of the whole
// window. m is only read, and the result is the caller's own.
//
// TargetDuration is written as it is, whatever the segments' durations are;
// EXT-X-DISCONTINUITY-SEQUENCE always; EXTINF exact to the nanosecond, with
// at least five decimals; EXT-X-PROGRAM-DATE-TIME in UTC with milliseconds,
// on each segment that has one; EXT-X-MAP for the first segment, when it
// changes, and again after each discontinuity; EXT-X-VERSION as low as the
// content allows, at least 3. A gap without a Map accepts any.
//
// Reading the result with [Parse] gives m again, except for Unnumbered, times rounded to
// milliseconds, and the Map of such gaps. A model that can't be written this way (a URI
// with a line break, a duration below zero, a segment without a Map after one that has it)
// is an error.
func EncodeMedia(m *MediaPlaylist) ([]byte, error) {
	writer, err := newMediaWriter(m, nil)
	if err != nil {
		return nil, err
	}
	text, err := writer.render(m.version())
	if err != nil {
		return nil, err
	}
	for _, line := range m.Trailing {
		text = append(append(text, line...), '\n')
	}
	return text, nil
}

// render makes the text of the playlist.
func (w *mediaWriter) render(version uint8) ([]byte, error) {
	p, err := printerFor(len(w.list.Segments))
	if err != nil {
		return nil, err
	}
	defer p.release()
	printed, err := p.print(w, version)
	if err != nil {
		return nil, err
	}
	m := w.list
	text := make([]byte, 0, len(printed)+len(m.Segments)*len("6.006006006")+m.trailingBytes())
	return appendWithDurations(text, printed, m.Segments), nil
}

// zeroInf is what the library writes for a segment of duration 0.
const zeroInf = tagInf + ":0.000,"

// appendWithDurations copies what the library rendered, and fills in the durations. The
// library cuts EXTINF to three decimals (and to a float32 before that), so that the sum
// over a window of 7,200 segments would be off by up to 3.6 s; HLS wants it within one
// video frame. Its API offers no other way in, and the bytes have to be copied anyway,
// since Encode returns its internal buffer.
//
// No other line can look like zeroInf: newMediaWriter has checked that every
// text is a single line, that URIs don't begin with "#", and that tags are
// not EXTINF.
func appendWithDurations(dst, rendered []byte, segments []Segment) []byte {
	marker := []byte("\n" + zeroInf)
	for i := range segments {
		at := bytes.Index(rendered, marker)
		dst = append(dst, rendered[:at]...)
		dst = append(dst, '\n')
		dst = append(dst, tagInf...)
		dst = append(dst, ':')
		dst = appendSeconds(dst, segments[i].Duration)
		dst = append(dst, ',')
		rendered = rendered[at+len(marker):]
	}
	return append(dst, rendered...)
}

func (m *MediaPlaylist) trailingBytes() int {
	n := 0
	for _, line := range m.Trailing {
		n += len(line) + 1
	}
	return n
}

// mediaWriter is the one custom tag of all segments: the library asks it for
// the lines of each segment exactly once, in order. One tag with all lines,
// because the library keeps tags in a map by name (a second EXT-X-DATERANGE
// would replace the first) and writes them in random order; and one for all
// segments, because a map and a tag for each would be most of the cost.
type mediaWriter struct {
	list  *MediaPlaylist
	next  int // segment whose lines Encode returns
	lines *bytes.Buffer

	// What the lines written so far have put in force.
	current *Map
	keys    []*Key

	err error // the first one of an attribute list
}

func (w *mediaWriter) TagName() string { return "" }
func (w *mediaWriter) String() string  { return w.lines.String() }

// head writes the lines at playlist level that the library has no field for, or writes
// only sometimes, without the last newline.
func (w *mediaWriter) head(out *bytes.Buffer) {
	m := w.list
	if m.IndependentSegments {
		out.WriteString(tagIndependentSegments + "\n")
	}
	if m.PlaylistType != "" {
		out.WriteString(tagPlaylistType + ":" + string(m.PlaylistType) + "\n")
	}
	for _, line := range m.Tags {
		out.WriteString(line)
		out.WriteByte('\n')
	}
	// The library leaves out a 0, but a sequence that is absent at first is
	// a change for players when it appears.
	out.WriteString(tagDiscontinuitySequence + ":")
	out.Write(strconv.AppendUint(out.AvailableBuffer(), m.DiscontinuitySequence, 10))
}

// Encode returns the lines of the next segment, without the last newline;
// nil if there are none. The first EXT-X-DISCONTINUITY and
// EXT-X-BYTERANGE are not among them: the library writes them above.
func (w *mediaWriter) Encode() *bytes.Buffer {
	segment := &w.list.Segments[w.next]
	w.next++
	w.lines.Reset()
	for range segment.Further {
		w.lines.WriteString(tagDiscontinuity + "\n")
	}
	w.writeKeys(segment)
	w.writeMap(segment)
	if !segment.ProgramDateTime.IsZero() {
		// The library drops zeros at the end of the fraction.
		w.lines.WriteString(tagProgramDateTime + ":")
		w.lines.Write(appendDateTime(w.lines.AvailableBuffer(), segment.ProgramDateTime))
		w.lines.WriteByte('\n')
	}
	if segment.Gap {
		w.lines.WriteString(tagGap + "\n")
	}
	for _, line := range segment.Tags {
		w.lines.WriteString(line)
		w.lines.WriteByte('\n')
	}
	if w.lines.Len() == 0 {
		return nil
	}
	w.lines.Truncate(w.lines.Len() - 1)
	return w.lines
}

// writeMap writes EXT-X-MAP where it is needed. It is repeated after a
// discontinuity, which the RFC doesn't ask for, but some players do. The
// library would write the first one only.
func (w *mediaWriter) writeMap(segment *Segment) {
	if segment.Map == nil || segment.Map.equal(w.current) && !segment.Discontinuity {
		return
	}
	w.current = segment.Map
	list := attributeWriter{}
	list.quoted("URI", segment.Map.URI)
	if r := segment.Map.ByteRange; r != nil {
		list.quoted("BYTERANGE", strconv.FormatInt(r.Length, 10)+"@"+strconv.FormatInt(r.Offset, 10))
	}
	w.writeList(tagMap, &list, segment.Map.Attributes)
}

// writeKeys writes the EXT-X-KEY tags that lead from the keys in force to
// those of the segment.
func (w *mediaWriter) writeKeys(segment *Segment) {
	was := w.keys
	w.keys = segment.Keys
	// A key stays in force until another one of its KEYFORMAT comes, so the only way to
	// drop one is to take back all of them.
	keep := len(was) <= len(w.keys)
	for i := 0; i < len(was) && keep; i++ {
		keep = was[i].KeyFormat == w.keys[i].KeyFormat
	}
	if !keep {
		w.lines.WriteString(tagKey + ":METHOD=NONE\n")
		was = nil
	}
	for i, key := range w.keys {
		if i < len(was) && was[i].equal(key) {
			continue
		}
		list := attributeWriter{}
		list.enumerated("METHOD", key.Method)
		list.quotedUnlessEmpty("URI", key.URI)
		list.enumeratedUnlessEmpty("IV", key.IV)
		list.quotedUnlessEmpty("KEYFORMAT", key.KeyFormat)
		list.quotedUnlessEmpty("KEYFORMATVERSIONS", key.KeyFormatVersions)
		w.writeList(tagKey, &list, key.Attributes)
	}
}

func (w *mediaWriter) writeList(tag string, list *attributeWriter, others []Attribute) {
	text, err := list.finish(others)
	if err != nil && w.err == nil {
		w.err = fmt.Errorf("encode %s: %w", tag[1:], err)
	}
	w.lines.WriteString(tag)
	w.lines.WriteByte(':')
	w.lines.Write(text)
	w.lines.WriteByte('\n')
}
