package media

// presence checks whether a track that the run carries is there, up to the end.
func (x *grading) presence(t *Track, h *trackHabits) {
	if t.Samples == 0 {
		h.absent++
		if h.carried >= knownAfter {
			x.found(DefectTrackGone, x.info.End-x.info.Start, "%s has no samples", t.name())
		}
		return
	}
	h.carried++
	h.absent = 0
	early := x.end() - t.End
	gone := h.early.len() >= knownAfter && early > h.early.largest()+h.patience()
	if gone {
		x.found(DefectTrackGone, early, "%s ends %d ms before the others", t.name(), milliseconds(early))
	}
	switch h.endings.lesson(gone, h.early.len()) {
	case unlike:
		return
	case anew:
		h.early = recent{}
	}
	h.early.add(early)
}

// patience is how much earlier than ever a track may end. Where the frame rate varies the
// last picture may stand, and nothing says for how long.
func (h *trackHabits) patience() int64 {
	if h.kind == Video && h.isUneven() {
		return endsEarly + unevenTimes*h.steps.largest()
	}
	return endsEarly
}

// end is when the last of the tracks ends that are seen or heard.
func (x *grading) end() int64 {
	end := x.info.End
	for i := range x.info.Tracks {
		if t := &x.info.Tracks[i]; t.Samples > 0 && t.graded() {
			end = max(end, t.End)
		}
	}
	return end
}

// undeclared looks for tracks of the run that the object does not even announce.
func (x *grading) undeclared() {
	kept := x.tracks[:0]
	for _, h := range x.tracks {
		if x.info.trackOf(h.kind, h.id) == nil {
			if x.replaced(h) {
				continue
			}
			h.absent++
			if h.carried >= knownAfter {
				t := Track{Kind: h.kind, ID: h.id, Timescale: x.timescale()}
				x.found(DefectTrackGone, x.info.End-x.info.Start, "%s is not announced any more", t.name())
			}
		}
		if h.absent < forgottenTrack {
			kept = append(kept, h)
		}
	}
	clear(x.tracks[len(kept):])
	x.tracks = kept
}

// replaced reports whether another track of the same kind took its place.
func (x *grading) replaced(was *trackHabits) bool {
	for _, h := range x.tracks {
		if h != nil && h.kind == was.kind && h.id != was.id && h.carried > 0 && h.carried < knownAfter {
			return true
		}
	}
	return false
}

func (x *grading) timescale() uint32 {
	if len(x.info.Tracks) == 0 {
		return 0
	}
	return x.info.Tracks[0].Timescale
}

// damage looks for what got lost on the way.
func (x *grading) damage() {
	i := x.info
	if i.ErrorPackets > 0 {
		x.found(DefectDamaged, 0, "%d packets are marked as damaged (transport_error_indicator)", i.ErrorPackets)
	}
	lost := 0
	for k := range i.Counters {
		if c := &i.Counters[k]; c.Errors > 0 && i.plays(c.PID) {
			lost += c.Errors
		}
	}
	switch {
	case lost > 0:
		x.found(DefectDamaged, 0, "the continuity counter jumps at %d places: packets are lost", lost)
	case i.ShortPES > 0:
		x.found(DefectDamaged, 0, "%d PES packets are shorter than they say", i.ShortPES)
	}
	if i.Format != FormatMP4 {
		return
	}
	damaged := x.unused.len() >= knownAfter && x.unused.largest() == 0 && i.Unaccounted != 0
	if damaged {
		x.found(DefectDamaged, 0, "%d bytes of mdat belong to no sample", i.Unaccounted)
	}
	switch x.accounts.lesson(damaged, x.unused.len()) {
	case unlike:
		return
	case anew:
		x.unused = recent{}
	}
	x.unused.add(max(i.Unaccounted, -i.Unaccounted))
}

// plays reports whether a PID carries what is seen or heard.
func (i *Info) plays(pid uint16) bool {
	return i.trackOf(Video, uint32(pid)) != nil || i.trackOf(Audio, uint32(pid)) != nil
}
