package failover

import (
	"slices"
	"time"
)

// receive takes over an object.
func (in *input) receive(now time.Time, o Object) {
	taken := false
	if o.name = o.ID; o.Gone {
		o.ID = ""
	}
	for _, s := range slices.Clone(in.expected[o.Path]) {
		switch {
		case !s.delivered():
			// A playlist may list one path more than once: each segment counts as a use of
			// its own.
			in.channel.retain(o.ID)
			if in.bind(now, s, o) {
				taken = true
			} else {
				in.channel.release(o.ID)
			}
		case s.same(o) && !s.old(now):
			taken = true // sent again at once: the copy that is here is as good
		case in.overwrites(now, s, o) && !taken:
			taken = true
			in.channel.release(s.object)
			in.channel.retain(o.ID)
			s.passed, s.lost = o.Gone, o.Gone
			s.lengthen(o.Media.End - s.media.End)
			s.object, s.size, s.media, s.hash = o.ID, o.Size, o.Media, o.Hash
		}
	}
	if taken {
		in.channel.release(o.ID)
		return
	}
	in.wait(now, o)
	if len(in.expected[o.Path]) == 0 {
		return
	}
	// The path of a segment that already has its bytes: the encoder has restarted. Its
	// playlist may have come first and looked like an old one.
	for _, r := range in.renditions {
		for _, l := range r.playlist.Segments {
			if l.Path == o.Path {
				r.list(now, r.playlist)
				break
			}
		}
	}
}

// overwrites reports whether the object is a better copy of the segment from the same run:
// it follows at once, before the first one was used, and its media has the same place, or the same
// beginning, if the first one was sent before it was complete.
func (in *input) overwrites(now time.Time, s *segment, o Object) bool {
	here := !s.passed && s.object != "" || s.lost
	return s.state == sound && here && o.Media != nil && !o.Media.Untimed &&
		o.Media.Start == s.media.Start && o.Media.End >= s.media.End && o.Media.Signature == s.media.Signature &&
		TicksOf(now.Sub(s.arrived)) < max(s.end-s.start, s.rendition.length)/2 && !in.channel.used(s)
}

// lengthen moves the end of a segment, as a longer copy has taken its place.
func (s *segment) lengthen(by Ticks) {
	s.end += by
	if s.generation != nil {
		s.generation.extend(s.rendition, s)
	}
}

// expect notes that a playlist listed the segment.
func (in *input) expect(s *segment) {
	in.expected[s.path] = append(in.expected[s.path], s)
}

// forget drops a segment from the index of paths.
func (in *input) forget(s *segment) {
	list := in.expected[s.path]
	for i, o := range list {
		if o == s {
			list = append(list[:i:i], list[i+1:]...)
			break
		}
	}
	if len(list) == 0 {
		delete(in.expected, s.path)
		return
	}
	in.expected[s.path] = list
}

// bindListed gives newly listed segments the objects that arrived before their playlist: the first ones
// at once, the others with the next facts.
func (c *Channel) bindListed(now time.Time, list []*segment) {
	var waiting []*segment
	for _, s := range list {
		if _, ok := s.input().waiting[s.path]; ok && s.bindable() && !s.unbound {
			waiting = append(waiting, s)
		}
	}
	n := min(len(waiting), bindsAtOnce)
	for _, s := range waiting[:n] {
		s.input().bindWaiting(now, s)
	}
	for _, s := range waiting[n:] {
		s.unbound = true
		c.unbound = append(c.unbound, s)
	}
}

// bindMore goes on with it before a fact. All is bound before the process resumes, as it then decides
// what was due while it was away.
func (c *Channel) bindMore(now time.Time, fact Fact) {
	n := min(len(c.unbound), bindsAtOnce)
	if _, ok := fact.(Resumed); ok {
		n = len(c.unbound)
	}
	for _, s := range c.unbound[:n] {
		s.unbound = false
		// Since it was listed, it may have got an object, or been forgotten together with its input.
		if in := s.input(); c.input(in.name) == in && s.rendition.at(s.run, s.number) == s && s.bindable() {
			in.bindWaiting(now, s)
		}
	}
	if c.unbound = c.unbound[n:]; len(c.unbound) == 0 {
		c.unbound = nil
	}
}

// bindable reports whether an object that arrives may be the segment's.
func (s *segment) bindable() bool {
	return s.state == pending || s.isGap()
}

// bindWaiting gives a newly listed segment the object that arrived before its playlist.
func (in *input) bindWaiting(now time.Time, s *segment) {
	if w, ok := in.waiting[s.path]; ok && in.bind(now, s, w.Object) {
		delete(in.waiting, s.path)
	}
}

// bind gives a segment its object. It reports false for media that can't be the
// segment's: then the object has to wait for a playlist that says which segment it is.
func (in *input) bind(now time.Time, s *segment, o Object) bool {
	if o.Media == nil {
		s.arrived = now
		s.state, s.fault = unsound, o.Fault
		in.missed(now, s)
		return true
	}
	was := *s
	s.arrived, s.state, s.fault = now, sound, ""
	s.object, s.size, s.media, s.hash = o.ID, o.Size, o.Media, o.Hash
	where := s.rendition.place(now, s)
	switch where {
	case elsewhere:
		*s = was
		return false
	case again:
		in.channel.release(s.object)
		s.object, s.state, s.fault = "", unsound, ReasonRepeated
		in.missed(now, s)
		s.rendition.layout(s)
		return true
	}
	if r := s.rendition; s.run == r.run && (!r.arriving || s.number < r.first) {
		begins := !r.arriving && r.run == 0
		r.first, r.arriving, in.served = s.number, true, nil
		if begins {
			in.succeed(now, r)
		}
	} else if r.young() {
		in.succeed(now, r) // that the one before it is gone may not have shown yet
	}
	if s.passed {
		// Too late for every endpoint: it only shows how the input is doing.
		in.channel.release(s.object)
		s.object = ""
	}
	s.passed, s.lost = s.passed || o.Gone, o.Gone
	in.channel.recognize(s, o.name)
	if where == later {
		s.state = unplaced
		return true
	}
	in.heardOf(now, s)
	return true
}

// missed reports a segment that can't be used.
func (in *input) missed(now time.Time, s *segment) {
	m := s.missing()
	in.faults[m.Why]++
	in.channel.emit(SegmentMissed{Time: now, Input: in.name, Missing: m})
}

// heardOf takes note of a sound segment that has its place on the clock.
func (in *input) heardOf(now time.Time, s *segment) {
	if in.lastSound.IsZero() {
		in.delivered = now
	}
	in.lastSound = now
	s.rendition.lastSound = now
	if s.rendition == in.reference() {
		in.tempo.follow(TicksAt(now), s)
	}
	if len(s.media.Defects) > 0 {
		s.rendition.spoil(s)
		in.channel.emit(Degraded{
			Time: now, Input: in.name, Rendition: s.rendition.path, Segment: s.path, Defects: s.media.Defects,
			Detail: s.media.DefectDetail, Start: s.channelStart(), End: s.channelEnd(),
		})
	}
	if !s.rendition.text {
		in.channel.verify(now, s)
		in.placeText(now)
	}
	if !in.up {
		in.up = true
		in.channel.emit(InputChanged{Time: now, Input: in.name, Up: true, Last: now})
	}
}
