package failover

import "testing"

// An encoder that renames its playlist within a slot has only the second half of that under the new name.
// Viewers have nothing of that name yet that could break, and the picture does all the same.
func TestARenamedRenditionBeginsWhereTheSlotDoes(t *testing.T) {
	const end = 100 * ClockRate
	in := &input{name: "a"}
	g := &generation{input: in, id: 1, modulus: 1 << 33}
	r := &rendition{input: in, path: "other.m3u8", video: true, length: 2 * ClockRate}
	e := &endpoint{started: true, marks: map[string]mark{"live.m3u8": {end: end, media: end, signature: "avc"}}}
	e.cursor = cursor{input: "a", generation: 1, clock: g.clock(), end: end, media: end}
	begins := func(at Ticks) bool {
		s := &segment{
			rendition: r, state: sound, placed: true, generation: g, start: at, end: at + 2*ClockRate,
			media: &Media{Start: at, End: at + 2*ClockRate, Frame: ClockRate / 25, Video: true, Signature: "avc"},
		}
		return e.seamless(&option{input: in, generation: g, shares: []share{{path: r.path, parts: []*segment{s}}}})
	}
	if !begins(end) {
		t.Error("what goes on where the last slot ended begins a discontinuity")
	}
	if begins(end + 2*ClockRate) {
		t.Error("what begins two seconds later goes on without a discontinuity")
	}
}
