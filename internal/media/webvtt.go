package media

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxTextLine is how many bytes of a line of WebVTT are looked at. A header or a cue's
// times are far shorter, and a cue's text is not needed.
const maxTextLine = 1024

// Text is what is known about a WebVTT segment (W3C WebVTT; RFC 8216, 3.5).
type Text struct {
	// HasMap says that there is an X-TIMESTAMP-MAP. Without one MapMPEGTS and MapLocal are
	// 0, as RFC 8216 requires.
	HasMap bool
	// MapMPEGTS is the timestamp, in [0, 1<<33), of the cue time MapLocal, in
	// ticks.
	MapMPEGTS, MapLocal int64
	// Cues is the number of cues. A cue that is on screen longer than its segment is
	// repeated in the next one.
	Cues int
	// FirstCue is when the earliest cue starts and LastCue when the latest one
	// ends, both in cue time, in ticks; valid if there is a cue.
	FirstCue, LastCue int64
	// TimesSize is how many bytes the times of all cues take, "start --> end" with what stands in front; 0
	// also if an earlier version wrote down what it knew of the text.
	TimesSize int64
}

// Offset is what has to be added to cue times to get timestamps, modulo 1<<33.
// Two segments can be joined if it is equal.
func (t *Text) Offset() int64 {
	return (t.MapMPEGTS - t.MapLocal) & (timestampModulus - 1)
}

// textScanner reads WebVTT line by line.
type textScanner struct {
	line   []byte // the line in hand, as far as it is needed
	length int64  // of it, in bytes
	lines  int
	ended  int64 // offset at which the line before ended
	head   bool  // before the first empty line
	afterR bool  // the last byte was a carriage return
	offset int64

	rune [utf8.UTFMax]byte // a character that is split in two
	held int
	// foreign is the position of the first byte that is not UTF-8; 0 if there is none.
	// Players show a replacement character in its place.
	foreign int64

	text  Text
	trims []Trim
}

func newTextScanner() *textScanner { return &textScanner{head: true} }

// isWebVTT reports whether an object begins as the WebVTT standard, 4.1, requires.
func isWebVTT(head []byte) bool {
	rest, ok := bytes.CutPrefix(bytes.TrimPrefix(head, []byte("\ufeff")), []byte("WEBVTT"))
	return ok && (len(rest) == 0 || strings.IndexByte(" \t\r\n", rest[0]) >= 0)
}

func (s *textScanner) write(b []byte) *Fault {
	s.checkUTF8(b)
	for _, c := range b {
		afterR := s.afterR
		s.afterR = c == '\r'
		switch {
		case c == '\n' && afterR: // the second half of a line end
		case c == '\n' || c == '\r':
			if fault := s.endLine(); fault != nil {
				return fault
			}
		default:
			if len(s.line) < maxTextLine {
				s.line = append(s.line, c)
			}
			s.length++
		}
		s.offset++
	}
	return nil
}

// checkUTF8 checks the next bytes, and keeps a character that they cut.
func (s *textScanner) checkUTF8(b []byte) {
	if s.foreign > 0 {
		return
	}
	i := 0
	for s.held > 0 && i < len(b) && !utf8.FullRune(s.rune[:s.held]) {
		s.rune[s.held] = b[i]
		s.held++
		i++
	}
	if s.held > 0 && utf8.FullRune(s.rune[:s.held]) {
		if !utf8.Valid(s.rune[:s.held]) {
			s.foreign = s.offset + int64(i-s.held)
			return
		}
		s.held = 0
	}
	if utf8.Valid(b[i:]) {
		return
	}
	for i < len(b) {
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 {
			if utf8.FullRune(b[i:]) {
				s.foreign = s.offset + int64(i)
				return
			}
			s.held = copy(s.rune[:], b[i:])
			return
		}
		i += n
	}
}

// endLine is called at the end of a line, before its terminator.
func (s *textScanner) endLine() *Fault {
	line := string(s.line)
	s.lines++
	empty := s.length == 0
	s.line, s.length = s.line[:0], 0
	defer func() { s.ended = s.offset }()
	switch {
	case s.lines == 1:
		return nil
	case s.head && empty:
		s.endHead()
		return nil
	case strings.Contains(line, "-->"):
		s.endHead() // the empty line is missing, but this is a cue
		s.cue(line)
		return nil
	case s.head && strings.HasPrefix(line, "X-TIMESTAMP-MAP"):
		return s.timestampMap(line)
	}
	return nil
}

