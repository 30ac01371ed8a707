package failover

import (
	"slices"
	"time"
)

// input is what the core knows about one encoder.
type input struct {
	channel    *Channel
	name       string
	renditions []*rendition // in order of appearance
	// byPath finds them by their names, and by those of the playlists that they continue.
	byPath map[string]*rendition
	// announced is the last multivariant playlist; nil for an encoder that
	// sends none.
	announced []Announced
	// recalled: it is from before a restart of the process.
	recalled bool
	// served is the list that serves made, nil when it has to be made again.
	served []Announced
	// expected finds the segments that playlists listed, by path. waiting holds objects
	// that no playlist has listed yet, and those that came under the path of a segment that
	// already has its bytes.
	expected map[string][]*segment
	waiting  map[string]waitingObject
	queue    []queued // in the order in which they came; some may be gone by now

	generations      uint64
	latest, previous *generation
	// clockRestarts: its timestamps started over with a generation, so they count from the
	// start of the encoder and not from that of the programme.
	clockRestarts bool
	// countRestarts: so did its media sequence numbers.
	countRestarts bool

	// faults counts what was wrong with its segments.
	faults map[Reason]uint64
	// since is when a rendition was first announced.
	since map[string]time.Time
	// told is when notices were given.
	told map[Notice]time.Time

	tempo     tempo
	falls     bool // it falls behind, and another input does not
	up        bool
	heard     time.Time // first playlist
	delivered time.Time // first sound segment
	lastSound time.Time
	// members are the inputs that a union is made of.
	members []*input
	// contested is until when two encoders are taken to write here.
	contested Ticks
}

func newInput(c *Channel, name string) *input {
	return &input{
		channel: c, name: name, byPath: map[string]*rendition{}, expected: map[string][]*segment{},
		waiting: map[string]waitingObject{}, faults: map[Reason]uint64{}, told: map[Notice]time.Time{},
		since: map[string]time.Time{},
	}
}

// rendition is the one of this name.
func (in *input) rendition(name string) *rendition {
	if r := in.byPath[name]; r != nil && r.path == name {
		return r
	}
	return nil // it may be the name of a playlist that another one continues, or did for a while
}

// list takes over a media playlist.
func (in *input) list(now time.Time, p Playlist) {
	r := in.byPath[p.Path]
	if r != nil && r.upload != p.Path {
		r = in.renamedBack(now, r, p.Path)
	}
	if r == nil {
		if len(in.renditions) >= maxRenditions {
			in.notice(Noticed{Rendition: p.Path, What: NoticeTooManyRenditions, Detail: "the rendition is ignored"})
			return
		}
		r = &rendition{input: in, path: p.Path, upload: p.Path}
		r.announce()
		in.renditions, in.byPath[p.Path] = append(in.renditions, r), r
	}
	if p.Rendition != "" {
		in.recallName(r, p.Rendition)
	}
	if in.heard.IsZero() {
		in.heard = now
	}
	r.list(now, p)
	r.heardFrom(TicksAt(now), p)
}

// announce takes over a multivariant playlist.
func (in *input) announce(m Multivariant) {
	in.announced, in.served = m.Renditions, nil
	since := map[string]time.Time{}
	for _, a := range m.Renditions {
		since[a.Path] = in.channel.now
		if at, ok := in.since[a.Path]; ok {
			since[a.Path] = at
		}
	}
	in.since = since
	for _, r := range in.renditions {
		r.announce()
	}
	for _, r := range slices.Clone(in.renditions) {
		if r.young() && TicksAt(in.channel.now)-r.lastListed <= downSegments*max(r.length, ClockRate) {
			in.succeed(in.channel.now, r) // now it is known which ones are gone
		}
	}
}

func (in *input) announcement(path string) *Announced {
	for i := range in.announced {
		if in.announced[i].Path == path {
			return &in.announced[i]
		}
	}
	return nil
}

// announce takes over what the multivariant playlist says about the rendition's playlist.
func (r *rendition) announce() {
	r.announced = nil
	ordinals := map[Kind]int{}
	for i := range r.input.announced {
		a := &r.input.announced[i]
		ordinals[a.Kind]++
		if a.Path == r.upload {
			r.announced, r.ordinal = a, ordinals[a.Kind]
			return
		}
	}
}

// announcesVariant reports whether a multivariant playlist says what viewers are to play.
func (in *input) announcesVariant() bool {
	return slices.ContainsFunc(in.announced, func(a Announced) bool { return a.Kind == Variant })
}

// outdated reports whether what was announced before a restart of the process is of an encoder that has gone:
// what comes now has other names, all of it.
func (in *input) outdated() bool {
	if !in.recalled || len(in.announced) == 0 {
		return false
	}
	arriving := false
	for _, r := range in.renditions {
		if r.listed && r.announced != nil {
			return false
		}
		arriving = arriving || r.arriving
	}
	return arriving
}

