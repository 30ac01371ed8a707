package channel

import (
	"sync"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/hls"
)

// input keeps what an encoder put where, for the encoder's own GET, and its last
// multivariant playlist.
type input struct {
	config   InputConfig // guarded by Channel.mu
	binder   binder
	unlisted unlisted
	texts    texts

	mu           sync.Mutex
	doors        doors
	maxText      int64 // of one playlist
	files        map[string]file
	multivariant *multivariant
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

// multivariant is an encoder's multivariant playlist and where it lies.
type multivariant struct {
	path     string
	playlist *hls.MultivariantPlaylist
}

func newInput() *input { return &input{files: map[string]file{}, binder: newBinder()} }

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

func (in *input) setMultivariant(path string, playlist *hls.MultivariantPlaylist) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.multivariant = &multivariant{path: path, playlist: playlist}
}

func (in *input) getMultivariant() *multivariant {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.multivariant
}
