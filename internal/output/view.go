package output

import (
	"context"
	"errors"
	"path"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/hls"
	"github.com/liveorigin/caddy-live-origin/store"
)

// View is what an endpoint serves at one moment. It never changes; the next slot
// makes another one.
type View struct {
	store store.Store
	// playlists are those that are there, and long names the live ones that are made when they are
	// asked for: live keeps them.
	playlists map[string]*Text
	long      map[string]playlist
	live      *requested
	// multivariant is the live multivariant playlist, manifestName its name.
	multivariant *hls.MultivariantPlaylist
	manifestName string
	lineup       lineup // that it was made from
	// ladders are the sets of renditions of earlier slots, of which some may have left the
	// window; newest is the first slot with those of today.
	ladders []ladder
	newest  *Slot
	epoch   string
	target  int
	ended   bool
	// slots in order of their media sequence numbers, which rise by one. The last
	// ones are listed.
	slots        []*Slot
	dated        []*Slot // those with date ranges; there may be older ones among them
	eras         []*Slot // those with which other dates begin
	listed       int
	sections     map[string]*Section
	availability time.Duration // how long caches may keep segments
	// staleAt is when the playlists become unavailable because nothing has been published;
	// zero for never.
	staleAt time.Time

	// number is higher for newer views of the endpoint, and edition also where only slots were
	// withdrawn. startover, which they share, is nil if there is none.
	number  uint64
	edition uint64
	window  time.Duration // of startover
	// evicted is the end of what had to be given up of the window.
	evicted failover.Ticks
	// lasting is how long segments are certain to stay available once they can no longer be
	// asked for.
	lasting   time.Duration
	startover *requested
	shelf     *shelf // of blocks, for live and startover; nil without both
}

// Playlist returns the playlist of this name ("index.m3u8"), nil if there is
// none, as before the first slot, and if it is a [View.LongPlaylist].
func (v *View) Playlist(name string) *Text {
	if v.stale() {
		return nil
	}
	return v.playlists[name]
}

// lists reports whether there is a live playlist of this name.
func (v *View) lists(name string) bool {
	_, long := v.long[name]
	return long || v.playlists[name] != nil
}

func (v *View) stale() bool { return !v.staleAt.IsZero() && time.Now().After(v.staleAt) }

// ErrNotYet and ErrNoMore are why a playlist is not there that was or will be.
var (
	ErrNotYet = errors.New("nothing has been published yet")
	ErrNoMore = errors.New("nothing has been published for a while")
)

// Withheld returns ErrNotYet or ErrNoMore for the name of a playlist that is not there for this
// reason.
func (v *View) Withheld(name string) error {
	switch {
	case v.stale() && v.lists(name):
		return ErrNoMore
	case len(v.slots) == 0 && name == v.manifestName+".m3u8":
		return ErrNotYet
	}
	return nil
}

// Segment returns the segment or initialization section of this name below the
// endpoint's path, nil if there is none.
func (v *View) Segment(name string) *Segment {
	if s := v.sections[name]; s != nil {
		return &Segment{
			ContentType: "video/mp4", ETag: `"` + path.Base(name) + `"`, Size: s.Part.Size,
			MaxAge: v.availability, store: v.store, parts: []Part{s.Part},
		}
	}
	id, number, msn, ok := v.read(name)
	if !ok || msn < v.slots[0].MSN || msn-v.slots[0].MSN >= uint64(len(v.slots)) {
		return nil
	}
	s := v.slots[msn-v.slots[0].MSN]
	r := s.Rendition(id)
	if r == nil || len(r.Parts) == 0 || r.segmentName(v.epoch, s) != name {
		return nil
	}
	return &Segment{
		Input: s.From(), ContentType: r.Format.ContentType, ETag: `"` + v.epoch + "-" + number + `"`,
		Static: s.cmsdStatic(r), Defects: defectsText(r.Defects),
		Size: r.Size, Published: s.Published, MaxAge: v.availability,
		store: v.store, parts: r.Parts,
	}
}

