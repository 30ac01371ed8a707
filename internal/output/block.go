package output

import "github.com/liveorigin/caddy-live-origin/internal/hls"

// A startover playlist lists up to hundreds of thousands of slots, a live one tens of thousands, and
// all but the newest have been in others before. So its text is made in blocks, which are rendered and
// compressed once: playlists of any stretch are put together from them. Blocks are cut at
// fixed numbers, so that all nodes, and all stretches, have the same ones.

// blockSlots is how many slots a whole block has: enough to compress well, and few enough
// for the two partial ones that nearly every stretch has.
const blockSlots = 256

// block is a stretch of one playlist's text, compressed. It never changes.
type block struct {
	deflated
	passage
	// first and last are the slots that it lists, and all between them.
	first, last *Slot
	// entry is what the text depends on of what stands before it.
	entry   standing
	opening []string // lines before all others
}

// passage is what some slots in a row are in a playlist, besides their text.
type passage struct {
	// exit is what the text of the slots after them depends on.
	exit standing
	// absent is the extension in the names of segments that do not exist; empty if there is
	// none in it.
	absent   string
	features hls.Features
	// head is the first slot that is listed, nil if none is.
	head *Slot
}

// standing is what the playlist up to a slot says about those that follow.
type standing struct {
	section string // URI of the EXT-X-MAP in force, empty for none
	mapped  bool   // the last media had an initialization section
	iframes stage
	// ended: EXT-X-MAP can't be taken back, and the head has to stay. So the playlist ends
	// where an encoder was replaced by one with another container.
	ended bool
}

// stage is how far an I-frame playlist has come: it begins with the first I-frame, and is
// over when the rendition has been removed.
type stage uint8

const (
	notBegun stage = iota
	begun
	over
)

// playlist is what blocks are made for: one rendition's media or I-frame playlist.
type playlist struct {
	id      string
	iframes bool
}

// name is that of the playlist below the endpoint's path.
func (p playlist) name() string {
	if p.iframes {
		return p.id + iframesSuffix + ".m3u8"
	}
	return p.id + ".m3u8"
}

// lister makes the text of a playlist.
type lister struct {
	playlist
	epoch string
	later *Format // of slots before the rendition existed
}

func (l lister) absent() string { return (&Rendition{Format: l.later}).extension() }

// lister finds out what the text of a playlist depends on besides its slots.
func (v *View) lister(p playlist) lister {
	return lister{playlist: p, epoch: v.epoch, later: v.lineup.measures[p.id].format}
}

// render makes the block of these slots.
func (l lister) render(slots []*Slot, at standing, opening []string) (*block, error) {
	text, p, err := l.write(slots, at, opening)
	if err != nil {
		return nil, err
	}
	return &block{
		deflated: deflate(text, false), passage: p,
		first: slots[0], last: slots[len(slots)-1], entry: at, opening: opening,
	}, nil
}

// write makes the text of these slots in a playlist that stands at a point. opening are lines before
// all others.
func (l lister) write(slots []*Slot, at standing, opening []string) ([]byte, passage, error) {
	var p passage
	entry := at
	segments := make([]hls.Segment, 0, len(slots))
	section := at.sectionMap()
	for _, s := range slots {
		r := s.Rendition(l.id)
		if r != nil && len(r.Parts) > 0 {
			if at.mapped && r.Map == nil {
				at.ended = true
				break
			}
			at.mapped = r.Map != nil
		}
		if l.iframes && !at.iframes.follow(r) {
			continue
		}
		if r == nil {
			r = &Rendition{ID: l.id, Format: l.later}
			p.absent = r.extension()
		}
		if r.Map != nil && (section == nil || section.URI != r.Map.Name) {
			section = &hls.Map{URI: r.Map.Name}
		}
		var segment hls.Segment
		r.describe(&segment, s, l.epoch, section)
		if segment.Map != nil {
			at.section = segment.Map.URI
		}
		if p.head == nil {
			p.head = s
		}
		if l.iframes {
			segments = append(segments, r.listIFrames(segment)...)
		} else {
			segments = append(segments, segment)
		}
	}
	p.exit = at
	if len(segments) == 0 {
		return nil, p, nil
	}
	if len(opening) > 0 {
		segments[0].Tags = append(opening[:len(opening):len(opening)], segments[0].Tags...)
	}
	text, features, err := hls.EncodeSegments(segments, entry.sectionMap())
	p.features = features
	return text, p, err
}

func (s standing) sectionMap() *hls.Map {
	if s.section == "" {
		return nil
	}
	return &hls.Map{URI: s.section}
}

// follow goes on to a slot's rendition, nil if the slot does not have it, and reports
// whether it is listed.
func (g *stage) follow(r *Rendition) bool {
	has := r != nil && r.IFrame != 0
	switch {
	case has && *g == notBegun:
		*g = begun
	case !has && *g == begun:
		*g = over
	}
	return has && *g == begun
}

// fits reports whether the block is what render would make.
func (b *block) fits(l lister, slots []*Slot, at standing) bool {
	return b.first == slots[0] && b.last == slots[len(slots)-1] && b.entry == at && b.suits(l)
}

// suits reports whether the names of segments that do not exist are those of the lister.
func (p *passage) suits(l lister) bool { return p.absent == "" || p.absent == l.absent() }

// before is what a playlist that has begun long ago says where the slot with this index
// comes. It looks back as far as one block; what it does not find there is rare, and costs
// those who ask for it the rendering of a block.
func (l lister) before(slots []*Slot, index int) standing {
	var at standing
	for i := index - 1; i >= max(0, index-blockSlots); i-- {
		r := slots[i].Rendition(l.id)
		if l.iframes && (r == nil || r.IFrame == 0) {
			break
		}
		if l.iframes {
			at.iframes = begun
		}
		if r == nil || len(r.Parts) == 0 {
			continue
		}
		if r.Map != nil {
			at.section, at.mapped = r.Map.Name, true
		}
		break
	}
	return at
}

// blockEnd is how many of the slots, from the first one, are in the same block.
func blockEnd(slots []*Slot) int {
	return min(len(slots), int(blockSlots-slots[0].MSN%blockSlots))
}

// block is the number of the block that the slot is in.
func (s *Slot) block() uint64 { return s.MSN / blockSlots }
