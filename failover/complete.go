package failover

// live reports whether a rendition is waited for: an input has delivered it within the
// last three slots, or is doing so now.
func (q *question) live(path string, at, length Ticks) bool {
	if !q.started {
		return true
	}
	length = max(length, shortestSlot)
	// Time in which no input delivered anything says nothing about one rendition.
	long := liveSlots * length
	if m, ok := q.marks[path]; ok && m.media > min(at, q.cursor.media)-long && (at-m.media < long || !q.channel.without(path, m.media, at, long)) {
		return true
	}
	for _, in := range q.channel.inputs {
		r := in.rendition(path)
		if r == nil || !r.listed {
			continue
		}
		if r.holds(at-long, at+length) {
			return true
		}
		if r.counts() && r.arriving && TicksOf(q.now.Sub(r.lastSound)) <= liveSlots*max(length, r.length) {
			return true
		}
	}
	return false
}

// without reports whether other renditions have gone on between two positions for so long, whether
// or not anything could be published without this one.
func (c *Channel) without(path string, from, to, long Ticks) bool {
	for _, in := range c.inputs {
		for _, r := range in.renditions {
			if r.path != path && r.counts() && r.covered(from, to) >= long {
				return true
			}
		}
	}
	return false
}

// leaders lists the input's renditions that may set the slot's boundaries, best first:
// those with video, else the one that leads.
func (q *question) leaders(in *input, at Ticks) []*rendition {
	served := q.serves(in)
	live := func(r *rendition) bool { return q.live(r.path, at, r.length) }
	first := in.leading(served, live)
	if first == nil {
		first = in.leading(served, func(*rendition) bool { return true })
	}
	if first == nil || !first.video {
		return []*rendition{first}
	}
	list := []*rendition{first}
	for _, a := range served {
		if r := in.rendition(a.Path); r != nil && r != first && r.listed && r.video {
			list = append(list, r)
		}
	}
	return list
}

// leader is the first of them, without a list.
func (q *question) leader(in *input, at Ticks) *rendition {
	served := q.serves(in)
	if r := in.leading(served, func(r *rendition) bool { return q.live(r.path, at, r.length) }); r != nil {
		return r
	}
	return in.leading(served, func(*rendition) bool { return true })
}

// addOthers fills the remaining renditions. It reports whether all that are waited for
// are complete.
func (q *question) addOthers(o *option, ref *rendition, closed bool) bool {
	complete := true
	if o.level >= picture {
		o.renditions = 1
	} else {
		o.shares[0].absent = true // join has put it there
	}
	o.announced = 1
	length := max(o.end-o.start, o.slot, 1)
	for _, a := range q.serves(o.input) {
		if a.Path == ref.path {
			continue
		}
		r := o.input.rendition(a.Path)
		var parts []*segment
		var missing []Missing
		text := r != nil && !r.counts()
		loose := text && q.loose(o.input, r, length)
		if loose {
			parts, missing = q.collectText(o, r)
		} else {
			parts, missing = q.collect(o, r, a.Path, closed)
			o.beyond = max(o.beyond, q.beyond(o, r, parts))
		}
		if missing == nil {
			o.shares = append(o.shares, share{path: a.Path, parts: parts, silent: text && len(parts) == 0})
			o.announced++
			if len(parts) > 0 || text {
				o.renditions++ // text is there also where nobody speaks
			}
			continue
		}
		s := share{path: a.Path, absent: true}
		awaited := q.awaited(o, r, a, length)
		switch {
		case text && len(delivered(parts)) > 0:
			s = share{path: a.Path, parts: delivered(parts)} // some of it is better than none
		case a.Kind == Subtitles && (r == nil || !r.arriving):
			s.silent = true
		case loose && !awaited && q.live(a.Path, o.start, max(length, r.length)):
			s.silent = true // its cues go with a later slot
			o.announced++
			o.renditions++
		}
		o.shares = append(o.shares, s)
		if !awaited {
			continue
		}
		o.announced++
		o.missing = append(o.missing, missing...)
		complete = false
	}
	return complete
}

// awaited reports whether a slot waits for a rendition of the input that is not
// complete. One that the input has only just announced gets three slots to begin, unless it is listed already; text
// is waited for only if it keeps up with the picture.
func (q *question) awaited(o *option, r *rendition, a Announced, length Ticks) bool {
	in := o.input
	if r == nil || !r.arriving {
		if !q.started && a.Kind == Subtitles {
			// It may have nothing to say for a long time.
			at := o.due.Add(q.grace(length) / 4)
			if q.now.Before(at) {
				q.waitUntil(at)
			}
			return q.now.Before(at)
		}
		since, ok := in.since[a.Path]
		if r != nil && !ok {
			since, ok = r.began.Time(), true
		}
		m, had := q.marks[a.Path]
		if q.started && (!had || m.gap) && (!ok || TicksOf(q.now.Sub(since)) <= liveSlots*length) {
			return r != nil && r.listed && r.counts()
		}
	}
	if r != nil && !r.counts() && q.started && q.slow(in, r, length) {
		return false
	}
	if r != nil && q.started && q.astray(o, r, length) {
		return false
	}
	return q.live(a.Path, o.start, length)
}

// astray reports whether all that the rendition has delivered for three slots is of another
// generation than the slot's, which has lasted for longer: it is somebody else's who writes here, or
// on a clock of its own. A delayed slot is judged by what there was when its picture came: its encoder may have
// been restarted since.
func (q *question) astray(o *option, r *rendition, length Ticks) bool {
	if g := o.generation; g.start+g.offset > o.start-liveSlots*length {
		return false
	}
	at := q.now
	if lead := o.shares[0].parts; len(lead) > 0 && lead[len(lead)-1].state == sound {
		at = lead[len(lead)-1].arrived
	}
	for i := len(r.segments) - 1; i >= 0; i-- {
		s := r.segments[i]
		if s.state != sound || !s.placed || s.arrived.After(at) {
			continue
		}
		if s.generation == o.generation {
			return false
		}
		if TicksOf(at.Sub(s.arrived)) > liveSlots*length {
			return true
		}
	}
	return false
}

