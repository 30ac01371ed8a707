package channel

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/hls"
	"github.com/liveorigin/caddy-live-origin/internal/media"
	"github.com/liveorigin/caddy-live-origin/internal/output"
)

// input keeps what an encoder put where, for the encoder's own GET, and its last
// multivariant playlist.
type input struct {
	config atomic.Pointer[InputConfig]
	// What follows is guarded by Channel.mu.
	binder   binder
	unlisted unlisted
	// multivariant is its last one, nil before the first.
	multivariant *announcement
	// lists are its media playlists by path, said is what its operator was told.
	lists map[string]*listing
	said  map[saidKey]time.Time
	waits waits
	// probed are its newest segments by path, held those that wait for the
	// configuration of their run.
	probed      map[string]*media.Info
	configs     map[media.Signature]*media.Info // the different ones of probed
	probedOrder []string
	held        map[string]heldSegment
	// up: it delivers, as the core said last.
	up bool
	// announced are the paths of the renditions in its multivariant playlist.
	announced []string
	// master is what it announced, told what the core was told last.
	master, told []failover.Announced

	texts texts

	mu      sync.Mutex
	doors   doors
	maxText int64 // of one playlist
	files   map[string]file
	// arriving is when the uploads under way began, by path.
	arriving map[string][]time.Time
	// tables are those of its transport streams, by what the names of a run have in
	// common.
	tables map[string]media.Tables
}

// file is one path of an input: the text of a playlist, or the key of a media
// object, which may be gone.
type file struct {
	text        []byte
	rendition   bool // the text is a media playlist
	key, hash   string
	same        string // key of an earlier copy of the same bytes, of which one may be kept
	contentType string
	modified    time.Time
}

// announcement is an encoder's multivariant playlist and where it lies.
type announcement struct {
	path     string
	playlist *hls.MultivariantPlaylist
}

// announced are the multivariant playlists of the inputs that have one, in the order
// of the config.
func (c *Channel) announced() []output.Announcement {
	var list []output.Announcement
	for _, ic := range c.config.Inputs {
		list = append(list, c.inputs[ic.Name].announcement(ic)...)
	}
	return list
}

// announcement is the input's multivariant playlist, if it has one.
func (in *input) announcement(ic InputConfig) []output.Announcement {
	if m := in.multivariant; m != nil {
		return []output.Announcement{{BasePath: ic.BasePath, Path: m.path, Playlist: m.playlist}}
	}
	return nil
}

// announcedFor are the multivariant playlists in the order in which they count for the
// viewers of an endpoint: that of the active input first, then of the others that are
// up. What one input says about itself does not decide what viewers of another see.
func (c *Channel) announcedFor(active string) []output.Announcement {
	var first, others []output.Announcement
	for _, ic := range c.config.Inputs {
		switch in := c.inputs[ic.Name]; {
		case ic.Name == active:
			first = in.announcement(ic)
		case in.up:
			others = append(others, in.announcement(ic)...)
		}
	}
	return append(first, others...)
}

func newInput() *input {
	return &input{files: map[string]file{}, arriving: map[string][]time.Time{}, binder: newBinder()}
}

// begin takes note that an upload to the path has begun, and returns when.
func (in *input) begin(path string) time.Time {
	in.mu.Lock()
	defer in.mu.Unlock()
	now := time.Now()
	in.arriving[path] = append(in.arriving[path], now)
	return now
}

// end takes note that it has ended, one way or the other.
func (in *input) end(path string, began time.Time) {
	in.mu.Lock()
	defer in.mu.Unlock()
	list := in.arriving[path]
	if i := slices.IndexFunc(list, began.Equal); i >= 0 {
		list = slices.Delete(list, i, i+1)
	}
	in.arriving[path] = list
	if len(list) == 0 {
		delete(in.arriving, path)
	}
}

// arrives reports whether an upload to the path is under way that began after a time.
func (in *input) arrives(path string, after time.Time) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return slices.ContainsFunc(in.arriving[path], func(began time.Time) bool { return began.After(after) })
}

// keptFiles is how many paths of media objects an input remembers for the
// encoder's own GET. They hold no bytes.
const keptFiles = 4096

// maxOthers is how many playlists and manifests that are no renditions an input
// may have.
const maxOthers = 8

// forgottenAfter is when a playlist that is not sent any more makes room for a new one.
const forgottenAfter = time.Minute

// keepText keeps a playlist or manifest, of which there may be limit of its sort.
func (in *input) keepText(name string, f file, limit int) (replaced bool, err error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	old, replaced := in.files[name]
	defer in.boundTexts(name)
	if f.rendition {
		if err := in.admit(name, limit, time.Now()); err != nil {
			return replaced, err
		}
		f.modified = time.Now()
		in.files[name] = f
		return replaced, nil
	}
	if old.text != nil && old.rendition == f.rendition {
		f.modified = time.Now()
		in.files[name] = f
		return true, nil
	}
	same, stalest := 0, name
	for other, o := range in.files {
		if o.text == nil || o.rendition != f.rendition || other == name {
			continue
		}
		if same++; stalest == name || o.modified.Before(in.files[stalest].modified) {
			stalest = other
		}
	}
	if same >= limit {
		// An encoder that invents new names at each start leaves the old ones behind.
		if limit == 0 || time.Since(in.files[stalest].modified) < forgottenAfter {
			return replaced, refuse(TooMany, "more than %d playlists of this kind at a time (max_renditions): an encoder should use the same names at each start", limit)
		}
		delete(in.files, stalest)
	}
	f.modified = time.Now()
	in.files[name] = f
	return replaced, nil
}

// keepObject remembers under which key the path's bytes lie.
func (in *input) keepObject(name, key, hash string) (replaced bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	old, replaced := in.files[name]
	if len(in.files) >= keptFiles {
		in.evict()
	}
	f := file{key: key, hash: hash, modified: time.Now()}
	if replaced && hash != "" && old.hash == hash {
		f.same = cmp.Or(old.same, old.key)
	}
	in.files[name] = f
	return replaced
}

// evict forgets the older half of the media paths.
func (in *input) evict() {
	var oldest, newest time.Time
	for _, f := range in.files {
		if f.text != nil {
			continue
		}
		if oldest.IsZero() || f.modified.Before(oldest) {
			oldest = f.modified
		}
		if f.modified.After(newest) {
			newest = f.modified
		}
	}
	middle := oldest.Add(newest.Sub(oldest) / 2)
	for name, f := range in.files {
		if f.text == nil && !f.modified.After(middle) {
			delete(in.files, name)
		}
	}
}

func (in *input) file(name string) (file, bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	f, ok := in.files[name]
	return f, ok
}

// forget drops the path, if it still has this key; an empty key means whatever it
// has.
func (in *input) forget(name, key string) {
	in.mu.Lock()
	defer in.mu.Unlock()
	f, ok := in.files[name]
	if !ok || key != "" && f.key != key {
		return
	}
	delete(in.files, name)
}
