package hls

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// maxDuration is the longest EXTINF and EXT-X-TARGETDURATION that is read or
// written: one day. Longer ones are damage, and would overflow sums.
const maxDuration = 24 * time.Hour

// parseInteger reads a decimal-integer of RFC 8216 section 4.2. Values stop
// at 2^63-1, not at 2^64-1, so that a number plus a count never wraps.
func parseInteger(text string) (uint64, error) {
	if text == "" || !allDigits(text) {
		return 0, fmt.Errorf("%s is not a decimal integer", Quote(text))
	}
	value, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		return 0, fmt.Errorf("%s is too large", Quote(text))
	}
	return value, nil
}

// parseRounded reads a number that ought to be a decimal-integer: a fraction, an exponent
// and blanks around it are accepted.
func parseRounded(text string) (uint64, error) {
	text = strings.TrimSpace(text)
	if value, err := parseInteger(text); err == nil {
		return value, nil
	}
	if !floating(text) {
		return 0, fmt.Errorf("%s is not a decimal integer", Quote(text))
	}
	value, err := strconv.ParseFloat(text, 64)
	switch {
	case err != nil || !(value >= 0):
		return 0, fmt.Errorf("%s is not a decimal integer", Quote(text))
	case value >= 1<<63:
		return 0, fmt.Errorf("%s is too large", Quote(text))
	}
	return uint64(math.Round(value)), nil
}

// floating reports whether a text has the form of a number in decimal floating
// point. strconv.ParseFloat also takes "Inf", "NaN", "0x1p3" and "1_0".
func floating(text string) bool {
	return text != "" && strings.Trim(text, "0123456789.eE+-") == "" && strings.ContainsAny(text, "0123456789")
}

func allDigits(text string) bool {
	for i := 0; i < len(text); i++ {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return true
}

// parseSeconds reads a duration in decimal seconds, rounded to nanoseconds.
// It works on the digits: a float64 would lose some, and would accept "Inf",
// "NaN", "1e9" and "0x1p3".
func parseSeconds(text string) (time.Duration, error) {
	whole, fraction, _ := strings.Cut(text, ".")
	if whole == "" && fraction == "" || !allDigits(whole) || !allDigits(fraction) {
		return 0, fmt.Errorf("%s is not a number of seconds", Quote(text))
	}
	var seconds uint64
	if whole != "" {
		value, err := strconv.ParseUint(whole, 10, 63)
		if err != nil || value > uint64(maxDuration/time.Second) {
			return 0, fmt.Errorf("%s seconds are more than %v", Quote(text), maxDuration)
		}
		seconds = value
	}
	duration := time.Duration(seconds)*time.Second + nanoseconds(fraction)
	if duration > maxDuration {
		return 0, fmt.Errorf("%s seconds are more than %v", Quote(text), maxDuration)
	}
	return duration, nil
}

// parseDuration reads a duration in seconds as encoders write it: blanks around it, an
// exponent, or a sign before it are accepted.
func parseDuration(text string) (time.Duration, error) {
	text = strings.Trim(text, "\" \t")
	duration, err := parseSeconds(text)
	if err == nil || !floating(text) {
		return duration, err
	}
	seconds, failed := strconv.ParseFloat(text, 64)
	if failed != nil || !(seconds >= 0) {
		return 0, fmt.Errorf("%s is not a number of seconds", Quote(text))
	}
	if seconds > maxDuration.Seconds() {
		return 0, fmt.Errorf("%s seconds are more than %v", Quote(text), maxDuration)
	}
	return time.Duration(math.Round(seconds * float64(time.Second))), nil
}

// nanoseconds reads the digits after a decimal point, any number of them,
// rounded half up.
func nanoseconds(digits string) time.Duration {
	value := time.Duration(0)
	for i := range 9 {
		value *= 10
		if i < len(digits) {
			value += time.Duration(digits[i] - '0')
		}
	}
	if len(digits) > 9 && digits[9] >= '5' {
		value++
	}
	return value
}

// appendSeconds writes a duration in decimal seconds, exact to the
// nanosecond, with at least five decimals.
func appendSeconds(dst []byte, d time.Duration) []byte {
	dst = strconv.AppendInt(dst, int64(d/time.Second), 10)
	dst = append(dst, '.')
	rest := int64(d % time.Second)
	for place, digits := int64(time.Second/10), 0; place > 0 && (rest > 0 || digits < 5); place, digits = place/10, digits+1 {
		dst = append(dst, byte('0'+rest/place))
		rest %= place
	}
	return dst
}

// appendDateTime writes a time in the form of RFC 3339: UTC, always with
// milliseconds.
func appendDateTime(dst []byte, t time.Time) []byte {
	t = t.UTC().Round(time.Millisecond)
	dst = t.AppendFormat(dst, time.RFC3339) // twice as fast as a custom layout
	ms := t.Nanosecond() / int(time.Millisecond)
	return append(dst[:len(dst)-1], '.', byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10), 'Z')
}

