package channel

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/media"
)

// shelf is what an encoder has put where, for its own GET, and what it is sending now. It
// has its own lock, so that requests need not wait for the channel.
type shelf struct {
	mu      sync.Mutex
	doors   doors
	maxText int64 // of one playlist
	files   map[string]file
	// arriving is when the uploads under way began, by path.
	arriving map[string][]time.Time
	// sections are the paths of initialization sections that are in force.
	sections map[string]bool
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

func newShelf() shelf {
	return shelf{files: map[string]file{}, arriving: map[string][]time.Time{}, sections: map[string]bool{}}
}

// begin records that an upload to the path has begun, and returns when.
func (s *shelf) begin(path string) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.arriving[path] = append(s.arriving[path], now)
	return now
}

// end records that it has ended, one way or the other.
func (s *shelf) end(path string, began time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.arriving[path]
	if i := slices.IndexFunc(list, began.Equal); i >= 0 {
		list = slices.Delete(list, i, i+1)
	}
	s.arriving[path] = list
	if len(list) == 0 {
		delete(s.arriving, path)
	}
}

// arrives reports whether an upload to the path is under way that began after a time.
func (s *shelf) arrives(path string, after time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.arriving[path], func(began time.Time) bool { return began.After(after) })
}

// noteSection notes whether an initialization section of this path is in force.
func (s *shelf) noteSection(path string, inForce bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if inForce {
		s.sections[path] = true
	} else {
		delete(s.sections, path)
	}
}

// isSection reports whether one is.
func (s *shelf) isSection(path string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sections[path]
}

// keptFiles is how many paths of media objects an input remembers for the
// encoder's own GET. They hold no bytes.
const keptFiles = 4096

// maxOthers is how many playlists and manifests that are not renditions an input may have.
const maxOthers = 8

// forgottenAfter is how long after its last upload a playlist makes room for a new one.
const forgottenAfter = time.Minute

// keepText keeps a playlist or manifest, of which there may be at most limit: of media playlists, or
// of all the others.
func (s *shelf) keepText(name string, f file, limit int) (replaced bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.boundTexts(name)
	_, replaced = s.files[name]
	f.modified = time.Now()
	if f.rendition {
		err = s.admit(name, limit, f.modified)
	} else {
		err = s.admitOther(name, limit, f.modified)
	}
	if err != nil {
		return replaced, err
	}
	s.files[name] = f
	return replaced, nil
}

// admitOther lets in a text that is no media playlist. The caller holds the lock.
func (s *shelf) admitOther(name string, limit int, now time.Time) error {
	others, stalest := 0, ""
	for path, f := range s.files {
		if f.text == nil || f.rendition {
			continue
		}
		if path == name {
			return nil
		}
		if others++; stalest == "" || f.modified.Before(s.files[stalest].modified) {
			stalest = path
		}
	}
	if others < limit {
		return nil
	}
	// An encoder that invents new names at each start leaves the old ones behind.
	if stalest == "" || now.Sub(s.files[stalest].modified) < forgottenAfter {
		return refuse(TooMany, "more than %d playlists of this kind at a time (max_renditions): an encoder should use the same names at each start", limit)
	}
	delete(s.files, stalest)
	return nil
}

// keepObject remembers the key of the path's bytes.
func (s *shelf) keepObject(name, key, hash string) (replaced bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old, replaced := s.files[name]
	if len(s.files) >= keptFiles {
		s.evict()
	}
	f := file{key: key, hash: hash, modified: time.Now()}
	if replaced && hash != "" && old.hash == hash {
		f.same = cmp.Or(old.same, old.key)
	}
	s.files[name] = f
	return replaced
}

// evict forgets the older half of the media paths.
func (s *shelf) evict() {
	var oldest, newest time.Time
	for _, f := range s.files {
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
	for name, f := range s.files {
		if f.text == nil && !f.modified.After(middle) {
			delete(s.files, name)
		}
	}
}

func (s *shelf) file(name string) (file, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, ok := s.files[name]
	return f, ok
}

// forget drops the path, if it still has this key; an empty key means whatever it
// has.
func (s *shelf) forget(name, key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if key == "" || s.files[name].key == key {
		delete(s.files, name)
	}
}
