package media

import "math"

func (s *tsScanner) finish(size int64) (Probed, *Fault) {
	defer s.leave()
	info, fault := s.info(size)
	if fault != nil {
		return Probed{}, fault
	}
	return Probed{Info: info, Tables: s.ownTables(info)}, nil
}

// info puts together what was read, or says why the object is refused.
func (s *tsScanner) info(size int64) (*Info, *Fault) {
	if s.marked > 0 && int64(s.marked) > size/tsPacket/mostMarked {
		return nil, faultf(ReasonDamaged, "transport_error_indicator of %d of %d packets, the first one at byte %d", s.marked, size/tsPacket, s.firstMarked)
	}
	if s.carried > 0 {
		return nil, faultf(ReasonTruncated, "ends %d bytes into the packet at byte %d", s.carried, s.offset)
	}
	p, fault := s.chosen()
	if fault != nil {
		return nil, fault
	}
	info := &Info{
		Format:        FormatTS,
		Size:          size,
		Modulus:       timestampModulus,
		ShortPES:      s.shortPES,
		ErrorPackets:  s.marked,
		Tables:        s.inherited,
		ProgramNumber: p.number,
		PMTPID:        p.pmtPID,
		KeyFrameFirst: true,
		Oddities:      s.oddities,
		Tracks:        make([]Track, len(p.tracks)),
	}
	for i, es := range p.tracks {
		st := s.state(es.pid)
		if st == nil || st.es == nil { // the PID of a table, or of null packets
			if es.kind != Data {
				return nil, faultf(ReasonDamaged, "PMT lists %s 0x%x, a PID that has another use", es.kind, es.pid)
			}
			info.Tracks[i] = Track{ID: uint32(es.pid), Kind: es.kind, StreamType: es.streamType}
			continue
		}
		if st.es != es && st.es.streamType == es.streamType {
			es = st.es // shared with another program, and read there
		}
		if fault := es.sound(); fault != nil {
			return nil, fault
		}
		info.Tracks[i] = es.track(st)
		info.EarlyPackets += st.early
		if es.continued {
			info.ContinuedPES++
		}
	}
	ref := reference(info.Tracks)
	for i, es := range p.tracks {
		fault := s.open(es, size)
		switch {
		case fault == nil:
		case i == ref:
			return nil, fault
		default:
			info.OpenPES++
		}
	}
	if ref < 0 {
		return nil, faultf(ReasonNoMedia, "program %d has no audio and no video", p.number)
	}
	if !s.hasAnchor || s.state(uint16(info.Tracks[ref].ID)).es.times.n == 0 {
		return nil, faultf(ReasonNoTimestamps, "%s 0x%x has no PTS", info.Tracks[ref].Kind, info.Tracks[ref].ID)
	}
	s.place(info, ref)
	s.count(info)
	return info, nil
}

// mostMarked: an object is refused if more than one in this many packets is marked as
// damaged. What is left would hardly be watchable.
const mostMarked = 10

// chosen returns the first program with video, or else the first one.
func (s *tsScanner) chosen() (*program, *Fault) {
	var first *program
	for _, p := range s.programs {
		if !p.known {
			continue
		}
		if first == nil {
			first = p
		}
		for _, es := range p.tracks {
			if es.kind == Video {
				return p, nil
			}
		}
	}
	if first != nil {
		return first, nil
	}
	missing := "PAT"
	if len(s.programs) > 0 {
		missing = "PMT"
	}
	if s.badCRC > 0 {
		return nil, faultf(ReasonNoTables, "no %s; %d sections with a wrong CRC", missing, s.badCRC)
	}
	return nil, faultf(ReasonNoTables, "no %s", missing)
}

// open says what a track lacks at the end of the object.
func (s *tsScanner) open(es *elementary, size int64) *Fault {
	st := s.state(es.pid)
	if st == nil || st.es != es {
		return nil
	}
	switch a := es.audio; {
	case es.inHeader:
		return faultf(ReasonTruncated, "%s 0x%x: ends at byte %d inside the header of the PES packet at byte %d", es.kind, es.pid, size, es.at)
	case es.short(st.got):
		return faultf(ReasonTruncated, "%s 0x%x: ends at byte %d with %d of the %d bytes of the PES packet at byte %d",
			es.kind, es.pid, size, st.got, es.declared, es.at)
	case a != nil && es.inPES && es.declared == 0 && a.inFrame():
		return faultf(ReasonTruncated, "audio 0x%x: ends at byte %d inside a frame", es.pid, size)
	}
	return nil
}

// sound says what is wrong with a track, wherever the object ends.
func (es *elementary) sound() *Fault {
	if es.refusal != nil {
		return faultf(es.refusal.Reason, "%s 0x%x: %s", es.kind, es.pid, es.refusal.Detail)
	}
	if v := es.video; v != nil {
		v.finish()
		if !v.seen {
			return faultf(ReasonNoMedia, "video 0x%x: no picture in %d PES packets", es.pid, es.units)
		}
		if v.tooBig {
			return faultf(ReasonUnsupported, "video 0x%x: more than %d bytes of parameter sets", es.pid, maxConfig)
		}
	}
	if a := es.audio; a != nil {
		a.finish()
		if es.units > 0 && !a.hasFirst && es.codec != codecDTS {
			return faultf(ReasonDamaged, "audio 0x%x: no frame header in %d PES packets", es.pid, es.units)
		}
	}
	return nil
}

