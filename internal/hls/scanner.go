package hls

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// scanner cuts a text into lines. It is copied by value to start over.
type scanner struct {
	rest    string
	line    int // number of the line that next returned last
	limits  Limits
	checked bool // an earlier pass has been over all lines
}

// next returns the next line that is not blank, without the blanks around
// it, and false at the end.
func (s *scanner) next() (string, bool, error) {
	for s.rest != "" {
		line := s.rest
		if end := strings.IndexByte(s.rest, '\n'); end >= 0 {
			line, s.rest = s.rest[:end], s.rest[end+1:]
		} else {
			s.rest = ""
		}
		s.line++
		if s.line > s.limits.Lines {
			return "", false, fmt.Errorf("%w: more than %d lines", ErrTooLarge, s.limits.Lines)
		}
		if len(line) > s.limits.LineBytes {
			return "", false, fmt.Errorf("%w: line %d has %d bytes, limit %d", ErrTooLarge, s.line, len(line), s.limits.LineBytes)
		}
		line = trimBlanks(line)
		if line == "" {
			continue
		}
		if s.checked {
			return line, true, nil
		}
		if err := checkCharacters(line); err != nil {
			return "", false, s.fail("%s", err)
		}
		return line, true, nil
	}
	return "", false, nil
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

// plan is what the first pass over a playlist finds out.
type plan struct {
	multivariant bool
	segments     int // EXTINF tags
	variants     int // EXT-X-STREAM-INF tags

	// lastHeader is the line of the last playlist-level tag before the first
	// URI. A line without meaning to us that stands above it belongs to the
	// playlist, one below it to the first segment.
	lastHeader int
}

// survey checks the form of every line, the limits, the first line, and that
// the playlist is of one kind.
func survey(lines scanner) (plan, error) {
	var found plan
	var media, multivariant, uris bool
	renditions := 0

	begins := strings.HasPrefix(lines.rest, tagM3U)
	first, ok, err := lines.next()
	if err != nil {
		return plan{}, err
	}
	if !ok {
		return plan{}, lines.fail("empty")
	}
	if first != tagM3U || !begins {
		return plan{}, lines.fail("begins with %s, not with %s", quote(first), tagM3U)
	}
	for {
		line, ok, err := lines.next()
		if err != nil {
			return plan{}, err
		}
		if !ok {
			break
		}
		if line[0] != '#' {
			if !media && !multivariant {
				return plan{}, lines.fail("URI %s before any EXTINF or EXT-X-STREAM-INF", quote(line))
			}
			if line[0] == '<' {
				return plan{}, lines.fail("markup %s in place of a URI", quote(line))
			}
			uris = true
			continue
		}
		name, _ := splitTag(line)
		level, _ := classify(name)
		switch level {
		case levelMedia, levelSegment:
			media = true
		case levelMultivariant:
			multivariant = true
		}
		if media && multivariant {
			return plan{}, lines.fail("%s mixes tags of media and multivariant playlists", quote(name))
		}
		if (level == levelShared || level == levelMedia) && !uris {
			found.lastHeader = lines.line
		}
		switch name {
		case tagM3U:
			return plan{}, lines.fail("second %s", tagM3U)
		case tagInf:
			found.segments++
		case tagStreamInf:
			found.variants++
			renditions++
		case tagMedia, tagIFrameStreamInf:
			renditions++
		}
		if found.segments > lines.limits.Segments {
			return plan{}, fmt.Errorf("%w: more than %d segments", ErrTooLarge, lines.limits.Segments)
		}
		if renditions > lines.limits.Renditions {
			return plan{}, fmt.Errorf("%w: more than %d renditions", ErrTooLarge, lines.limits.Renditions)
		}
	}
	if !media && !multivariant {
		return plan{}, lines.fail("has tags of neither a media nor a multivariant playlist")
	}
	found.multivariant = multivariant
	return found, nil
}
