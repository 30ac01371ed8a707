package output

import (
	"context"
	"fmt"

	"github.com/liveorigin/caddy-live-origin/internal/hls"
)

// Live playlists are rendered with each slot, so that they are there when viewers ask. Nearly all
// lines of one were in the one before it, so a slot costs nearly the same however many are listed.
// One that lists very many is made when it is asked for, from blocks, as those of the past are:
// even to copy it with each slot would hold up the channel.

// mostRendered is how many slots a live playlist lists at most that is rendered with each slot.
const mostRendered = 2 * blockSlots

// entry is what a slot is in a live playlist.
type entry struct {
	passage
	slot *Slot
	text []byte // within the playlist's
}

// renderLive puts the live playlist of the view's last slots into it, if there is one.
func (w *Window) renderLive(v *View, p playlist) {
	if v.listed > mostRendered {
		if !p.iframes || v.slots[len(v.slots)-1].has(p) {
			v.addLong(p)
		}
		return
	}
	list, l := v.liveSlots(p), v.lister(p)
	entries, err := l.goOn(w.entries[p], list, v.opening(p, list[0]))
	if err != nil {
		w.text(v, p.name(), nil, err)
		return
	}
	first, features, size := (*Slot)(nil), hls.Features{}, 0
	for i := range entries {
		e := &entries[i]
		if first == nil {
			first = e.head
		}
		features, size = features.With(e.features), size+len(e.text)
	}
	if first == nil {
		return // there is no I-frame yet
	}
	head, err := hls.EncodeHead(v.top(p, first), features)
	body := make([]byte, 0, len(head)+size+len(hls.EndList))
	body = append(body, head...)
	for i := range entries {
		e := &entries[i]
		from := len(body)
		body = append(body, e.text...)
		e.text = body[from:]
	}
	if v.ended {
		body = append(body, hls.EndList...)
	}
	if w.text(v, p.name(), body, err) {
		w.entries[p] = entries
	}
}

// goOn makes the entries of slots. Those that are in an earlier playlist, and stand behind the
// same there, have the same text. The first one always is another: EXT-X-MAP comes first, and
// date ranges that began earlier.
func (l lister) goOn(before []entry, slots []*Slot, opening []string) ([]entry, error) {
	entries, at := make([]entry, len(slots)), standing{}
	known := 0 // of before
	for i, s := range slots {
		for known < len(before) && before[known].slot.MSN < s.MSN {
			known++
		}
		if i > 0 && known > 0 && known < len(before) && before[known].slot == s && before[known-1].exit == at && before[known].suits(l) {
			entries[i], at = before[known], before[known].exit
			continue
		}
		text, p, err := l.write(slots[i:i+1], at, opening)
		if err != nil {
			return nil, err
		}
		entries[i], at, opening = entry{passage: p, slot: s, text: text}, p.exit, nil
	}
	return entries, nil
}

func (v *View) addLong(p playlist) {
	if v.long == nil {
		v.long = map[string]playlist{}
	}
	v.long[p.name()] = p
}

// liveSlots are those that a live playlist lists.
func (v *View) liveSlots(p playlist) []*Slot {
	list := v.Listed()
	return list[withdrawn(list, p.id):]
}

// LongPlaylist returns the live playlist of this name if it lists so many slots that it is made
// when somebody asks for it; nil if there is no such playlist. Errors: that of the context, and those
// of rendering.
func (v *View) LongPlaylist(ctx context.Context, name string) (*Packed, error) {
	p, ok := v.long[name]
	if !ok || v.listed == 0 || v.stale() {
		return nil, nil
	}
	return v.live.get(ctx, name, v.number, false, func(*Packed) (*Packed, error) {
		text, err := v.compose(p, v.liveSlots(p), "", nil)
		if err != nil {
			return nil, fmt.Errorf("render %s: %w", name, err)
		}
		return text, nil
	})
}

// withdrawn is the index of the last slot that has media without an initialization section
// after media that has one: an encoder was replaced by one with another container.
// EXT-X-MAP can't be taken back, so the playlist begins there.
func withdrawn(list []*Slot, id string) int {
	first, mapped := 0, false
	for i, s := range list {
		r := s.Rendition(id)
		if r == nil || len(r.Parts) == 0 {
			continue
		}
		if mapped && r.Map == nil {
			first = i
		}
		mapped = r.Map != nil
	}
	return first
}
