package failover

import (
	"cmp"
	"slices"
)

// An endpoint that is added to a running channel begins with media that others have used in part: here is from
// where on nothing of it is missing.

// floors finds, for every input, where an endpoint that is added now may begin: behind the last hole in what the
// inputs on one clock have together. Nothing is released any more until it has begun.
func (c *Channel) floors() map[string]Ticks {
	floors := map[string]Ticks{}
	for _, in := range c.inputs {
		if in.latest == nil {
			continue
		}
		for _, r := range in.renditions {
			if !r.counts() || !r.arriving || r.stale() {
				continue
			}
			at, ok := c.unbroken(r.path, in.latest.clock())
			if !r.video {
				at -= r.length / 2 // it may be cut elsewhere
			}
			if floor, known := floors[in.name]; ok && (!known || at > floor) {
				floors[in.name] = at
			}
		}
	}
	return floors
}

// unbroken is where the media of a rendition begins that the inputs on a clock have, together and without a
// hole, up to the newest.
func (c *Channel) unbroken(path string, clock Timing) (from Ticks, ok bool) {
	var list []*segment
	var gone *segment // the last one of those that are used up
	for _, in := range c.inputs {
		r := in.rendition(path)
		if r == nil {
			continue
		}
		for _, s := range r.segments {
			switch {
			case s.state != sound || !s.placed || !s.generation.clock().same(clock):
			case !s.passed:
				list = append(list, s)
			case gone == nil || s.channelEnd() > gone.channelEnd():
				gone = s
			}
		}
	}
	slices.SortFunc(list, func(a, b *segment) int { return cmp.Compare(a.channelStart(), b.channelStart()) })
	reach := Ticks(0)
	for i, s := range list {
		if i == 0 || s.channelStart() > reach+s.slack() {
			from = s.channelStart() - s.slack()
		}
		reach = max(reach, s.channelEnd())
	}
	if gone != nil && gone.channelEnd() > reach+gone.slack() {
		return gone.channelEnd() - gone.slack(), true
	}
	return from, len(list) > 0
}
