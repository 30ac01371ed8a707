package failover

import "time"

// input is what the core knows of one encoder.
type input struct {
	channel    *Channel
	name       string
	renditions []*rendition // in order of appearance
	// announced is the last multivariant playlist; nil for an encoder that
	// sends none.
	announced []Announced
	// served is what serves has listed of renditions, nil when that is to be done
	// again.
	served []Announced
	// expected finds the segments that playlists listed by their path. waiting
	// holds objects that no playlist has listed yet, and those that came under
	// the path of a segment that has been used already.
	expected map[string][]*segment
	waiting  map[string]waitingObject

	generations      uint64
	latest, previous *generation
	// clockRestarts: its timestamps began anew with a generation, so they count
	// from the start of the encoder and not from that of the programme.
	clockRestarts bool

	// faults counts what was wrong with its segments.
	faults map[string]uint64

	up        bool
	heard     time.Time // first playlist
	lastSound time.Time
}

type waitingObject struct {
	Object
	arrived time.Time
}

// waitingAge is how long an object waits for a playlist that lists it. Encoders
// send the playlist within a segment's length; the longest allowed is 30 s.
const waitingAge = 2 * time.Minute

func (in *input) rendition(path string) *rendition {
	for _, r := range in.renditions {
		if r.path == path {
			return r
		}
	}
	return nil
}

// list takes over a media playlist.
func (in *input) list(now time.Time, p Playlist) {
	r := in.rendition(p.Path)
	if r == nil {
		r = &rendition{input: in, path: p.Path}
		for _, a := range in.announced {
			if a.Path == p.Path {
				r.kind = a.Kind
			}
		}
		in.renditions = append(in.renditions, r)
	}
	in.served = nil // it may be the first playlist that lists anything
	if in.heard.IsZero() {
		in.heard = now
	}
	r.list(now, p)
}

// announce takes over a multivariant playlist.
func (in *input) announce(m Multivariant) {
	in.announced, in.served = m.Renditions, nil
	for _, a := range m.Renditions {
		if r := in.rendition(a.Path); r != nil {
			r.kind = a.Kind
		}
	}
}

// serves lists the renditions that the input means to deliver. The list is not to be
// changed.
func (in *input) serves() []Announced {
	if in.announced != nil {
		return in.announced
	}
	if in.served != nil {
		return in.served
	}
	for _, r := range in.renditions {
		if r.listed {
			in.served = append(in.served, Announced{Path: r.path, Kind: r.kind})
		}
	}
	return in.served
}

// reference is the rendition whose segments lead the input's timeline.
func (in *input) reference() *rendition { return in.leading(in.serves()) }

// leading is the first rendition of the list with video, else the first variant,
// else the first one.
func (in *input) leading(list []Announced) *rendition {
	var variant, other *rendition
	for _, a := range list {
		r := in.rendition(a.Path)
		if r == nil || !r.listed {
			continue
		}
		if r.video {
			return r
		}
		if variant == nil && a.Kind == Variant {
			variant = r
		}
		if other == nil {
			other = r
		}
	}
	if variant != nil {
		return variant
	}
	return other
}

// length is the typical length of the input's segments.
func (in *input) length() Ticks {
	if r := in.reference(); r != nil {
		return r.length
	}
	return 0
}

