package output

import (
	"strconv"
	"strings"

	"github.com/liveorigin/caddy-live-origin/failover"
)

// scoreKey names the score of a slot, from 0 to 100, in CMSD-Static: a content delivery
// network chooses between origins by it.
const scoreKey = "com.live-origin-score"

// cmsdStatic describes a segment to whoever passes it on (CTA-5006, 4.1): bit rate in kb/s
// (br), duration in ms (d), the type of object (ot), HLS as the streaming format (sf), live
// as the stream type (st), and the slot's score.
func (s *Slot) cmsdStatic(r *Rendition) string {
	b := make([]byte, 0, 96)
	milliseconds := int64(r.Duration) * 1000 / failover.ClockRate
	if milliseconds > 0 {
		b = append(b, "br="...)
		b = strconv.AppendInt(b, (r.Size*8+milliseconds/2)/milliseconds, 10)
		b = append(b, ',')
	}
	b = append(b, scoreKey+"="...)
	b = strconv.AppendInt(b, int64(100-s.Penalty), 10)
	b = append(b, ",d="...)
	b = strconv.AppendInt(b, milliseconds, 10)
	b = append(b, ",ot="...)
	b = append(b, objectType(r.Format)...)
	return string(append(b, ",sf=h,st=l"...))
}

// objectType is what the segment holds: video (v), audio (a), both in one (av), or text (c
// for captions and subtitles).
func objectType(f *Format) string {
	switch {
	case f == nil:
		return "o"
	case f.Extension == ".vtt":
		return "c"
	case f.VideoCodec == "":
		return "a"
	case strings.Contains(f.Codecs, ","):
		return "av"
	}
	return "v"
}

// defectsText lists defects for people.
func defectsText(list []failover.Defect) string {
	if len(list) == 0 {
		return ""
	}
	words := make([]string, len(list))
	for i, d := range list {
		words[i] = string(d)
	}
	return strings.Join(words, ", ")
}
