package media

// keyFrame checks whether a decoder can start with the object, as with the run's others.
func (x *grading) keyFrame() {
	ref := reference(x.info.Tracks)
	if ref < 0 || x.info.Tracks[ref].Kind != Video {
		return
	}
	others, known := x.keys.count(), x.keys.n
	lacks := !x.info.KeyFrameFirst && known >= keyKnown && others*100 >= known*keyPercent
	if lacks {
		x.found(DefectNoKeyFrame, 0, "%s does not begin with a random access point, %d of the last %d segments do", x.info.Tracks[ref].name(), others, known)
	}
	switch x.starts.lesson(lacks, known) {
	case unlike:
		return
	case anew:
		x.keys = marks{}
	}
	x.keys.add(x.info.KeyFrameFirst)
}

// rate checks whether there is much less media than usual.
func (x *grading) rate() {
	ref := reference(x.info.Tracks)
	length := x.info.End - x.info.Start
	if ref < 0 || length <= 0 {
		return
	}
	t := &x.info.Tracks[ref]
	if p := x.before.track(t); p != nil && (p.width != t.Width || p.height != t.Height) && p.width > 0 && t.Width > 0 {
		x.rates = ranked{} // another size has another rate
	}
	rate := int64(float64(t.Measure.Bytes) * 8 * ClockRate / float64(length))
	usual := x.rates.median()
	starved := x.rates.len() >= starvedKnown && rate < usual/starvedPart
	if starved {
		x.out.starved = 1
		if x.before != nil {
			x.out.starved += x.before.starved
		}
	}
	if x.out.starved >= starvedObjects {
		x.found(DefectStarved, 0, "%s has %d kbit/s, usual are %d", t.name(), (rate+500)/1000, (usual+500)/1000)
	}
	switch x.amounts.lesson(starved, x.rates.len()) {
	case unlike:
		return
	case anew:
		x.rates = ranked{}
	}
	x.rates.add(rate)
}

// stillness looks for frozen pictures and for silence, over several objects.
func (x *grading) stillness() {
	for i := range x.info.Tracks {
		t := &x.info.Tracks[i]
		length := t.End - t.FirstPTS
		end := x.out.track(t)
		if end == nil || length <= 0 {
			continue
		}
		since, throughout := t.Measure.StillTail, x.silent(t)
		if t.Kind == Video {
			throughout = t.Measure.Still*100 >= length*stillShare
			throughout = x.sharpens(t) || throughout
		}
		if throughout {
			since = length
			if p := x.before.track(t); p != nil {
				since += p.still
			}
		}
		end.still = min(since, mostStill)
		longest := max(since, t.Measure.Still)
		switch {
		case longest < standsStill:
		case t.Kind == Video:
			x.found(DefectFrozen, 0, "%s has had pictures of nearly no size for %d s", t.name(), longest/ClockRate)
		default:
			x.found(DefectSilent, 0, "%s has been silent for %d s", t.name(), longest/ClockRate)
		}
	}
}

// silent reports whether there is nothing to hear. Encoders whose frames share a bit
// reservoir write a larger one now and then.
func (x *grading) silent(t *Track) bool {
	m := &t.Measure
	return t.Kind == Audio && m.Small > 0 && m.Small*100 >= (m.Small+m.Others)*silentShare
}

// sharpens reports whether the encoder spends its bits on sharpening a still picture: the
// pictures in between have no content, and usually they do.
func (x *grading) sharpens(t *Track) bool {
	h, m := x.track(t), &t.Measure
	if h == nil || m.Small+m.Others == 0 {
		return false
	}
	share := int64(m.Small) * 100 / int64(m.Small+m.Others)
	usual, known := h.small.median(), h.small.len()
	still := share >= smallShare && known >= smallKnown && usual <= smallUsual
	switch h.motion.lesson(still, known) {
	case unlike:
		return still
	case anew:
		h.small = ranked{}
	}
	h.small.add(share)
	return still
}
