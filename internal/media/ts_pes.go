package media

import "encoding/binary"

// elementary is one stream of a program, as far as it was read.
type elementary struct {
	pid        uint16
	streamType uint8
	kind       Kind
	codec      codecID
	refusal    *Fault // why the stream can't be read, if its program is taken
	unread     string // what it is if it should be read, but is not

	header   []byte // of a PES packet that starts in several TS packets
	inHeader bool
	inPES    bool
	// continued says that the object starts inside a PES packet of the stream.
	continued bool
	ignored   bool // the PES packet in hand carries no media
	// randomAccess is the random_access_indicator of the PES packet in hand.
	randomAccess bool
	declared     int64 // bytes of the PES packet in hand, 0 if it doesn't say
	headed       int64 // of these, the header's
	at           int64 // offset of the PES packet in hand

	units int // PES packets or sections that start
	times timing
	// picture is the one whose PES packets are passing: its bytes so far, without those of
	// the packet in hand.
	picture pictureSize
	sizes   sampleSizes // of pictures, in ticks of 90 kHz
	video   *pictures
	keys    keyFrames
	audio   *frames
}

func newElementary(pid uint16, streamType uint8, descriptors []byte) *elementary {
	es := &elementary{pid: pid, streamType: streamType}
	es.kind, es.codec, es.refusal = classify(streamType, descriptors)
	switch es.codec {
	case codecH264, codecH265:
		es.video = newPictures(es.codec)
	case codecAAC, codecMPEGAudio, codecAC3, codecEAC3, codecDTS:
		es.audio = newFrames(es.codec)
	case codecOpus:
		es.audio = newFrames(es.codec)
		es.audio.layout = opusLayout(descriptors)
	default:
		es.unread = unread(streamType, descriptors)
	}
	return es
}

// wantsPayload reports whether the next packet has to be looked into.
func (es *elementary) wantsPayload() bool {
	return es.inHeader || es.audio != nil || es.video != nil && es.video.active
}

// short reports whether the PES packet in hand lacks some of its bytes.
func (es *elementary) short(got int64) bool {
	return es.inPES && got < es.declared
}

// unit takes the payload of a packet of an elementary stream.
func (s *tsScanner) unit(st *pidState, payload []byte, start, randomAccess bool) *Fault {
	es := st.es
	if es.kind == Data || es.kind == Subtitle {
		s.dataUnit(st, payload, start)
		return nil
	}
	if start {
		if es.short(st.got) || es.inHeader {
			s.shortPES++
		}
		es.addPicture(st)
		st.got, st.filler, es.headed = 0, 0, 0
		es.units++
		es.inPES, es.inHeader, es.ignored = true, true, false
		es.declared, es.at = 0, s.offset
		es.header = es.header[:0]
		if es.video != nil {
			// The first picture is looked at in any case.
			es.keys.begin(s.tablesAt, randomAccess || es.times.n == 0, st.end)
			s.tablesAt = -1
			if es.video.buf == nil {
				es.video.buf = s.room.takeHead()
			}
			es.video.begin(randomAccess)
			es.randomAccess = randomAccess
		}
	}
	if !es.inPES {
		es.continued = true // the end of a PES packet of the previous object
		return nil
	}
	st.got += int64(len(payload))
	if es.inHeader {
		return s.pesHeader(st, payload)
	}
	es.media(payload, st.got)
	return nil
}

// pesHeader takes the first bytes of a PES packet (ISO/IEC 13818-1, 2.4.3.6).
// They are usually in one TS packet, but need not be.
func (s *tsScanner) pesHeader(st *pidState, b []byte) *Fault {
	es := st.es
	if len(es.header) > 0 {
		es.header = append(es.header, b...)
		b = es.header
	}
	size, ok := pesHeaderSize(b)
	if !ok {
		return faultf(ReasonDamaged, "no PES start code at byte %d, PID 0x%x", es.at, st.pid)
	}
	if size > len(b) {
		if len(es.header) == 0 {
			es.header = append(es.header, b...)
		}
		return nil
	}
	es.inHeader, es.headed = false, int64(size)
	if length := int64(binary.BigEndian.Uint16(b[4:])); length > 0 {
		es.declared = 6 + length
	}
	if size == 6 {
		es.ignored = true
		return nil
	}
	if b[6]&0xc0 == 0x80 && b[6]&0x30 != 0 {
		return faultf(ReasonEncrypted, "scrambled PES packet at byte %d, PID 0x%x", es.at, st.pid)
	}
	pts, dts, stamped := pesTimestamps(b[:size])
	if stamped {
		if !s.hasAnchor {
			s.anchor, s.hasAnchor = pts, true
		}
		if es.audio != nil {
			es.times.wait(s.unwrap(pts), es.audio)
		}
		es.times.add(s.unwrap(pts), s.unwrap(dts))
		if es.video != nil {
			es.keys.stamp(s.unwrap(pts))
			es.closePicture()
			es.picture = pictureSize{at: s.unwrap(dts), key: es.randomAccess, open: true}
		}
	}
	if es.audio != nil {
		es.audio.begin(b[size:], stamped)
	}
	es.media(b[size:], st.got)
	return nil
}

