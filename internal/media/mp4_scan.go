package media

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
)

// Bounds of what is kept of an ISO base media file.
const (
	// maxMoov and maxMoof are the sizes of the boxes that are read. Encoders' moov boxes
	// have 1 to 10 kB; a moof has 4 to 16 bytes for each sample.
	maxMoov = 1 << 20
	maxMoof = 1 << 20
	// maxSampleDescriptions is the size of an stsd box, the only one with boxes
	// inside that mp4ff reads.
	maxSampleDescriptions = 64 << 10
	// maxFragments is how many moof boxes an object may have. A low-latency
	// encoder makes one for each frame, some thousand in half a minute.
	maxFragments = 1 << 12
	// maxRuns is how many track fragments and track runs an object may have.
	maxRuns = 1 << 14
	// maxSamples is how many samples an object may have. 30 s of video with 60
	// frames/s and audio with 94 frames/s have 4,620.
	maxSamples = 1 << 16
	// maxBoxSize keeps sums of sizes and offsets within 63 bits.
	maxBoxSize = 1 << 60
)

// mp4Scanner walks the top-level boxes of an ISO base media file (ISO/IEC
// 14496-12) and reads moov and moof. Whether an object is an init section, a
// media segment or both shows in what it contains, not in its name or brand.
type mp4Scanner struct {
	offset int64 // of the next byte
	header [boxHeader64]byte
	headed int // bytes of the header that are there

	at   int64 // offset of the box in hand
	size int64 // of the box in hand, with its header
	left int64 // bytes of its payload that are to come
	body []byte
	keep bool // its payload is read

	initHash  hash.Hash // over the init section, while it lasts
	initRange Range
	init      *Init

	inMedia bool // a box that belongs to media was there
	media   *Fragments
	runs    int
	samples int
	trims   []Trim
}

// isMP4 reports whether an object starts with a box that may come first.
func isMP4(head []byte) bool {
	if len(head) < boxHeader {
		return false
	}
	switch string(head[4:8]) {
	case "ftyp", "styp", "moov", "moof", "mdat", "sidx", "ssix", "emsg", "prft", "free", "skip", "pdin", "uuid":
		return true
	}
	return false
}

func (s *mp4Scanner) write(b []byte) *Fault {
	for len(b) > 0 {
		if s.left > 0 {
			n := int(min(s.left, int64(len(b))))
			if s.keep {
				s.body = append(s.body, b[:n]...)
			}
			s.take(b[:n])
			s.left -= int64(n)
			b = b[n:]
			if s.left > 0 {
				return nil
			}
			if fault := s.close(); fault != nil {
				return fault
			}
			continue
		}
		need := boxHeader
		if s.headed >= boxHeader && binary.BigEndian.Uint32(s.header[:]) == 1 {
			need = boxHeader64
		}
		n := copy(s.header[s.headed:need], b)
		s.headed += n
		b = b[n:]
		s.offset += int64(n)
		if s.headed < need || need == boxHeader && binary.BigEndian.Uint32(s.header[:]) == 1 {
			continue
		}
		if fault := s.open(need); fault != nil {
			return fault
		}
		if s.left > 0 {
			continue
		}
		if fault := s.close(); fault != nil {
			return fault
		}
	}
	return nil
}

// take counts bytes of the box in hand.
func (s *mp4Scanner) take(b []byte) {
	s.offset += int64(len(b))
	if s.initHash != nil {
		s.initHash.Write(b)
	}
}

// open is called with the whole header of a box.
func (s *mp4Scanner) open(header int) *Fault {
	name := s.header[4:8]
	s.at = s.offset - int64(header)
	for _, c := range name {
		if !boxLetter(c) {
			return faultf(ReasonDamaged, "no box at byte %d: type %s", s.at, boxName(name))
		}
	}
	size := uint64(binary.BigEndian.Uint32(s.header[:]))
	if header == boxHeader64 {
		size = binary.BigEndian.Uint64(s.header[8:])
	}
	switch {
	case size == 0:
		// Its end could not be told from a truncation, and nothing could follow.
		return faultf(ReasonUnsupported, "box %s at byte %d extends to the end of the file", name, s.at)
	case size < uint64(header) || size > maxBoxSize:
		return faultf(ReasonDamaged, "box %s at byte %d of %d bytes", name, s.at, size)
	}
	s.size, s.left = int64(size), int64(size)-int64(header)
	if fault := s.begin(name); fault != nil {
		return fault
	}
	if s.initHash != nil {
		s.initHash.Write(s.header[:header])
	}
	s.keep = false
	var limit int64
	switch string(name) {
	case "moov":
		limit = maxMoov
	case "moof":
		limit = maxMoof
	default:
		return nil
	}
	if s.size > limit {
		return faultf(ReasonUnsupported, "box %s at byte %d of %d bytes", name, s.at, s.size)
	}
	s.keep, s.body = true, s.body[:0]
	return nil
}

