package channel

import "github.com/liveorigin/caddy-live-origin/internal/output"

// What an endpoint makes of its journal and of what is left in the store.

// restore takes over a record of the journal. Slots whose objects are gone are left out where they
// are the oldest, which were about to be deleted. Behind others they become gaps: where the power
// failed, the newest may be short, and that is no reason to lose what viewers can go back to.
func (e *endpoint) restore(r record) {
	if r.Epoch != "" {
		e.epoch = r.Epoch
	}
	if r.Slot == nil || e.taken(r.Slot.MSN) {
		return
	}
	if r.Link != nil && !e.chain.continuedBy(*r.Link) {
		e.apart, _ = e.published()
	}
	e.makeContiguous(r.Slot, e.first)
	if n := e.nodes; n != nil && e.objects.elsewhere && n.hadBefore(e.config.Name, r.Slot.MSN) {
		e.objects.elsewhere = false
		defer func() { e.objects.elsewhere = true }()
	}
	switch {
	case e.adopt(r.Slot):
		e.window.Add(r.Slot)
	case len(e.window.Slots()) > 0:
		e.leaveGaps(r.Slot)
		e.window.Add(r.Slot)
	default:
		e.release(e.window.Skip(r.Slot)...)
	}
	e.decisions.remember(r.Switch)
	e.chain.add(r)
}

// leaveGaps makes a slot list those of its renditions as gaps whose objects are gone, and takes over
// the others.
func (e *endpoint) leaveGaps(s *output.Slot) {
	for i := range s.Renditions {
		r := &s.Renditions[i]
		if one := (output.Slot{Renditions: s.Renditions[i : i+1]}); !e.adopt(&one) {
			r.Parts, r.Map, r.Size, r.IFrames = nil, nil, 0, nil
		}
	}
}

// makeContiguous drops the window if a slot does not continue it: the numbers in a playlist have no
// gaps. revision is that of the slot's record.
func (e *endpoint) makeContiguous(s *output.Slot, revision uint64) {
	slots := e.window.Slots()
	if len(slots) > 0 && s.MSN != slots[len(slots)-1].MSN+1 {
		e.release(e.window.Forget(len(slots))...)
		e.first = revision
	}
}

// adopt takes over the objects of a slot from an earlier process. It reports
// whether they are all there.
func (e *endpoint) adopt(s *output.Slot) bool {
	var taken []string
	for i := range s.Renditions {
		for _, key := range s.Renditions[i].Keys() {
			if !e.objects.adopt(key, extent(&s.Renditions[i], key)) {
				for _, t := range taken {
					e.objects.release(t)
				}
				return false
			}
			taken = append(taken, key)
		}
	}
	return true
}

// extent is how many bytes of an object the rendition of a slot reaches to.
func extent(r *output.Rendition, key string) int64 {
	var bytes int64
	for _, p := range r.Parts {
		if p.Key == key {
			bytes = max(bytes, p.Extent())
		}
	}
	if r.Map != nil && r.Map.Part.Key == key {
		bytes = max(bytes, r.Map.Part.Offset+r.Map.Part.Size)
	}
	return bytes
}
