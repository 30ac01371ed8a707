package hls

import (
	"errors"
	"fmt"
	"strings"
)

// ParseAttributes reads an attribute list: the part of a tag after its
// colon. Quoted strings may contain commas, and have no escapes. Blanks around names and
// values, a comma at the end, and lower-case names are accepted. Anything else that RFC
// 8216 section 4.2 does not allow is an error, including a name that comes twice and an
// empty list. To read what an encoder sent, use [ReadAttributes].
//
// The time taken is linear in len(list).
func ParseAttributes(list string) ([]Attribute, error) {
	var first error
	attributes := scanAttributes(list, func(_, problem string) {
		if first == nil {
			first = errors.New(problem)
		}
	})
	if first != nil {
		return nil, first
	}
	if len(attributes) == 0 {
		return nil, errors.New("no attributes")
	}
	return attributes, nil
}

// ReadAttributes reads an attribute list as far as it can be read: if a name comes twice,
// the first one counts, a missing quote is added, and what is not an attribute is left out.
//
// The time taken is linear in len(list).
func ReadAttributes(list string) []Attribute {
	return scanAttributes(list, func(string, string) {})
}

// scanAttributes reads a list, and reports what is wrong with it, with the name of
// the attribute where that is known.
func scanAttributes(list string, report func(name, problem string)) []Attribute {
	var attributes []Attribute
	var known nameSet
	for rest := strings.Trim(list, " \t"); rest != ""; rest = strings.TrimLeft(rest, " \t") {
		equals, comma := strings.IndexByte(rest, '='), strings.IndexByte(rest, ',')
		if equals < 0 || comma >= 0 && comma < equals {
			var piece string
			piece, rest, _ = strings.Cut(rest, ",")
			readStray(attributes, strings.TrimSpace(piece), report)
			continue
		}
		name := strings.Trim(rest[:equals], " \t")
		rest = strings.TrimLeft(rest[equals+1:], " \t")
		a := Attribute{Name: name}
		if quoted, ok := strings.CutPrefix(rest, `"`); ok {
			a.Quoted = true
			a.Value, rest = cutQuoted(name, quoted, report)
		} else {
			a.Value, rest, _ = strings.Cut(rest, ",")
			a.Value = strings.TrimRight(a.Value, " \t")
			if strings.IndexByte(a.Value, '"') >= 0 {
				report(name, "stray quote in the value of "+Quote(name))
				a.Value = strings.Trim(strings.ReplaceAll(a.Value, `"`, ""), " \t")
			}
		}
		switch {
		case !validAttributeName(name):
			report("", Quote(name)+" is not an attribute name")
		case a.Value == "" && !a.Quoted:
			report(name, "attribute "+Quote(name)+" has no value")
		case !known.add(attributes, name):
			report(name, "attribute "+Quote(name)+" appears twice")
		default:
			attributes = append(attributes, a)
		}
	}
	return attributes
}

// readStray takes a piece between two commas that is not an attribute. After a number, it
// is the fraction that a locale with a decimal comma has cut off.
func readStray(attributes []Attribute, piece string, report func(name, problem string)) {
	if n := len(attributes); n > 0 && piece != "" && allDigits(piece) {
		if last := &attributes[n-1]; !last.Quoted && allDigits(last.Value) {
			report(last.Name, fmt.Sprintf("attribute %s: %s has a comma for a decimal point", Quote(last.Name), Quote(last.Value+","+piece)))
			last.Value += "." + piece
			return
		}
	}
	if !validAttributeName(piece) {
		report("", Quote(piece)+" is not an attribute name")
		return
	}
	report("", "attribute "+Quote(piece)+" has no value")
}

// cutQuoted cuts off the rest of a quoted string after its first quote, and the comma that
// follows. If the string has no end, it ends where the next attribute begins.
func cutQuoted(name, text string, report func(name, problem string)) (value, rest string) {
	end := strings.IndexByte(text, '"')
	if end < 0 || strings.HasSuffix(strings.TrimRight(text[:end], " \t"), "=") && nextAttribute(text[:end]) >= 0 {
		report(name, "quoted string of "+Quote(name)+" is not closed")
		if comma := nextAttribute(text); comma >= 0 {
			return strings.TrimRight(text[:comma], " \t"), text[comma+1:]
		}
		return strings.Trim(strings.ReplaceAll(text, `"`, ""), " \t"), ""
	}
	value, rest = text[:end], strings.TrimLeft(text[end+1:], " \t")
	if rest == "" || rest[0] == ',' {
		return value, strings.TrimPrefix(rest, ",")
	}
	report(name, fmt.Sprintf("%s after the quoted string of %s", Quote(rest), Quote(name)))
	_, rest, _ = strings.Cut(rest, ",")
	return value, rest
}

// nextAttribute returns the position of the comma before the next attribute, -1 if there is
// none.
func nextAttribute(text string) int {
	for from := 0; ; {
		equals := strings.IndexByte(text[from:], '=')
		if equals < 0 {
			return -1
		}
		equals += from
		comma := strings.LastIndexByte(text[from:equals], ',')
		if comma >= 0 && validAttributeName(strings.Trim(text[from+comma+1:equals], " \t")) {
			return from + comma
		}
		from = equals + 1
	}
}

// nameSet says whether a name is new. Lists are usually short; in a long one, comparing
// each name with all those before it would take quadratic time.
type nameSet map[string]bool

func (s *nameSet) add(attributes []Attribute, name string) bool {
	if len(attributes) < 16 {
		for i := range attributes {
			if attributes[i].Name == name {
				return false
			}
		}
		return true
	}
	if *s == nil {
		*s = nameSet{}
		for i := range attributes {
			(*s)[attributes[i].Name] = true
		}
	}
	if (*s)[name] {
		return false
	}
	(*s)[name] = true
	return true
}
