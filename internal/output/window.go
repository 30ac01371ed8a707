// Package output is what viewers read of an endpoint, made from its slots: playlists,
// segments, stretches of the past. It knows no channel, no core and no journal. Whoever has
// slots puts them into a Window; whoever serves viewers reads its View. Another way to list
// them, for another protocol, would be one more reader of the same.
package output

import (
	"math"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/store"
)

// Window is the slots of one endpoint that can be fetched, and the view of them that
// viewers read. It decides nothing: slots come from whoever has them, a core or a
// journal. Except for View and Show, its methods are called by one goroutine at a time.
type Window struct {
	store  store.Store
	report func(error)
	config Config
	epoch  string

	// slots are those that can be fetched; the last ones are listed. Views share
	// the array: it only grows at the end. There may be hundreds of thousands of
	// them, so nothing that is done for every slot may walk over all of them.
	slots []*Slot
	// dated are those of them with date ranges, and the last one before them.
	dated []*Slot
	// eras are those of them with which dates begin that are not as far ahead of the channel's clock as
	// those before them.
	eras    []*Slot
	held    inventory   // what is in slots
	added   amount      // of all slots that ever were
	left    []time.Time // how long the slots that have left the playlist, at the head, stay
	extents []extent
	// longer is the startover window from before a change that made it shorter, until the
	// playlists that were served of it have had their time; 0 at all other times.
	longer      time.Duration
	longerUntil time.Time
	// head is the number that live playlists begin with at least: what has left them does not come back
	// (RFC 8216 6.2.2), also if they are made longer.
	head   uint64
	ended  bool
	target int
	tracks map[string]*track // by rendition
	// vacant: there are tracks that no slot has. nextIFrame is where the I-frame playlists
	// of those that were dropped ended at most.
	vacant     bool
	nextIFrame uint64
	breaks     breaks
	ranges     ranges
	// ladders are the sets of renditions that the window's slots had before the newest one,
	// which the slots from newest on have. Views share the array.
	ladders []ladder
	newest  *Slot

	// number counts the views, edition also those from which only slots were withdrawn. startover
	// and long hold playlists that were rendered from them on request, those of the past and live
	// ones; nil if startover is off, and as long as live ones are not too long. Both use the shelf.
	number    uint64
	edition   uint64
	startover *requested
	long      *requested
	shelf     *shelf
	entries   map[playlist][]entry // of the live playlists
	// evicted is the end of what was given up for lack of room.
	evicted failover.Ticks

	// latest is the view that was rendered last. view is the one that viewers get: showing is held
	// while that is replaced, and closed says that there is none any more.
	latest  *View
	showing sync.Mutex
	closed  bool
	view    atomic.Pointer[View]
}

// New makes an empty window. What goes wrong when playlists are rendered is reported; the
// previous ones stay in force.
func New(config Config, st store.Store, report func(error)) *Window {
	return &Window{config: config, store: st, report: report, tracks: map[string]*track{}, entries: map[playlist][]entry{}}
}

// SetEpoch sets the epoch, which is part of all segment names, before the first rendering:
// two windows of an endpoint that have no slot in common have different ones.
func (w *Window) SetEpoch(epoch string) { w.epoch = epoch }

// Configure sets options that apply from the next rendering on.
func (w *Window) Configure(config Config) {
	if before := w.config.StartoverWindow; config.StartoverWindow < before {
		w.longer, w.longerUntil = max(w.longer, before), time.Time{}
	}
	w.config = config
}

// View is what viewers read at this moment, nil before the first one is shown and after
// Close. Any goroutine may call it.
func (w *Window) View() *View { return w.view.Load() }

// Latest is the view that was rendered last, nil before the first rendering.
func (w *Window) Latest() *View { return w.latest }

// Show lets viewers read a view from now on, unless they have a later one already. Any goroutine
// may call it.
func (w *Window) Show(v *View) {
	w.showing.Lock()
	defer w.showing.Unlock()
	if before := w.view.Load(); v != nil && !w.closed && (before == nil || before.edition < v.edition) {
		w.view.Store(v)
	}
}

// Slots are those that can be fetched, in order. They must not be changed.
func (w *Window) Slots() []*Slot { return w.slots }

