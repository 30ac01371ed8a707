package media

// Range is a range of bytes of an object, from Start up to but not including End.
type Range struct {
	Start, End int64
}

// TrimWhen says in which objects a range of bytes has to be left out.
type TrimWhen uint8

const (
	// TrimAlways marks an init section inside a segment. It is served by
	// itself, as EXT-X-MAP.
	TrimAlways TrimWhen = iota + 1
	// TrimJoined marks what holds byte offsets or sizes of one segment and is wrong for
	// several: sidx, ssix, mfra.
	TrimJoined
	// TrimInner marks what belongs only at the start of an object: styp,
	// the ID3 timestamp of packed audio, the header of WebVTT.
	TrimInner
)

// Trim is a range of bytes that can't stay when its object is joined.
type Trim struct {
	Range
	When TrimWhen
}

// JoinRanges returns the bytes to keep, in order, if the object is part number
// part, counted from 0, of several parts that are served as one segment.
//
// All else stays as it is, byte for byte. That includes the sequence numbers of movie
// fragments (mfhd; ISO/IEC 14496-12, 8.8.5): players place fragments by tfdt alone, numbers
// of two encoders never agree, and changing them would mean copying. It also includes event
// messages of version 0 (emsg; ISO/IEC 23009-1, 5.10.3.3), whose time counts from the
// beginning of the segment: in any part but the first they fire early, by the duration of
// the parts before.
//
// A WebVTT part can follow another one only if their [Text.Offset] are equal.
func (i *Info) JoinRanges(part, parts int) []Range {
	ranges := make([]Range, 0, len(i.Trims)+1)
	at := int64(0)
	for _, t := range i.Trims {
		if t.When == TrimJoined && parts < 2 || t.When == TrimInner && part == 0 {
			continue
		}
		if t.Start > at {
			ranges = append(ranges, Range{Start: at, End: t.Start})
		}
		at = t.End
	}
	if at < i.Size {
		ranges = append(ranges, Range{Start: at, End: i.Size})
	}
	return ranges
}