// pesHeaderSize returns how many bytes precede the payload of a PES packet, or how many are
// needed to tell.
func pesHeaderSize(b []byte) (size int, ok bool) {
	for i, c := range b[:min(3, len(b))] {
		if c != [3]byte{0, 0, 1}[i] {
			return 0, false
		}
	}
	if len(b) < 6 {
		return 6, true
	}
	switch b[3] { // stream_id without the fields of 2.4.3.7
	case 0xbc, 0xbe, 0xbf, 0xf0, 0xf1, 0xf2, 0xf8, 0xff:
		return 6, true
	}
	if len(b) < 9 {
		return 9, true
	}
	return 9 + int(b[8]), true
}

// pesTimestamps returns the timestamps of a PES header; without a DTS it is
// the PTS (ISO/IEC 13818-1, 2.4.3.7).
func pesTimestamps(b []byte) (pts, dts int64, ok bool) {
	const hasPTS, hasDTS = 0x80, 0x40
	if len(b) < 14 || b[7]&hasPTS == 0 {
		return 0, 0, false
	}
	pts = timestamp(b[9:])
	if len(b) < 19 || b[7]&hasDTS == 0 {
		return pts, pts, true
	}
	return pts, timestamp(b[14:]), true
}

func timestamp(b []byte) int64 {
	return int64(b[0]>>1&7)<<30 | int64(binary.BigEndian.Uint16(b[1:])>>1)<<15 | int64(binary.BigEndian.Uint16(b[3:])>>1)
}

// pictureSize is the size of a picture that is not complete yet.
type pictureSize struct {
	at     int64 // its decoding timestamp
	bytes  int64
	filled bool // with filler data
	key    bool
	open   bool
}

// addPicture adds the PES packet in hand to its picture.
func (es *elementary) addPicture(st *pidState) {
	if !es.inPES || es.inHeader || es.video == nil {
		return
	}
	es.picture.bytes += max(0, st.got-es.headed-st.filler)
	es.picture.filled = es.picture.filled || st.filler > 0
}

// closePicture takes the picture in hand, as the next one begins.
func (es *elementary) closePicture() {
	p := &es.picture
	if !p.open {
		return
	}
	small := stillPicture(es.video.sps.width, es.video.sps.height)
	if p.filled {
		small += 2 * tsPacket // filler data begins and ends within packets
	}
	es.sizes.run = stillRun
	es.sizes.add(p.at, p.bytes, p.bytes <= small, p.key)
}

// media takes payload of a PES packet; got is what came of it so far.
func (es *elementary) media(b []byte, got int64) {
	if es.ignored {
		return
	}
	if es.declared > 0 && got > es.declared {
		b = b[:max(0, len(b)-int(min(got-es.declared, int64(len(b)))))]
	}
	if es.audio != nil {
		es.audio.feed(b)
	}
	if es.video != nil && es.video.active {
		es.video.feed(b)
	}
}

// dataUnit takes payload of a stream that is not looked into. Only the
// timestamps of metadata in PES packets are noted.
func (s *tsScanner) dataUnit(st *pidState, b []byte, start bool) {
	if !start {
		return
	}
	es := st.es
	es.units++
	size, ok := pesHeaderSize(b)
	if !ok || size > len(b) || size < 9 {
		return
	}
	// Metadata may be stamped with anything: raw until the end, so as not to
	// pull the timeline along.
	if pts, dts, ok := pesTimestamps(b[:size]); ok {
		if es.times.n == 0 {
			es.times.minPTS, es.times.firstDTS = pts, dts
		}
		es.times.n++
		es.times.maxPTS, es.times.lastDTS = pts, dts
	}
}

// unwrap puts a timestamp on the timeline of the object's first one.
func (s *tsScanner) unwrap(raw int64) int64 {
	return s.anchor + wrapDiff(raw, s.anchor)
}

// wrapDiff returns a-b for two 33-bit timestamps less than 13 hours apart.
func wrapDiff(a, b int64) int64 {
	d := (a - b) & (timestampModulus - 1)
	if d >= timestampModulus/2 {
		d -= timestampModulus
	}
	return d
}
