package channel

import "github.com/liveorigin/caddy-live-origin/failover"

// numbering gives numbers to the segments of a playlist that has no usable
// EXT-X-MEDIA-SEQUENCE: as in RFC 8216 4.3.3.2 they begin at 0, and a list that has slid
// continues from the segments that it shares with the one before, or after its end.
type numbering struct {
	known map[string]uint64
	next  uint64
}

// renumber gives the segments their numbers, and reports whether the list has slid.
func (n *numbering) renumber(segments []failover.ListedSegment) (slid bool) {
	if len(segments) == 0 {
		return false
	}
	shift := uint64(0) // modulo 2^64
	if n.known != nil {
		shift = n.next - segments[0].Number
		for i := range segments {
			if number, ok := n.known[segments[i].Path]; ok {
				shift = number - segments[i].Number
				break
			}
		}
	}
	n.known = make(map[string]uint64, len(segments))
	for i := range segments {
		segments[i].Number += shift
		n.known[segments[i].Path] = segments[i].Number
		n.next = segments[i].Number + 1
	}
	return shift != 0
}
