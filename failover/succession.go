package failover

import (
	"fmt"
	"slices"
	"time"
)

// An encoder that returns under other playlist names continues the renditions that it had:
// viewers have their URLs, and the other input still uses the old names.

// otherPlaylist is the evidence that a rendition was renamed.
const otherPlaylist evidence = "its playlist has another name"

// succeed lets a rendition that has just delivered its first segment continue one of the
// same kind that has fallen silent and that the encoder no longer announces. Its timeline
// becomes a new run of that one.
func (in *input) succeed(now time.Time, r *rendition) {
	old := in.predecessor(TicksAt(now), r, r.video)
	if old == nil {
		return
	}
	r.stepAside(now, old)
	old.begin(TicksAt(now), otherPlaylist)
	for _, s := range r.segments {
		s.rendition, s.run = old, old.run
		old.segments = append(old.segments, s)
	}
	old.edge, old.floor, old.first, old.arriving = r.edge, 0, r.first, true
	old.listed, old.ended, old.playlist, old.target = true, r.ended, r.playlist, r.target
	old.lastListed, old.lastSound, old.regular, old.forgotten = r.lastListed, r.lastSound, r.regular, false
	old.measured, old.length, old.lies, old.lateness = r.measured, r.length, r.lies, r.lateness
	old.upload, old.announced = r.upload, r.announced
	for _, g := range []*generation{in.latest, in.previous} {
		if g != nil {
			g.rename(r, old)
		}
	}
	for i, o := range in.renditions {
		if o == r {
			in.renditions = append(in.renditions[:i:i], in.renditions[i+1:]...)
			break
		}
	}
	in.byPath[r.path] = old
	in.served = nil
	old.measure()
	old.extend(len(old.segments)-len(r.segments), len(old.segments))
	old.streak(old.segments[len(old.segments)-1])
	in.channel.emit(Noticed{
		Time: now, Input: in.name, Rendition: old.path, What: NoticeRenamed,
		Detail: fmt.Sprintf("it goes on as %s", r.path),
	})
}

// stepAside gives the rendition's media a generation of its own if it was taken for another rendition
// of the one that the predecessor is in, before the encoder had said that it no longer has that.
func (r *rendition) stepAside(now time.Time, old *rendition) {
	var list []*segment
	for _, s := range r.segments {
		if s.state == sound && s.placed {
			list = append(list, s)
		}
	}
	if len(list) == 0 {
		return
	}
	g := list[0].generation
	if !old.precludes(list[0], list[0].start, g) {
		return
	}
	for _, s := range list {
		s.state, s.placed, s.generation = pending, false, nil
	}
	for _, s := range list {
		s.state = sound
		r.place(now, s)
	}
	g.members = slices.DeleteFunc(g.members, func(m *rendition) bool { return m == r })
	delete(g.samples, r)
}

// predecessor is the rendition that another one, with video or without, continues: the first of the
// same kind that stopped listing anything before the other one began.
func (in *input) predecessor(now Ticks, r *rendition, video bool) *rendition {
	for _, old := range in.renditions {
		silent := now - old.lastListed
		if old == r || !old.arriving || old.video != video || old.text != r.text || old.upload == r.upload {
			continue
		}
		if silent > max(old.length, ClockRate)*3/2 && old.lastListed < r.began && in.announcement(old.upload) == nil {
			return old
		}
	}
	return nil
}

// rename lets another rendition take the place of one in the generation.
func (g *generation) rename(from, to *rendition) {
	for i, r := range g.members {
		if r == from {
			g.members[i] = to
		}
	}
	if q := g.samples[from]; q != nil {
		delete(g.samples, from)
		g.samples[to] = q
	}
}

// renamedBack is the rendition of a playlist that is not the one its rendition currently
// comes from. If that one still lists segments, the two are not the same; nil says that the
// playlist needs a rendition of its own.
func (in *input) renamedBack(now time.Time, r *rendition, path string) *rendition {
	if r.alive(TicksAt(now)) && path != r.path {
		return nil
	}
	r.upload, r.announced = path, in.announcement(path)
	in.served = nil
	return r
}
