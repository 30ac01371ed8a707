// Package hls turns playlists from text into a model and back.
//
// Reading is done with this package's own line scanner: encoders are not to be trusted.
// What they send is kept (tags without a field stay verbatim, in order) and bounded
// ([Limits]). What makes no sense is passed over and noted ([Note]); a playlist is refused
// ([SyntaxError]) only if nothing is left of it. Writing is done with
// github.com/grafov/m3u8; no type of that library leaves this package. [ResolveURI] and
// [CleanPath] turn what playlists and requests name into paths below an input.
//
// Names follow RFC 8216 and draft-pantos-hls-rfc8216bis ("bis" below).
package hls

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
)

// Playlist is what [Parse] returns: exactly one of Media and Multivariant is set.
type Playlist struct {
	Media        *MediaPlaylist
	Multivariant *MultivariantPlaylist
	// Notes say what was passed over, in the order of the lines.
	Notes []Note
}

// Limits bounds what [Parse] reads. A field that is zero or negative takes its
// value from [DefaultLimits].
type Limits struct {
	Bytes      int // length of the text, beyond which it is an error; default 4 MiB
	LineBytes  int // length of one line, longer ones are passed over; default 64 KiB (a long EXT-X-DATERANGE has 8 KiB)
	Segments   int // Media Segments, of which the newest are kept; default 50,000 (24 hours of 2 s segments are 43,200)
	Renditions int // EXT-X-STREAM-INF, EXT-X-I-FRAME-STREAM-INF and EXT-X-MEDIA tags together, others are passed over; default 1,000
}

// DefaultLimits are the limits in force where the caller names none.
var DefaultLimits = Limits{
	Bytes:      4 << 20,
	LineBytes:  64 << 10,
	Segments:   50_000,
	Renditions: 1_000,
}

func (l Limits) withDefaults() Limits {
	fill := func(value *int, fallback int) {
		if *value <= 0 {
			*value = fallback
		}
	}
	fill(&l.Bytes, DefaultLimits.Bytes)
	fill(&l.LineBytes, DefaultLimits.LineBytes)
	fill(&l.Segments, DefaultLimits.Segments)
	fill(&l.Renditions, DefaultLimits.Renditions)
	return l
}

// ErrTooLarge is wrapped by the error of [Parse] for a text of more than
// [Limits.Bytes].
var ErrTooLarge = errors.New("playlist too large")

// SyntaxError says what is wrong with a playlist, and where.
type SyntaxError struct {
	Line   int    // number of the line, from 1; blank lines count
	Reason string // may quote a short, escaped piece of the line
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("playlist line %d: %s", e.Line, e.Reason)
}

// Parse reads a playlist. Whether it is media or multivariant is decided by the tags in it.
//
// Reading is forgiving on three levels. What only describes (EXTINF, BANDWIDTH, dates,
// flags, attributes) is dropped if it makes no sense. A fault in one entry leaves that
// entry out: a segment gets a [Segment.Fault] and keeps its place in the numbering, a
// variant or rendition is missing. Both are noted in [Playlist.Notes]. Only what leaves
// nothing to serve is an error: a text that is not a playlist, or one with no entry left.
//
// What is harmless is accepted without a note: a byte order mark, any line ends, blank
// lines, blanks around a line, no final newline, EXTINF without a comma, a missing, zero or
// fractional EXT-X-TARGETDURATION, dates after EXTINF, unknown tags, any EXT-X-VERSION.
// Variables of EXT-X-DEFINE are not substituted.
//
// The error is a *[SyntaxError], or wraps [ErrTooLarge]. The time taken is linear
// in len(text), and text is not kept; but the strings of the result share one copy
// of it, so what outlives the rest should be cloned.
func Parse(text []byte, limits Limits) (Playlist, error) {
	limits = limits.withDefaults()
	if len(text) > limits.Bytes {
		return Playlist{}, fmt.Errorf("%w: %d bytes, limit %d", ErrTooLarge, len(text), limits.Bytes)
	}
	said := new(notes)
	lines := newest(scanner{rest: decode(text, said), limits: limits}, said)
	plan, err := survey(lines)
	if err != nil {
		return Playlist{}, err
	}
	lines.plain, lines.notes = plan.plain, said
	if plan.multivariant {
		m, err := readMultivariant(lines, plan)
		if err != nil {
			return Playlist{}, err
		}
		return Playlist{Multivariant: m, Notes: said.list}, nil
	}
	m, err := readMedia(lines, plan)
	if err != nil {
		return Playlist{}, err
	}
	return Playlist{Media: m, Notes: said.list}, nil
}

