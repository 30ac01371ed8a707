package hls

import (
	"path"
	"strings"
	"time"
)

// Of a long playlist only the newest part is kept, as the rest is known from earlier
// playlists: a day-long EVENT playlist is sent again with every segment. So entries that
// are left out and have nothing odd about them are passed over in a loop of their own,
// which allocates nothing and looks up next to nothing. What they leave behind is their
// number, their discontinuities and the date at which they end. Whatever else stands
// between them is left to the reader.

// skipOrdinary passes over entries that are left out, up to the first one that needs a
// closer look. It is called when no entry has begun.
func (r *mediaReader) skipOrdinary(lines *scanner) {
	if !lines.plain || r.infLine > 0 || r.hasByteRange {
		return
	}
	name := ""
	for r.skip > 0 {
		e := entry{lines: *lines}
		if !e.read(r.plan.lastHeader) {
			break
		}
		*lines, name = e.lines, e.uri
		r.skip--
		r.left++
		if e.discontinuity {
			r.list.DiscontinuitySequence += 1 + e.further
		}
		r.date.pass(e.date, time.Time{}, e.discontinuity, e.duration)
	}
	if name != "" {
		r.of, r.extension = "", path.Ext(name)
	}
}

// entry is an ordinary one.
type entry struct {
	lines         scanner
	uri, date     string
	discontinuity bool
	further       uint64
	duration      time.Duration
}

// read goes over the lines of one entry. It returns false if the entry is not ordinary.
func (e *entry) read(lastHeader int) bool {
	begun := false
	for {
		line := e.lines.nextPlain()
		switch {
		case line == "":
			return false
		case line[0] != '#':
			e.uri = line
			return begun && line[0] != '<'
		case strings.HasPrefix(line, tagInf+":"):
			if begun || !e.inf(line[len(tagInf)+1:]) {
				return false
			}
			begun = true
		case strings.HasPrefix(line, tagProgramDateTime+":"):
			if e.date = line[len(tagProgramDateTime)+1:]; !ordinaryDate(e.date) {
				return false
			}
		case line == tagDiscontinuity:
			if e.discontinuity {
				e.further++
			}
			e.discontinuity = true
		case !passedOver(line, e.lines.line, lastHeader):
			return false
		}
	}
}

// passedOver reports whether a tag is of no use with an entry that is left out.
func passedOver(line string, number, lastHeader int) bool {
	if isHeader(line) {
		return false
	}
	name, _ := splitTag(line)
	level, modelled := classify(name)
	return !modelled && (level == levelSegment || level == levelUnknown && number >= lastHeader)
}

// inf reads the value of an EXTINF such as "1.92," or "2,title".
func (e *entry) inf(value string) bool {
	seconds, title, _ := strings.Cut(value, ",")
	if len(seconds) == 0 || len(seconds) > 15 || strings.IndexByte(title, ',') >= 0 {
		return false
	}
	whole, i := time.Duration(0), 0
	for ; i < len(seconds) && isDigit(seconds[i]); i++ {
		whole = whole*10 + time.Duration(seconds[i]-'0')
	}
	if i == 0 || i > 4 {
		return false
	}
	e.duration = whole * time.Second
	if i == len(seconds) {
		return true
	}
	unit := time.Second
	for _, c := range []byte(seconds[i+1:]) {
		if unit /= 10; unit == 0 || !isDigit(c) {
			return false
		}
		e.duration += time.Duration(c-'0') * unit
	}
	return seconds[i] == '.'
}

// ordinaryDate reports whether a date is certain to be readable. Those that most encoders
// write, such as "2026-11-23T00:00:00.000Z", are recognized by their form.
func ordinaryDate(text string) bool {
	const form = "0000-00-00T00:00:00.000Z"
	if len(text) != len(form) {
		return dateIsRead(text)
	}
	for i := range len(form) {
		if c := text[i]; form[i] == '0' && !isDigit(c) || form[i] != '0' && c != form[i] {
			return dateIsRead(text)
		}
	}
	certain := text[:4] >= "1901" && text[:4] < "9999" && text[5:7] >= "01" && text[5:7] <= "12" && text[8:10] >= "01" && text[8:10] <= "28" &&
		text[11:13] <= "23" && text[14:16] <= "59" && text[17:19] <= "59"
	return certain || dateIsRead(text)
}

func dateIsRead(text string) bool {
	_, err := ParseDateTime(text)
	return err == nil
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// nextPlain is next for a text in which no line has to be cleaned. It returns "" at the
// end, and before a line that is too long.
func (s *scanner) nextPlain() string {
	for s.rest != "" {
		line, rest := s.rest, ""
		if end := strings.IndexByte(s.rest, '\n'); end >= 0 {
			line, rest = s.rest[:end], s.rest[end+1:]
		}
		if line = trimBlanks(line); len(line) > s.limits.LineBytes {
			return ""
		}
		s.rest = rest
		s.line++
		if line != "" {
			return line
		}
	}
	return ""
}

// position is the date at which the next entry begins, as far as the entries before it say.
// A date is only parsed when it is asked for: of a whole day of them, only the last one
// counts.
type position struct {
	at    time.Time // the last date, or
	text  string    // the same as it was sent
	after time.Duration
}

// pass moves past an entry, which has a date in one of the two forms, or none.
func (p *position) pass(text string, at time.Time, discontinuity bool, duration time.Duration) {
	if text != "" || !at.IsZero() || discontinuity {
		*p = position{at: at, text: text}
	}
	p.after += duration
}

// date is zero if it is not known.
func (p *position) date() time.Time {
	at := p.at
	if p.text != "" {
		at, _ = ParseDateTime(p.text)
	}
	if at.IsZero() {
		return at
	}
	return at.Add(p.after)
}
