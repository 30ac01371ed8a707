package output

import (
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/compact"
	"github.com/liveorigin/caddy-live-origin/internal/media"
)

// ReadSlot reads a slot of a record. What is the same as in the slot before it, nil for
// none, shares its memory. It refuses what it does not understand.
func ReadSlot(r *compact.Reader, before *Slot) *Slot {
	s := &Slot{}
	if before == nil {
		before = &Slot{}
	}
	r.Object(func(name []byte) {
		switch string(name) {
		case "msn":
			s.MSN = r.Uint()
		case "input":
			s.Input = r.String(before.Input)
		case "sources":
			s.Sources = readStrings(r)
		case "start":
			s.Start = failover.Ticks(r.Int())
		case "end":
			s.End = failover.Ticks(r.Int())
		case "dated":
			s.Dated = failover.Ticks(r.Int())
		case "discontinuity":
			s.Discontinuity = r.Bool()
		case "discontinuity_number":
			s.DiscontinuityNumber = r.Uint()
		case "target_duration":
			s.TargetDuration = int(r.Int())
		case "published":
			s.Published = readTime(r)
		case "head":
			s.Head = r.Uint()
		case "renditions":
			list := make([]Rendition, 0, len(before.Renditions))
			there := r.Array(func() {
				known := &Rendition{}
				if len(list) < len(before.Renditions) {
					known = &before.Renditions[len(list)]
				}
				list = append(list, readRendition(r, known))
			})
			if there {
				s.Renditions = list
			}
		case "penalty":
			s.Penalty = int(r.Int())
		case "tags":
			s.Tags = readStrings(r)
		case "writer":
			s.Writer = r.String(before.Writer)
		default:
			r.Refuse()
		}
	})
	return s
}

func readRendition(r *compact.Reader, known *Rendition) Rendition {
	var out Rendition
	r.Object(func(name []byte) {
		switch string(name) {
		case "id":
			out.ID = r.String(known.ID)
		case "path":
			out.Path = r.String(known.Path)
		case "duration":
			out.Duration = failover.Ticks(r.Int())
		case "parts":
			out.Parts = make([]Part, 0, 1)
			r.Array(func() {
				var before Part
				if len(out.Parts) < len(known.Parts) {
					before.Counters = known.Parts[len(out.Parts)].Counters
				}
				out.Parts = append(out.Parts, readPart(r, before))
			})
		case "map":
			out.Map = readSection(r, known.Map)
		case "size":
			out.Size = r.Int()
		case "format":
			out.Format = readFormat(r, known.Format)
		case "defects":
			r.Array(func() { out.Defects = append(out.Defects, failover.Defect(r.String(""))) })
		case "iframes":
			out.IFrames = make([]IFrame, 0, max(1, len(known.IFrames)))
			r.Array(func() { out.IFrames = append(out.IFrames, readIFrame(r)) })
		case "iframe":
			out.IFrame = r.Uint()
		default:
			r.Refuse()
		}
	})
	return out
}

func readPart(r *compact.Reader, known Part) (p Part) {
	r.Object(func(name []byte) {
		switch string(name) {
		case "key":
			p.Key = r.String(known.Key)
		case "offset":
			p.Offset = r.Int()
		case "size":
			p.Size = r.Int()
		case "counters":
			p.Counters = media.CounterDelta(r.String(string(known.Counters)))
		case "cue_shift":
			p.CueShift = r.Int()
		case "unshifted":
			p.Unshifted = r.Int()
		default:
			r.Refuse()
		}
	})
	return p
}

func readIFrame(r *compact.Reader) (f IFrame) {
	r.Object(func(name []byte) {
		switch string(name) {
		case "offset":
			f.Offset = r.Int()
		case "size":
			f.Size = r.Int()
		case "at":
			f.At = failover.Ticks(r.Int())
		default:
			r.Refuse()
		}
	})
	return f
}

func readSection(r *compact.Reader, known *Section) *Section {
	var before, s Section
	if known != nil {
		before = *known
	}
	r.Object(func(name []byte) {
		switch string(name) {
		case "name":
			s.Name = r.String(before.Name)
		case "id":
			s.ID = r.String(before.ID)
		case "part":
			s.Part = readPart(r, before.Part)
		default:
			r.Refuse()
		}
	})
	if known != nil && s == before {
		return known
	}
	return &s
}

func readFormat(r *compact.Reader, known *Format) *Format {
	var before, f Format
	if known != nil {
		before = *known
	}
	r.Object(func(name []byte) {
		switch string(name) {
		case "content_type":
			f.ContentType = r.String(before.ContentType)
		case "extension":
			f.Extension = r.String(before.Extension)
		case "codecs":
			f.Codecs = r.String(before.Codecs)
		case "video_codec":
			f.VideoCodec = r.String(before.VideoCodec)
		case "width":
			f.Width = int(r.Int())
		case "height":
			f.Height = int(r.Int())
		case "frame_rate":
			f.FrameRate = r.Float()
		case "key_frame_first":
			f.KeyFrameFirst = r.Bool()
		default:
			r.Refuse()
		}
	})
	if known != nil && f == before {
		return known
	}
	return &f
}

func readStrings(r *compact.Reader) (list []string) {
	r.Array(func() { list = append(list, r.String("")) })
	return list
}

func readTime(r *compact.Reader) (t time.Time) {
	if t.UnmarshalText([]byte(r.String(""))) != nil {
		r.Refuse()
	}
	return t
}
