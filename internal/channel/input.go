package channel

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/hls"
	"github.com/liveorigin/caddy-live-origin/internal/output"
)

// input keeps what an encoder put where, for the encoder's own GET, and its last
// multivariant playlist.
type input struct {
	config atomic.Pointer[InputConfig]
	// binder and announced are guarded by Channel.mu. announced is nil before the
	// first multivariant playlist.
	binder    binder
	announced *announcement

	mu    sync.Mutex
	files map[string]file
	// arriving counts uploads under way, by path.
	arriving map[string]int
}

// file is one path of an input: the text of a playlist, or the key of a media
// object, which may be gone.
type file struct {
	text        []byte
	rendition   bool // the text is a media playlist
	key         string
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
		if a := c.inputs[ic.Name].announced; a != nil {
			list = append(list, output.Announcement{BasePath: ic.BasePath, Path: a.path, Playlist: a.playlist})
		}
	}
	return list
}

func newInput() *input {
	return &input{files: map[string]file{}, arriving: map[string]int{}, binder: newBinder()}
}

// begin takes note that an upload to the path has begun.
func (in *input) begin(path string) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.arriving[path]++
}

// end takes note that it has ended, one way or the other.
func (in *input) end(path string) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.arriving[path]--; in.arriving[path] == 0 {
		delete(in.arriving, path)
	}
}

func (in *input) isArriving(path string) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.arriving[path] > 0
}

// keptFiles is how many paths of media objects an input remembers for the
// encoder's own GET. They hold no bytes.
const keptFiles = 4096

// maxOthers is how many playlists and manifests that are no renditions an input
// may have.
const maxOthers = 8

// keepText keeps a playlist or manifest, of which there may be limit of its sort.
func (in *input) keepText(name string, f file, limit int) (replaced bool, err error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	old, replaced := in.files[name]
	if old.text != nil && old.rendition == f.rendition {
		f.modified = time.Now()
		in.files[name] = f
		return true, nil
	}
	same := 0
	for other, o := range in.files {
		if o.text != nil && o.rendition == f.rendition && other != name {
			same++
		}
	}
	if same >= limit {
		return replaced, refuse(TooMany, "more than %d playlists of this kind", limit)
	}
	f.modified = time.Now()
	in.files[name] = f
	return replaced, nil
}

// keepObject remembers under which key the path's bytes lie.
func (in *input) keepObject(name, key string) (replaced bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	_, replaced = in.files[name]
	if len(in.files) >= keptFiles {
		in.evict()
	}
	in.files[name] = file{key: key, modified: time.Now()}
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
