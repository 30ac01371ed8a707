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
	// playlists say which object needs which initialization section, each as it came last.
	playlists map[string]*mapping
	// waiting are fragments that are not bound yet, by path.
	waiting map[string]*fragment
	// done are the objects that were bound, as long as a playlist lists them.
	done map[string]doneFragment
	// turn counts what came, as several things come at the same time.
	turn uint64
}

// mapping is what one version of a playlist says about initialization sections.
type mapping struct {
	// inits are their paths, by object.
	inits map[string]string
	// named are the different ones of them, without those that are part of the object itself.
	named []string
	// fault is why other objects of the list have none, empty if there are no others.
	fault string
	// last is the number of the last entry.
	last uint64
	// came is when it came, begun when the first version of this run did: all of them since
	// then go on with the same list.
	came, begun uint64
}

// doneFragment is a fragment that was bound.
type doneFragment struct {
	init, hash string
	at         uint64
}

// initSection is an initialization section in the store.
type initSection struct {
	init    *media.Init
	part    output.Part
	arrived time.Time
	// whole: it is the beginning of a segment, of which it keeps all.
	whole bool
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
	// came is its place in what the binder was told. listed is the newest version of a
	// playlist that lists it, nil as long as none does.
	came   uint64
	listed *mapping
}

// bound is a fragment that has found its initialization section.
type bound struct {
	path     string
	fragment *fragment
	init     string // path of the section
	section  *initSection
}

func newInitSection(init *media.Init, key string, arrived time.Time) *initSection {
	r := init.Range
	return &initSection{init: init, part: output.Part{Key: key, Offset: r.Start, Size: r.End - r.Start}, arrived: arrived}
}

