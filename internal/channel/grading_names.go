package channel

import (
	"cmp"
	"math/bits"
	"strconv"
	"strings"
)

// Segments of a rendition have names that differ in numbers: one that counts, the time of day,
// several of them for date and time. Other numbers are part of the rendition's name: 720p.

// difference is what is different about two names that are equal but for their numbers.
type difference struct {
	numbers uint64 // those that differ, a bit for each
	last    bool   // no other than the last number does
	byOne   bool   // the first of them goes up by one
	carries bool   // the first of them goes up, and all others go down: as the hour does, and the minutes
}

// counts reports whether two names differ only in a number, which goes up by one.
func counts(from, to string) bool {
	d, ok := compare(from, to)
	return ok && d.byOne && bits.OnesCount64(d.numbers) == 1
}

// compare says how two names differ; false if it is not only in numbers.
func compare(from, to string) (d difference, ok bool) {
	for n := 0; ; n++ {
		a, b := words(from), words(to)
		if from[:a] != to[:b] {
			return d, false
		}
		if from, to = from[a:], to[b:]; from == "" || to == "" {
			return d, from == to
		}
		a, b = number(from), number(to)
		if from[:a] != to[:b] {
			if n == 64 {
				return d, false // nobody writes such names
			}
			d.next(n, from[:a], to[:b])
		} else {
			d.last = false
		}
		from, to = from[a:], to[b:]
	}
}

// next takes in a number that differs.
func (d *difference) next(n int, from, to string) {
	order := compareNumbers(from, to)
	if d.numbers == 0 {
		d.carries, d.last = order < 0, true
		a, err := strconv.ParseUint(from, 10, 63)
		b, errNext := strconv.ParseUint(to, 10, 63)
		d.byOne = err == nil && errNext == nil && b == a+1
	} else {
		d.carries, d.last = d.carries && order > 0, false
	}
	d.numbers |= 1 << n
}

// compareNumbers compares numbers of any length.
func compareNumbers(a, b string) int {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}

// numbered splits a name around the last number in it.
func numbered(name string) (before, number, after string) {
	const digits = "0123456789"
	end := strings.LastIndexAny(name, digits) + 1
	start := len(strings.TrimRight(name[:end], digits))
	return name[:start], name[start:end], name[end:]
}

// words is how long the part of a name before its first number is, number how long the number
// at its start.
func words(name string) int {
	for i := range len(name) {
		if isDigit(name[i]) {
			return i
		}
	}
	return len(name)
}

func number(name string) int {
	for i := range len(name) {
		if !isDigit(name[i]) {
			return i
		}
	}
	return len(name)
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// differs says how a name differs from the newest that the playlist lists, and how many of
// the numbers that differ are the same in all that it lists. It is false if the difference
// is not only in numbers.
func (l *listing) differs(path string) (d difference, fixed int, ok bool) {
	n := len(l.recent)
	if n == 0 {
		return d, 0, false
	}
	newest := l.recent[n-1]
	if d, ok = compare(newest, path); !ok {
		return d, 0, false
	}
	if n == 1 && d.last && d.byOne {
		return d, 0, true // the second of a run
	}
	vary := uint64(0)
	for _, other := range [...]string{l.recent[0], l.recent[max(0, n-2)]} {
		if o, ok := compare(newest, other); ok {
			vary |= o.numbers
		}
	}
	return d, bits.OnesCount64(d.numbers &^ vary), true
}