// track describes a sound stream. Its times are on the scanner's timeline.
func (es *elementary) track(st *pidState) Track {
	t := Track{
		ID:         uint32(es.pid),
		Kind:       es.kind,
		StreamType: es.streamType,
		Samples:    es.units,
		FirstPTS:   es.times.minPTS,
		LastPTS:    es.times.maxPTS,
		FirstDTS:   es.times.firstDTS,
		LastDTS:    es.times.lastDTS,
		End:        es.times.maxPTS,
		MaxStep:    es.times.maxStep,
	}
	if es.times.n == 0 {
		t.End = 0
	}
	if es.codec == codecDTS && !es.audio.hasFirst && es.units > 0 {
		t.Kind = Data // no core frames, or no DTS at all: the stream type has other meanings
		return t
	}
	if v := es.video; v != nil {
		t.Samples = es.times.n
		t.Codec, t.Config = v.sps.codec, v.config
		t.Width, t.Height = v.sps.width, v.sps.height
		t.FrameRate = es.frameRate()
		t.End += es.frameTicks()
		es.measurePictures(&t, st)
	}
	if a := es.audio; a != nil {
		t.Samples = a.count
		t.Config, t.Codec = a.config()
		t.SampleRate, t.Channels = a.first.sampleRate, a.first.channels
		if es.codec == codecOpus {
			t.Channels = opusChannels(a.layout)
		}
		if es.times.n > 0 {
			t.End = max(t.End, es.times.lastPTS+ticks(a.samples, a.last.sampleRate))
		}
		es.times.measureFrames(&t.Measure, es.frameTicks())
		a.sizes.finish(a.passed)
		a.sizes.measure(&t.Measure, uint32(a.first.sampleRate))
	}
	t.Measure.Continued = es.continued
	return t
}

// measurePictures of a video track, whose last picture ends with the object.
func (es *elementary) measurePictures(t *Track, st *pidState) {
	es.times.measure(&t.Measure)
	if es.picture.open {
		es.addPicture(st)
		es.closePicture()
		es.sizes.finish(es.times.lastDTS + es.frameTicks())
	}
	es.sizes.measure(&t.Measure, ClockRate)
}

// frameTicks is the duration of one frame in ticks, 0 if unknown.
func (es *elementary) frameTicks() int64 {
	switch {
	case es.audio != nil:
		return ticks(es.audio.first.samples, es.audio.first.sampleRate)
	case es.times.minStep > 0:
		return es.times.minStep
	case es.video != nil && es.video.sps.frameTicks < ClockRate*3600:
		return int64(math.Round(es.video.sps.frameTicks))
	}
	return 0
}

// frameRate of a video track. Timestamps have a resolution of one tick, so the
// exact rate is taken from the parameter set if it fits them.
func (es *elementary) frameRate() float64 {
	told := es.video.sps.frameTicks
	step := float64(es.times.minStep)
	switch {
	case told > 0 && (step == 0 || math.Abs(step-told) <= 1):
		return ClockRate / told
	case es.times.n > 1 && es.times.lastDTS > es.times.firstDTS:
		return ClockRate * float64(es.times.n-1) / float64(es.times.lastDTS-es.times.firstDTS)
	}
	return 0
}

// keyFrames of a video track whose last packet ends at the offset.
func (es *elementary) keyFrames(end, shift int64) []KeyFrame {
	es.keys.close(end)
	list := es.keys.list
	if len(es.video.config) == 0 {
		return nil // parameter sets come from outside
	}
	if len(list) > 0 && !es.video.keyFrame && list[0].PTS == es.times.firstPTS {
		list = list[1:]
	}
	for i := range list {
		list[i].PTS += shift
	}
	return list
}

func ticks(samples, rate int) int64 {
	if rate == 0 {
		return 0
	}
	return (int64(samples)*ClockRate + int64(rate)/2) / int64(rate)
}

// place puts all times of the object on the timeline on which its Start lies
// in [0, Modulus).
func (s *tsScanner) place(info *Info, ref int) {
	r := &info.Tracks[ref]
	shift := (r.FirstPTS & (timestampModulus - 1)) - r.FirstPTS
	info.Start, info.End = r.FirstPTS+shift, r.End+shift
	for i := range info.Tracks {
		t := &info.Tracks[i]
		st := s.state(uint16(t.ID))
		if st == nil || st.es == nil || st.es.times.n == 0 {
			continue
		}
		if t.Kind == Data || t.Kind == Subtitle { // raw so far
			for _, v := range []*int64{&t.FirstPTS, &t.LastPTS, &t.FirstDTS, &t.LastDTS} {
				*v = info.Start + wrapDiff(*v, info.Start)
			}
			t.End = t.LastPTS
			continue
		}
		for _, v := range []*int64{&t.FirstPTS, &t.LastPTS, &t.FirstDTS, &t.LastDTS, &t.End, &t.Measure.LongestAt} {
			*v += shift
		}
	}
	refES := s.state(uint16(r.ID)).es
	info.FrameDuration = refES.frameTicks()
	if refES.video != nil {
		info.KeyFrameFirst = refES.video.keyFrame
		info.KeyFrames = refES.keyFrames(s.state(uint16(r.ID)).end, shift)
	}
}

// count fills in the continuity counters.
func (s *tsScanner) count(info *Info) {
	info.Counters = make([]Counter, 0, len(s.pids)-1)
	for i := 1; i < len(s.pids); i++ {
		st := &s.pids[i]
		if !st.seen {
			continue
		}
		info.Counters = append(info.Counters, Counter{
			PID: st.pid, First: st.first, Last: st.last,
			HasPayload: st.hasPayload, Packets: st.packets, Errors: st.errors,
		})
		info.CounterErrors += st.errors
	}
}