// loose reports whether the rendition's segments go with the slots in which they come: text
// that does not carry its position, and subtitles in fragmented MP4 that do not keep up with
// the picture. Those can't be cut, so each goes as a whole, with its own times.
func (q *question) loose(in *input, r *rendition, length Ticks) bool {
	return r.text || !r.counts() && q.slow(in, r, length)
}

// delivered are the segments that can be used.
func delivered(parts []*segment) []*segment {
	var list []*segment
	for _, s := range parts {
		if s.state == sound && !s.gone() {
			list = append(list, s)
		}
	}
	return list
}

// slow reports whether text usually comes too late for the slots that it belongs to. With
// longer segments, part of it always does.
func (q *question) slow(in *input, r *rendition, length Ticks) bool {
	if r.length > length+length/10 {
		return true
	}
	return in.latest.latenessOf(r) > q.lateness(in)+TicksOf(q.grace(length))
}

// collect gathers one rendition of the slot, or says what is missing: the segments that end
// within the slot, so that none is waited for longer than the video. On a segment grid of
// its own, a rendition now and then has one more in a slot, or none.
func (q *question) collect(o *option, r *rendition, path string, closed bool) ([]*segment, []Missing) {
	if r == nil || !r.listed {
		return nil, []Missing{{Rendition: path, Why: ReasonNotListed}}
	}
	var list []*segment
	m, marked := q.marks[path]
	from := o.start
	switch {
	case m.of(r) && !q.ahead:
		list, from = r.after(m.run, m.number), -1<<62
		if m.gap {
			from = m.end
		}
	case marked && !q.ahead && q.cursor.clock.same(o.generation.clock()):
		from = m.end
		list = r.behind(from - r.length)
	default:
		list = r.behind(from - r.length)
	}
	var parts []*segment
	var missing []Missing
	var next *segment
	// A single segment that is longer than the target duration has all the sound that belongs to it.
	bounded, full := q.target > 0 && rounded(o.end-o.start) <= q.target, false
	for _, s := range list {
		if s.passed {
			continue
		}
		if !s.placed || s.generation != o.generation {
			if len(parts) > 0 {
				break
			}
			continue
		}
		if s.channelMiddle() < from && !(m.gap && s.channelEnd() > m.end+r.length/4) {
			continue // viewers already got it from another input, or its slot has a gap
		}
		if s.channelEnd() <= o.start+r.rounding() && (s.state != sound || o.start > q.cursor.end+r.rounding()) {
			continue // it belongs to a stretch that was given up
		}
		if over := s.channelEnd() - o.end; over > r.rounding() && (len(parts) > 0 || over > min(r.length, s.end-s.start)/4) {
			next = s
			break
		}
		if len(parts) > 0 && bounded && r.counts() && rounded(s.end-parts[0].start) > q.target {
			full = o.end-s.channelStart() < 2*r.length // it has room in the next slots, and is kept until then (hold)
			break
		}
		parts = append(parts, s)
		if s.state != sound || s.gone() {
			missing = append(missing, s.missing())
		} else if q.tooLong(s) {
			missing = append(missing, Missing{Rendition: path, Segment: s.path, Why: ReasonTooLong})
		}
	}
	if missing == nil && (!unbroken(parts) || !full && !q.covers(o, r, parts, next, closed)) {
		missing = []Missing{{Rendition: path, Why: ReasonNotListed}}
	}
	return parts, missing
}

// collectText gathers the text that was not published yet: all that begins before the slot
// ends, and ends within the last three slots. Its cues keep their times. Subtitles in
// fragmented MP4 are part of a generation, and have an initialization section.
func (q *question) collectText(o *option, r *rendition) ([]*segment, []Missing) {
	m, marked := q.marks[r.path]
	from := o.start - liveSlots*(o.end-o.start)
	if !q.started {
		from = o.start
	}
	var list []*segment
	if marked && m.of(r) && !q.ahead {
		list = r.after(m.run, m.number)
	} else {
		list = r.behind(from)
	}
	var parts []*segment
	end := o.start
	for _, s := range list {
		if s.state != sound || !s.placed || s.passed || s.generation.offset != o.generation.offset {
			continue
		}
		if !r.text && (s.generation != o.generation || len(parts) > 0 && s.media.Signature != parts[0].media.Signature) {
			continue
		}
		if s.channelStart() >= o.end-min(s.end-s.start, o.end-o.start)/4 {
			break
		}
		if s.channelEnd() <= from || marked && !m.of(r) && s.channelMiddle() < m.end {
			continue
		}
		parts = append(parts, s)
		end = max(end, s.channelEnd())
	}
	if marked && m.of(r) {
		end = max(end, m.end)
	}
	if end >= o.end-max(r.length/2, 1) {
		return parts, nil
	}
	for _, s := range list {
		if s.placed && s.state != sound && s.channelMiddle() >= o.start && s.channelMiddle() < o.end {
			return parts, []Missing{s.missing()}
		}
	}
	return parts, []Missing{{Rendition: r.path, Why: ReasonNotListed}}
}

// left reports whether the rendition goes on in another generation after the segment.
func (r *rendition) left(s *segment) bool {
	rest := r.after(s.run, s.number)
	return len(rest) > 0 && (rest[0].run != s.run || rest[0].broken ||
		rest[0].placed && rest[0].generation != s.generation)
}
