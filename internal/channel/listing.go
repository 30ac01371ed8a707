package channel

import (
	"fmt"
	"slices"
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/hls"
	"github.com/liveorigin/caddy-live-origin/internal/media"
)

// listings are an input's media playlists by path, and its newest segments. They are
// guarded by Channel.mu.
type listings struct {
	lists map[string]*listing
	// probed is what the newest segments hold, by path.
	probed      map[string]*media.Info
	configs     map[media.Signature]*media.Info // the different ones of probed
	probedOrder []string
	// alone are the newest segments that were graded before it was known which playlist
	// lists them.
	alone []gradedSegment
}

// listing is what is known about one media playlist of an input. It is guarded by
// Channel.mu.
type listing struct {
	numbers numbering
	// first is the number of its first entry, init the path of the initialization section of
	// its last one.
	first uint64
	init  string
	// noted is its last entry in the journal of arrivals, nil for none.
	noted *notedEntry
	// recent are the newest objects that it lists, in order.
	recent []string
	// fresh is when it listed something that it had not listed before.
	fresh time.Time
	// unnamed is when the multivariant playlist that named it was replaced by one that does not.
	unnamed time.Time
	// length is how long a segment is, as the playlist says.
	length time.Duration
	// kind is what its segments hold, once one is known. config is the newest of
	// them that configures a decoder; bare: there is none, although it was waited for.
	kind        failover.Kind
	known, bare bool
	config      *media.Info
	// learned: these are others since the codecs of variants were looked at.
	learned bool
	// grading is what its segments are compared with.
	grading grading
	// noInit is why some of what it lists has no initialization section, empty if that is
	// not so.
	noInit string
}

// recentObjects is how many of the newest entries of a playlist are remembered.
const recentObjects = 32

// listed records a media playlist, and gives numbers to one that has none.
func (all *listings) listed(fact *failover.Playlist, m *hls.MediaPlaylist, atMost int, odd *oddities) {
	l := all.lists[fact.Path]
	if l == nil {
		if all.lists == nil || len(all.lists) > 2*atMost {
			all.lists = map[string]*listing{} // what is still being sent comes back at once
		}
		l = &listing{}
		all.lists[fact.Path] = l
	}
	switch {
	case !m.Unnumbered:
		l.numbers = numbering{}
	case l.numbers.renumber(fact.Segments):
		odd.add(NoticeNumbering, 0, "", fmt.Sprintf("the list has slid without EXT-X-MEDIA-SEQUENCE: by its name the first segment is number %d", fact.Segments[0].Number))
	}
	recent := make([]string, 0, recentObjects)
	for _, s := range fact.Segments[max(0, len(fact.Segments)-recentObjects):] {
		recent = append(recent, s.Path)
	}
	if len(recent) > 0 && (len(l.recent) == 0 || recent[len(recent)-1] != l.recent[len(l.recent)-1]) {
		l.fresh = time.Now()
	}
	l.recent = recent
	all.learnListed(l)
	if l.length = usualDuration(m); l.length == 0 {
		l.length = fact.TargetDuration
	}
}

// listingOf finds the playlist whose newest entries hold an object.
func (all *listings) listingOf(object string) *listing {
	for _, l := range all.lists {
		if slices.Contains(l.recent, object) {
			return l
		}
	}
	return nil
}

// segmentLength is how long the input's segments are, going by the rendition with the
// shortest ones: text may come in much longer segments. A rendition that has stopped says
// nothing about those that have not. It is 6 s as long as none is listed.
func (all *listings) segmentLength() time.Duration {
	shortest, newest := time.Duration(0), all.newest()
	for _, l := range all.lists {
		stopped := newest.Sub(l.fresh) > silentSegments*max(l.length, time.Second)
		if l.length > 0 && !stopped && (shortest == 0 || l.length < shortest) {
			shortest = l.length
		}
	}
	if shortest == 0 {
		return 6 * time.Second
	}
	return min(max(shortest, time.Second), 30*time.Second)
}

// newest is when a playlist listed something new, the zero time if none has.
func (all *listings) newest() (newest time.Time) {
	for _, l := range all.lists {
		if l.fresh.After(newest) {
			newest = l.fresh
		}
	}
	return newest
}

// silent returns what tells whether a playlist has listed nothing new for ten segments, while
// others have.
func (all *listings) silent() func(l *listing) bool {
	newest, length := all.newest(), all.segmentLength()
	return func(l *listing) bool {
		return newest.Sub(l.fresh) > max(silentSegments*length, 2*l.length)
	}
}