// begin checks whether a box may come here, and notes where it lies.
func (s *mp4Scanner) begin(name []byte) *Fault {
	box := Range{Start: s.at, End: s.at + s.size}
	switch string(name) {
	case "ftyp":
		s.trim(box, TrimAlways)
		s.beginInit()
	case "moov":
		switch {
		case s.init != nil:
			return faultf(ReasonLayoutChanged, "second moov at byte %d", s.at)
		case s.media != nil:
			return faultf(ReasonDamaged, "moov at byte %d after media", s.at)
		}
		s.trim(box, TrimAlways)
		s.beginInit()
	case "styp":
		s.trim(box, TrimInner)
		s.endInit()
	case "sidx", "ssix", "mfra":
		s.trim(box, TrimJoined)
		s.endInit()
	case "emsg", "prft":
		s.endInit()
	case "moof":
		s.endInit()
		return s.beginFragment(box)
	case "mdat":
		s.endInit()
		switch {
		case s.media != nil:
			last := &s.media.fragments[len(s.media.fragments)-1]
			last.data = append(last.data, Range{Start: s.at + s.size - s.left, End: box.End})
		case s.init != nil:
			return faultf(ReasonUnsupported, "mdat at byte %d without moof: not fragmented", s.at)
		default:
			return faultf(ReasonDamaged, "mdat at byte %d without moof", s.at)
		}
	}
	return nil
}

func (s *mp4Scanner) beginInit() {
	if s.init == nil && s.initHash == nil && s.media == nil {
		s.initHash = sha256.New()
		s.initRange.Start = s.at
	}
}

// endInit is called when a box starts that belongs to media.
func (s *mp4Scanner) endInit() {
	s.inMedia = true
	if s.initHash == nil {
		return
	}
	s.initRange.End = s.at
	if s.init != nil {
		s.initHash.Sum(s.init.Hash[:0])
	}
	s.initHash = nil
}

func (s *mp4Scanner) beginFragment(box Range) *Fault {
	if s.media == nil {
		s.media = new(Fragments)
	}
	if fault := s.withoutData(ReasonDamaged); fault != nil {
		return fault
	}
	if len(s.media.fragments) == maxFragments {
		return faultf(ReasonUnsupported, "more than %d moof boxes", maxFragments)
	}
	s.media.fragments = append(s.media.fragments, fragment{Range: box})
	return nil
}

// withoutData returns a fault if the last moof has no mdat.
func (s *mp4Scanner) withoutData(reason Reason) *Fault {
	n := len(s.media.fragments)
	if n == 0 || len(s.media.fragments[n-1].data) > 0 {
		return nil
	}
	return faultf(reason, "moof at byte %d without mdat", s.media.fragments[n-1].Start)
}

// trim notes a box that can't stay in every joined object. Neighbours of the
// same sort, such as sidx boxes, become one range.
func (s *mp4Scanner) trim(box Range, when TrimWhen) {
	if n := len(s.trims); n > 0 && s.trims[n-1].When == when && s.trims[n-1].End == box.Start {
		s.trims[n-1].End = box.End
		return
	}
	s.trims = append(s.trims, Trim{Range: box, When: when})
}

// close is called at the end of a box.
func (s *mp4Scanner) close() *Fault {
	s.headed = 0
	if len(s.trims) > 2*maxFragments {
		return faultf(ReasonUnsupported, "more than %d styp, sidx and similar boxes", 2*maxFragments)
	}
	if !s.keep {
		return nil
	}
	s.keep = false
	if string(s.header[4:8]) == "moof" {
		return s.readFragment(s.body)
	}
	var fault *Fault
	s.init, fault = readInit(s.body, s.at)
	return fault
}

func (s *mp4Scanner) finish(size int64) (Probed, *Fault) {
	name := s.header[4:8]
	switch {
	case s.left > 0:
		return Probed{}, faultf(ReasonTruncated, "ends at byte %d inside the box %s at byte %d: %d of %d bytes missing", size, name, s.at, s.left, s.size)
	case s.headed > 0:
		return Probed{}, faultf(ReasonTruncated, "ends at byte %d inside a box header", size)
	case s.media == nil && s.inMedia:
		return Probed{}, faultf(ReasonTruncated, "no moof in %d bytes of a segment", size)
	case s.media == nil && s.init == nil:
		return Probed{}, faultf(ReasonNoMedia, "no moov and no moof in %d bytes", size)
	}
	if s.media != nil {
		if fault := s.withoutData(ReasonTruncated); fault != nil {
			return Probed{}, fault
		}
		s.media.Size = size
		s.media.trims = s.trims
		if s.init == nil {
			s.media.keepType()
		}
	}
	s.at = size
	s.endInit()
	if s.init != nil {
		s.init.Range, s.init.Size = s.initRange, size
	}
	return Probed{Init: s.init, Fragments: s.media}, nil
}
