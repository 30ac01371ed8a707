package channel

import "github.com/liveorigin/caddy-live-origin/failover"

// numbering gives numbers to the segments of a playlist that has no usable
// EXT-X-MEDIA-SEQUENCE: as in RFC 8216 4.3.3.2 they begin at 0, and a list that has slid
// continues from the segments that it shares with the one before, or after its end.
type numbering struct {
	known map[string]numberedName
	next  uint64
}

// numberedName is a name in the list before.
type numberedName struct {
	number   uint64 // where it stood first
	repeated bool
}

// renumber gives the segments their numbers, and reports whether the list has slid.
func (n *numbering) renumber(segments []failover.ListedSegment) (slid bool) {
	if len(segments) == 0 {
		return false
	}
	shift := n.shift(segments)
	n.known = make(map[string]numberedName, len(segments))
	for i := range segments {
		segments[i].Number += shift
		n.next = segments[i].Number + 1
		known, repeated := n.known[segments[i].Path]
		if !repeated {
			known.number = segments[i].Number
		}
		known.repeated = repeated
		n.known[segments[i].Path] = known
	}
	return shift != 0
}

// shift is how far the numbers are from where they should be, modulo 2^64. A name that a list
// has several times, a slate say, can be taken for another one of them: it says where the
// list continues only if no other one does.
func (n *numbering) shift(segments []failover.ListedSegment) uint64 {
	if n.known == nil {
		return 0
	}
	shift, found := n.next-segments[0].Number, false
	for i := range segments {
		known, ok := n.known[segments[i].Path]
		if !ok || known.repeated && found {
			continue
		}
		shift, found = known.number-segments[i].Number, true
		if !known.repeated {
			break
		}
	}
	return shift
}