// serves lists the renditions that the input intends to deliver: what it announces, and
// what it delivers besides. The list must not be changed.
func (in *input) serves() []Announced {
	if in.served != nil {
		return in.served
	}
	announced := in.announced
	if in.outdated() {
		announced = nil
	}
	list := make([]Announced, 0, len(announced))
	for _, a := range announced {
		if r := in.byPath[a.Path]; r != nil && r.upload == a.Path {
			a.Path = r.path // it may continue under its former name
		}
		list = append(list, a)
	}
	for _, r := range in.renditions {
		if !r.listed || r.forgotten || r.announced != nil {
			continue
		}
		if announced == nil || r.arriving {
			list = append(list, Announced{Path: r.path, Kind: r.kind()})
		}
	}
	in.served = list
	return list
}

// reference is the rendition whose segments lead the input's timeline: of those that still
// deliver, the first with video, else the first variant, else the first of all.
func (in *input) reference() *rendition {
	return in.leading(in.serves(), func(r *rendition) bool { return !r.stale() })
}

func (in *input) leading(list []Announced, live func(*rendition) bool) *rendition {
	var variant, other *rendition
	for _, a := range list {
		r := in.rendition(a.Path)
		if r == nil || !r.listed || r.text || !live(r) {
			continue
		}
		if r.video {
			return r
		}
		if variant == nil && a.Kind == Variant {
			variant = r
		}
		if other == nil && a.Kind != Subtitles {
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

// downAt is when the input will have been silent for three of its segments.
func (in *input) downAt() time.Time {
	return in.lastSound.Add((downSegments * in.length()).Duration())
}

// checkDown notes silence.
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

// wholeFor is how much unbroken media the input has delivered, up to now, in all live renditions
// that it announces. Text does not count: it has holes where nobody speaks.
func (in *input) wholeFor() Ticks {
	least, edge := Ticks(-1), in.edge()
	for _, a := range in.serves() {
		r := in.rendition(a.Path)
		switch {
		case r == nil && !in.channel.delivers(a.Path), r != nil && (r.text || r.stale() && !in.channel.delivers(a.Path)):
			continue
		case r == nil, r.streakOf != nil && edge-r.streakOf.offset-r.streakEnd > 2*r.length+in.length():
			return 0 // it has not come, or has stopped
		}
		if length := r.streakEnd - r.streakStart; least < 0 || length < least {
			least = length
		}
	}
	if TicksAt(in.channel.now) < in.contested {
		return 0
	}
	return max(least, 0)
}

// edge is where the newest of the input's unbroken media ends, on the channel's clock.
func (in *input) edge() Ticks {
	edge := Ticks(-1 << 62)
	for _, r := range in.renditions {
		if r.streakOf != nil && r.counts() {
			edge = max(edge, r.streakOf.offset+r.streakEnd)
		}
	}
	return edge
}

// delivers reports whether any input still delivers the rendition.
func (c *Channel) delivers(path string) bool {
	for _, in := range c.inputs {
		if r := in.rendition(path); r != nil && r.listed && !r.stale() {
			return true
		}
	}
	return false
}

// ended reports whether the encoder has ended the channel: EXT-X-ENDLIST in
// every rendition that it delivers.
func (in *input) ended() bool {
	ended := false
	for _, r := range in.renditions {
		switch {
		case !r.listed || r.forgotten || r.stale() && !r.ended:
		case !r.ended:
			return false
		default:
			ended = true
		}
	}
	return ended
}

// sweep forgets objects that no playlist ever listed, and renditions of which nothing
// is left. It reports whether there are more of such objects than are forgotten at once.
func (in *input) sweep(now time.Time) (more bool) {
	more = in.expire(now)
	in.renditions = slices.DeleteFunc(in.renditions, func(r *rendition) bool {
		if !r.forgotten || slices.ContainsFunc(r.segments, func(s *segment) bool { return !s.passed }) {
			return false
		}
		for _, s := range r.segments {
			in.forget(s)
		}
		for path, o := range in.byPath {
			if o == r {
				delete(in.byPath, path)
			}
		}
		return true
	})
	return more
}

// forgetOthers takes renditions for dead that list nothing new while this one does.
func (in *input) forgetOthers(now Ticks, lists *rendition) {
	for _, r := range in.renditions {
		since := max(r.lastListed, lists.regular)
		if r == lists || r.forgotten || !r.listed || r.ended || now-since <= forgottenAfter*max(in.length(), r.length, lists.length) {
			continue
		}
		r.forgotten, in.served = true, nil
		in.channel.emit(Noticed{
			Time: in.channel.now, Input: in.name, Rendition: r.path, What: NoticeForgotten,
			Detail: "it lists nothing new any more, and others of the input do",
		})
	}
}

// notice tells the operator something, and not again for a while.
func (in *input) notice(n Noticed) {
	if last, ok := in.told[n.What]; ok && in.channel.now.Sub(last) < noticeAgain {
		return
	}
	in.told[n.What] = in.channel.now
	n.Time, n.Input = in.channel.now, in.name
	in.channel.emit(n)
}
