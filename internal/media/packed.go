package media

import "bytes"

// packedScanner walks the frames of packed audio (RFC 8216, 3.4): AAC with ADTS
// headers, MP3, AC-3 or E-AC-3. Frames have to follow one another exactly;
// ID3 tags may stand before them and, with timed metadata, between them.
type packedScanner struct {
	codec codecID // none before the first frame
	parse func(header []byte) (frame, bool)

	head   []byte // of a frame or tag, as far as it is there
	skip   int64  // bytes of it that are to come
	inTag  bool
	tag    []byte // of the tag in hand, with its header
	offset int64  // of the next byte
	at     int64  // of the frame or tag in hand

	start    int64
	hasStart bool
	trims    []Trim

	first, last frame
	count       int
	ticks       int64 // of the frames before the sample rate changed
	samples     int64 // since then
	maxFrame    int64
	measured    frames // only its measure is used
}

// isPackedAudio reports whether an object starts with an ID3 tag or a frame.
func isPackedAudio(head []byte) bool {
	if bytes.HasPrefix(head, []byte("ID3")) {
		return true
	}
	_, parse := packedCodec(head)
	return parse != nil
}

// packedCodec tells the codec by the header of a frame. An ADTS header looks like MPEG
// audio with layer 0, which does not exist.
func packedCodec(b []byte) (codecID, func([]byte) (frame, bool)) {
	for _, c := range []struct {
		codec codecID
		need  int
		parse func([]byte) (frame, bool)
	}{{codecAAC, 7, parseADTS}, {codecMPEGAudio, 4, parseMPEGAudio}, {codecAC3, 7, parseAC3}} {
		if len(b) < c.need {
			continue
		}
		if f, ok := c.parse(b); ok && f.size >= c.need {
			return c.codec, c.parse
		}
	}
	return codecNone, nil
}

func (s *packedScanner) write(b []byte) *Fault {
	for len(b) > 0 {
		if s.skip > 0 {
			n := int(min(s.skip, int64(len(b))))
			if s.inTag && len(s.tag) < maxID3 {
				s.tag = append(s.tag, b[:min(n, maxID3-len(s.tag))]...)
			}
			s.skip -= int64(n)
			s.offset += int64(n)
			b = b[n:]
			if s.skip == 0 && s.inTag {
				if fault := s.endTag(); fault != nil {
					return fault
				}
			}
			continue
		}
		if len(s.head) == 0 {
			s.at = s.offset
		}
		n := min(s.need()-len(s.head), len(b))
		s.head = append(s.head, b[:n]...)
		s.offset += int64(n)
		b = b[n:]
		if len(s.head) < s.need() {
			continue
		}
		if fault := s.begin(s.head); fault != nil {
			return fault
		}
		s.head = s.head[:0]
	}
	return nil
}

// need is how many bytes it takes to go on, given those that are there.
func (s *packedScanner) need() int {
	switch {
	case len(s.head) < 3:
		return 3
	case string(s.head[:3]) == "ID3":
		return id3Header
	case s.head[0] == 0xff && s.head[1]&0x06 != 0: // MPEG audio
		return 4
	case string(s.head[:3]) == "TAG":
		return 3
	}
	return 7
}

// begin is called with the header of a frame or tag.
func (s *packedScanner) begin(b []byte) *Fault {
	if len(b) == id3Header {
		size, ok := id3Size(b)
		if !ok {
			return faultf(ReasonDamaged, "ID3 tag at byte %d: 0x%x", s.at, b)
		}
		s.skip, s.inTag = size, true
		s.tag = append(s.tag[:0], b...)
		if size == 0 {
			return s.endTag()
		}
		return nil
	}
	if string(b[:3]) == "TAG" {
		s.skip = id3v1 - int64(len(b))
		s.trims = append(s.trims, Trim{Range: Range{Start: s.at, End: s.at + id3v1}, When: TrimJoined})
		if len(s.trims) > maxFragments {
			return faultf(ReasonUnsupported, "more than %d ID3 tags", maxFragments)
		}
		return nil
	}
	if s.codec == codecNone {
		s.codec, s.parse = packedCodec(b)
	}
	if s.parse == nil {
		return faultf(ReasonGarbage, "no audio frame at byte %d: 0x%x", s.at, b)
	}
	if len(b) < 7 && s.codec != codecMPEGAudio {
		return faultf(ReasonDamaged, "no audio frame at byte %d: 0x%x", s.at, b)
	}
	f, ok := s.parse(b)
	if !ok || f.size < len(b) {
		return faultf(ReasonDamaged, "no audio frame at byte %d: 0x%x", s.at, b)
	}
	s.skip = int64(f.size - len(b))
	s.frame(f)
	return nil
}