func newBinder() binder {
	return binder{
		inits:     map[string]*initSection{},
		playlists: map[string]*mapping{}, waiting: map[string]*fragment{}, done: map[string]doneFragment{},
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

const (
	// maxInits is how many initialization sections an input may have.
	maxInits = 256
	// wholeInits is how many of them may be the beginning of a whole segment: such a section
	// keeps all of the segment, and some encoders begin every segment with one.
	wholeInits = 4
	// namedWholeInits is how many of those, if playlists name them for other segments.
	namedWholeInits = 32
)

// surplus removes and returns an initialization section, if there are too many, nil if there
// are not: the oldest one, of those that no playlist names if there are any.
func (b *binder) surplus() (path string, section *initSection) {
	named := b.named()
	older := func(p, than string) bool {
		if than == "" || named[p] != named[than] {
			return than == "" || named[than]
		}
		return b.inits[p].arrived.Before(b.inits[than].arrived)
	}
	oldest, oldestWhole, whole, wholeNamed := "", "", 0, 0
	for p, s := range b.inits {
		if older(p, oldest) {
			oldest = p
		}
		if !s.whole {
			continue
		}
		if older(p, oldestWhole) {
			oldestWhole = p
		}
		if named[p] {
			wholeNamed++
		} else {
			whole++
		}
	}
	switch {
	case whole > wholeInits, wholeNamed > namedWholeInits:
		path = oldestWhole
	case len(b.inits) > maxInits:
		path = oldest
	}
	section = b.inits[path]
	delete(b.inits, path)
	return path, section
}

// named are the paths of the initialization sections that playlists name.
func (b *binder) named() map[string]bool {
	named := map[string]bool{}
	for _, m := range b.playlists {
		for _, path := range m.named {
			named[path] = true
		}
	}
	for _, f := range b.waiting {
		if f.listed != nil {
			for _, path := range f.listed.named {
				named[path] = true
			}
		}
	}
	return named
}

// wait makes a fragment wait until it is ready. It returns the one that it replaces, nil
// for none.
func (b *binder) wait(path string, f *fragment) *fragment {
	b.turn++
	f.came, f.listed = b.turn, b.listedBy(path)
	old := b.waiting[path]
	b.waiting[path] = f
	return old
}

// listedBy is the newest version of a playlist that lists an object; nil if none does. Others
// may be those of an encoder that is gone.
func (b *binder) listedBy(object string) (newest *mapping) {
	for _, m := range b.playlists {
		if _, ok := m.inits[object]; ok && (newest == nil || m.came > newest.came) {
			newest = m
		}
	}
	return newest
}

// list records what a playlist says about initialization sections. It reports whether it
// says anything.
func (b *binder) list(playlist string, m *mapping) bool {
	before := b.playlists[playlist]
	if len(m.inits) == 0 {
		b.unlist(playlist)
		return before != nil
	}
	b.turn++
	m.came, m.begun = b.turn, b.turn
	if before != nil && before.last <= m.last {
		m.begun = before.begun
	}
	b.playlists[playlist] = m
	b.forgetDone(before)
	if len(b.waiting) < len(m.inits) {
		for path, f := range b.waiting {
			if _, ok := m.inits[path]; ok {
				f.listed = m
			}
		}
		return true
	}
	for path := range m.inits {
		if f := b.waiting[path]; f != nil {
			f.listed = m
		}
	}
	return true
}

// unlist forgets a playlist. Fragments that wait because of it go on doing so.
func (b *binder) unlist(playlist string) {
	before := b.playlists[playlist]
	delete(b.playlists, playlist)
	b.forgetDone(before)
}

// silence makes a playlist say nothing about fragments that come from now on. The sections
// that it names stay: an encoder that goes on with it does not send them again.
func (b *binder) silence(playlist string) {
	before := b.playlists[playlist]
	if before == nil || before.inits == nil {
		return
	}
	b.playlists[playlist] = &mapping{named: before.named, last: before.last, came: before.came, begun: before.begun}
	b.forgetDone(before)
}

// forgetDone forgets the objects of a version of a playlist that no playlist lists any more.
func (b *binder) forgetDone(before *mapping) {
	if before == nil || len(b.done) == 0 {
		return
	}
	for object := range before.inits {
		if _, ok := b.done[object]; ok && b.listedBy(object) == nil {
			delete(b.done, object)
		}
	}
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
// order in which they came. arriving reports whether
// an upload to a path is open that began after a given time: an encoder opens the request
// when it starts, and sends the body with its first segment, so that is waited for, but no
// longer than patience, as a dead encoder may have left it open. atOnce says how many of so many ready
// ones are returned; the others wait for the next call.
func (b *binder) ready(now time.Time, patience time.Duration, arriving func(path string, after time.Time) bool, atOnce func(n int) int) (ready []bound) {
	replaced := map[string]bool{} // by path of the section: it is about to be
	for path, f := range b.waiting {
		if f.expired(now) {
			continue
		}
		init, section := b.initOf(path, f)
		if section == nil {
			continue
		}
		if now.Sub(f.arrived) <= patience {
			open, known := replaced[init]
			if !known {
				open = arriving(init, section.arrived)
				replaced[init] = open
			}
			if open {
				continue
			}
		}
		ready = append(ready, bound{path, f, init, section})
	}
	slices.SortFunc(ready, func(x, y bound) int {
		return cmp.Or(x.fragment.arrived.Compare(y.fragment.arrived), cmp.Compare(x.fragment.came, y.fragment.came))
	})
	ready = ready[:atOnce(len(ready))]
	for _, r := range ready {
		delete(b.waiting, r.path)
		b.turn++
		if b.listedBy(r.path) != nil {
			b.done[r.path] = doneFragment{init: r.init, hash: r.fragment.hash, at: b.turn}
		}
	}
	return ready
}

// expire removes and returns the fragments that have waited too long. atOnce is as for ready.
func (b *binder) expire(now time.Time, atOnce func(n int) int) []*fragment {
	var paths []string
	for path, f := range b.waiting {
		if f.expired(now) {
			paths = append(paths, path)
		}
	}
	var expired []*fragment
	for _, path := range paths[:atOnce(len(paths))] {
		expired = append(expired, b.waiting[path])
		delete(b.waiting, path)
	}
	return expired
}

func (f *fragment) expired(now time.Time) bool { return now.Sub(f.arrived) > fragmentAge }

// initOf is the initialization section for a fragment, with its path; nil if it is not
// known, or not said yet.
func (b *binder) initOf(object string, f *fragment) (path string, section *initSection) {
	if f.listed == nil {
		return "", nil
	}
	path = f.listed.inits[object]
	if b.reused(object, f) {
		return path, nil
	}
	return path, b.inits[path]
}

// reused reports whether the name of a fragment is that of an earlier one, and no playlist
// has come since that could be about this one. An encoder that was started again uses the
// names of the run before, and what the playlist of that says about them is not about the
// new ones. The same bytes are the same segment, sent once more.
func (b *binder) reused(object string, f *fragment) bool {
	earlier, ok := b.done[object]
	switch {
	case !ok, f.hash != "" && f.hash == earlier.hash:
		return false
	case f.listed.came > f.came, f.listed.begun > earlier.at:
		return false
	}
	return f.listed.inits[object] == earlier.init
}
