package media

import (
	"math/bits"
	"slices"
)

// recentObjects is how many objects of a run the grader judges what is usual by: a minute
// of segments of 2 s.
const recentObjects = 32

// unlearned counts the objects that are bad by what is usual. What is usual is not learned
// from them: else a fault that stays, or comes again, would be found only once. But an
// encoder may also have been set to do something else, without a new run: so what has been
// bad for long enough is usual from then on.
type unlearned int

// lesson is what an object is for those that follow.
type lesson uint8

const (
	like   lesson = iota // the object shows what is usual
	unlike               // it does not
	anew                 // what was usual no longer is: the object is the first of another habit
)

// lesson takes note of whether an object is bad, of a run of which so many were learned from.
func (u *unlearned) lesson(bad bool, known int) lesson {
	switch {
	case !bad:
		*u = max(0, *u-1)
		return like
	case known < habitAfter:
		return like // it may be part of the habit
	}
	if *u += rarely - 1; *u < lastingObjects*(rarely-1) {
		return unlike
	}
	*u = 0
	return anew
}

// recent are the last values of something that every object has.
type recent struct {
	values [recentObjects]int64 // a ring
	n      int                  // values so far
}

func (r *recent) add(v int64) {
	r.values[r.n%recentObjects] = v
	r.n++
}

func (r *recent) len() int { return min(r.n, recentObjects) }

// largest is 0 before the first value, and at least 0.
func (r *recent) largest() (v int64) {
	for _, o := range r.values[:r.len()] {
		v = max(v, o)
	}
	return v
}

// ranked is recent with the median at hand.
type ranked struct {
	recent
	sorted [recentObjects]int64
}

func (r *ranked) add(v int64) {
	list := r.sorted[:r.len()]
	if len(list) == recentObjects {
		i, _ := slices.BinarySearch(list, r.values[r.n%recentObjects])
		copy(list[i:], list[i+1:])
		list = list[:len(list)-1]
	}
	i, _ := slices.BinarySearch(list, v)
	list = r.sorted[:len(list)+1]
	copy(list[i+1:], list[i:])
	list[i] = v
	r.recent.add(v)
}

// median is 0 before the first value.
func (r *ranked) median() int64 { return r.sorted[r.len()/2] }

// marks says for each of the last objects whether something holds.
type marks struct {
	bits uint32 // the newest is the lowest
	n    int
}

func (m *marks) add(is bool) {
	m.bits <<= 1
	if is {
		m.bits |= 1
	}
	m.n = min(m.n+1, recentObjects)
}

// count is for how many it holds.
func (m *marks) count() int { return bits.OnesCount32(m.bits) }
