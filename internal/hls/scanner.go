package hls

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// scanner cuts a text into lines. It is copied by value to start over.
type scanner struct {
	rest   string
	line   int // number of the line that next returned last
	limits Limits
	plain  bool   // an earlier pass found no line that has to be cleaned
	notes  *notes // nil in a pass that notes nothing
}

// next returns the next line that is not blank, without the blanks around it
// and without what a line must not contain, and false at the end.
func (s *scanner) next() (string, bool) {
	for s.rest != "" {
		line := s.rest
		if end := strings.IndexByte(s.rest, '\n'); end >= 0 {
			line, s.rest = s.rest[:end], s.rest[end+1:]
		} else {
			s.rest = ""
		}
		s.line++
		line = trimBlanks(line)
		if len(line) > s.limits.LineBytes {
			s.notes.add(s.line, NoteLine, "", "line of %d bytes, at most %d are read: ignored", len(line), s.limits.LineBytes)
			if line[0] == '#' {
				continue
			}
			line = line[:s.limits.LineBytes] // with a URI, the entry still counts
		}
		if line == "" {
			continue
		}
		if s.plain || checkCharacters(line) == nil {
			return line, true
		}
		if line = s.clean(line); line != "" {
			return line, true
		}
	}
	return "", false
}

// clean makes text of a line that RFC 8216 section 4.1 forbids. Control characters are left
// in a URI, so that it does not become the name of something else.
func (s *scanner) clean(line string) string {
	problem := checkCharacters(line)
	if !utf8.ValidString(line) {
		line = latin1(line)
		if checkCharacters(line) == nil {
			s.notes.add(s.line, NoteCharacters, "", "%s: read as ISO 8859-1", problem)
			return line
		}
	}
	if line[0] != '#' {
		return line
	}
	line = strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case r < 0x20, r >= 0x7f && r <= 0x9f:
			return -1
		}
		return r
	}, line)
	s.notes.add(s.line, NoteCharacters, "", "%s: left out", problem)
	return trimBlanks(line)
}

// latin1 reads bytes that are not UTF-8 as ISO 8859-1.
func latin1(text string) string {
	var out strings.Builder
	out.Grow(len(text) + len(text)/2)
	for i := 0; i < len(text); i++ {
		out.WriteRune(rune(text[i]))
	}
	return out.String()
}

func (s *scanner) fail(format string, args ...any) error {
	return &SyntaxError{Line: max(s.line, 1), Reason: fmt.Sprintf(format, args...)}
}

// checkCharacters refuses what RFC 8216 section 4.1 forbids in a line:
// control characters (U+0000 to U+001F, U+007F to U+009F) and text that is
// not UTF-8.
func checkCharacters(line string) error {
	ascii := true
	for i := 0; i < len(line); i++ {
		c := line[i]
		if c < 0x20 || c == 0x7f {
			return fmt.Errorf("control character 0x%02x", c)
		}
		if c >= utf8.RuneSelf {
			ascii = false
		}
	}
	if ascii {
		return nil
	}
	if !utf8.ValidString(line) {
		return errors.New("not UTF-8")
	}
	for _, r := range line {
		if r >= 0x80 && r <= 0x9f {
			return fmt.Errorf("control character 0x%02x", r)
		}
	}
	return nil
}

// plainText reports whether a text has nothing in it that checkCharacters refuses, eight
// bytes at a time. It may return false although there is nothing, as with a tab.
func plainText(text string) bool {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	below := func(x uint64, n uint64) uint64 { return (x - ones*n) &^ x & tops } // a byte is below n
	i := 0
	for ; i+8 <= len(text); i += 8 {
		b := text[i : i+8]
		x := uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
			uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
		if x&tops|below(x^ones*0x7f, 1) != 0 || below(x, 0x20) != 0 && !plainBytes(b) {
			return false
		}
	}
	return plainBytes(text[i:])
}

func plainBytes(text string) bool {
	for i := 0; i < len(text); i++ {
		if c := text[i]; (c < 0x20 && c != '\n' && c != '\r') || c >= 0x7f {
			return false
		}
	}
	return true
}

// plan is what the first pass over a playlist finds out.
type plan struct {
	multivariant bool
	plain        bool // no line has to be cleaned
	segments     int  // EXTINF tags
	variants     int  // EXT-X-STREAM-INF tags

	// lastHeader is the line of the last playlist-level tag before the first
	// URI. A line with no meaning to us belongs to the playlist if it comes before that,
	// and to the first segment if it comes after.
	lastHeader int
}

// survey finds out which kind of playlist it is. If there are tags of both kinds, EXTINF
// makes it a media playlist; without EXTINF, what names renditions makes it a multivariant
// playlist.
func survey(lines scanner) (plan, error) {
	found := plan{plain: true}
	begin := lines
	var media, multivariant, uris bool
	first := ""
	lines.plain = true // what is odd about a line does not change its tag
	whole := plainText(lines.rest)
	for {
		line, ok := lines.next()
		if !ok {
			break
		}
		if first == "" {
			first = line
		}
		found.plain = found.plain && (whole || checkCharacters(line) == nil)
		if line[0] != '#' {
			uris = true
			continue
		}
		// These are usually most of the lines.
		if strings.HasPrefix(line, tagInf+":") {
			found.segments++
			continue
		}
		if strings.HasPrefix(line, tagProgramDateTime+":") {
			media = true
			continue
		}
		name, _ := splitTag(line)
		if name == tagInf {
			found.segments++
			continue
		}
		level, _ := classify(name)
		switch level {
		case levelMedia, levelSegment:
			media = true
		case levelMultivariant:
			multivariant = true
		}
		if (level == levelShared || level == levelMedia) && !uris {
			found.lastHeader = lines.line
		}
		if name == tagStreamInf {
			found.variants++
		}
	}
	found.multivariant = multivariant && found.segments == 0
	switch {
	case first == "":
		return plan{}, lines.fail("empty")
	case found.segments == 0 && !media && !multivariant:
		if isHeader(first) {
			return plan{}, lines.fail("has tags of neither a media nor a multivariant playlist")
		}
		begin.next()
		return plan{}, begin.fail("begins with %s, not with %s", Quote(first), tagM3U)
	}
	return found, nil
}

// isHeader reports whether a line is #EXTM3U, with or without something after it.
func isHeader(line string) bool {
	rest, found := strings.CutPrefix(line, tagM3U)
	return found && (rest == "" || strings.IndexByte(" \t:,", rest[0]) >= 0)
}