// decode turns the text into lines of UTF-8 that end in LF.
func decode(text []byte, said *notes) string {
	if wide, ok := decodeUTF16(text); ok {
		said.add(1, NoteCharacters, "", "UTF-16: a playlist is UTF-8")
		text = wide
	}
	decoded := string(bytes.TrimPrefix(text, byteOrderMark))
	for i := 0; ; {
		at := strings.IndexByte(decoded[i:], '\r')
		if at < 0 {
			return decoded
		}
		if i += at + 1; i == len(decoded) || decoded[i] != '\n' {
			break
		}
	}
	return strings.ReplaceAll(strings.ReplaceAll(decoded, "\r\n", "\n"), "\r", "\n")
}

// decodeUTF16 reads a text that some editor has turned into UTF-16, as its byte order mark
// shows.
func decodeUTF16(text []byte) ([]byte, bool) {
	var order binary.ByteOrder = binary.LittleEndian
	switch {
	case bytes.HasPrefix(text, []byte{0xff, 0xfe}):
	case bytes.HasPrefix(text, []byte{0xfe, 0xff}):
		order = binary.BigEndian
	default:
		return nil, false
	}
	units := make([]uint16, 0, len(text)/2)
	for b := text[2:]; len(b) >= 2; b = b[2:] {
		units = append(units, order.Uint16(b))
	}
	return []byte(string(utf16.Decode(units))), true
}

// newest goes to the last playlist of a text that has several, one after another: a file
// that was appended to instead of replaced.
func newest(lines scanner, said *notes) scanner {
	if !strings.Contains(lines.rest, "\n"+tagM3U) { // faster than from the end
		return lines
	}
	at := strings.LastIndex(lines.rest, "\n"+tagM3U)
	last := lines
	last.rest = lines.rest[at+1:]
	last.line = strings.Count(lines.rest[:at+1], "\n")
	whole := strings.Contains(last.rest, tagMediaSequence) && strings.Contains(last.rest, tagInf) ||
		strings.Contains(last.rest, tagStreamInf)
	if !whole || strings.TrimSpace(lines.rest[:at]) == "" {
		return lines
	}
	said.add(last.line+1, NoteLine, tagM3U[1:], "another playlist begins: the last one is read")
	return last
}

// IsPlaylist reports whether a body that begins with prefix is a playlist:
// #EXTM3U as the whole first word, with a byte order mark and blanks before it
// allowed. Eleven bytes of prefix are enough to tell, not counting blanks.
func IsPlaylist(prefix []byte) bool {
	rest, found := bytes.CutPrefix(bytes.TrimLeft(bytes.TrimPrefix(prefix, byteOrderMark), " \t\r\n"), []byte(tagM3U))
	return found && (len(rest) == 0 || strings.IndexByte("\r\n\t ", rest[0]) >= 0)
}

var byteOrderMark = []byte("\xef\xbb\xbf")

// Quote shows a piece of foreign text in an error: short, and escaped, so
// that it can neither flood nor forge a log.
func Quote(text string) string {
	const most = 40
	if len(text) > most {
		return strconv.QuoteToASCII(text[:most]) + "..."
	}
	return strconv.QuoteToASCII(text)
}
