package failover

// seamless reports whether the option continues the endpoint's last slot, by proof: in
// every rendition the same clock, the same configuration, and media that begins within
// half a frame of where the last ended. Of text, the configuration is enough.
func (e *endpoint) seamless(o *option) bool {
	if !e.started {
		return true
	}
	if !e.cursor.clock.same(o.generation.clock()) {
		return false
	}
	own := e.cursor.input == o.input.name && e.cursor.generation == o.generation.id
	compared := false
	var first *segment // the leading one of those that have nothing before them
	for i := range o.shares {
		parts := o.shares[i].parts
		if len(parts) == 0 {
			continue
		}
		m, ok := e.marks[o.shares[i].path]
		if !parts[0].rendition.counts() {
			// Text has holes where nobody speaks, and may come later than the picture: neither
			// where it begins nor that the encoder marks a break says anything about this slot.
			if m.reconfigured(parts[0]) {
				return false
			}
			continue
		}
		if parts[0].broken {
			// The encoder itself says that its media breaks here.
			return false
		}
		if !ok || m.blank() {
			if first == nil {
				first = parts[0]
			}
			continue
		}
		if !m.goesOn(parts[0], own) {
			return false
		}
		compared = true
	}
	if compared || first != nil {
		return compared || e.followedBy(first)
	}
	// Nothing of it has come: it may go on without a discontinuity, unless something was lost before it.
	return abs(o.start-e.cursor.end) <= max(o.leader().length/2, 1)
}

// followedBy reports whether a segment begins where the last slot ended, as the first one does under
// another name of the playlist: no rendition of the slot has anything before it to be compared with.
func (e *endpoint) followedBy(s *segment) bool {
	slack := max(s.slack(), s.rendition.rounding())
	if s.state != sound || e.cursor.media != e.cursor.end && s.channelStart() < e.cursor.end {
		slack = max(slack, s.rendition.length/2) // where it begins, or where the gap was to end, is an estimate
	}
	return abs(s.channelStart()-e.cursor.end) <= slack
}

// blank reports whether the rendition has had nothing but gaps: no media of it can break.
func (m mark) blank() bool { return m.gap && m.signature == "" }

// reconfigured reports whether subtitles in fragmented MP4 have another configuration than
// before the mark.
func (m mark) reconfigured(s *segment) bool {
	return !s.rendition.text && s.state == sound && m.signature != "" && m.signature != s.media.Signature
}

// goesOn reports whether a segment continues the media before the mark. own: it is of the
// same generation.
func (m mark) goesOn(s *segment, own bool) bool {
	if s.state != sound {
		return abs(s.channelStart()-m.end) <= max(s.rendition.length/2, 1)
	}
	if own && m.of(s.rendition) && !m.gap && s.run == m.run && s.number == m.number+1 {
		return true
	}
	slack := s.slack()
	if m.gap {
		// The gap's length is known only from the segments around it, and the first of them may
		// begin within it. What begins later leaves out media that no gap stands for.
		slack = max(slack, s.rendition.rounding())
		if s.channelStart() < m.end {
			slack = max(slack, s.rendition.length/2)
			if s.channelEnd() > m.end+s.rendition.length/4 {
				slack = max(slack, s.end-s.start-s.rendition.length/4)
			}
		}
	}
	return abs(s.channelStart()-m.end) <= slack && m.signature == s.media.Signature
}
