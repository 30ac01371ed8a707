package hls

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Attribute is one AttributeName=AttributeValue pair (RFC 8216 section 4.2).
type Attribute struct {
	Name   string
	Value  string // without the quotes
	Quoted bool   // the value is a quoted-string
}

// maxAttributeName bounds names, because errors show them in full.
const maxAttributeName = 256

func validAttributeName(name string) bool {
	if name == "" || len(name) > maxAttributeName {
		return false
	}
	for i := 0; i < len(name); i++ {
		switch c := name[i]; {
		case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '-', c == '_', c == '.':
		default:
			return false
		}
	}
	return true
}

// The readers below accept a value with or without quotes, and in upper or lower case:
// encoders (and grafov/m3u8's own writer) get that wrong.

// integer reads a decimal-integer. A fraction, as from floating-point arithmetic, is
// rounded.
func (a Attribute) integer() (uint64, error) { return parseRounded(a.Value) }

// enumerated reads an enumerated-string: no quotes, commas or blanks.
func (a Attribute) enumerated() (string, error) {
	if !validEnumerated(a.Value) {
		return "", fmt.Errorf("%s is not an enumerated string", Quote(a.Value))
	}
	return strings.ToUpper(a.Value), nil
}

// oneOf reads an enumerated-string of which the values are known. Players pass over whole variants and
// renditions for one that they don't know.
func (a Attribute) oneOf(known ...string) (string, error) {
	value, err := a.enumerated()
	if err == nil && !slices.Contains(known, value) {
		return "", fmt.Errorf("%s is none of %s", Quote(a.Value), strings.Join(known, ", "))
	}
	return value, err
}

// maxBitrate is the highest BANDWIDTH that is read, a terabit per second: a player would never choose
// what claims to need more.
const maxBitrate = 1 << 40

// bitrate reads bits per second.
func (a Attribute) bitrate() (uint64, error) {
	rate, err := a.integer()
	if err == nil && rate > maxBitrate {
		return 0, fmt.Errorf("%s bits per second are more than there can be", Quote(a.Value))
	}
	return rate, err
}

func validEnumerated(value string) bool {
	return value != "" && !strings.ContainsAny(value, "\", \t")
}

func (a Attribute) yes() (bool, error) {
	switch strings.ToUpper(strings.TrimSpace(a.Value)) {
	case "YES", "TRUE", "1", "Y", "ON":
		return true, nil
	case "NO", "FALSE", "0", "N", "OFF":
		return false, nil
	}
	return false, fmt.Errorf("%s is neither YES nor NO", Quote(a.Value))
}

// hexadecimal reads a hexadecimal-sequence of at most 128 bits, and returns it unchanged.
func (a Attribute) hexadecimal() (string, error) {
	digits := ""
	if len(a.Value) > 2 && (a.Value[:2] == "0x" || a.Value[:2] == "0X") {
		digits = a.Value[2:]
	}
	if digits == "" || len(digits) > 32 || strings.Trim(digits, "0123456789abcdefABCDEF") != "" {
		return "", fmt.Errorf("%s is not a hexadecimal sequence", Quote(a.Value))
	}
	return a.Value, nil
}

// maxFrameRate is the highest FRAME-RATE that is read or written.
const maxFrameRate = 100_000

// frameRate reads a decimal-floating-point, rounded to three decimals
// (RFC 8216 section 4.3.4.2), or a fraction, as media tools write it.
func (a Attribute) frameRate() (float64, error) {
	text, divisor := strings.Replace(strings.TrimSpace(a.Value), ",", ".", 1), 1.0
	if over, under, found := strings.Cut(text, "/"); found {
		value, err := strconv.ParseFloat(under, 64)
		if err != nil || !(value >= 1) || value > maxFrameRate {
			return 0, fmt.Errorf("%s is not a frame rate", Quote(a.Value))
		}
		text, divisor = over, value
	}
	rate, err := strconv.ParseFloat(text, 64)
	rate /= divisor
	if err != nil || strings.Trim(text, "0123456789.") != "" || rate > maxFrameRate {
		return 0, fmt.Errorf("%s is not a frame rate", Quote(a.Value))
	}
	return math.Round(rate*1000) / 1000, nil
}

// resolution reads a decimal-resolution: "<width>x<height>".
func (a Attribute) resolution() (width, height int, err error) {
	const most = 1 << 20
	at := strings.IndexAny(a.Value, "xX*×")
	if at < 0 {
		return 0, 0, fmt.Errorf("%s is not a resolution", Quote(a.Value))
	}
	w, errW := parseInteger(strings.TrimSpace(a.Value[:at]))
	h, errH := parseInteger(strings.TrimSpace(strings.TrimLeft(a.Value[at:], "xX*×")))
	if errW != nil || errH != nil || w > most || h > most {
		return 0, 0, fmt.Errorf("%s is not a resolution", Quote(a.Value))
	}
	return int(w), int(h), nil
}

// attributeWriter writes an attribute list.
type attributeWriter struct {
	list []byte
	err  error // the first one
}

func (w *attributeWriter) name(name string) {
	if len(w.list) > 0 {
		w.list = append(w.list, ',')
	}
	w.list = append(w.list, name...)
	w.list = append(w.list, '=')
}

func (w *attributeWriter) fail(name, value string) {
	if w.err == nil {
		w.err = fmt.Errorf("attribute %s can't have the value %s", Quote(name), Quote(value))
	}
}

func (w *attributeWriter) quoted(name, value string) {
	if strings.IndexByte(value, '"') >= 0 || checkCharacters(value) != nil {
		w.fail(name, value)
		return
	}
	w.name(name)
	w.list = append(w.list, '"')
	w.list = append(w.list, value...)
	w.list = append(w.list, '"')
}

// quotedUnlessEmpty leaves out an attribute that is not set.
func (w *attributeWriter) quotedUnlessEmpty(name, value string) {
	if value != "" {
		w.quoted(name, value)
	}
}

func (w *attributeWriter) enumerated(name, value string) {
	if !validEnumerated(value) || checkCharacters(value) != nil {
		w.fail(name, value)
		return
	}
	w.name(name)
	w.list = append(w.list, value...)
}

func (w *attributeWriter) enumeratedUnlessEmpty(name, value string) {
	if value != "" {
		w.enumerated(name, value)
	}
}

func (w *attributeWriter) integer(name string, value uint64) {
	w.name(name)
	w.list = strconv.AppendUint(w.list, value, 10)
}

// finish writes the attributes that have no field of their own, and returns
// the list.
func (w *attributeWriter) finish(others []Attribute) ([]byte, error) {
	for _, a := range others {
		switch {
		case !validAttributeName(a.Name), checkCharacters(a.Value) != nil:
			w.fail(a.Name, a.Value)
		case a.Quoted:
			w.quoted(a.Name, a.Value)
		case a.Value == "", strings.ContainsAny(a.Value, `",`), a.Value != strings.Trim(a.Value, " "):
			w.fail(a.Name, a.Value)
		default:
			w.name(a.Name)
			w.list = append(w.list, a.Value...)
		}
	}
	if w.err == nil && len(others) > 0 {
		// One of them may repeat a field.
		_, w.err = ParseAttributes(string(w.list))
	}
	return w.list, w.err
}
