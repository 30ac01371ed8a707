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
		s.rendition, s.run = old, old.run+s.run
		old.segments = append(old.segments, s)
	}
	old.run += r.run // it may have been restarted under the other name already
	old.edge, old.floor, old.first, old.arriving = r.edge, 0, r.first, true
	old.listed, old.ended, old.playlist, old.target = true, r.ended, r.playlist, r.target
	// Its first segment comes while its first playlist is read.
	old.lastListed, old.lastSound, old.regular, old.forgotten = max(r.lastListed, r.began), r.lastSound, r.regular, false
	old.measured, old.length, old.lies, old.lateness = r.measured, r.length, r.lies, r.lateness
	old.upload, old.announced, old.ordinal = r.upload, r.announced, r.ordinal
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
		if s.state == sound && s.placed && s.run == r.run {
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
	g.forget(r)
	for _, s := range list {
		s.state = sound
		r.place(now, s)
		r.input.channel.verify(now, s)
	}
}

// forget takes a rendition that never belonged to it out of the generation: neither how late its media came nor
// its dates say anything about that.
func (g *generation) forget(r *rendition) {
	g.members = slices.DeleteFunc(g.members, func(m *rendition) bool { return m == r })
	delete(g.samples, r)
	g.pdtShift, g.hasPDT = 0, false
	for _, m := range g.members {
		for _, s := range slices.Backward(m.segments) {
			if s.generation == g && s.anchor() && s.pdt != 0 {
				g.pdtShift, g.hasPDT = s.pdt-s.channelStart(), true
				return
			}
		}
	}
}

// young reports whether the rendition has begun only just, and may turn out to continue another one, also if its encoder
// was restarted since: that a multivariant playlist of another name has come in the place of the one before shows after
// three segments.
func (r *rendition) young() bool { return r.arriving && len(r.segments) <= 2*soleAfter }

// predecessor is the rendition that another one, with video or without, continues: one of the same kind that
// stopped listing anything before the other one began, and that the encoder does not announce; of several, the one
// that is most like it, of equal ones the first. One that was forgotten is it only if there is no other.
func (in *input) predecessor(now Ticks, r *rendition, video bool) *rendition {
	likest := 0
	for _, old := range in.renditions {
		if in.left(old, r, video) {
			likest = max(likest, r.likeness(old))
		}
	}
	var forgotten *rendition
	for _, old := range in.renditions {
		switch {
		case !in.left(old, r, video) || r.likeness(old) < likest:
		case old.forgotten && forgotten == nil:
			forgotten = old
		case old.forgotten:
		case old.alive(now):
			return nil // it shows with the next segment whether this one is gone
		case len(r.segments) > 1 && r.began-old.began <= liveSlots*max(old.length, ClockRate) && in.announcement(r.upload) == nil:
			// Both began together, and this one has come to a halt, as far as the encoder says.
		default:
			return old
		}
	}
	return forgotten
}

// shares reports whether another input has a rendition of this name.
func (in *input) shares(name string) bool {
	return slices.ContainsFunc(in.channel.inputs, func(other *input) bool {
		r := other.rendition(name)
		return other != in && r != nil && r.arriving && !r.forgotten
	})
}

// Continued is the rendition that an input's playlist continues under another name, empty if it is that of its own
// name, or not known.
func (c *Channel) Continued(input, playlist string) string {
	in := c.input(input)
	if in == nil {
		return ""
	}
	if r := in.byPath[playlist]; r != nil && r.upload == playlist && r.path != playlist {
		return r.path
	}
	return ""
}

// recallName gives a rendition the name that it had before a restart, unless another one has it.
func (in *input) recallName(r *rendition, name string) {
	if in.rendition(name) != nil {
		return
	}
	r.path, in.byPath[name], in.served = name, r, nil
}

// left reports whether a rendition may be what another one, with video or without, continues. It is not where
// that is back under the name that the other input has, and viewers.
func (in *input) left(old, r *rendition, video bool) bool {
	return old.before(r, video) && old.lastListed < r.known && !old.takenBefore(r) && in.announcement(old.upload) == nil && (in.shares(old.path) || !in.shares(r.path))
}

// takenBefore reports whether the rendition has been continued already, by another one that began together with
// this one.
func (r *rendition) takenBefore(other *rendition) bool {
	return r.why == otherPlaylist && abs(other.began-r.began) <= max(r.length, ClockRate)
}

// likeness is how much speaks for it that the rendition continues another one: the same codec configuration, which
// tells variants apart, and the same place in the multivariant playlist, which tells languages apart.
func (r *rendition) likeness(old *rendition) int {
	likeness := 0
	if s, o := r.lastMedia(), old.lastMedia(); s != nil && o != nil && s.Signature == o.Signature {
		likeness += 2
	}
	if r.ordinal > 0 && r.ordinal == old.ordinal {
		likeness++
	}
	return likeness
}

// lastMedia is what the newest segment that arrived whole holds, nil if there is none.
func (r *rendition) lastMedia() *Media {
	for _, s := range slices.Backward(r.segments) {
		if s.media != nil {
			return s.media
		}
	}
	return nil
}

// before reports whether a rendition of the kind of another one, with video or without, has listed nothing
// since the other one began.
func (r *rendition) before(other *rendition, video bool) bool {
	return r != other && r.arriving && r.video == video && r.text == other.text && r.upload != other.upload && r.lastListed < other.began
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
	r.upload = path
	r.announce()
	in.served = nil
	return r
}
