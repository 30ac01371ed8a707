package output

import "maps"

// inventory sums up what the slots of an endpoint hold, so that a new slot costs
// the same however many there are.
type inventory struct {
	// dependent counts the segments that do not start with a key frame.
	dependent int
	// sections are the initialization sections by name. Views share the map: it
	// is replaced, never changed.
	sections map[string]*Section
	users    map[string]int // slots by name of their section
}

func (v *inventory) add(s *Slot) {
	for i := range s.Renditions {
		r := &s.Renditions[i]
		if r.dependent() {
			v.dependent++
		}
		if r.Map != nil {
			v.use(r.Map)
		}
	}
}

func (v *inventory) use(m *Section) {
	if v.users == nil {
		v.users = map[string]int{}
	}
	v.users[m.Name]++
	// The newest of equal ones: its bytes will stay longest.
	if v.sections[m.Name] == m {
		return
	}
	next := maps.Clone(v.sections)
	if next == nil {
		next = map[string]*Section{}
	}
	next[m.Name] = m
	v.sections = next
}

func (v *inventory) remove(s *Slot) {
	for i := range s.Renditions {
		r := &s.Renditions[i]
		if r.dependent() {
			v.dependent--
		}
		if r.Map == nil {
			continue
		}
		name := r.Map.Name
		if v.users[name]--; v.users[name] == 0 {
			delete(v.users, name)
			v.sections = maps.Clone(v.sections)
			delete(v.sections, name)
		}
	}
}

// dependent reports whether a player can't start with the segment.
func (r *Rendition) dependent() bool {
	return len(r.Parts) > 0 && r.Format != nil && !r.Format.KeyFrameFirst
}

// share makes the slot use the previous one's memory for what they have in common, which is
// most of it.
func (s *Slot) share(before *Slot) {
	if s.Input == before.Input {
		s.Input = before.Input
	}
	for i := range s.Renditions {
		r := &s.Renditions[i]
		known := before.Rendition(r.ID)
		if known == nil {
			continue
		}
		r.ID, r.Path = known.ID, known.Path
		if r.Format != nil && known.Format != nil && *r.Format == *known.Format {
			r.Format = known.Format
		}
		if r.Map != nil && known.Map != nil && *r.Map == *known.Map {
			r.Map = known.Map
		}
		for k := range min(len(r.Parts), len(known.Parts)) {
			if counters := known.Parts[k].Counters; r.Parts[k].Counters == counters {
				r.Parts[k].Counters = counters
			}
		}
	}
}
