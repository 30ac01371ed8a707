package channel

import (
	"slices"
	"strconv"
	"strings"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/media"
)

// How good a segment is shows mostly in comparison with the others of its run: those that
// its playlist lists before it. Segments arrive before or after their playlist, and in any
// order; a segment is never compared with one that nothing proves to be the one before it.

// grading is what the segments of one media playlist are compared with. It ends with the
// listing that it is part of.
type grading struct {
	grader media.Grader
	// newest are the segments that were graded last, the oldest first.
	newest []gradedSegment
}

type gradedSegment struct {
	path   string
	graded *media.Graded
}

// gradedSegments is how many segments are remembered: one may arrive before its
// predecessors, as encoders send several at a time.
const gradedSegments = 4

// grade says how good a segment is. A segment whose playlist is not known is judged by
// itself. The lock is held.
func (in *input) grade(path string, info *media.Info) *media.Graded {
	l := in.listingOf(path)
	if l == nil {
		l = in.listingLike(path)
	}
	if l == nil {
		return new(media.Grader).Grade(info, nil)
	}
	g := &l.grading
	graded := g.grader.Grade(info, g.before(path, l.recent))
	g.newest = slices.DeleteFunc(g.newest, func(s gradedSegment) bool { return s.path == path })
	if len(g.newest) == gradedSegments {
		g.newest = slices.Delete(g.newest, 0, 1)
	}
	g.newest = append(g.newest, gradedSegment{path, graded})
	return graded
}

// before is the segment before another one: as the playlist lists them or, if it does not
// list that one yet, as the numbers in their names go.
func (g *grading) before(path string, listed []string) *media.Graded {
	i := slices.Index(listed, path)
	for _, s := range slices.Backward(g.newest) {
		switch {
		case i > 0 && s.path == listed[i-1], i < 0 && counts(s.path, path):
			return s.graded
		}
	}
	return nil
}

// listingLike finds the playlist that will list a segment, by the names of those that it
// lists.
func (in *input) listingLike(path string) *listing {
	before, _, after := numbered(path)
	for _, l := range in.lists {
		if n := len(l.recent); n > 0 {
			if b, _, a := numbered(l.recent[n-1]); b == before && a == after {
				return l
			}
		}
	}
	return nil
}

// counts reports whether the names of two segments differ only in a number, which goes up
// by one.
func counts(from, to string) bool {
	before, number, after := numbered(from)
	b, next, a := numbered(to)
	if b != before || a != after {
		return false
	}
	n, err := strconv.ParseUint(number, 10, 63)
	m, errNext := strconv.ParseUint(next, 10, 63)
	return err == nil && errNext == nil && m == n+1
}

// numbered splits a name around the last number in it.
func numbered(name string) (before, number, after string) {
	const digits = "0123456789"
	end := strings.LastIndexAny(name, digits) + 1
	start := len(strings.TrimRight(name[:end], digits))
	return name[:start], name[start:end], name[end:]
}

// gradedMedia is what the core needs to know about a segment, including what is bad about
// it.
func gradedMedia(info *media.Info, graded *media.Graded) *failover.Media {
	m := coreMedia(info)
	for _, f := range graded.Findings {
		m.Defects = append(m.Defects, failover.Defect(f.Defect))
	}
	m.DefectDetail = graded.Text()
	return m
}