// receive takes over an object.
func (in *input) receive(now time.Time, o Object) {
	taken := false
	for _, s := range in.expected[o.Path] {
		again := s.state == sound && o.Media != nil && o.Media.Start == s.media.Start
		if s.passed || s.state == sound && !again {
			continue
		}
		if taken {
			in.channel.share(o.ID)
		}
		taken = true
		if !again {
			in.bind(now, s, o)
			continue
		}
		// Sent once more before anybody used it: the newer copy counts.
		in.channel.release(s.object)
		s.object, s.size, s.media = o.ID, o.Size, o.Media
	}
	if taken {
		return
	}
	if old, ok := in.waiting[o.Path]; ok {
		in.channel.release(old.ID)
	}
	in.waiting[o.Path] = waitingObject{Object: o, arrived: now}
	if len(in.expected[o.Path]) == 0 {
		return
	}
	// The path of a segment that was used: an encoder that began anew. Its
	// playlist may have come first and looked like an old one.
	for _, r := range in.renditions {
		for _, l := range r.latest.Segments {
			if l.Path == o.Path {
				r.list(now, r.latest)
				break
			}
		}
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

// replaced reports whether a newer object waits under the path of a segment
// that has its own already.
func (in *input) replaced(path string) bool {
	w, ok := in.waiting[path]
	return ok && w.Media != nil
}

// bindWaiting gives a newly listed segment the object that came before its
// playlist.
func (in *input) bindWaiting(now time.Time, s *segment) {
	if w, ok := in.waiting[s.path]; ok {
		delete(in.waiting, s.path)
		in.bind(now, s, w.Object)
	}
}

// bind gives a segment its object.
func (in *input) bind(now time.Time, s *segment, o Object) {
	s.arrived = now
	if s.object != "" {
		in.channel.release(s.object)
		s.object = ""
	}
	if o.Media == nil {
		s.state, s.fault = unsound, o.Fault
		in.missed(now, s)
		return
	}
	s.state, s.fault = sound, ""
	if r := s.rendition; s.run == r.run && (!r.arriving || s.number < r.first) {
		r.first, r.arriving = s.number, true
	}
	s.object, s.size, s.media = o.ID, o.Size, o.Media
	if s.passed {
		// Too late for every endpoint: it only shows how the input goes.
		in.channel.release(s.object)
		s.object = ""
	}
	s.passed = s.passed || o.Gone
	if !s.rendition.place(now, s) {
		s.state = unplaced
		return
	}
	in.placed(now, s)
}

// missed tells of a segment that is of no use.
func (in *input) missed(now time.Time, s *segment) {
	m := s.missing()
	if in.faults == nil {
		in.faults = map[string]uint64{}
	}
	in.faults[m.Why]++
	in.channel.emit(SegmentMissed{Time: now, Input: in.name, Missing: m})
}

// placed takes note of a sound segment that has its place on the clock.
func (in *input) placed(now time.Time, s *segment) {
	in.lastSound = now
	if !s.media.Untimed {
		in.channel.realign(now, s)
		in.placeOthers(now, s)
	}
	for _, e := range in.channel.endpoints {
		// The rendition is back: from the next slot on it is waited for again.
		delete(e.missedSlots, s.rendition.path)
	}
	if !in.up {
		in.up = true
		in.channel.emit(InputChanged{Time: now, Input: in.name, Up: true, Last: now})
	}
}

// placeOthers gives untimed segments their place once the reference rendition has
// a segment of the same number.
func (in *input) placeOthers(now time.Time, of *segment) {
	if in.reference() != of.rendition {
		return
	}
	for _, r := range in.renditions {
		s := r.find(of.number)
		if s == nil || s.state != unplaced {
			continue
		}
		s.state = sound
		if !r.placeUntimed(now, s) {
			s.state = unplaced
			continue
		}
		s.arrived = now
		in.placed(now, s)
	}
}

// downAt is when the input will have been silent for three of its segments.
func (in *input) downAt() time.Time {
	return in.lastSound.Add((3 * in.length()).Duration())
}

// checkDown takes note of silence.
func (in *input) checkDown(now time.Time) {
	if in.up && !now.Before(in.downAt()) {
		in.up = false
		reason := "silent"
		if in.ended() {
			reason = "ended"
		}
		in.channel.emit(InputChanged{Time: now, Input: in.name, Reason: reason, Last: in.lastSound})
	}
}

// wholeFor is how much unbroken media the input has delivered in all that it
// announces.
func (in *input) wholeFor() Ticks {
	served := in.serves()
	if len(served) == 0 {
		return 0
	}
	least := Ticks(-1)
	for _, a := range served {
		r := in.rendition(a.Path)
		if r == nil {
			return 0
		}
		if length := r.streakEnd - r.streakStart; least < 0 || length < least {
			least = length
		}
	}
	return least
}

// ended reports whether the encoder has ended the channel: EXT-X-ENDLIST in
// every rendition that it delivered.
func (in *input) ended() bool {
	any := false
	for _, a := range in.serves() {
		r := in.rendition(a.Path)
		if r == nil || !r.listed {
			continue
		}
		if !r.ended {
			return false
		}
		any = true
	}
	return any
}

// sweep forgets objects that no playlist ever listed.
func (in *input) sweep(now time.Time) {
	for path, w := range in.waiting {
		if now.Sub(w.arrived) > waitingAge {
			in.channel.release(w.ID)
			delete(in.waiting, path)
		}
	}
}
