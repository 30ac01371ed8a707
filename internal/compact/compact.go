// Package compact reads JSON as json.Marshal writes it: without blanks, with every field
// once. It is for journals that are read by the hundred thousand records when a process
// starts, where encoding/json takes most of the time. What it does not understand it
// refuses; encoding/json then says what is wrong with it, if anything is.
package compact

import (
	"bytes"
	"encoding/json"
	"strconv"
	"unicode/utf8"
)

// Reader reads one value after another. After the first one that is not what was asked for
// it gives zero values, and Done is false.
type Reader struct {
	text   []byte
	failed bool
}

// NewReader reads text, which must not change meanwhile.
func NewReader(text []byte) *Reader { return &Reader{text: text} }

// Done reports whether all of the text has been read and understood.
func (r *Reader) Done() bool { return !r.failed && len(r.text) == 0 }

// Refuse makes Done false.
func (r *Reader) Refuse() { r.failed = true }

// take reads the character, if it comes next.
func (r *Reader) take(c byte) bool {
	if r.failed || len(r.text) == 0 || r.text[0] != c {
		return false
	}
	r.text = r.text[1:]
	return true
}

func (r *Reader) expect(c byte) {
	if !r.take(c) {
		r.failed = true
	}
}

// Object calls read with the name of each field, as it stands there, to read its value.
func (r *Reader) Object(read func(name []byte)) {
	r.expect('{')
	if r.take('}') {
		return
	}
	for !r.failed {
		name := r.quoted()
		r.expect(':')
		if r.failed {
			return
		}
		read(name)
		if r.take('}') {
			return
		}
		r.expect(',')
	}
}

// Array calls read for each element. It is false for null.
func (r *Reader) Array(read func()) bool {
	if r.null() {
		return false
	}
	r.expect('[')
	if r.take(']') {
		return true
	}
	for !r.failed {
		read()
		if r.take(']') {
			break
		}
		r.expect(',')
	}
	return true
}

func (r *Reader) null() bool {
	rest, ok := bytes.CutPrefix(r.text, []byte("null"))
	if ok && !r.failed {
		r.text = rest
		return true
	}
	return false
}

// String reads a string. It returns known, if that is the same: most strings of a record are
// those of the one before.
func (r *Reader) String(known string) string {
	text := r.quoted()
	if string(text) == known {
		return known
	}
	if bytes.IndexByte(text, '\\') < 0 {
		return string(text)
	}
	var unescaped string
	if json.Unmarshal(append(append([]byte{'"'}, text...), '"'), &unescaped) != nil {
		r.failed = true
	}
	return unescaped
}

// quoted is what stands between quotes.
func (r *Reader) quoted() []byte {
	r.expect('"')
	for from := 0; !r.failed; {
		end := bytes.IndexByte(r.text[from:], '"')
		if end < 0 {
			break
		}
		end += from
		if escape := bytes.IndexByte(r.text[from:end], '\\'); escape >= 0 {
			from += escape + 2 // the next one may be a quote
			continue
		}
		text := r.text[:end]
		r.text = r.text[end+1:]
		r.failed = !utf8.Valid(text)
		return text
	}
	r.failed = true
	return nil
}

// Int reads a whole number.
func (r *Reader) Int() int64 {
	n, err := strconv.ParseInt(string(r.number()), 10, 64)
	return checked(r, n, err)
}

// Uint reads a whole number that is not negative.
func (r *Reader) Uint() uint64 {
	n, err := strconv.ParseUint(string(r.number()), 10, 64)
	return checked(r, n, err)
}

// Float reads a number.
func (r *Reader) Float() float64 {
	n, err := strconv.ParseFloat(string(r.number()), 64)
	return checked(r, n, err)
}

func checked[N int64 | uint64 | float64](r *Reader, n N, err error) N {
	if err != nil {
		r.failed = true
		return 0
	}
	return n
}

// number are the characters of a number.
func (r *Reader) number() []byte {
	i := 0
	for i < len(r.text) && (r.text[i] >= '0' && r.text[i] <= '9' || r.text[i] == '-' || r.text[i] == '+' || r.text[i] == '.' || r.text[i]|0x20 == 'e') {
		i++
	}
	text := r.text[:i]
	r.text = r.text[i:]
	// JSON has no other digits after a leading 0, and no plus sign before them.
	if len(text) == 0 || text[0] == '+' || len(text) > 1 && text[0] == '0' && text[1] >= '0' && text[1] <= '9' {
		r.failed = true
	}
	return text
}

// Bool reads true or false.
func (r *Reader) Bool() bool {
	for _, word := range []string{"true", "false"} {
		if rest, ok := bytes.CutPrefix(r.text, []byte(word)); ok && !r.failed {
			r.text = rest
			return word == "true"
		}
	}
	r.failed = true
	return false
}

// Raw passes over an object and returns its text, unchecked.
func (r *Reader) Raw() []byte {
	text := r.text
	if len(text) == 0 || text[0] != '{' {
		r.failed = true
		return nil
	}
	for depth := 0; !r.failed && len(r.text) > 0; {
		switch r.text[0] {
		case '"':
			r.quoted()
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		r.text = r.text[1:]
		if depth == 0 {
			return text[:len(text)-len(r.text)]
		}
	}
	r.failed = true
	return nil
}
