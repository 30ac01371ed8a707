package media

import (
	"encoding/binary"

	"github.com/Eyevinn/mp4ff/mp4"
)

// Fragments is what a media segment of fragmented MP4 or CMAF says on its own.
// Its times, and often its durations and sizes, have a meaning only together
// with an init section: see [Fragments.Resolve]. It never changes, and can be
// kept until the init section comes.
type Fragments struct {
	// Size of the object in bytes.
	Size int64

	fragments []fragment
	trims     []Trim
}

// fragment is a moof box and the payloads of the mdat boxes that follow it.
type fragment struct {
	Range
	data   []Range
	tracks []trackFragment
}

// trackFragment is a traf box (ISO/IEC 14496-12, 8.8.6).
type trackFragment struct {
	head    *mp4.TfhdBox
	hasTime bool
	time    uint64 // baseMediaDecodeTime
	runs    []*mp4.TrunBox
}

// keepType makes an ftyp without moov what styp is: the head of a segment.
func (f *Fragments) keepType() {
	for i := range f.trims {
		if f.trims[i].When == TrimAlways {
			f.trims[i].When = TrimInner
		}
	}
}

// readFragment reads the payload of a moof box.
func (s *mp4Scanner) readFragment(b []byte) *Fault {
	f := &s.media.fragments[len(s.media.fragments)-1]
	in := boxes{b: b}
	for raw, body := range in.all() {
		if string(raw[4:8]) != "traf" {
			continue
		}
		if s.runs++; s.runs > maxRuns {
			return faultf(ReasonUnsupported, "more than %d track fragments and runs", maxRuns)
		}
		t, fault := s.readTrackFragment(body, f.Start)
		if fault != nil {
			return fault
		}
		f.tracks = append(f.tracks, t)
	}
	if in.bad {
		return faultf(ReasonDamaged, "boxes do not fill the moof at byte %d", f.Start)
	}
	if len(f.tracks) == 0 {
		return faultf(ReasonDamaged, "no track in the moof at byte %d", f.Start)
	}
	return nil
}

func (s *mp4Scanner) readTrackFragment(b []byte, at int64) (trackFragment, *Fault) {
	var t trackFragment
	damaged := func(err error) (trackFragment, *Fault) {
		return t, faultf(ReasonDamaged, "moof at byte %d: %v", at, err)
	}
	in := boxes{b: b}
	for raw, body := range in.all() {
		switch string(raw[4:8]) {
		case "tfhd":
			head, err := decodeBox[*mp4.TfhdBox](raw)
			if err != nil {
				return damaged(err)
			}
			if t.head != nil {
				return t, faultf(ReasonDamaged, "second tfhd in a traf of the moof at byte %d", at)
			}
			t.head = head
		case "tfdt":
			tfdt, err := decodeBox[*mp4.TfdtBox](raw)
			if err != nil {
				return damaged(err)
			}
			t.time, t.hasTime = tfdt.BaseMediaDecodeTime(), true
		case "trun":
			// The count is checked first: a trun without fields of its own can claim
			// samples at no cost.
			if len(body) < 8 {
				return t, faultf(ReasonDamaged, "trun of %d bytes in the moof at byte %d", len(raw), at)
			}
			s.samples += int(min(binary.BigEndian.Uint32(body[4:]), maxSamples+1))
			if s.runs++; s.runs > maxRuns || s.samples > maxSamples {
				return t, faultf(ReasonUnsupported, "more than %d samples or %d track fragments and runs", maxSamples, maxRuns)
			}
			run, err := decodeBox[*mp4.TrunBox](raw)
			if err != nil {
				return damaged(err)
			}
			t.runs = append(t.runs, run)
		default:
			if sampleEncryption(raw, body) {
				return t, faultf(ReasonEncrypted, "sample encryption (box %s) in the moof at byte %d", raw[4:8], at)
			}
		}
	}
	if in.bad {
		return t, faultf(ReasonDamaged, "boxes do not fill a traf of the moof at byte %d", at)
	}
	if t.head == nil {
		return t, faultf(ReasonDamaged, "traf without tfhd in the moof at byte %d", at)
	}
	return t, nil
}

// piffEncryption is the type of the uuid box that was senc before there was
// one (Protected Interoperable File Format, 5.3.2).
const piffEncryption = "\xa2\x39\x4f\x52\x5a\x9b\x4f\x14\xa2\x44\x6c\x42\x7c\x64\x8d\xf4"

// sampleEncryption reports whether a box of a traf belongs to encrypted samples
// (ISO/IEC 23001-7, 6 and 7.2).
func sampleEncryption(raw, body []byte) bool {
	switch string(raw[4:8]) {
	case "senc":
		return true
	case "uuid":
		return len(body) >= 16 && string(body[:16]) == piffEncryption
	case "sgpd", "sbgp":
		return len(body) >= 8 && string(body[4:8]) == "seig"
	}
	return false
}