func (s *packedScanner) frame(f frame) {
	if f.samples == 0 { // part of the frame before
		return
	}
	if s.count == 0 {
		s.first = f
	}
	if s.count > 0 && f.sampleRate != s.last.sampleRate {
		s.ticks += s.ticksOf(s.samples)
		s.samples = 0
	}
	s.last = f
	s.count++
	s.measured.codec = s.codec
	s.measured.measure(f)
	s.samples += int64(f.samples)
	s.maxFrame = max(s.maxFrame, s.ticksOf(int64(f.samples)))
}

// ticksOf converts samples of the last frame's rate.
func (s *packedScanner) ticksOf(samples int64) int64 {
	t, _ := rescale(samples, ClockRate, uint32(s.last.sampleRate))
	return t
}

// endTag is called at the end of an ID3 tag. Only those before the first frame
// can tell its time.
func (s *packedScanner) endTag() *Fault {
	s.inTag = false
	tag := readID3(s.tag[:id3Header], s.tag[id3Header:])
	if tag.encrypted {
		return faultf(ReasonEncrypted, "sample encryption announced by the ID3 tag at byte %d", s.at)
	}
	if s.count > 0 || !tag.hasTime {
		return nil
	}
	if !s.hasStart {
		s.start, s.hasStart = tag.time, true
	}
	if !tag.others {
		s.trims = append(s.trims, Trim{Range: Range{Start: s.at, End: s.offset}, When: TrimInner})
		if len(s.trims) > maxFragments {
			return faultf(ReasonUnsupported, "more than %d ID3 tags", maxFragments)
		}
	}
	return nil
}

func (s *packedScanner) finish(size int64) (Probed, *Fault) {
	switch {
	case s.inTag:
		return Probed{}, faultf(ReasonTruncated, "ends at byte %d inside the ID3 tag at byte %d", size, s.at)
	case s.skip > 0 || len(s.head) > 0:
		return Probed{}, faultf(ReasonTruncated, "ends at byte %d inside the frame at byte %d", size, s.at)
	case s.count == 0:
		return Probed{}, faultf(ReasonNoMedia, "no audio frame in %d bytes", size)
	case !s.hasStart:
		return Probed{}, faultf(ReasonNoTimestamps, "no ID3 tag with %s before the first audio frame", timestampOwner[:len(timestampOwner)-1])
	}
	described := frames{codec: s.codec, first: s.first, hasFirst: true}
	config, codec := described.config()
	t := Track{
		Kind: Audio, Codec: codec, Config: config,
		SampleRate: s.first.sampleRate, Channels: s.first.channels,
		FirstPTS: s.start, FirstDTS: s.start, End: s.start + s.ticks + s.ticksOf(s.samples),
		Samples: s.count,
	}
	t.LastPTS = s.start + s.ticks + s.ticksOf(s.samples-int64(s.last.samples))
	t.LastDTS = t.LastPTS
	if s.count > 1 {
		t.MaxStep = s.maxFrame
	}
	frameTicks := ticks(s.first.samples, s.first.sampleRate)
	t.Measure.Step, t.Measure.Steps = frameTicks, s.count-1
	s.measured.sizes.finish(s.measured.passed)
	s.measured.sizes.measure(&t.Measure, uint32(s.first.sampleRate))
	return Probed{Info: &Info{
		Format: FormatPackedAudio, Size: size,
		Start: s.start, End: t.End, Modulus: timestampModulus,
		FrameDuration: frameTicks, KeyFrameFirst: true,
		Tracks: []Track{t}, Trims: s.trims,
	}}, nil
}
