package channel

import (
	"cmp"
	"slices"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/media"
	"github.com/liveorigin/caddy-live-origin/internal/output"
)

// binder finds the initialization section of an input's fragments. A fragment means nothing
// without it, and which one applies is said by EXT-X-MAP in the playlist that lists the
// fragment; playlist, fragment and initialization section arrive in any order. The binder
// does nothing itself: it returns what was bound and what is of no use any more, and the
// channel acts on it.
type binder struct {
	// inits are the initialization sections by path, the newest of each.
	inits map[string]*initSection
	// maps says for each playlist which object needs the initialization section
	// at which path.
	maps map[string]map[string]string
	// waiting are fragments that are not bound yet, by path.
	waiting map[string]*fragment
}

// initSection is an initialization section in the store.
type initSection struct {
	init    *media.Init
	part    output.Part
	arrived time.Time
	// unnamed is since when no playlist has named it, while others of the input have come.
	unnamed time.Time
}

// fragment is a media object of fragmented MP4.
type fragment struct {
	key       string
	hash      string
	size      int64
	fragments *media.Fragments
	arrived   time.Time
}

// bound is a fragment that has found its initialization section.
type bound struct {
	path     string
	fragment *fragment
	section  *initSection
}

func newInitSection(init *media.Init, key string, arrived time.Time) *initSection {
	r := init.Range
	return &initSection{init: init, part: output.Part{Key: key, Offset: r.Start, Size: r.End - r.Start}, arrived: arrived}
}

func newBinder() binder {
	return binder{
		inits: map[string]*initSection{},
		maps:  map[string]map[string]string{}, waiting: map[string]*fragment{},
	}
}

// fragmentAge is how long a fragment waits for its playlist and its
// initialization section. It is as long as the core allows an object without a playlist.
const fragmentAge = 2 * time.Minute

// replaceInit puts an initialization section in force. It returns the one that it replaces,
// nil for none.
func (b *binder) replaceInit(path string, section *initSection) *initSection {
	old := b.inits[path]
	b.inits[path] = section
	return old
}

// maxInits is how many initialization sections an input may have.
const maxInits = 256

// surplus removes and returns the oldest initialization section that no playlist names, if
// there are too many; nil if there are not, or if all are named.
func (b *binder) surplus() (path string, section *initSection) {
	if len(b.inits) <= maxInits {
		return "", nil
	}
	named := b.named()
	for p, s := range b.inits {
		if !named[p] && (section == nil || s.arrived.Before(section.arrived)) {
			path, section = p, s
		}
	}
	delete(b.inits, path)
	return path, section
}

// named are the paths of the initialization sections that playlists name.
func (b *binder) named() map[string]bool {
	named := map[string]bool{}
	for _, maps := range b.maps {
		for _, path := range maps {
			named[path] = true
		}
	}
	return named
}

// wait makes a fragment wait until it is ready. It returns the one that it replaces, nil
// for none.
func (b *binder) wait(path string, f *fragment) *fragment {
	old := b.waiting[path]
	b.waiting[path] = f
	return old
}

// list records what a playlist says about initialization sections: which object
// needs the one at which path. It reports whether it says anything.
func (b *binder) list(playlist string, maps map[string]string) bool {
	if len(maps) == 0 {
		delete(b.maps, playlist)
		return false
	}
	b.maps[playlist] = maps
	return true
}

// unnamed removes and returns the initialization sections that no playlist has named for a
// while, by path. One that is known from before the input was away gets the same time, from
// the first playlist after that: its own may come last.
func (b *binder) unnamed(now time.Time) map[string]*initSection {
	named := b.named()
	out := map[string]*initSection{}
	for path, s := range b.inits {
		switch {
		case named[path]:
			s.unnamed = time.Time{}
		case s.unnamed.IsZero():
			s.unnamed = now
		case now.Sub(s.unnamed) > fragmentAge:
			delete(b.inits, path)
			out[path] = s
		}
	}
	return out
}

// ready removes and returns the fragments whose initialization section is known, in the
// order in which they came, and those that have waited too long. arriving reports whether
// an upload to a path is open that began after a given time: an encoder opens the request
// when it starts, and sends the body with its first segment, so that is waited for, but no
// longer than patience, as a dead encoder may have left it open.
func (b *binder) ready(now time.Time, patience time.Duration, arriving func(path string, after time.Time) bool) (ready []bound, expired []*fragment) {
	for path, f := range b.waiting {
		if now.Sub(f.arrived) > fragmentAge {
			delete(b.waiting, path)
			expired = append(expired, f)
			continue
		}
		waits := arriving
		if now.Sub(f.arrived) > patience {
			waits = func(string, time.Time) bool { return false }
		}
		if section := b.initOf(path, waits); section != nil {
			delete(b.waiting, path)
			ready = append(ready, bound{path, f, section})
		}
	}
	slices.SortFunc(ready, func(x, y bound) int {
		return cmp.Or(x.fragment.arrived.Compare(y.fragment.arrived), cmp.Compare(x.path, y.path))
	})
	return ready, expired
}

// initOf is the initialization section in force for an object; nil if it is not
// known, or about to be replaced.
func (b *binder) initOf(object string, arriving func(path string, after time.Time) bool) *initSection {
	for _, maps := range b.maps {
		path, ok := maps[object]
		if !ok {
			continue
		}
		if known := b.inits[path]; known != nil && !arriving(path, known.arrived) {
			return known
		}
	}
	return nil
}

// missingInit is the path of the initialization section that an object waits for; empty if
// no playlist has named it.
func (b *binder) missingInit(object string) string {
	for _, maps := range b.maps {
		if path, ok := maps[object]; ok {
			return path
		}
	}
	return ""
}