// Add appends a slot. Viewers get it with the next rendering, once that is shown.
func (w *Window) Add(s *Slot) {
	if len(w.slots) > 0 {
		before := w.slots[len(w.slots)-1]
		s.share(before)
		s.passOver(before)
		if s.Dated != before.Dated {
			w.eras = append(w.eras, s)
		}
	}
	s.before = w.added
	w.added = w.added.with(s)
	w.followLadder(s)
	w.held.add(s)
	for i := range s.Renditions {
		w.track(s.Renditions[i].ID).enter(&s.Renditions[i], s)
	}
	w.breaks.follow(s)
	w.followIFrames(s)
	w.slots = append(w.slots, s)
	w.head = max(w.head, s.Head)
	if s.dated() {
		w.ranges.follow(s)
		if n := len(w.dated); n > 0 && w.dated[n-1].MSN >= s.MSN {
			w.dated = nil // of slots that others have taken the place of
		}
		w.dated = append(w.dated, s)
	}
	w.target, w.ended = s.TargetDuration, false
}

// Skip records a slot that was published once and can't be fetched any more. What came
// before it goes as well, as the numbers in a playlist have no gaps; it is returned, as by
// Forget.
func (w *Window) Skip(s *Slot) []*Slot {
	gone := w.Forget(len(w.slots))
	w.followIFrames(s)
	w.target = s.TargetDuration
	return gone
}

// End makes playlists end with EXT-X-ENDLIST, until another slot is added.
func (w *Window) End() { w.ended = true }

// Forget drops the first n slots. It returns them, so that their objects can be
// released.
func (w *Window) Forget(n int) []*Slot {
	gone := w.slots[:n:n]
	for _, s := range gone {
		w.held.remove(s)
		for i := range s.Renditions {
			t := w.track(s.Renditions[i].ID)
			t.leave(&s.Renditions[i], s)
			w.vacant = w.vacant || t.slots == 0
		}
	}
	w.slots, w.left = w.slots[n:], w.left[min(n, len(w.left)):]
	for len(w.dated) > 1 && (len(w.slots) == 0 || w.dated[1].MSN < w.slots[0].MSN) {
		w.dated = w.dated[1:] // the last one knows what is running
	}
	for len(w.eras) > 0 && (len(w.slots) == 0 || w.eras[0].MSN <= w.slots[0].MSN) {
		w.eras = w.eras[1:]
	}
	for len(w.ladders) > 0 && (len(w.slots) == 0 || w.ladders[0].last.MSN < w.slots[0].MSN) {
		w.ladders = w.ladders[1:]
	}
	if n > 0 {
		w.withdraw()
	}
	return gone
}

// withdraw takes slots that the window does not have any more out of the latest view. Viewers can fetch them
// until that is shown.
func (w *Window) withdraw() {
	if w.latest == nil {
		return
	}
	first := uint64(math.MaxUint64)
	if len(w.slots) > 0 {
		first = w.slots[0].MSN
	}
	w.edition++
	w.latest = w.latest.from(first, w)
	w.latest.edition = w.edition
}

// Close removes the view and returns all slots. There may be very many: nothing is done for each of them. The
// window must not be used any more.
func (w *Window) Close() []*Slot {
	w.showing.Lock()
	w.closed = true
	w.view.Store(nil)
	w.showing.Unlock()
	w.latest = nil
	w.provide(false, false)
	gone := w.slots
	w.slots = nil
	return gone
}

// Rest ends what goes on in the background. The view stays.
func (w *Window) Rest() {
	if w.shelf != nil {
		w.shelf.close()
	}
}

// provide makes room for playlists that are made when they are asked for, or drops it.
func (w *Window) provide(startover, long bool) {
	if !startover && !long {
		w.Rest()
		w.shelf = nil
	} else if w.shelf == nil {
		w.shelf = newShelf()
	}
	if !startover {
		w.startover = nil
	} else if w.startover == nil {
		w.startover = newRequested(maxRenderings)
	}
	if !long {
		w.long = nil
	} else if w.long == nil {
		w.long = newRequested(math.MaxInt)
	}
}

