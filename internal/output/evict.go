package output

import (
	"sort"
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
)

// Spare is the end of the oldest slot that is kept for the startover window only, which is
// what a full store gives up first. It returns false if there is none; the live playlist
// and what it listed a moment ago are never spare.
func (w *Window) Spare(now time.Time) (failover.Ticks, bool) {
	if w.spare(now) == 0 {
		return 0, false
	}
	return w.slots[0].ends(), true
}

// SpareSize is how many bytes in how many segments are kept for the startover window only.
func (w *Window) SpareSize(now time.Time) (bytes, segments int64) {
	n := w.spare(now)
	if n == 0 {
		return 0, 0
	}
	first, end := w.slots[0].before, w.added
	if n < len(w.slots) {
		end = w.slots[n].before
	}
	return end.bytes - first.bytes, end.segments - first.segments
}

// Evict drops the oldest of the slots that are kept for the startover window only,
// up to some seconds of them, and returns them.
func (w *Window) Evict(now time.Time) []*Slot {
	spare := w.spare(now)
	if spare == 0 {
		return nil
	}
	until := w.slots[0].ends() + evictedAtOnce*failover.ClockRate
	n := 1
	for n < spare && w.slots[n].ends() <= until {
		n++
	}
	w.evicted = w.slots[n-1].ends()
	return w.Forget(n)
}

// evictedAtOnce is how many seconds of an endpoint go at once: the journal is shortened
// each time.
const evictedAtOnce = 10

// spare is how many slots at the head are kept for the startover window only.
func (w *Window) spare(now time.Time) int {
	if w.config.StartoverWindow <= 0 && w.longer <= 0 {
		return 0
	}
	return sort.Search(len(w.left), func(i int) bool { return now.Before(w.left[i]) })
}