var errDateTime = errors.New("not a date and time of ISO 8601")

// ParseDateTime reads the value of EXT-X-PROGRAM-DATE-TIME: the extended or the
// basic form of ISO 8601, with a fraction of any length, and a time zone that is
// "Z", "UTC", "GMT", "+hh:mm", "+hhmm", "+hh" or absent (then UTC is assumed). The result
// is in UTC.
func ParseDateTime(text string) (time.Time, error) {
	const form = "0000-00-00 00:00:00"
	text = extended(strings.Trim(text, "\" \t"))
	if len(text) < len(form) {
		return time.Time{}, errDateTime
	}
	for i := range len(form) {
		c := text[i]
		switch form[i] {
		case '0':
			if c < '0' || c > '9' {
				return time.Time{}, errDateTime
			}
		case ' ':
			if c != 'T' && c != 't' && c != ' ' {
				return time.Time{}, errDateTime
			}
		default:
			if c != form[i] {
				return time.Time{}, errDateTime
			}
		}
	}
	two := func(at int) int { return int(text[at]-'0')*10 + int(text[at+1]-'0') }
	year, month, day := two(0)*100+two(2), two(5), two(8)
	hour, minute, second := two(11), two(14), two(17)
	if month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 || second > 60 {
		return time.Time{}, errDateTime
	}
	if midnight := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC); midnight.Day() != day {
		return time.Time{}, errDateTime // such as 30 February
	}

	rest := text[len(form):]
	var fraction time.Duration
	if rest != "" && (rest[0] == '.' || rest[0] == ',') {
		digits := rest[1:]
		digits = digits[:len(digits)-len(strings.TrimLeft(digits, "0123456789"))]
		if digits == "" {
			return time.Time{}, errDateTime
		}
		fraction, rest = nanoseconds(digits), rest[1+len(digits):]
	}
	offset, err := parseZone(rest)
	if err != nil {
		return time.Time{}, err
	}
	// A leap second (60) becomes the first second of the next minute.
	t := time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC).Add(fraction - offset)
	if y := t.Round(time.Millisecond).Year(); y < 1900 || y > 9999 {
		return time.Time{}, errors.New("year out of range")
	}
	return t, nil
}

// extended turns the basic form of ISO 8601 into the extended one: "20261123T050000" has no
// separators.
func extended(text string) string {
	const basic = len("20261123T050000")
	if len(text) < basic || !allDigits(text[:8]) || !allDigits(text[9:basic]) {
		return text
	}
	return text[:4] + "-" + text[4:6] + "-" + text[6:8] + text[8:11] + ":" + text[11:13] + ":" + text[13:]
}

func parseZone(text string) (time.Duration, error) {
	switch text = strings.TrimLeft(text, " "); strings.ToUpper(text) {
	case "", "Z", "UTC", "GMT":
		return 0, nil
	}
	sign, digits := text[0], text[1:]
	if len(digits) == 5 && digits[2] == ':' {
		digits = digits[:2] + digits[3:]
	}
	if sign != '+' && sign != '-' || len(digits) != 2 && len(digits) != 4 || !allDigits(digits) {
		return 0, errDateTime
	}
	hours := time.Duration(digits[0]-'0')*10 + time.Duration(digits[1]-'0')
	minutes := time.Duration(0)
	if len(digits) == 4 {
		minutes = time.Duration(digits[2]-'0')*10 + time.Duration(digits[3]-'0')
	}
	if hours > 23 || minutes > 59 {
		return 0, errDateTime
	}
	offset := hours*time.Hour + minutes*time.Minute
	if sign == '-' {
		return -offset, nil
	}
	return offset, nil
}

// ByteRange is a sub-range of a resource, in bytes (RFC 8216 section
// 4.3.2.2). Its offset is never implicit.
type ByteRange struct {
	Length int64 // at least 1
	Offset int64
}

func (r ByteRange) end() int64 { return r.Offset + r.Length }

func (r ByteRange) valid() bool {
	return r.Length > 0 && r.Offset >= 0 && r.Offset <= math.MaxInt64-r.Length
}

// parseByteRange reads "<n>[@<o>]". Without an offset, explicit is false and
// the offset is 0.
func parseByteRange(text string) (r ByteRange, explicit bool, err error) {
	length, offset, explicit := strings.Cut(text, "@")
	n, err := parseInteger(length)
	if err != nil {
		return ByteRange{}, false, err
	}
	o := uint64(0)
	if explicit {
		if o, err = parseInteger(offset); err != nil {
			return ByteRange{}, false, err
		}
	}
	r = ByteRange{Length: int64(n), Offset: int64(o)}
	if !r.valid() {
		return ByteRange{}, false, fmt.Errorf("%s is empty or too large", Quote(text))
	}
	return r, explicit, nil
}
