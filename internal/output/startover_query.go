package output

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
)

// parameters returns what a query says of these names. Nothing else in it matters, not even
// whether it can be read: a CDN adds what it likes. A parameter is there as soon as it is named,
// also without a value, so that a template that was filled in badly does not lead to the live
// playlist.
func parameters(rawQuery string, names ...string) (map[string]string, error) {
	var found map[string]string
	for part := range strings.SplitSeq(rawQuery, "&") {
		key, value, _ := strings.Cut(part, "=")
		key, err := url.QueryUnescape(key)
		if err != nil || !slices.Contains(names, key) {
			continue
		}
		if value, err = url.QueryUnescape(value); err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrQuery, key, err)
		}
		if _, twice := found[key]; twice {
			return nil, fmt.Errorf("%w: %s is given twice", ErrQuery, key)
		}
		if found == nil {
			found = map[string]string{}
		}
		found[key] = value
	}
	return found, nil
}

// parseSpan reads the query of a multivariant playlist; nil if it has neither
// start nor end.
func parseSpan(rawQuery string) (*span, error) {
	q, err := parameters(rawQuery, "start", "end")
	if len(q) == 0 || err != nil {
		return nil, err
	}
	start, hasStart, err := moment(q, "start")
	if err != nil {
		return nil, err
	}
	end, hasEnd, err := moment(q, "end")
	switch {
	case err != nil:
		return nil, err
	case !hasStart:
		return nil, fmt.Errorf("%w: end needs a start", ErrQuery)
	case hasEnd && end <= start:
		return nil, fmt.Errorf("%w: end (%s) is not after start (%s)", ErrQuery, stamp(end), stamp(start))
	}
	return &span{start: start, end: end, open: !hasEnd}, nil
}

// moment reads a point in time.
func moment(q map[string]string, key string) (at failover.Ticks, given bool, err error) {
	value, given := q[key]
	if !given {
		return 0, false, nil
	}
	t, ok := parseMoment(value)
	if !ok {
		return 0, false, fmt.Errorf("%w: %s is neither Unix time in seconds nor a date such as 2026-05-01T20:15:00Z or 2026-05-01T22:15:00+02:00: %.64q",
			ErrQuery, key, value)
	}
	return failover.TicksAt(t), true, nil
}

var (
	unixTime = regexp.MustCompile(`^[0-9]{1,10}(\.[0-9]{1,9})?$`)
	// lostPlus is a zone whose "+" was taken for an encoded space, as it is in a
	// query.
	lostPlus = regexp.MustCompile(` ([0-9]{2}:?[0-9]{2})$`)
)

// parseMoment reads Unix time in seconds, or ISO 8601 with a zone. Both may have a
// fraction.
func parseMoment(text string) (time.Time, bool) {
	if unixTime.MatchString(text) {
		whole, fraction, _ := strings.Cut(text, ".")
		// The expression leaves no room for an error.
		seconds, _ := strconv.ParseInt(whole, 10, 64)
		nanoseconds, _ := strconv.ParseInt((fraction + "000000000")[:9], 10, 64)
		return time.Unix(seconds, nanoseconds), true
	}
	text = lostPlus.ReplaceAllString(text, "+$1")
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05Z0700", "2006-01-02T15:04Z07:00"} {
		if t, err := time.Parse(layout, text); err == nil && t.Unix() >= 0 {
			return t, true
		}
	}
	return time.Time{}, false
}

// query is the cut as the media playlists have it, with its question mark.
func (c cut) query() string {
	text := "?first=" + strconv.FormatUint(c.first, 10)
	switch {
	case c.last != 0:
		text += "&last=" + strconv.FormatUint(c.last, 10)
	case c.until != 0:
		text += "&until=" + strconv.FormatInt(int64(c.until), 10)
	}
	return text
}

// parseCut reads the query of a media playlist; nil if it is not one that query
// has made. Other parameters, such as a CDN adds, are ignored.
func parseCut(rawQuery string) (*cut, error) {
	q, err := parameters(rawQuery, "first", "last", "until")
	if _, ours := q["first"]; !ours || err != nil {
		return nil, err
	}
	var c cut
	var until uint64
	for key, v := range map[string]*uint64{"first": &c.first, "last": &c.last, "until": &until} {
		value, given := q[key]
		if !given {
			continue
		}
		n, err := strconv.ParseUint(value, 10, 63)
		if err != nil || n == 0 {
			return nil, fmt.Errorf("%w: %s is not a number", ErrQuery, key)
		}
		*v = n
	}
	c.until = failover.Ticks(until)
	switch {
	case c.last != 0 && c.until != 0:
		return nil, fmt.Errorf("%w: last and until exclude each other", ErrQuery)
	case c.last != 0 && c.last < c.first:
		return nil, fmt.Errorf("%w: last is before first", ErrQuery)
	}
	return &c, nil
}
