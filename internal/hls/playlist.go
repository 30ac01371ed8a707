// Package hls turns playlists from text into a model and back.
//
// Reading is a line scanner of this package's own: encoders are foreign, and
// what they send is kept whole (tags without a field stay verbatim, in
// order), bounded ([Limits]) and refused with a reason when it is damaged
// ([SyntaxError]). Writing is done with github.com/grafov/m3u8; no type of
// that library leaves this package. [ResolveURI] and [CleanPath] turn what
// playlists and requests name into paths below an input.
//
// Names follow RFC 8216 and draft-pantos-hls-rfc8216bis ("bis" below).
package hls

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Playlist is what [Parse] returns: exactly one of its fields is set.
type Playlist struct {
	Media        *MediaPlaylist
	Multivariant *MultivariantPlaylist
}

// Limits bounds what [Parse] accepts. A field that is zero or negative takes
// its value from [DefaultLimits].
type Limits struct {
	Bytes      int // length of the text; default 4 MiB
	Lines      int // lines, blank ones included; default 500,000
	LineBytes  int // length of one line; default 64 KiB (a long EXT-X-DATERANGE has 8 KiB)
	Segments   int // Media Segments; default 50,000 (24 hours of 2 s segments are 43,200)
	Renditions int // EXT-X-STREAM-INF, EXT-X-I-FRAME-STREAM-INF and EXT-X-MEDIA tags together; default 1,000
}

// DefaultLimits are the limits in force where the caller names none.
var DefaultLimits = Limits{
	Bytes:      4 << 20,
	Lines:      500_000,
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
	fill(&l.Lines, DefaultLimits.Lines)
	fill(&l.LineBytes, DefaultLimits.LineBytes)
	fill(&l.Segments, DefaultLimits.Segments)
	fill(&l.Renditions, DefaultLimits.Renditions)
	return l
}

// ErrTooLarge is wrapped by the errors of [Parse] for a playlist that goes
// beyond its [Limits].
var ErrTooLarge = errors.New("playlist too large")

// SyntaxError says what is wrong with a playlist, and where.
type SyntaxError struct {
	Line   int    // number of the line, from 1; blank lines count
	Reason string // may quote a short, escaped piece of the line
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("playlist line %d: %s", e.Line, e.Reason)
}

// Parse reads a playlist. Media or multivariant is decided by the tags in it
// (RFC 8216 section 4.1: a playlist with tags of both is an error, and so is
// one with neither).
//
// It is tolerant of what encoders do (a byte order mark, CRLF, blank lines
// anywhere, blanks around a line, no final newline, EXTINF without a comma,
// a missing, zero or fractional EXT-X-TARGETDURATION, dates after EXTINF,
// unknown tags, any EXT-X-VERSION) and refuses what it could only guess at.
// Variables of EXT-X-DEFINE are not substituted.
//
// The error is a *[SyntaxError], or wraps [ErrTooLarge]. The time taken is
// linear in len(text), and text is not kept; but the strings of the result
// share one copy of it, so what outlives the rest should be cloned (see
// [Segment.Clone]).
func Parse(text []byte, limits Limits) (Playlist, error) {
	limits = limits.withDefaults()
	if len(text) > limits.Bytes {
		return Playlist{}, fmt.Errorf("%w: %d bytes, limit %d", ErrTooLarge, len(text), limits.Bytes)
	}
	lines := scanner{rest: string(bytes.TrimPrefix(text, byteOrderMark)), limits: limits}
	plan, err := survey(lines)
	if err != nil {
		return Playlist{}, err
	}
	if plan.multivariant {
		m, err := readMultivariant(lines, plan)
		if err != nil {
			return Playlist{}, err
		}
		return Playlist{Multivariant: m}, nil
	}
	m, err := readMedia(lines, plan)
	if err != nil {
		return Playlist{}, err
	}
	return Playlist{Media: m}, nil
}

// IsPlaylist reports whether a body that begins with prefix is a playlist:
// #EXTM3U, a byte order mark before it allowed, as the whole first word.
// Eleven bytes of prefix are enough to tell.
func IsPlaylist(prefix []byte) bool {
	rest, found := bytes.CutPrefix(bytes.TrimPrefix(prefix, byteOrderMark), []byte(tagM3U))
	return found && (len(rest) == 0 || strings.IndexByte("\r\n\t ", rest[0]) >= 0)
}

var byteOrderMark = []byte("\xef\xbb\xbf")

// quote shows a piece of foreign text in an error: short, and escaped, so
// that it can neither flood nor forge a log.
func quote(text string) string {
	const most = 40
	if len(text) > most {
		return strconv.QuoteToASCII(text[:most]) + "..."
	}
	return strconv.QuoteToASCII(text)
}