// read takes the name of a segment apart. It is false for a name that can't be one, and as
// long as there are none.
func (v *View) read(name string) (id, number string, msn uint64, ok bool) {
	id, rest, ok := strings.Cut(name, "/")
	if !ok {
		return "", "", 0, false
	}
	epoch, rest, ok := strings.Cut(rest, "-")
	if !ok || epoch != v.epoch || len(v.slots) == 0 {
		return "", "", 0, false
	}
	number, _, _ = strings.Cut(rest, ".")
	digits, _, _ := strings.Cut(number, "-")
	msn, err := strconv.ParseUint(digits, 10, 64)
	return id, number, msn, err == nil
}

// soon is how many segments ahead one may be that Soon is true for.
const soon = 3

// Soon reports whether the name is that of a segment that is about to come, or may be that of a media
// playlist whose rendition has not come yet. Where nothing is published yet, as in a nil view, it
// may be any segment.
func (v *View) Soon(name string) bool {
	if id, isPlaylist := strings.CutSuffix(name, ".m3u8"); isPlaylist {
		return isRenditionID(strings.TrimSuffix(id, iframesSuffix)) && (v == nil || !v.lists(name))
	}
	if v == nil || len(v.slots) == 0 {
		id, _, isSegment := strings.Cut(name, "/")
		return isSegment && isRenditionID(id)
	}
	_, _, msn, ok := v.read(name)
	if !ok {
		return false
	}
	last := v.slots[len(v.slots)-1].MSN
	return msn > last && msn <= last+soon
}

// Slots are those that can be fetched, in order. They must not be changed.
func (v *View) Slots() []*Slot { return v.slots }

// Listed are the slots that the live playlists show.
func (v *View) Listed() []*Slot { return v.slots[len(v.slots)-v.listed:] }

// URI is the name of the slot's segment of a rendition, below the endpoint's path, as
// Segment takes it.
func (v *View) URI(s *Slot, r *Rendition) string { return r.segmentName(v.epoch, s) }

// from is the view without the slots before a number, which the window has forgotten.
func (v *View) from(first uint64, w *Window) *View {
	next := *v
	next.slots = slotsFrom(v.slots, func(s *Slot) bool { return s.MSN < first })
	next.eras = slotsFrom(v.eras, func(s *Slot) bool { return s.MSN <= first })
	next.listed = min(v.listed, len(next.slots))
	next.sections, next.evicted = w.held.sections, w.evicted
	return &next
}

// slotsFrom are the slots after those at the beginning that are gone.
func slotsFrom(slots []*Slot, gone func(*Slot) bool) []*Slot {
	return slots[sort.Search(len(slots), func(i int) bool { return !gone(slots[i]) }):]
}

// Text is a rendered playlist.
type Text struct {
	Body           []byte
	ETag, GzipETag string // strong, with quotes
	// MaxAge is how long caches may keep it: at most half the target duration,
	// if it will change.
	MaxAge time.Duration

	packing sync.Once
	packed  []byte
}

// Gzip is Body compressed. It is compressed once, for the first viewer who asks: few
// renditions of a ladder are watched at any one time, and this way encoders don't wait for
// it.
func (t *Text) Gzip() []byte {
	t.packing.Do(func() { t.packed = Gzip(t.Body) })
	return t.packed
}

// Segment is one published output segment of one rendition.
type Segment struct {
	// Input is where it came from.
	Input       string
	ContentType string
	// Static is the value of CMSD-Static (CTA-5006), Defects what is bad about the media,
	// for people; empty if nothing is.
	Static, Defects string
	ETag            string
	Size            int64
	Published       time.Time
	// MaxAge is how long caches may keep it: as long as it is listed and
	// available.
	MaxAge time.Duration

	store store.Store
	parts []Part
}

// Keys are the keys of the objects that it consists of.
func (s *Segment) Keys() []string {
	keys := make([]string, len(s.parts))
	for i, p := range s.parts {
		keys[i] = p.Key
	}
	return keys
}

// Open returns the bytes. Error: store.ErrNotFound if the segment has expired in
// the meantime.
func (s *Segment) Open(ctx context.Context) (Content, error) {
	return OpenParts(ctx, s.store, s.parts)
}
