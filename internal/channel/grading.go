package channel

import (
	"slices"

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
	// next is another run that may have begun.
	next *grading
}

type gradedSegment struct {
	path   string
	graded *media.Graded
	info   *media.Info
}

// gradedSegments is how many segments are remembered: one may arrive before its
// predecessors, as encoders send several at a time.
const gradedSegments = 4

// grade says how good a segment is. A segment whose playlist is not known is judged by
// itself. The lock is held.
func (in *input) grade(path string, info *media.Info) *media.Graded {
	in.adopt()
	l := in.listingOf(path)
	if l == nil {
		l = in.listingLike(path, info)
	}
	if l == nil {
		graded := new(media.Grader).Grade(info, nil)
		in.alone = keep(in.alone, path, info, graded)
		return graded
	}
	g := l.grading.run(info)
	graded := g.grader.Grade(info, g.before(path, info, l.recent))
	g.newest = keep(g.newest, path, info, graded)
	return graded
}

// keep adds the newest of some segments, which may be one of them that was sent again.
func keep(newest []gradedSegment, path string, info *media.Info, graded *media.Graded) []gradedSegment {
	newest = slices.DeleteFunc(newest, func(s gradedSegment) bool { return s.path == path })
	if len(newest) == gradedSegments {
		newest = slices.Delete(newest, 0, 1)
	}
	return append(newest, gradedSegment{path, graded, info})
}

// adopt gives segments that were judged by themselves to the playlists that have come to list
// them: the next ones are compared with them. They may be of another run than those before, under
// names of another kind.
func (all *listings) adopt() {
	all.alone = slices.DeleteFunc(all.alone, func(s gradedSegment) bool {
		l := all.listingOf(s.path)
		if l != nil {
			g := l.grading.run(s.info)
			g.newest = keep(g.newest, s.path, s.info, s.graded)
		}
		return l != nil
	})
}

// run is what a segment is compared with. A single one that is far away in time may be an old
// one that comes late; with the second, another run has begun.
func (g *grading) run(info *media.Info) *grading {
	switch {
	case !g.ended(info):
		g.next = nil
		return g
	case g.next == nil || g.next.ended(info):
		g.next = &grading{}
		return g.next
	}
	*g = *g.next
	return g
}

// skippedSegments is how many segments a run may skip, and repeatedSegments how many may come
// once more: what is further away in time belongs to another run, with habits of its own.
const (
	skippedSegments  = 32
	repeatedSegments = 8
)

// ended reports whether a segment is of another run than all that are remembered. Before its
// playlist comes, only its time can show that.
func (g *grading) ended(info *media.Info) bool {
	for _, s := range g.newest {
		gap, ok := s.graded.Gap(info)
		length := max(s.graded.Length(), info.End-info.Start, media.ClockRate)
		if ok && gap <= skippedSegments*length && gap >= -repeatedSegments*length {
			return false
		}
	}
	return len(g.newest) > 0
}

// before is the segment before another one: as the playlist lists them or, if it does not
// list that one yet, as the numbers in their names count, or as they follow in time. Names need
// not count: they may be times of day, and then two segments that follow one another may have the same.
func (g *grading) before(path string, info *media.Info, listed []string) *media.Graded {
	for _, s := range g.newest {
		gap, ok := s.graded.Gap(info)
		if s.path == path && ok && max(gap, -gap) <= min(s.graded.Length(), info.End-info.Start)/2 {
			return s.graded
		}
	}
	if i := slices.Index(listed, path); i > 0 {
		for _, s := range g.newest {
			if s.path == listed[i-1] {
				return s.graded
			}
		}
		return nil
	}
	var nearest *media.Graded
	least := int64(0)
	for _, s := range slices.Backward(g.newest) {
		if s.path == path {
			continue
		}
		if counts(s.path, path) {
			return s.graded
		}
		gap, ok := s.graded.Gap(info)
		if gap = max(gap, -gap); ok && gap <= apart(s.graded, info, listed) && (nearest == nil || gap < least) {
			nearest, least = s.graded, gap
		}
	}
	return nearest
}

// apart is how far apart the end of one segment and the start of the next may be where their
// names do not count: half a frame, or half a segment if no name of the rendition counts. No
// segment has room there that is yet to come. Names that count would say that one is.
func apart(s *media.Graded, info *media.Info, listed []string) int64 {
	if n := len(listed); n < 2 || counts(listed[n-2], listed[n-1]) {
		return halfFrame(info)
	}
	return min(s.Length(), info.End-info.Start) / 2
}

// halfFrame is how far timestamps of the same moment are apart at most.
func halfFrame(info *media.Info) int64 { return max(info.FrameDuration/2, media.ClockRate/1000) }

// touches reports whether a segment begins where a remembered one ends, and is like it.
func (g *grading) touches(info *media.Info) bool {
	for _, s := range g.newest {
		gap, ok := s.graded.Gap(info)
		if ok && max(gap, -gap) <= halfFrame(info) && s.graded.Alike(info) {
			return true
		}
	}
	return false
}

// listingLike finds the playlist that will list a segment, by the names of those that it
// lists: the name differs from them in numbers that differ among them. Where a date in the
// name goes up for the first time, or names have nothing in common, the segment has to begin
// where the last one of the playlist ends as well.
func (in *input) listingLike(path string, info *media.Info) *listing {
	var like *listing
	var how difference
	least, several := 0, false
	for _, l := range in.lists {
		d, fixed, ok := l.differs(path)
		switch {
		case !ok || like != nil && fixed > least:
		case like != nil && fixed == least:
			several = true
		default:
			like, how, least, several = l, d, fixed, false
		}
	}
	switch {
	case several:
		return nil // they have to be told apart
	case like != nil && least == 0:
		return like
	case like == nil && len(in.lists) == 1:
		for _, l := range in.lists {
			like = l
		}
	case like == nil || !how.carries:
		return nil
	}
	if !like.grading.touches(info) {
		return nil
	}
	return like
}

// arriveGraded tells the core of a segment, and how good it is. One whose timestamps step back
// can't be published, whoever has nothing better. The lock is held.
func (in *input) arriveGraded(object failover.Object, info *media.Info) {
	graded := in.grade(object.Path, info)
	object.Media = gradedMedia(info, graded)
	if graded.Unfit {
		object.Fault = failover.ReasonRepeated
	}
	in.channel.arrive(object)
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
