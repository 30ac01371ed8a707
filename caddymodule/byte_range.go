package caddymodule

import (
	"fmt"
	"maps"
	"math"
	"net/http"
	"strconv"
	"strings"
)

// maxByteRanges is how many ranges one request may ask for; of more, the whole is sent (RFC 9110
// 14.2). Players ask for one.
const maxByteRanges = 16

// withRange is the request with its range as http.ServeContent takes it, which is less than what RFC
// 9110 says: units are in any case, those that are unknown mean nothing, and neither does what can't
// be read; numbers may be of any size; the last 0 bytes can't be sent. The rest is left to
// ServeContent: conditions come first.
func withRange(r *http.Request, size int64) *http.Request {
	asked := r.Header["Range"]
	if asked == nil {
		return r
	}
	changed := *r
	changed.Header = maps.Clone(r.Header)
	delete(changed.Header, "Range")
	// It has a meaning for GET only.
	if len(asked) == 1 && r.Method == http.MethodGet {
		if ranges := satisfiable(asked[0], size); ranges != "" {
			changed.Header["Range"] = []string{ranges}
		}
	}
	return &changed
}

// satisfiable are the ranges that can be sent, or one that can't if there are none; empty for what
// is to be ignored.
func satisfiable(asked string, size int64) string {
	unit, list, ok := strings.Cut(asked, "=")
	if !ok || !strings.EqualFold(strings.TrimSpace(unit), "bytes") {
		return ""
	}
	var ranges []string
	named := 0
	for item := range strings.SplitSeq(list, ",") {
		if item = strings.Trim(item, " \t"); item == "" {
			continue // RFC 9110 5.6.1.2
		}
		first, last, ok := readRange(item, size)
		if named++; !ok || named > maxByteRanges {
			return ""
		}
		if first <= last {
			ranges = append(ranges, fmt.Sprintf("%d-%d", first, last))
		}
	}
	switch {
	case named == 0:
		return ""
	case len(ranges) == 0:
		return fmt.Sprintf("bytes=%d-", size)
	}
	return "bytes=" + strings.Join(ranges, ",")
}

// readRange reads first-last, first- or -length, within size bytes. One that can't be sent is
// empty: first is above last.
func readRange(item string, size int64) (first, last int64, ok bool) {
	from, to, ok := strings.Cut(item, "-")
	if !ok {
		return 0, 0, false
	}
	first, fromOK := position(from)
	last, toOK := position(to)
	switch {
	case from == "" && toOK:
		return max(size-last, 0), size - 1, true
	case fromOK && to == "":
		return first, size - 1, true
	case fromOK && toOK && first <= last:
		return first, min(last, size-1), true
	}
	return 0, 0, false
}

// position reads a number of any length; one that is larger than any file is as large as can be.
func position(digits string) (n int64, ok bool) {
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return math.MaxInt64, true
	}
	return n, true
}
