package channel

import (
	"maps"

	"github.com/liveorigin/caddy-live-origin/failover"
)

// inventory sums up what the slots of an endpoint hold, so that a new slot costs
// the same however many there are.
type inventory struct {
	// dependent counts the segments that do not start with a key frame.
	dependent int
	// sections are the initialization sections by name. Views share the map: it
	// is replaced, never changed.
	sections map[string]*section
	users    map[string]int // slots by name of their section
	// volumes are how much media there is, by rendition.
	volumes map[string]*volume
}

// volume is the media of a rendition.
type volume struct {
	bytes    int64
	duration failover.Ticks
}

// average is the bit rate of a rendition in bits per second.
func (v *inventory) average(id string) uint64 {
	of := v.volumes[id]
	if of == nil || of.duration <= 0 {
		return 0
	}
	return uint64(float64(of.bytes) * 8 / of.duration.Seconds())
}

func (v *inventory) count(r *rendition, sign int64) {
	if len(r.Parts) == 0 {
		return
	}
	if v.volumes == nil {
		v.volumes = map[string]*volume{}
	}
	of := v.volumes[r.ID]
	if of == nil {
		of = &volume{}
		v.volumes[r.ID] = of
	}
	of.bytes += sign * r.Size
	of.duration += failover.Ticks(sign) * r.Duration
	if of.duration <= 0 {
		delete(v.volumes, r.ID)
	}
}

func (v *inventory) add(s *slot) {
	for i := range s.Renditions {
		r := &s.Renditions[i]
		v.count(r, 1)
		if r.dependent() {
			v.dependent++
		}
		if r.Map != nil {
			v.use(r.Map)
		}
	}
}

func (v *inventory) use(m *section) {
	if v.users == nil {
		v.users = map[string]int{}
	}
	v.users[m.Name]++
	// The newest of equal ones: its bytes are there for longest.
	if v.sections[m.Name] == m {
		return
	}
	next := maps.Clone(v.sections)
	if next == nil {
		next = map[string]*section{}
	}
	next[m.Name] = m
	v.sections = next
}

func (v *inventory) remove(s *slot) {
	for i := range s.Renditions {
		r := &s.Renditions[i]
		v.count(r, -1)
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
func (r *rendition) dependent() bool {
	return len(r.Parts) > 0 && r.Format != nil && !r.Format.KeyFrameFirst
}

// share lets the slot use the memory of the one before for what they have in
// common, which is most of it.
func (s *slot) share(before *slot) {
	if s.Input == before.Input {
		s.Input = before.Input
	}
	for i := range s.Renditions {
		r := &s.Renditions[i]
		known := before.rendition(r.ID)
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
	}
}
