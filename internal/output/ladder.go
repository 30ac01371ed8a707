package output

import (
	"slices"

	"github.com/liveorigin/caddy-live-origin/internal/hls"
)

// An encoder may come with another ladder, and a stretch of the past has the one of its time.

// ladder is a set of renditions that slots in a row had.
type ladder struct {
	first, last *Slot
	// listed is how they were listed last, nil if that is not known any more, as after a
	// restart.
	listed *hls.MultivariantPlaylist
}

// followLadder notes where the next slot has other renditions than the one before.
func (w *Window) followLadder(s *Slot) {
	if len(w.slots) == 0 {
		w.newest = s
		return
	}
	before := w.slots[len(w.slots)-1]
	if before.sameLadder(s) {
		return
	}
	w.ladders, w.newest = append(w.ladders, ladder{first: w.newest, last: before, listed: w.lastListed(before)}), s
}

// lastListed is how the renditions of the newest slot are listed. Where a rendition comes and
// goes all the time, one playlist is enough for all times that it was there.
func (w *Window) lastListed(s *Slot) *hls.MultivariantPlaylist {
	for i := len(w.ladders) - 1; i >= max(0, len(w.ladders)-maxAlternating); i-- {
		if l := w.ladders[i]; l.listed != nil && l.last.sameLadder(s) {
			return l.listed
		}
	}
	if v := w.latest; v != nil {
		return v.multivariant
	}
	return nil
}

// maxAlternating is how many ladders are looked back for one that is the same.
const maxAlternating = 8

// sameLadder reports whether two slots have the same renditions and I-frame playlists.
func (s *Slot) sameLadder(o *Slot) bool {
	if len(s.Renditions) != len(o.Renditions) {
		return false
	}
	for i := range s.Renditions {
		a, b := &s.Renditions[i], &o.Renditions[i]
		if a.ID != b.ID || (a.IFrame == 0) != (b.IFrame == 0) {
			return false
		}
	}
	return true
}

// list is the slot's renditions.
func (s *Slot) list() []*Rendition {
	list := make([]*Rendition, len(s.Renditions))
	for i := range s.Renditions {
		list[i] = &s.Renditions[i]
	}
	return list
}

// laddersOf are those of the slots from first to last, the newest one first.
func (v *View) laddersOf(first, last *Slot) []ladder {
	var list []ladder
	if v.newest.MSN <= last.MSN {
		list = append(list, ladder{first: v.newest, last: v.slots[len(v.slots)-1], listed: v.multivariant})
	}
	for i := len(v.ladders) - 1; i >= 0 && v.ladders[i].last.MSN >= first.MSN; i-- {
		if v.ladders[i].first.MSN <= last.MSN {
			list = append(list, v.ladders[i])
		}
	}
	return list
}

// has reports whether one of the slots has the rendition, or its I-frame playlist.
func (v *View) has(slots []*Slot, p playlist) bool {
	if p.iframes && !v.lineup.iframes {
		return false
	}
	if slots[len(slots)-1].has(p) {
		return true // as nearly always
	}
	return slices.ContainsFunc(v.laddersOf(slots[0], slots[len(slots)-1]), func(l ladder) bool { return l.last.has(p) })
}

func (s *Slot) has(p playlist) bool {
	r := s.Rendition(p.id)
	return r != nil && (!p.iframes || r.IFrame != 0)
}

// multivariantOf lists what the slots of a stretch have, as it is listed today or was when
// they were the newest.
func (v *View) multivariantOf(slots []*Slot) *hls.MultivariantPlaylist {
	ladders := v.laddersOf(slots[0], slots[len(slots)-1])
	if len(ladders) == 1 && ladders[0].last == v.slots[len(v.slots)-1] {
		return v.multivariant
	}
	var list []*Rendition
	var earlier []*hls.MultivariantPlaylist
	known, iframes := map[string]bool{}, map[string]bool{}
	for _, l := range ladders {
		if l.listed != nil {
			earlier = append(earlier, l.listed)
		}
		for _, r := range l.last.list() {
			iframes[r.ID] = iframes[r.ID] || r.IFrame != 0
			if !known[r.ID] {
				known[r.ID], list = true, append(list, r)
			}
		}
	}
	m := v.lineup.multivariant(list, earlier, func(id string) bool { return iframes[id] })
	m.IndependentSegments = v.multivariant.IndependentSegments
	return m
}