// endHead notes where the header ends. Its last line end and the empty line
// stay, to end the last cue of the part before.
func (s *textScanner) endHead() {
	if s.head {
		s.head = false
		s.trims = []Trim{{Range: Range{End: s.ended}, When: TrimInner}}
	}
}

// timestampMap reads the map of RFC 8216, 3.5. Its two parts come in any order.
func (s *textScanner) timestampMap(line string) *Fault {
	_, value, _ := strings.Cut(line, "=")
	var hasLocal, hasMPEGTS bool
	for part := range strings.SplitSeq(value, ",") {
		key, v, _ := strings.Cut(strings.TrimSpace(part), ":")
		switch key {
		case "LOCAL":
			s.text.MapLocal, hasLocal = cueTime(v)
		case "MPEGTS":
			s.text.MapMPEGTS, hasMPEGTS = number(v, 19)
			s.text.MapMPEGTS &= timestampModulus - 1
		}
	}
	if !hasLocal || !hasMPEGTS {
		return faultf(ReasonDamaged, "X-TIMESTAMP-MAP that can't be read: %.80q", line)
	}
	s.text.HasMap = true
	return nil
}

// cue reads the times of a cue. Players leave out a cue whose times they can't
// read, and so does this.
func (s *textScanner) cue(line string) {
	start, end, size, ok := cueTimes(line)
	if !ok {
		return
	}
	t := &s.text
	if t.Cues == 0 {
		t.FirstCue, t.LastCue = start, end
	}
	t.Cues++
	t.TimesSize += int64(size)
	t.FirstCue, t.LastCue = min(t.FirstCue, start), max(t.LastCue, start, end)
}

// cueTimes reads a line "start --> end settings", of which the first maxTextLine bytes count, and returns
// ticks. size is where the settings begin, with the space in front of them.
func cueTimes(line string) (start, end int64, size int, ok bool) {
	from, rest, found := strings.Cut(line[:min(len(line), maxTextLine)], "-->")
	if !found {
		return 0, 0, 0, false
	}
	until := strings.TrimLeft(rest, " \t")
	size = len(from) + len("-->") + len(rest) - len(until)
	if i := strings.IndexAny(until, " \t"); i >= 0 {
		until = until[:i]
	}
	start, ok = cueTime(strings.TrimSpace(from))
	end, okEnd := cueTime(until)
	return start, end, size + len(until), ok && okEnd
}

// cueTime reads hh:mm:ss.ttt, where the hours have any number of digits or are
// missing (W3C WebVTT, 4.1), and returns ticks.
func cueTime(s string) (int64, bool) {
	clock, thousandths, _ := strings.Cut(s, ".")
	parts := strings.Split(clock, ":")
	if len(thousandths) != 3 || len(parts) < 2 || len(parts) > 3 {
		return 0, false
	}
	ms, ok := number(thousandths, 3)
	hours := int64(0)
	if len(parts) == 3 {
		var okHours bool
		hours, okHours = number(parts[0], 9)
		ok = ok && okHours
		parts = parts[1:]
	}
	minutes, okMinutes := number(parts[0], 2)
	seconds, okSeconds := number(parts[1], 2)
	if !ok || !okMinutes || !okSeconds || minutes > 59 || seconds > 59 {
		return 0, false
	}
	return ((hours*60+minutes)*60+seconds)*ClockRate + ms*(ClockRate/1000), true
}

// number reads at most the given number of decimal digits.
func number(s string, digits int) (int64, bool) {
	if len(s) == 0 || len(s) > digits {
		return 0, false
	}
	v := uint64(0)
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return 0, false
		}
		v = v*10 + uint64(c-'0')
	}
	return int64(v & (1<<63 - 1)), true
}

func (s *textScanner) finish(size int64) (Probed, *Fault) {
	var oddities []string
	switch {
	case s.foreign > 0:
		oddities = []string{fmt.Sprintf("no UTF-8 at byte %d: players show another sign", s.foreign)}
	case s.held > 0:
		return Probed{}, faultf(ReasonTruncated, "ends at byte %d inside a character", size)
	}
	if fault := s.endLine(); fault != nil {
		return Probed{}, fault
	}
	s.endHead()
	return Probed{Info: &Info{
		Format: FormatWebVTT, Size: size, Modulus: timestampModulus, Untimed: true,
		KeyFrameFirst: true, Trims: s.trims, Text: &s.text, Oddities: oddities,
		Tracks: []Track{{Kind: Subtitle, Codec: "wvtt", Samples: s.text.Cues}},
	}}, nil
}