// listed is how many of the last slots the live playlist shows: the window, and
// at least three, of those that have not left it.
func (w *Window) listed() int { return w.listedFrom(0, 0) }

// HeadWith is the number that the live playlist begins with once it lists a slot that comes next.
func (w *Window) HeadWith(next *Slot) uint64 {
	return next.MSN - uint64(w.listedFrom(1, next.End-next.Start)-1)
}

// listedFrom is how many slots the live playlist shows, of which the last n are not in the window yet.
func (w *Window) listedFrom(n int, sum failover.Ticks) int {
	window := failover.TicksOf(w.playlistLength())
	enough := sort.Search(len(w.slots), func(k int) bool { return sum+w.lengthOf(k) >= window })
	stayed := len(slotsFrom(w.slots, func(s *Slot) bool { return s.MSN < w.head }))
	if n == 0 {
		stayed = max(1, stayed)
	}
	return n + min(max(enough, minListed-n), stayed, len(w.slots))
}

// lengthOf is how long the last k slots are.
func (w *Window) lengthOf(k int) failover.Ticks {
	if k == 0 {
		return 0
	}
	return w.added.length - w.slots[len(w.slots)-k].before.length
}

// minListed: a live playlist holds at least three target durations (RFC 8216
// 6.2.2).
const minListed = 3

// playlistLength is how much the live playlist lists at least.
func (w *Window) playlistLength() time.Duration {
	return max(w.config.PlaylistWindow, minListed*time.Duration(w.target)*time.Second)
}

// extent is how long a live playlist was that ended with this slot.
type extent struct {
	msn    uint64
	length failover.Ticks
}

// followExtent notes how long the live playlist is that is about to be served. Earlier ones
// that were no longer don't count any more, so the first one is the longest.
func (w *Window) followExtent() {
	now := extent{msn: w.slots[len(w.slots)-1].MSN, length: w.lengthOf(w.listed())}
	for len(w.extents) > 0 && w.extents[len(w.extents)-1].length <= now.length {
		w.extents = w.extents[:len(w.extents)-1]
	}
	w.extents = append(w.extents, now)
}

// longest is how long the longest playlist was that listed the slot. Slots are asked about in
// order.
func (w *Window) longest(s *Slot) failover.Ticks {
	for len(w.extents) > 0 && w.extents[0].msn < s.MSN {
		w.extents = w.extents[1:]
	}
	if len(w.extents) == 0 {
		return 0
	}
	return w.extents[0].length
}

// Expire drops slots that left the playlist long enough ago, and returns them: a
// segment stays available for its own length and that of the longest playlist that
// listed it (RFC 8216 6.2.2), also if playlists have been made shorter since. With a startover
// window, it stays that long beyond the window, so that a playlist that begins at the window's
// far end has its time, too. It drops no more than that many at once; the next call goes on.
func (w *Window) Expire(now time.Time, most int) []*Slot {
	switch {
	case w.longer > 0 && w.longerUntil.IsZero():
		w.longerUntil = now.Add(w.availability())
	case !now.Before(w.longerUntil):
		w.longer = 0
	}
	out := len(w.slots) - w.listed()
	for len(w.left) < out {
		s := w.slots[len(w.left)]
		stays := now.Add(max(w.availability(), (s.End - s.Start + w.longest(s)).Duration()))
		if n := len(w.left); n > 0 && stays.Before(w.left[n-1]) {
			stays = w.left[n-1] // slots go in order
		}
		w.left = append(w.left, stays)
	}
	n := 0
	for n < min(out, most) && !now.Before(w.left[n]) && !w.inStartover(w.slots[n]) {
		n++
	}
	return w.Forget(n)
}

// inStartover reports whether the slot is kept for the startover window. The window is on the channel's
// clock, so that it is right for an input with a wrong clock as well.
func (w *Window) inStartover(s *Slot) bool {
	window := max(w.config.StartoverWindow, w.longer)
	if window <= 0 {
		return false
	}
	age := w.slots[len(w.slots)-1].ends() - s.ends()
	return age < failover.TicksOf(window+w.availability())
}

// availability is how long a segment can be fetched after it has left the playlist.
func (w *Window) availability() time.Duration {
	return w.playlistLength() + 2*time.Duration(w.target)*time.Second
}
